"""What the tools' effects do to the masks of the frame, and whether they may."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from PySide6.QtCore import QObject, Signal

from ...engine.types import Box, SoftMask
from .overlay import MaskPicture
from .stroke import Point, Stroke, without_holes, without_specks
from .types import (
    Abort,
    Area,
    AskPoints,
    Begin,
    DrawBox,
    Effect,
    End,
    Refuse,
    Segment,
    TakePoints,
    ToolOptions,
)

NO_PICTURE = "There is no picture to draw on yet."
NOTHING_SELECTED = "Choose an instance to draw first, or add one."
LOCKED = "This instance is locked: unlock it to change it."
NOTHING_TO_ERASE = "The instance has no mask in this frame: there is nothing to erase."
HIDDEN = "This instance is hidden: show it to change it."


class Editor(QObject):
    """Changes one frame's masks, and reports each change when it is complete.

    Attributes:
        picture: shows the masks, with the stroke under way.
        options: how the tools draw.

    Signals:
        edited(instance, SoftMask, label): the new map of an instance, once a stroke.
        box_drawn(instance, Box): inside the frame, not empty.
        points_changed(instance, points, box): what is asked for by points; answer with `set_draft`.
        points_taken(instance): keep what the points have made.
        refused(reason): why nothing was done, a sentence.
        changed(Box): the part of the frame that has to be drawn again.
    """

    edited = Signal(int, object, str)
    box_drawn = Signal(int, object)
    points_changed = Signal(int, object, object)
    points_taken = Signal(int)
    refused = Signal(str)
    changed = Signal(object)

    def __init__(self, picture: MaskPicture, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.picture = picture
        self.options = ToolOptions()
        self._masks: dict[int, SoftMask] = {}
        self._hidden: frozenset[int] = frozenset()
        self._locked: frozenset[int] = frozenset()
        self._closed = ""
        self._selected: int | None = None
        self._draft: tuple[int, SoftMask] | None = None

    @property
    def selected(self) -> int | None:
        """The instance that is drawn, if any."""
        return self._selected

    def instances_at(self, point: Point) -> list[int]:
        """The visible instances that have a mask at a point of the frame, the smallest first."""
        x, y = int(point[0]), int(point[1])
        found = [
            (mask.area, number)
            for number, mask in self._visible().items()
            if mask.box.x0 <= x < mask.box.x1
            and mask.box.y0 <= y < mask.box.y1
            and mask.values[y - mask.box.y0, x - mask.box.x0] > 127
        ]
        return [number for _, number in sorted(found)]

    def set_masks(self, masks: Mapping[int, SoftMask], hidden: Collection[int]) -> None:
        """Replace the frame's masks. A stroke under way goes on, over the newer map of its instance."""
        self._masks, self._hidden = dict(masks), frozenset(hidden)
        stroke = self.picture.stroke
        if stroke:
            stroke.base = self._masks.get(stroke.instance, SoftMask.empty())
        self.changed.emit(self.picture.set_masks(self._visible()))

    def clear(self) -> None:
        """Drop the frame's masks and the draft: another frame is about to be shown."""
        self._draft = None
        self.set_masks({}, ())

    def set_draft(self, instance: int, mask: SoftMask | None) -> None:
        """Show a mask in place of an instance's own, until it is kept or dropped (None)."""
        self._draft = None if mask is None else (instance, mask)
        self.changed.emit(self.picture.set_masks(self._visible()))

    def mask(self, instance: int) -> SoftMask:
        """An instance's own map in this frame; empty where it has none."""
        return self._masks.get(instance, SoftMask.empty())

    def set_selected(self, instance: int | None) -> None:
        """Choose which instance is drawn."""
        self._selected = instance

    def set_locked(self, locked: Collection[int]) -> None:
        """Choose which instances may not be changed."""
        self._locked = frozenset(locked)

    def set_closed(self, reason: str) -> None:
        """Refuse every change with this sentence; an empty one allows them again."""
        self._closed = reason

    def may_change(self, instance: int | None) -> bool:
        """Whether an instance can be changed now; emits `refused` if not."""
        reason = self.objection(instance)
        if reason:
            self.refused.emit(reason)
        return not reason

    def apply(self, effect: Effect) -> None:
        """Do what a tool asks for. Strokes are only begun after `may_change`."""
        match effect:
            case Begin(label, removes):
                self._begin(label, removes)
            case Segment(start, end) if self.picture.stroke:
                self._painted(self.picture.stroke.line(start, end, self.options.size))
            case Area(points) if self.picture.stroke:
                self._painted(self.picture.stroke.area(points))
            case End():
                self._end()
            case Abort() if self.picture.stroke:
                touched, self.picture.stroke = self.picture.stroke.touched, None
                self._painted(touched)
            case DrawBox(box):
                inside = box.intersect(self.picture.bounds)
                if inside.area and self._selected is not None:
                    self.box_drawn.emit(self._selected, inside)
            case AskPoints(points, box) if self._selected is not None:
                self.points_changed.emit(self._selected, points, box)
            case Refuse(reason):
                self.refused.emit(reason)
            case TakePoints() if self._selected is not None:
                self.points_taken.emit(self._selected)

    def fill_holes(self, instance: int) -> None:
        """Give an instance all that its map encloses."""
        self._mend(instance, without_holes, "Fill holes", "There are no holes to fill.")

    def remove_specks(self, instance: int, least_area: int) -> None:
        """Take from an instance its pieces of fewer pixels than `least_area`, but never the largest."""
        self._mend(
            instance,
            lambda mask: without_specks(mask, least_area),
            "Remove specks",
            "There are no specks to remove.",
        )

    def objection(self, instance: int | None) -> str:
        """Why an instance cannot be changed now, as a sentence; empty if it can."""
        if not self.picture.bounds.area:
            return NO_PICTURE
        if self._closed:
            return self._closed
        if instance is None:
            return NOTHING_SELECTED
        if instance in self._locked:
            return LOCKED
        return HIDDEN if instance in self._hidden else ""

    def _visible(self) -> dict[int, SoftMask]:
        shown = {number: mask for number, mask in self._masks.items() if number not in self._hidden}
        return shown if self._draft is None else {**shown, self._draft[0]: self._draft[1]}

    def _begin(self, label: str, removes: bool) -> None:
        if self._selected is None:
            return
        base = self._masks.get(self._selected, SoftMask.empty())
        self.picture.stroke = Stroke(self._selected, base, self.picture.size, label, removes=removes)

    def _end(self) -> None:
        stroke = self.picture.stroke
        if stroke is None:
            return
        if not stroke.changes:
            self.picture.stroke = None
            if stroke.removes and not stroke.base.area:
                self.refused.emit(NOTHING_TO_ERASE)
            return
        mask = stroke.result()
        self._masks[stroke.instance] = mask
        self.picture.end_stroke(self._visible())
        self.edited.emit(stroke.instance, mask, stroke.label)

    def _mend(self, instance: int, mend: Callable[[SoftMask], SoftMask], label: str, needless: str) -> None:
        if not self.may_change(instance):
            return
        old = self._masks.get(instance, SoftMask.empty())
        new = mend(old)
        if new.same(old):
            self.refused.emit(needless)
            return
        self._masks[instance] = new
        self.changed.emit(self.picture.set_masks(self._visible()))
        self.edited.emit(instance, new, label)

    def _painted(self, box: Box) -> None:
        if box.area:
            self.changed.emit(self.picture.invalidate(box))
