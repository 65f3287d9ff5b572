"""Drawing on the frame: mouse and keys become strokes, boxes and a redrawn candidate."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from .candidate_item import CandidateItem, Grip
from .effects import Pointer
from .options import Tool
from .tool_widget import ToolWidget

_BRUSH_STEP = 1.15
_CLICK_REACH = 8.0
_LEFT, _RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


class DrawingWidget(ToolWidget):
    """Lets the chosen tool draw the selected instance, and a person redraw the candidate's box.

    Attributes:
        candidate: the retrieved box, None when there is none in this frame.

    Signals:
        candidate_moved(Box): the person redrew the candidate's box.
    """

    candidate_moved = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.candidate: CandidateItem | None = None
        self._button = Qt.MouseButton.NoButton

    def finish(self) -> None:
        """End the gesture under way: what is painted stays, an open lasso, polygon or box goes."""
        self._button = Qt.MouseButton.NoButton
        if self.candidate and self.candidate.dragged:
            self.candidate.cancel()
            self.update()
        super().finish()

    @property
    def drawing(self) -> bool:
        """Whether a gesture is under way that Esc would give up."""
        return self._claims(Qt.Key.Key_Escape)

    def give_up(self) -> None:
        """End the gesture under way without any effect."""
        self._gesture_key(Qt.Key.Key_Escape)

    def cursor_shape(self) -> Qt.CursorShape:
        """How the mouse looks: what the left button would do."""
        grip = self._grip()
        if grip and self._pan_from is None:
            return grip.cursor
        shape = super().cursor_shape()
        return Qt.CursorShape.CrossCursor if shape == Qt.CursorShape.ArrowCursor else shape

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to redraw the candidate, to pan or to draw."""
        if self._button != Qt.MouseButton.NoButton or self._pan_from is not None:
            return
        self.mouse = event.position()
        grip = self._grip() if event.button() == _LEFT and not self._space else None
        if grip and self.candidate:
            self._button = event.button()
            self.candidate.press(grip, self.point(event.position()))
        elif not self.pan_press(event) and event.button() in (_LEFT, _RIGHT):
            self._draw(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what was begun."""
        self.mouse = event.position()
        if not self.pan_move(event):
            if self.candidate and self.candidate.dragged:
                self._drag_candidate(self.candidate)
            else:
                self.apply(self.gesture.move(self._pointer(event)))
                self.update_cursor()
        self.follow(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what this button began."""
        self.mouse = event.position()
        if self.pan_release(event) or event.button() != self._button:
            return
        self._button = Qt.MouseButton.NoButton
        if self.candidate and self.candidate.dragged:
            if self.candidate.release():
                self.candidate_moved.emit(self.candidate.box)
        else:
            self.apply(self.gesture.release(self._pointer(event)))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Close a polygon; for all else it is a second press."""
        if self.tool is Tool.POLYGON and self.gesture.busy and event.button() == _LEFT:
            self.apply(self.gesture.confirm())
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
        self.follow(None)
        super().leaveEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing is left half drawn out of sight."""
        self.finish()
        super().hideEvent(event)

    def _draw(self, event: QMouseEvent) -> None:
        # A tool in the middle of a gesture was allowed to begin it.
        if not self.gesture.busy and not self.editor.may_change(self.editor.selected):
            return
        self._button = event.button()
        self.apply(self.gesture.press(self._pointer(event)))

    def _pointer(self, event: QMouseEvent) -> Pointer:
        right = _RIGHT in (event.button(), self._button)
        straight = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        return Pointer(self.point(event.position()), right, straight, _CLICK_REACH / self.viewport.scale)

    def _claims(self, key: int) -> bool:
        if self.candidate and self.candidate.dragged:
            return key == Qt.Key.Key_Escape
        closing = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Backspace)
        return self.gesture.busy and (
            key == Qt.Key.Key_Escape or (self.tool is Tool.POLYGON and key in closing)
        )

    def _gesture_key(self, key: int) -> None:
        if key == Qt.Key.Key_Escape:
            self._button = Qt.MouseButton.NoButton
            if self.candidate and self.candidate.dragged:
                self.candidate.cancel()
                self.update()
            self.apply(self.gesture.cancel())
        else:
            self.apply(self.gesture.back() if key == Qt.Key.Key_Backspace else self.gesture.confirm())

    def _grip(self) -> Grip | None:
        if not self.candidate or self.mouse is None or self.gesture.busy:
            return None
        return self.candidate.grip_at(self.mouse, self.viewport, sides=not self.gesture.paints)

    def _drag_candidate(self, candidate: CandidateItem) -> None:
        if self.mouse is not None:
            before = candidate.covered(self.viewport)
            candidate.drag(self.point(self.mouse))
            self.update(before.united(candidate.covered(self.viewport)).toAlignedRect())
