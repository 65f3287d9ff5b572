"""The chosen tool: its gesture, and the ring and open line that show what it is about to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QRegion

from .editor import Editor
from .navigation import Navigation
from .stage import bounds, draw_line, draw_points, draw_ring, ring_bounds
from .stroke import Point
from .tools import Points, make_tool
from .types import Effects, Tool, ToolOptions

_BRUSHES = (Tool.BRUSH, Tool.ERASER)
_OPEN = (Tool.POLYGON, Tool.CLICK)
"""Tools whose gesture goes on until it is closed."""
_CLOSING = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Backspace)


class ActiveTool:
    """Turns what a person does with the chosen tool into changes of the masks.

    Attributes:
        kind: what the left button does.
        gesture: the tool itself.
        mouse: where the mouse is in the widget, None outside of it.
    """

    def __init__(self, editor: Editor, navigation: Navigation, update: Callable[[QRegion], None]) -> None:
        """Take the brush.

        Args:
            update: draws a part of the widget again.
        """
        self._editor, self._navigation, self._update = editor, navigation, update
        self.kind = Tool.BRUSH
        self.gesture = make_tool(self.kind, editor.options)
        self.mouse: QPointF | None = None
        self._line: tuple[Point, ...] = ()
        self._ring = QRegion()

    @property
    def options(self) -> ToolOptions:
        """How the tools draw."""
        return self._editor.options

    def choose(self, kind: Tool) -> None:
        """Take another tool; what is painted stays."""
        self.finish()
        self.kind, self.gesture = kind, make_tool(kind, self.options)
        self.sketch()

    def set_options(self, options: ToolOptions) -> None:
        """Choose how the tools draw, at once."""
        self._editor.options = self.gesture.options = options
        self.sketch()

    def resize(self, factor: float) -> bool:
        """Make the brush larger or smaller, by a pixel at least; returns whether it could be."""
        old = self.options.size
        change = max(abs(old * factor - old), 1.0)
        self.set_options(replace(self.options, size=old + change if factor > 1 else old - change))
        return self.options.size != old

    def apply(self, effects: Effects) -> None:
        """Do what the gesture asks for."""
        for effect in effects:
            self._editor.apply(effect)
        self.sketch()

    def finish(self) -> None:
        """End the gesture under way: what is painted stays, an open lasso, polygon or box goes."""
        self.apply(self.gesture.finish())

    def claims(self, key: int) -> bool:
        """Whether a key belongs to the gesture under way."""
        return self.gesture.busy and (key == Qt.Key.Key_Escape or (self.kind in _OPEN and key in _CLOSING))

    def press_key(self, key: int) -> None:
        """End the gesture, or take its last step back."""
        if key == Qt.Key.Key_Escape:
            self.apply(self.gesture.cancel())
        else:
            self.apply(self.gesture.back() if key == Qt.Key.Key_Backspace else self.gesture.confirm())

    def sketch(self) -> None:
        """Draw the open line and the ring again where they were and where they are."""
        ring = QRegion()
        if self._ringed() and self.mouse is not None:
            ring = QRegion(ring_bounds(self.mouse, self._radius()).toAlignedRect())
        old, new = self._line, self._drawn()
        # A lasso only grows, so that most of it stays as it is.
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
        changed = [
            bounds([self._in_view(point) for point in line[max(same - 1, 0) :]]) for line in (old, new)
        ]
        lines = QRegion(changed[0].toAlignedRect()) + QRegion(changed[1].toAlignedRect())
        self._update(lines + ring + self._ring)
        self._line, self._ring = new, ring

    def draw(self, painter: QPainter) -> None:
        """Draw the open line and the brush's ring, in the widget's coordinates."""
        points = [self._in_view(point) for point in self.gesture.sketch]
        if points:
            draw_line(painter, points, dots=self.kind is Tool.POLYGON)
        if isinstance(self.gesture, Points):
            draw_points(painter, [(self._in_view((x, y)), adds) for x, y, adds in self.gesture.points])
        if self._ringed() and self.mouse is not None:
            draw_ring(painter, self.mouse, self._radius())

    def _drawn(self) -> tuple[Point, ...]:
        """The points of the frame at which something is drawn."""
        made = self.gesture.points if isinstance(self.gesture, Points) else ()
        return (*self.gesture.sketch, *((x, y) for x, y, _ in made))

    def _in_view(self, point: Point) -> QPointF:
        return QPointF(*self._navigation.viewport.to_view(*point))

    def _ringed(self) -> bool:
        over = self.mouse is not None and all(self._editor.picture.size)
        return over and self.kind in _BRUSHES and not self._navigation.panning

    def _radius(self) -> float:
        return self.options.size / 2 * self._navigation.viewport.scale
