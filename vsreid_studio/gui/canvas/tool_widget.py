"""The chosen tool over the frame: its options, its ring and open line, and what it does to the masks."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

from PySide6.QtCore import QPointF, QRectF, Signal
from PySide6.QtGui import QPainter, QRegion
from PySide6.QtWidgets import QWidget

from ...engine.types import Box
from .editor import Editor
from .effects import Effects
from .navigation import NavigationWidget
from .options import Tool, ToolOptions
from .picture import Picture
from .sketches import bounds, draw_line, draw_ring, ring_bounds
from .stroke import Point
from .tools import make_tool
from .viewport import Viewport

_BRUSHES = (Tool.BRUSH, Tool.ERASER)
_OUTSIDE = (-1, -1)


class ToolWidget(NavigationWidget):
    """Holds the picture and the tool that draws on it, and shows what the tool is about to do.

    Attributes:
        picture: the frame and its masks.
        editor: changes the masks.
        gesture: the tool itself.
        mouse: where the mouse is in the widget, None outside of it.

    Signals:
        cursor_moved(x, y): the pixel of the frame under the mouse, (-1, -1) outside of it.
        brush_resized(size): the brush's new diameter, in pixels of the frame.
    """

    cursor_moved = Signal(int, int)
    brush_resized = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = Picture()
        self.editor = Editor(self.picture, self)
        self.editor.changed.connect(self.refresh)
        self.gesture = make_tool(Tool.BRUSH, self.editor.options)
        self.mouse: QPointF | None = None
        self._kind = Tool.BRUSH
        self._pixel = _OUTSIDE
        self._line: tuple[Point, ...] = ()
        self._ring = QRegion()

    @property
    def tool(self) -> Tool:
        """What the left button does."""
        return self._kind

    @property
    def options(self) -> ToolOptions:
        """How the tools draw."""
        return self.editor.options

    def finish(self) -> None:
        """End the gesture under way: what is painted stays, an open lasso, polygon or box goes."""
        self.apply(self.gesture.finish())

    def apply(self, effects: Effects) -> None:
        """Do what the tool asks for."""
        for effect in effects:
            self.editor.apply(effect)
        self.sketch()

    def follow(self, mouse: QPointF | None) -> None:
        """Note where the mouse is in the widget, None when it has left."""
        self.mouse = mouse
        self.sketch()
        pixel = _OUTSIDE
        if mouse is not None:
            x, y = self.point(mouse)
            width, height = self.picture.size
            pixel = (int(x), int(y)) if 0 <= x < width and 0 <= y < height else _OUTSIDE
        if pixel != self._pixel:
            self._pixel = pixel
            self.cursor_moved.emit(*pixel)

    def set_tool(self, tool: Tool) -> None:
        """Choose what the left button does."""
        if tool is not self._kind:
            self.finish()
            self._kind, self.gesture = tool, make_tool(tool, self.options)
            self.update_cursor()
            self.sketch()

    def set_options(self, options: ToolOptions) -> None:
        """Choose how the tools draw, at once."""
        self.editor.options = self.gesture.options = options
        self.sketch()

    def resize_brush(self, factor: float) -> None:
        """Make the brush larger or smaller, by a pixel at least, and emit `brush_resized`."""
        old = self.options.size
        change = max(abs(old * factor - old), 1.0)
        self.set_options(replace(self.options, size=old + change if factor > 1 else old - change))
        if self.options.size != old:
            self.brush_resized.emit(self.options.size)

    def refresh(self, box: Box) -> None:
        """Draw a part of the frame anew."""
        if box.area:
            # Smooth scaling mixes neighbours in.
            margin = 2 + self.viewport.scale
            rect = QRectF(*self.viewport.covered(box)).adjusted(-margin, -margin, margin, margin)
            self.update(rect.toAlignedRect())

    def left_pans(self) -> bool:
        """Whether the left button pans now."""
        return super().left_pans() or self._kind is Tool.GRAB

    def look(self, viewport: Viewport) -> None:
        """Show the frame at another scale or place."""
        super().look(viewport)
        self.sketch()

    def sketch(self) -> None:
        """Draw the open line and the ring anew where they were and where they are."""
        ring = QRegion()
        if self._ringed() and self.mouse is not None:
            ring = QRegion(ring_bounds(self.mouse, self._radius()).toAlignedRect())
        old, new = self._line, self.gesture.sketch
        # A lasso only grows, so that most of it stays as it is.
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
        changed = [bounds([self.in_view(point) for point in line[max(same - 1, 0) :]]) for line in (old, new)]
        lines = QRegion(changed[0].toAlignedRect()) + QRegion(changed[1].toAlignedRect())
        self.update(lines + ring + self._ring)
        self._line, self._ring = new, ring

    def draw_sketch(self, painter: QPainter) -> None:
        """Draw the tool's open line and the brush's ring; the painter's coordinates are the widget's."""
        points = [self.in_view(point) for point in self.gesture.sketch]
        if points:
            draw_line(painter, points, dots=self._kind is Tool.POLYGON)
        if self._ringed():
            draw_ring(painter, self.mouse or QPointF(), self._radius())

    def _ringed(self) -> bool:
        over = self.mouse is not None and all(self.picture.size)
        return over and self._kind in _BRUSHES and self._pan_from is None

    def _radius(self) -> float:
        return self.options.size / 2 * self.viewport.scale
