"""The tools: each turns presses, moves and releases in the frame into effects, without Qt."""

from __future__ import annotations

import math
from typing import ClassVar

from ...engine.types import Box, Click
from .stroke import Point
from .types import (
    Abort,
    Area,
    AskPoints,
    Begin,
    DrawBox,
    Effect,
    Effects,
    End,
    PaintMode,
    Pointer,
    Refuse,
    Segment,
    TakePoints,
    Tool,
    ToolOptions,
)

_LEAST_BOX = 3.0
_LEAST_STEP = 0.5
NO_AREA = "Drag around the area that is to be filled."
NO_BOX = "Drag a box around the object."
FEW_CORNERS = "A polygon needs three corners: click more, or press Esc."


class Gesture:
    """The interface of all tools; this one does nothing, like the grab tool, with which the view pans.

    Attributes:
        options: how it draws.
        paints: whether it changes masks by painting.
        sketch: a line to show while the gesture lasts, in the frame.
        busy: whether a gesture is under way that keys can end.
    """

    paints: ClassVar[bool] = False

    def __init__(self, options: ToolOptions) -> None:
        self.options = options
        self.sketch: tuple[Point, ...] = ()
        self.busy = False

    def press(self, pointer: Pointer) -> Effects:
        """A button went down."""
        return ()

    def move(self, pointer: Pointer) -> Effects:
        """The mouse moved, with or without a button."""
        return ()

    def release(self, pointer: Pointer) -> Effects:
        """The button went up."""
        return ()

    def confirm(self) -> Effects:
        """Enter or a double click: close what is open."""
        return ()

    def back(self) -> Effects:
        """Backspace: take the last step back."""
        return ()

    def undo(self) -> Effects:
        """Undo, while the gesture is under way: the same as Backspace where steps only add something."""
        return self.back()

    @property
    def undone(self) -> bool:
        """Whether there is a step to redo."""
        return False

    def redo(self) -> Effects:
        """Do the step again that was undone last."""
        return ()

    def cancel(self) -> Effects:
        """Esc: give the gesture up."""
        self.sketch, self.busy = (), False
        return ()

    def finish(self) -> Effects:
        """The frame, the instance or the tool is about to change: keep what is painted, drop what is open."""
        return self.cancel()


class Brush(Gesture):
    """Paints discs along the way of the mouse; with Shift, a straight line from where it was last."""

    paints = True
    removes: ClassVar[bool] = False

    def __init__(self, options: ToolOptions) -> None:
        super().__init__(options)
        self._last: Point | None = None

    def press(self, pointer: Pointer) -> Effects:
        """Begin a stroke with a dot, or with a straight line."""
        start = self._last if pointer.straight and self._last else pointer.at
        self._last, self.busy, self.sketch = pointer.at, True, ()
        removes = self.removes or pointer.right or self.options.mode is PaintMode.REMOVE
        return Begin("Erase" if removes else "Paint", removes), Segment(start, pointer.at)

    def move(self, pointer: Pointer) -> Effects:
        """Go on painting, or show the line that Shift would draw."""
        if self.busy and self._last:
            start, self._last = self._last, pointer.at
            return (Segment(start, pointer.at),)
        self.sketch = (self._last, pointer.at) if pointer.straight and self._last else ()
        return ()

    def release(self, pointer: Pointer) -> Effects:
        """End the stroke."""
        return (*self.move(pointer), *self._end(End())) if self.busy else ()

    def cancel(self) -> Effects:
        """Take the whole stroke back."""
        return self._end(Abort())

    def finish(self) -> Effects:
        """Keep the stroke; a straight line does not begin on another frame."""
        effects = self._end(End())
        self._last = None
        return effects

    def _end(self, effect: Effect) -> Effects:
        was_busy, self.busy, self.sketch = self.busy, False, ()
        return (effect,) if was_busy else ()


class Eraser(Brush):
    """A brush that takes away."""

    removes = True


class Lasso(Gesture):
    """Fills what the mouse goes around; letting go closes the line."""

    paints = True

    def __init__(self, options: ToolOptions) -> None:
        super().__init__(options)
        self._removes = False

    def press(self, pointer: Pointer) -> Effects:
        """Begin the line."""
        self._removes = pointer.right or self.options.mode is PaintMode.REMOVE
        self.sketch, self.busy = (pointer.at,), True
        return ()

    def move(self, pointer: Pointer) -> Effects:
        """Go on with the line."""
        if self.busy and math.dist(self.sketch[-1], pointer.at) >= _LEAST_STEP:
            self.sketch += (pointer.at,)
        return ()

    def release(self, pointer: Pointer) -> Effects:
        """Close the line."""
        self.move(pointer)
        points = self.sketch
        self.cancel()
        return _shape(points, "lasso", self._removes)


class Polygon(Gesture):
    """Fills the corners that are clicked; a double click, Enter or a click on the first one closes it."""

    paints = True

    def __init__(self, options: ToolOptions) -> None:
        super().__init__(options)
        self._corners: tuple[Point, ...] = ()

    def press(self, pointer: Pointer) -> Effects:
        """Add a corner, or close on the first one."""
        if pointer.right:
            return ()
        if len(self._corners) >= 3 and math.dist(self._corners[0], pointer.at) <= pointer.reach:
            return self.confirm()
        self._set((*self._corners, pointer.at))
        return ()

    def move(self, pointer: Pointer) -> Effects:
        """Lead the open side along."""
        if self.busy:
            self.sketch = (*self._corners, pointer.at)
        return ()

    def confirm(self) -> Effects:
        """Close the polygon; fewer than three corners enclose nothing and stay open."""
        if len(self._corners) < 3:
            return (Refuse(FEW_CORNERS),)
        points = self._corners
        self.cancel()
        return _shape(points, "polygon", self.options.mode is PaintMode.REMOVE)

    def back(self) -> Effects:
        """Take the last corner back."""
        self._set(self._corners[:-1])
        return ()

    def cancel(self) -> Effects:
        """Drop all corners."""
        self._set(())
        return ()

    def _set(self, corners: tuple[Point, ...]) -> None:
        self._corners = self.sketch = corners
        self.busy = bool(corners)


class BoxTool(Gesture):
    """Drags a box open."""

    def press(self, pointer: Pointer) -> Effects:
        """Begin at a corner."""
        if not pointer.right:
            self.sketch, self.busy = _rectangle(pointer.at, pointer.at), True
        return ()

    def move(self, pointer: Pointer) -> Effects:
        """Open it."""
        if self.busy:
            self.sketch = _rectangle(self.sketch[0], pointer.at)
        return ()

    def release(self, pointer: Pointer) -> Effects:
        """Take it, unless it was but a click."""
        if not self.busy:
            return ()
        (ax, ay), (bx, by) = self.sketch[0], pointer.at
        self.cancel()
        if min(abs(ax - bx), abs(ay - by)) < _LEAST_BOX:
            return (Refuse(NO_BOX),)
        low, high = (min(ax, bx), min(ay, by)), (max(ax, bx), max(ay, by))
        return (DrawBox(Box(*map(math.floor, low), *map(math.ceil, high))),)


class Points(Gesture):
    """Points that say where the instance is and where it is not; they can be moved and deleted.

    The left button adds to the instance, the right one (or Alt) takes away. Pressing on a point moves it with
    the left button, and deletes it with the right one.

    Attributes:
        points: made so far.
        box: drawn around the instance before them, or None.
    """

    def __init__(self, options: ToolOptions) -> None:
        super().__init__(options)
        self.points: tuple[Click, ...] = ()
        self.box: Box | None = None
        self._moved: int | None = None
        self._held: tuple[Click, ...] = ()
        # Points and box before each step, and those that were undone.
        self._past: list[tuple[tuple[Click, ...], Box | None]] = []
        self._undone: list[tuple[tuple[Click, ...], Box | None]] = []

    def begin(self, box: Box) -> Effects:
        """Start from a box, which the points then refine."""
        return self._change((), box)

    def press(self, pointer: Pointer) -> Effects:
        """Make a point, take hold of one, or delete one."""
        hit = self._hit(pointer)
        if hit is None:
            return self._change((*self.points, Click(*pointer.at, adds=not pointer.right)), self.box)
        if pointer.right:
            return self._change(self.points[:hit] + self.points[hit + 1 :], self.box)
        self._moved, self._held = hit, self.points
        return ()

    def move(self, pointer: Pointer) -> Effects:
        """Lead the point along that is held."""
        if self._moved is not None:
            held = self.points[self._moved]
            moved = Click(*pointer.at, adds=held.adds)
            self.points = (*self.points[: self._moved], moved, *self.points[self._moved + 1 :])
        return ()

    def release(self, pointer: Pointer) -> Effects:
        """Release the point, and request the mask again."""
        if self._moved is None:
            return ()
        self.move(pointer)
        self._moved = None
        moved, self.points = self.points, self._held
        return self._change(moved, self.box) if moved != self._held else ()

    def confirm(self) -> Effects:
        """Keep the mask; the next point starts a new one."""
        return self._end(TakePoints())

    def back(self) -> Effects:
        """Take the last point back, or the box when there is no point."""
        return self._change(self.points[:-1], self.box if self.points else None)

    def undo(self) -> Effects:
        """Undo the last step: a point that was made, moved or deleted, or the box."""
        if not self._past:
            return ()
        self._undone.append((self.points, self.box))
        self.points, self.box = self._past.pop()
        return self._ask()

    @property
    def undone(self) -> bool:
        """Whether there is a step to redo."""
        return bool(self._undone)

    def redo(self) -> Effects:
        """Do the step again that was undone last."""
        if not self._undone:
            return ()
        self._past.append((self.points, self.box))
        self.points, self.box = self._undone.pop()
        return self._ask()

    def cancel(self) -> Effects:
        """Drop all points: the mask is as it was."""
        return self._end(AskPoints(()))

    def finish(self) -> Effects:
        """Keep what the points have made."""
        return self.confirm()

    def _change(self, points: tuple[Click, ...], box: Box | None) -> Effects:
        self._past.append((self.points, self.box))
        self._undone.clear()
        self.points, self.box = points, box
        return self._ask()

    def _ask(self) -> Effects:
        self._moved = None
        self.busy = bool(self.points) or self.box is not None
        return (AskPoints(self.points, self.box),)

    def _hit(self, pointer: Pointer) -> int | None:
        """The point under the mouse, the newest of several."""
        near = [n for n, one in enumerate(self.points) if math.dist(one[:2], pointer.at) <= pointer.reach]
        return near[-1] if near else None

    def _end(self, effect: Effect) -> Effects:
        was_busy, self.busy = self.busy, False
        had_undone = bool(self._undone)
        self.points, self.box, self._moved = (), None, None
        self._past.clear()
        self._undone.clear()
        if was_busy:
            return (effect,)
        # Nothing is drawn, but those who offer to redo have to know that there is nothing more.
        return (AskPoints(()),) if had_undone else ()


def make_tool(tool: Tool, options: ToolOptions) -> Gesture:
    """A fresh tool of a kind."""
    kinds: dict[Tool, type[Gesture]] = {
        Tool.CLICK: Points,
        Tool.BRUSH: Brush,
        Tool.ERASER: Eraser,
        Tool.LASSO: Lasso,
        Tool.POLYGON: Polygon,
        Tool.BOX: BoxTool,
        Tool.GRAB: Gesture,
    }
    return kinds[tool](options)


def _shape(points: tuple[Point, ...], name: str, removes: bool) -> Effects:
    if len(points) < 3:
        return (Refuse(NO_AREA),)
    return Begin(f"Remove {name}" if removes else f"Paint {name}", removes), Area(points), End()


def _rectangle(a: Point, b: Point) -> tuple[Point, ...]:
    """A closed line around two opposite corners, from the first."""
    return a, (b[0], a[1]), b, (a[0], b[1]), a
