"""Mouse and keys on the canvas: whether the candidate's box, the navigation or the tool takes them."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from .active_tool import ActiveTool
from .candidate_item import CandidateItem, Grip
from .editor import Editor
from .layers import Layers
from .navigation import Navigation
from .stroke import Point
from .types import Pointer, Tool

_BRUSH_STEP = 1.15
_CLICK_REACH = 8.0
"""Pixels of the widget within which a click hits a point."""
_OUTSIDE = (-1, -1)
_STILL = 4
"""Pixels that a mouse may move in a click."""
_LEFT, _RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


class Interaction(QObject):
    """Hands each event to the one whose it is; the widget keeps only Qt's own part.

    Attributes:
        keeps_space: whether Space is the canvas's before it is the window's.

    Signals: those of `CanvasView` with these names.
    """

    instance_wanted = Signal()
    candidate_moved = Signal(object)
    cursor_moved = Signal(int, int)
    brush_resized = Signal(float)
    space_tapped = Signal()
    picked = Signal(object)
    menu_requested = Signal(QPoint, object)

    def __init__(
        self, widget: QWidget, layers: Layers, editor: Editor, navigation: Navigation, active: ActiveTool
    ) -> None:
        super().__init__(widget)
        self._widget, self._layers, self._editor = widget, layers, editor
        self._navigation, self._active = navigation, active
        self.keeps_space = False
        self._space_used = False
        self._button = Qt.MouseButton.NoButton
        self._pixel = _OUTSIDE
        self._picking: QPointF | None = None

    # --- the mouse

    def press(self, event: QMouseEvent) -> None:
        """Begin to redraw the candidate, to pan or to draw."""
        self._space_used = True
        if self._button != Qt.MouseButton.NoButton or self._navigation.panning:
            return
        self._active.mouse = event.position()
        if self._asks_menu(event):
            self.ask_menu(event.globalPosition().toPoint())
            return
        grabs = event.button() == _LEFT and self._active.kind is Tool.GRAB
        self._picking = event.position() if grabs else None
        grip = self._grip() if event.button() == _LEFT and not self._navigation.space else None
        if grip and (candidate := self._layers.candidate):
            self._button = event.button()
            candidate.press(grip, self._point(event.position()))
        elif self._navigation.press(event, left_pans=self._left_pans):
            self.update_cursor()
        elif event.button() in (_LEFT, _RIGHT):
            self._draw(event)

    def move(self, event: QMouseEvent) -> None:
        """Go on with what was begun."""
        self._active.mouse = event.position()
        if not self._navigation.move(event):
            if candidate := self._dragged:
                candidate.drag(self._point(event.position()))
            else:
                self._active.apply(self._active.gesture.move(self._pointer(event)))
                self.update_cursor()
        self.follow(event.position())

    def release(self, event: QMouseEvent) -> None:
        """End what this button began."""
        self._active.mouse = event.position()
        if self._navigation.release(event):
            self.update_cursor()
            self._pick(event.position())
            return
        if event.button() != self._button:
            return
        self._button = Qt.MouseButton.NoButton
        if candidate := self._dragged:
            if candidate.release():
                self.candidate_moved.emit(candidate.box)
        else:
            self._active.apply(self._active.gesture.release(self._pointer(event)))

    def double_click(self, event: QMouseEvent) -> None:
        """Close a polygon; for all else it is a second press."""
        gesture = self._active.gesture
        if self._active.kind is Tool.POLYGON and gesture.busy and event.button() == _LEFT:
            self._active.apply(gesture.confirm())
        else:
            self.press(event)

    def ask_menu(self, place: QPoint) -> None:
        """Ask for the menu of what is under the mouse, at a place of the screen."""
        mouse = self._active.mouse
        found = [] if mouse is None else self._editor.instances_at(self._point(mouse))
        self.menu_requested.emit(place, found)

    def _asks_menu(self, event: QMouseEvent) -> bool:
        """The right button erases, so that with most tools it asks for the menu together with Ctrl."""
        held = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        return event.button() == _RIGHT and (held or self._active.kind is Tool.GRAB)

    def _pick(self, at: QPointF) -> None:
        """A press of the grab tool that moved nothing chooses what is there."""
        began, self._picking = self._picking, None
        if began is not None and (at - began).manhattanLength() <= _STILL:
            self.picked.emit(self._editor.instances_at(self._point(at)))

    def follow(self, mouse: QPointF | None) -> None:
        """Note where the mouse is in the widget, None when it has left."""
        self._active.mouse = mouse
        self._active.sketch()
        pixel = _OUTSIDE
        if mouse is not None:
            x, y = self._point(mouse)
            width, height = self._editor.picture.size
            pixel = (int(x), int(y)) if 0 <= x < width and 0 <= y < height else _OUTSIDE
        if pixel != self._pixel:
            self._pixel = pixel
            self.cursor_moved.emit(*pixel)

    def finish(self) -> None:
        """End the gesture under way: what is painted stays, an open lasso, polygon or box goes."""
        self._let_go()
        self._active.finish()

    # --- keys

    def press_key(self, event: QKeyEvent) -> bool:
        """End or take back the gesture, pan while Space is held, fit, or resize the brush.

        Returns:
            whether the key is one of these.
        """
        key = event.key()
        if self.claims(key) and key != Qt.Key.Key_Space:
            self.end_gesture(key)
        elif key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight):
            self.resize_brush(_BRUSH_STEP if key == Qt.Key.Key_BracketRight else 1 / _BRUSH_STEP)
        elif key == Qt.Key.Key_Space:
            self.hold_space(True)
        elif key == Qt.Key.Key_F and not event.modifiers():
            self._navigation.fit()
        else:
            return False
        return True

    def release_key(self, event: QKeyEvent) -> bool:
        """Release Space; returns whether that is the key."""
        if event.key() != Qt.Key.Key_Space or event.isAutoRepeat():
            return False
        tapped = self._navigation.space and not self._space_used
        self.hold_space(False)
        if tapped:
            self.space_tapped.emit()
        return True

    def hold_space(self, held: bool) -> None:
        """Note whether Space is held, so that the left button pans."""
        if held != self._navigation.space:
            self._navigation.space, self._space_used = held, False
            self.update_cursor()

    def claims(self, key: int) -> bool:
        """Whether a key is the gesture's, before a shortcut of the window takes it."""
        if self._dragged:
            return key == Qt.Key.Key_Escape
        return self._active.claims(key) or (key == Qt.Key.Key_Space and self.keeps_space)

    def end_gesture(self, key: int) -> None:
        """Give the gesture a key: Esc gives it up, others close it or take its last step back."""
        if key == Qt.Key.Key_Escape:
            self._let_go()
        self._active.press_key(key)

    def resize_brush(self, factor: float) -> None:
        """Make the brush larger or smaller, by a pixel at least, and emit `brush_resized`."""
        if self._active.resize(factor):
            self.brush_resized.emit(self._active.options.size)

    # --- what the mouse is over

    def update_cursor(self) -> None:
        """Show what the left button would do."""
        if self._navigation.panning:
            shape = Qt.CursorShape.ClosedHandCursor
        elif grip := self._grip():
            shape = grip.cursor
        else:
            shape = Qt.CursorShape.OpenHandCursor if self._left_pans else Qt.CursorShape.CrossCursor
        if shape != self._widget.cursor().shape():
            self._widget.setCursor(shape)

    def _draw(self, event: QMouseEvent) -> None:
        clicks = self._active.kind is Tool.CLICK
        if clicks and self._beside(event.position()):
            return
        if clicks and self._editor.selected is None:
            self.instance_wanted.emit()
        # A tool in the middle of a gesture was allowed to begin it.
        if not self._active.gesture.busy and not self._editor.may_change(self._editor.selected):
            return
        self._button = event.button()
        self._active.apply(self._active.gesture.press(self._pointer(event)))

    def _pointer(self, event: QMouseEvent) -> Pointer:
        alt = self._active.kind is Tool.CLICK and bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        right = alt or _RIGHT in (event.button(), self._button)
        straight = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        at = self._point(event.position())
        if self._active.kind is Tool.CLICK:
            # The network knows nothing of places beside the frame.
            width, height = self._editor.picture.size
            at = min(max(at[0], 0.0), max(width - 1.0, 0.0)), min(max(at[1], 0.0), max(height - 1.0, 0.0))
        return Pointer(at, right, straight, self._reach)

    @property
    def _reach(self) -> float:
        """How far a click may be from what it is meant for, in pixels of the frame."""
        return _CLICK_REACH / self._navigation.viewport.scale

    def _beside(self, at: QPointF) -> bool:
        """Whether a click is beside the frame, farther than one that is meant for its edge."""
        (x, y), (width, height) = self._point(at), self._editor.picture.size
        reach = self._reach
        return not (-reach <= x < width + reach and -reach <= y < height + reach)

    def _let_go(self) -> None:
        self._button = Qt.MouseButton.NoButton
        if candidate := self._dragged:
            candidate.cancel()

    @property
    def _dragged(self) -> CandidateItem | None:
        """The candidate while its box is being redrawn."""
        candidate = self._layers.candidate
        return candidate if candidate and candidate.dragged else None

    def _grip(self) -> Grip | None:
        candidate, mouse, gesture = self._layers.candidate, self._active.mouse, self._active.gesture
        if not candidate or mouse is None or gesture.busy:
            return None
        return candidate.grip_at(mouse, self._navigation.viewport, sides=not gesture.paints)

    @property
    def _left_pans(self) -> bool:
        return self._navigation.space or self._active.kind is Tool.GRAB

    def _point(self, at: QPointF) -> Point:
        return self._navigation.viewport.to_frame(at.x(), at.y())
