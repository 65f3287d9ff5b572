"""Drawing on the frame: mouse and keys become strokes, boxes and a redrawn candidate."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QMouseEvent, QPainter, QRegion
from PySide6.QtWidgets import QWidget

from ...engine.types import Box
from .candidate_item import CandidateItem, Grip
from .editor import Editor
from .navigation import NavigationWidget
from .options import Tool, ToolOptions
from .picture import Picture
from .sketches import bounds, draw_line, draw_ring, ring_bounds
from .tools import Effects, Pointer, make_tool
from .viewport import Viewport

_BRUSH_STEP = 1.15
_CLICK_REACH = 8.0
_LEFT, _RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
_BRUSHES = (Tool.BRUSH, Tool.ERASER)
_OUTSIDE = (-1, -1)


class DrawingWidget(NavigationWidget):
    """Lets the chosen tool draw the selected instance, and a person redraw the candidate's box.

    Attributes:
        picture: the frame and its masks.
        editor: changes the masks.
        candidate: the retrieved box, None when there is none in this frame.

    Signals:
        candidate_moved(Box): the person redrew the candidate's box.
        cursor_moved(x, y): the pixel of the frame under the mouse, (-1, -1) outside of it.
        brush_resized(size): the brush's new diameter, in pixels of the frame.
    """

    candidate_moved = Signal(object)
    cursor_moved = Signal(int, int)
    brush_resized = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = Picture()
        self.editor = Editor(self.picture, self)
        self.editor.changed.connect(self.refresh)
        self.candidate: CandidateItem | None = None
        self._kind = Tool.BRUSH
        self._tool = make_tool(self._kind, self.editor.options)
        self._button = Qt.MouseButton.NoButton
        self._mouse: QPointF | None = None
        self._pixel = _OUTSIDE
        self._sketched = QRegion()

    @property
    def tool(self) -> Tool:
        """What the left button does."""
        return self._kind

    @property
    def options(self) -> ToolOptions:
        """How the tools draw."""
        return self.editor.options

    def set_tool(self, tool: Tool) -> None:
        """Choose what the left button does."""
        if tool is not self._kind:
            self.finish()
            self._kind, self._tool = tool, make_tool(tool, self.options)
            self.update_cursor()
            self._sketch()

    def set_options(self, options: ToolOptions) -> None:
        """Choose how the tools draw, at once."""
        self.editor.options = self._tool.options = options
        self._sketch()

    def resize_brush(self, factor: float) -> None:
        """Make the brush larger or smaller, by a pixel at least, and emit `brush_resized`."""
        old = self.options.size
        change = max(abs(old * factor - old), 1.0)
        self.set_options(replace(self.options, size=old + change if factor > 1 else old - change))
        if self.options.size != old:
            self.brush_resized.emit(self.options.size)

    def finish(self) -> None:
        """End the gesture under way: what is painted stays, an open lasso, polygon or box goes."""
        self._button = Qt.MouseButton.NoButton
        if self.candidate and self.candidate.dragged:
            self.candidate.cancel()
            self.update()
        self._apply(self._tool.finish())

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
        self._sketch()

    def cursor_shape(self) -> Qt.CursorShape:
        """How the mouse looks: what the left button would do."""
        grip = self._grip()
        if grip and self._pan_from is None:
            return grip.cursor
        shape = super().cursor_shape()
        return Qt.CursorShape.CrossCursor if shape == Qt.CursorShape.ArrowCursor else shape

    def draw_sketch(self, painter: QPainter) -> None:
        """Draw the tool's open line and the brush's ring; the painter's coordinates are the widget's."""
        points = [self.in_view(point) for point in self._tool.sketch]
        if points:
            draw_line(painter, points, dots=self._kind is Tool.POLYGON)
        if self._ringed():
            draw_ring(painter, self._mouse or QPointF(), self._radius())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to redraw the candidate, to pan or to draw."""
        if self._button != Qt.MouseButton.NoButton or self._pan_from is not None:
            return
        self._mouse = event.position()
        grip = self._grip() if event.button() == _LEFT and not self._space else None
        if grip and self.candidate:
            self._button = event.button()
            self.candidate.press(grip, self.point(event.position()))
        elif not self.pan_press(event) and event.button() in (_LEFT, _RIGHT):
            self._draw(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what was begun."""
        self._mouse = event.position()
        if not self.pan_move(event):
            if self.candidate and self.candidate.dragged:
                self._drag_candidate(self.candidate)
            else:
                self._apply(self._tool.move(self._pointer(event)))
                self.update_cursor()
        self._sketch()
        self._tell_pixel()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what this button began."""
        self._mouse = event.position()
        if self.pan_release(event) or event.button() != self._button:
            return
        self._button = Qt.MouseButton.NoButton
        if self.candidate and self.candidate.dragged:
            if self.candidate.release():
                self.candidate_moved.emit(self.candidate.box)
        else:
            self._apply(self._tool.release(self._pointer(event)))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Close a polygon; for all else it is a second press."""
        if self._kind is Tool.POLYGON and self._tool.busy and event.button() == _LEFT:
            self._apply(self._tool.confirm())
        else:
            self.mousePressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Claim the keys of an open gesture, before a shortcut of the window takes them."""
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and self._claims(event.key()):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """End or take back the gesture under way, or change the brush's size."""
        key = event.key()
        if self._claims(key):
            self._gesture_key(key)
        elif key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight):
            self.resize_brush(_BRUSH_STEP if key == Qt.Key.Key_BracketRight else 1 / _BRUSH_STEP)
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Take the ring away."""
        self._mouse = None
        self._sketch()
        self._tell_pixel()
        super().leaveEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing is left half drawn out of sight."""
        self.finish()
        super().hideEvent(event)

    def _draw(self, event: QMouseEvent) -> None:
        # A tool in the middle of a gesture was allowed to begin it.
        if not self._tool.busy and not self.editor.may_change(self.editor.selected):
            return
        self._button = event.button()
        self._apply(self._tool.press(self._pointer(event)))

    def _apply(self, effects: Effects) -> None:
        for effect in effects:
            self.editor.apply(effect)
        self._sketch()

    def _pointer(self, event: QMouseEvent) -> Pointer:
        right = _RIGHT in (event.button(), self._button)
        straight = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        return Pointer(self.point(event.position()), right, straight, _CLICK_REACH / self.viewport.scale)

    def _claims(self, key: int) -> bool:
        if self.candidate and self.candidate.dragged:
            return key == Qt.Key.Key_Escape
        closing = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Backspace)
        return self._tool.busy and (
            key == Qt.Key.Key_Escape or (self._kind is Tool.POLYGON and key in closing)
        )

    def _gesture_key(self, key: int) -> None:
        if key == Qt.Key.Key_Escape:
            self._button = Qt.MouseButton.NoButton
            if self.candidate and self.candidate.dragged:
                self.candidate.cancel()
                self.update()
            self._apply(self._tool.cancel())
        else:
            self._apply(self._tool.back() if key == Qt.Key.Key_Backspace else self._tool.confirm())

    def _grip(self) -> Grip | None:
        if not self.candidate or self._mouse is None or self._tool.busy:
            return None
        return self.candidate.grip_at(self._mouse, self.viewport, sides=not self._tool.paints)

    def _drag_candidate(self, candidate: CandidateItem) -> None:
        if self._mouse is not None:
            before = candidate.covered(self.viewport)
            candidate.drag(self.point(self._mouse))
            self.update(before.united(candidate.covered(self.viewport)).toAlignedRect())

    def _ringed(self) -> bool:
        over = self._mouse is not None and all(self.picture.size)
        return over and self._kind in _BRUSHES and self._pan_from is None

    def _radius(self) -> float:
        return self.options.size / 2 * self.viewport.scale

    def _sketch(self) -> None:
        """Draw the sketch anew where it was and where it is."""
        region = QRegion(bounds([self.in_view(point) for point in self._tool.sketch]).toAlignedRect())
        if self._ringed() and self._mouse is not None:
            region += QRegion(ring_bounds(self._mouse, self._radius()).toAlignedRect())
        self.update(region.united(self._sketched))
        self._sketched = region

    def _tell_pixel(self) -> None:
        pixel = _OUTSIDE
        if self._mouse is not None:
            x, y = self.point(self._mouse)
            width, height = self.picture.size
            pixel = (int(x), int(y)) if 0 <= x < width and 0 <= y < height else _OUTSIDE
        if pixel != self._pixel:
            self._pixel = pixel
            self.cursor_moved.emit(*pixel)
