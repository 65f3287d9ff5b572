"""The canvas: a frame with its masks, on which a person draws."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPalette,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from ...engine.types import Box, Frame, SoftMask
from ...formats.painting import Rgb
from ..theme import default_colour
from .active_tool import ActiveTool
from .candidate_item import CandidateItem, Grip
from .editor import Editor
from .navigation import ZOOM_A_NOTCH, Navigation, Viewport
from .overlay import Style, compose_neighbour, compose_preview, union
from .picture import MaskPicture
from .sketches import draw_dashed
from .stage import CanvasStage
from .stroke import Point
from .tools import Gesture, Points
from .types import Display, Pointer, Tool, ToolOptions

_LINES_A_HEIGHT = 480
_BRUSH_STEP = 1.15
_CLICK_REACH = 8.0
_OUTSIDE = (-1, -1)
_LEFT, _RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


class CanvasView(QWidget):
    """Shows one frame with its masks and lets a person draw the selected instance.

    The wheel zooms at the mouse; the middle button, Space or the grab tool pan; F fits. What is drawn is kept
    until the owner delivers the frame's masks anew, so that it shows at once. A stroke ends on the frame,
    instance and tool that it was begun with: `set_frame` and the like end it first, and `edited` is then
    emitted before they take effect.

    Attributes:
        index: number of the frame, -1 at first; while `edited` or `box_drawn` is emitted, the one that they
            are about.
        display: what lies over the picture.
        waiting: a box that an object is being cut out of.
        picture: the masks.
        editor: changes them.
        keeps_space: whether Space is the canvas's before it is the window's.
        candidate: the retrieved box, None when there is none in this frame.

    Signals:
        edited(instance, SoftMask, label): the new map of an instance in this frame, once a stroke.
        box_drawn(instance, Box): the person dragged a box around the selected instance.
        points_changed(instance, points, box): see `Editor`; answer with `set_draft`.
        points_taken(instance): keep what the points have made.
        instance_wanted(): a point is about to be made, and no instance is selected.
        candidate_moved(Box): the person redrew the candidate's box.
        refused(reason): why nothing was done, a sentence.
        cursor_moved(x, y): the pixel of the frame under the mouse, (-1, -1) outside of it.
        brush_resized(size): the brush's new diameter, in pixels of the frame.
        zoomed(scale): pixels of the screen in one of the frame.
        space_tapped: Space was pressed and let go, and nothing was panned meanwhile.
    """

    edited = Signal(int, object, str)
    box_drawn = Signal(int, object)
    points_changed = Signal(int, object, object)
    points_taken = Signal(int)
    instance_wanted = Signal()
    candidate_moved = Signal(object)
    refused = Signal(str)
    cursor_moved = Signal(int, int)
    brush_resized = Signal(float)
    zoomed = Signal(float)
    space_tapped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Canvas")
        self.index = -1
        self.display = Display()
        self.waiting: Box | None = None
        self.candidate: CandidateItem | None = None
        self.picture = MaskPicture()
        self.editor = Editor(self.picture, self)
        self._stage = CanvasStage(self.picture, self._draw_last, self)
        self._navigation = Navigation(self)
        self._active = ActiveTool(self.editor, self._navigation, self._update_part)
        self.keeps_space = False
        self._space_used = False
        self._button = Qt.MouseButton.NoButton
        self._pixel = _OUTSIDE
        self._colours: dict[int, QColor] = {}
        self._masks: Mapping[int, SoftMask] = {}
        self._neighbour: Mapping[int, SoftMask] = {}
        self._navigation.changed.connect(self._look)
        self.editor.changed.connect(self._refresh)
        self.editor.edited.connect(self.edited)
        self.editor.box_drawn.connect(self.box_drawn)
        self.editor.points_changed.connect(self.points_changed)
        self.editor.points_taken.connect(self.points_taken)
        self.editor.refused.connect(self.refused)
        self._dress()

    # --- what is shown

    def set_frame(self, index: int, frame: Frame) -> None:
        """Show a frame, so before what belongs to it: another index drops masks, neighbour and candidate.

        Args:
            index: number of the frame.
            frame: (H, W, 3) uint8 RGB; it is not copied and may be read-only.
        """
        self.finish()
        height, width = frame.shape[:2]
        if index != self.index or (width, height) != self.picture.size:
            self.index = index
            self._masks, self._neighbour = {}, {}
            self._stage.skin.clear()
            self.editor.set_masks({}, ())
            self.set_candidate(None, None)
            self.set_waiting(None)
        if self.picture.resize(width, height):
            self._stage.show_masks()
        self._stage.set_frame(frame)
        self._navigation.set_content(self.picture.size)
        self._restyle()

    def set_masks(
        self, masks: Mapping[int, SoftMask], colours: Mapping[int, QColor], hidden: Collection[int]
    ) -> None:
        """Show the frame's masks. A stroke under way goes on over them, unless its instance gets hidden.

        Args:
            masks: the maps by instance number.
            colours: of the instances; those not named get their default colour.
            hidden: instances that are not shown and cannot be drawn.
        """
        if self.editor.selected in hidden:
            self.finish()
        self._masks, self._colours = masks, dict(colours)
        self.editor.set_masks(masks, hidden)
        self._restyle()

    def set_selected(self, instance: int | None) -> None:
        """Choose which instance is drawn."""
        if instance != self.editor.selected:
            self.finish()
            self.editor.set_selected(instance)
            self._restyle()

    def set_locked(self, locked: Collection[int]) -> None:
        """Choose which instances may not be changed."""
        if self.editor.selected in locked:
            self.finish()
        self.editor.set_locked(locked)

    def set_candidate(self, box: Box | None, mask: SoftMask | None, colour: QColor | None = None) -> None:
        """Show a retrieved box with handles, and a preview of the mask that was recovered in it.

        Args:
            colour: of both, by default the selected instance's.
        """
        colour = colour or self._colour(self.editor.selected or 0)
        if self.candidate is not None:
            self._stage.space.removeItem(self.candidate)
        self.candidate = CandidateItem(box, colour, self.picture.bounds) if box else None
        if self.candidate is not None:
            self._stage.space.addItem(self.candidate, ignoreBounds=True)
        self._stage.preview.clear()
        if mask and mask.box.area:
            self._stage.preview.set_pixels(mask.box, compose_preview(mask, _rgb(colour), self.picture.style))
        self._update_cursor()

    def set_draft(self, instance: int, mask: SoftMask | None) -> None:
        """Show what points have made of an instance, until it is kept or dropped (None)."""
        self.editor.set_draft(instance, mask)

    def set_preview(self, mask: SoftMask | None) -> None:
        """Show in stripes what a click here would make of the selected instance, None for nothing."""
        if self.candidate is None:
            self._stage.preview.clear()
            if mask and mask.box.area:
                colour = _rgb(self._colour(self.editor.selected or 0))
                self._stage.preview.set_pixels(mask.box, compose_preview(mask, colour, self.picture.style))

    def begin_points(self, box: Box) -> None:
        """Let the click tool start from a box."""
        if isinstance(self.gesture, Points):
            self._active.apply(self.gesture.begin(box))

    def take_back(self) -> None:
        """Take the last point of the gesture under way back."""
        self._active.apply(self.gesture.back())

    def set_waiting(self, box: Box | None) -> None:
        """Show the box that an object is being cut out of, until it is."""
        self.waiting = box
        self._stage.viewport().update()

    def set_neighbour(self, masks: Mapping[int, SoftMask] | None) -> None:
        """Give the neighbour frame's masks, which the onion skin shows."""
        self._neighbour = masks or {}
        self._restyle()
        self._skin()

    def set_display(self, display: Display) -> None:
        """Choose what lies over the picture."""
        self.display = display
        self._restyle()
        self._skin()

    # --- looking around

    @property
    def viewport(self) -> Viewport:
        """Where the frame is in the widget."""
        return self._navigation.viewport

    def fit(self) -> None:
        """Show the whole frame, and keep doing so when the widget changes its size."""
        self._navigation.fit()

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Enlarge around a point of the widget, by default its middle."""
        self._navigation.zoom(factor, at)

    def actual_size(self) -> None:
        """Show a pixel of the frame as one of the screen."""
        self._navigation.actual_size()

    def point(self, at: QPointF) -> Point:
        """The frame's point under a point of the widget."""
        return self.viewport.to_frame(at.x(), at.y())

    def in_view(self, at: Point) -> QPointF:
        """The widget's point over a point of the frame."""
        return QPointF(*self.viewport.to_view(*at))

    # --- drawing

    @property
    def tool(self) -> Tool:
        """What the left button does."""
        return self._active.kind

    @property
    def gesture(self) -> Gesture:
        """The tool itself."""
        return self._active.gesture

    @property
    def options(self) -> ToolOptions:
        """How the tools draw."""
        return self._active.options

    @property
    def drawing(self) -> bool:
        """Whether a gesture is under way that Esc would give up."""
        return self._claims(Qt.Key.Key_Escape)

    def give_up(self) -> None:
        """End the gesture under way without any effect."""
        self._gesture_key(Qt.Key.Key_Escape)

    def finish(self) -> None:
        """End the gesture under way: what is painted stays, an open lasso, polygon or box goes."""
        self._button = Qt.MouseButton.NoButton
        if self.candidate and self.candidate.dragged:
            self.candidate.cancel()
        self._active.finish()

    def set_tool(self, tool: Tool) -> None:
        """Choose what the left button does."""
        if tool is not self.tool:
            self._active.choose(tool)
            self._update_cursor()

    def set_options(self, options: ToolOptions) -> None:
        """Choose how the tools draw, at once."""
        self._active.set_options(options)

    def resize_brush(self, factor: float) -> None:
        """Make the brush larger or smaller, by a pixel at least, and emit `brush_resized`."""
        if self._active.resize(factor):
            self.brush_resized.emit(self.options.size)

    def fill_holes(self, instance: int) -> None:
        """Give an instance all that its map encloses; emits `edited`, or `refused` when there is nothing."""
        self.finish()
        self.editor.fill_holes(instance)

    def remove_specks(self, instance: int, least_area: int) -> None:
        """Take from an instance its pieces below an area in pixels, but never its largest; emits likewise."""
        self.finish()
        self.editor.remove_specks(instance, least_area)

    # --- mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to redraw the candidate, to pan or to draw."""
        self._space_used = True
        if self._button != Qt.MouseButton.NoButton or self._navigation.panning:
            return
        self._active.mouse = event.position()
        grip = self._grip() if event.button() == _LEFT and not self._navigation.space else None
        if grip and self.candidate:
            self._button = event.button()
            self.candidate.press(grip, self.point(event.position()))
        elif self._navigation.press(event, left_pans=self._left_pans):
            self._update_cursor()
        elif event.button() in (_LEFT, _RIGHT):
            self._draw(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what was begun."""
        self._active.mouse = event.position()
        if not self._navigation.move(event):
            if self.candidate and self.candidate.dragged:
                self.candidate.drag(self.point(event.position()))
            else:
                self._active.apply(self.gesture.move(self._pointer(event)))
                self._update_cursor()
        self._follow(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what this button began."""
        self._active.mouse = event.position()
        if self._navigation.release(event):
            self._update_cursor()
            return
        if event.button() != self._button:
            return
        self._button = Qt.MouseButton.NoButton
        if self.candidate and self.candidate.dragged:
            if self.candidate.release():
                self.candidate_moved.emit(self.candidate.box)
        else:
            self._active.apply(self.gesture.release(self._pointer(event)))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Close a polygon; for all else it is a second press."""
        if self.tool is Tool.POLYGON and self.gesture.busy and event.button() == _LEFT:
            self._active.apply(self.gesture.confirm())
        else:
            self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the mouse."""
        notches = (event.angleDelta() or QPoint()).y() / 120
        if notches:
            self.zoom(ZOOM_A_NOTCH**notches, event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Claim the keys of an open gesture, before a shortcut of the window takes them."""
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and self._claims(event.key()):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """End or take back the gesture under way, pan while Space is held, fit, or resize the brush."""
        key = event.key()
        if self._claims(key) and key != Qt.Key.Key_Space:
            self._gesture_key(key)
        elif key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight):
            self.resize_brush(_BRUSH_STEP if key == Qt.Key.Key_BracketRight else 1 / _BRUSH_STEP)
        elif key == Qt.Key.Key_Space:
            self._hold_space(True)
        elif key == Qt.Key.Key_F and not event.modifiers():
            self.fit()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Let go of Space."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            tapped = self._navigation.space and not self._space_used
            self._hold_space(False)
            if tapped:
                self.space_tapped.emit()
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Keys let go elsewhere are not told of."""
        self._hold_space(False)
        super().focusOutEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Take the ring away."""
        self._follow(None)
        super().leaveEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing is left half drawn out of sight."""
        self.finish()
        super().hideEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the whole frame in sight, or what is in the middle in the middle."""
        self._stage.setGeometry(self.rect())
        self._navigation.resized(event.oldSize(), event.size())
        self._look()

    def changeEvent(self, event: QEvent) -> None:
        """Follow a change between dark and light."""
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        super().changeEvent(event)

    # --- how it is done

    def _draw(self, event: QMouseEvent) -> None:
        if self.tool is Tool.CLICK and self.editor.selected is None:
            self.instance_wanted.emit()
        # A tool in the middle of a gesture was allowed to begin it.
        if not self.gesture.busy and not self.editor.may_change(self.editor.selected):
            return
        self._button = event.button()
        self._active.apply(self.gesture.press(self._pointer(event)))

    def _pointer(self, event: QMouseEvent) -> Pointer:
        alt = self.tool is Tool.CLICK and bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        right = alt or _RIGHT in (event.button(), self._button)
        straight = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        return Pointer(self.point(event.position()), right, straight, _CLICK_REACH / self.viewport.scale)

    def _claims(self, key: int) -> bool:
        if self.candidate and self.candidate.dragged:
            return key == Qt.Key.Key_Escape
        return self._active.claims(key) or (key == Qt.Key.Key_Space and self.keeps_space)

    def _gesture_key(self, key: int) -> None:
        if key == Qt.Key.Key_Escape:
            self._button = Qt.MouseButton.NoButton
            if self.candidate and self.candidate.dragged:
                self.candidate.cancel()
        self._active.press_key(key)

    def _grip(self) -> Grip | None:
        mouse = self._active.mouse
        if not self.candidate or mouse is None or self.gesture.busy:
            return None
        return self.candidate.grip_at(mouse, self.viewport, sides=not self.gesture.paints)

    @property
    def _left_pans(self) -> bool:
        return self._navigation.space or self.tool is Tool.GRAB

    def _hold_space(self, held: bool) -> None:
        if held != self._navigation.space:
            self._navigation.space, self._space_used = held, False
            self._update_cursor()

    def _cursor_shape(self) -> Qt.CursorShape:
        """What the left button would do."""
        if self._navigation.panning:
            return Qt.CursorShape.ClosedHandCursor
        if grip := self._grip():
            return grip.cursor
        return Qt.CursorShape.OpenHandCursor if self._left_pans else Qt.CursorShape.CrossCursor

    def _update_cursor(self) -> None:
        shape = self._cursor_shape()
        if shape != self.cursor().shape():
            self.setCursor(shape)

    def _follow(self, mouse: QPointF | None) -> None:
        """Note where the mouse is in the widget, None when it has left."""
        self._active.mouse = mouse
        self._active.sketch()
        pixel = _OUTSIDE
        if mouse is not None:
            x, y = self.point(mouse)
            width, height = self.picture.size
            pixel = (int(x), int(y)) if 0 <= x < width and 0 <= y < height else _OUTSIDE
        if pixel != self._pixel:
            self._pixel = pixel
            self.cursor_moved.emit(*pixel)

    def _look(self) -> None:
        self._stage.look(self.viewport)
        self._active.sketch()
        self.zoomed.emit(self.viewport.scale * self.devicePixelRatioF())

    def _refresh(self, box: Box) -> None:
        if box.area:
            self._stage.refresh(box)

    def _update_part(self, region: QRegion) -> None:
        self._stage.viewport().update(region)

    def _draw_last(self, painter: QPainter) -> None:
        if self.waiting:
            draw_dashed(painter, QRectF(*self.viewport.covered(self.waiting)))
        self._active.draw(painter)

    def _dress(self) -> None:
        """Around the frame: of the window's kind, light or dark, but apart from its panels."""
        colour = self.palette().color(QPalette.ColorRole.Window)
        self._stage.setBackground(colour.darker(150 if colour.lightness() < 128 else 112))

    def _colour(self, number: int) -> QColor:
        return self._colours.get(number) or (default_colour(number) if number else QColor(255, 255, 255))

    def _restyle(self) -> None:
        """Compose the whole overlay anew if it would look different."""
        numbers = {*self._masks, *self._neighbour, *self._colours, *filter(None, [self.editor.selected])}
        style = Style(
            {number: _rgb(self._colour(number)) for number in sorted(numbers)},
            self.editor.selected,
            self.display.opacity,
            self.display.outline_only,
            self.display.probability,
            max(1, round(self.picture.bounds.height / _LINES_A_HEIGHT)),
        )
        if style != self.picture.style:
            self.picture.style = style
            self._refresh(self.picture.invalidate())
            if self._neighbour:
                self._skin()

    def _skin(self) -> None:
        box = union(mask.box.intersect(self.picture.bounds) for mask in self._neighbour.values())
        self._stage.skin.clear()
        if self.display.onion_skin and box.area:
            self._stage.skin.set_pixels(box, compose_neighbour(self._neighbour, box, self.picture.style))


def _rgb(colour: QColor) -> Rgb:
    return colour.red(), colour.green(), colour.blue()
