"""The canvas: a frame with its masks, on which a person draws."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
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
from .active_tool import ActiveTool
from .candidate_item import CandidateItem
from .composition import Composed
from .editor import Editor
from .interaction import Interaction
from .layers import Layers
from .navigation import ZOOM_A_NOTCH, Navigation, Viewport
from .overlay import MaskPicture
from .stage import CanvasStage
from .stroke import Point
from .tools import Gesture, Points
from .types import Display, Tool, ToolOptions


class CanvasView(QWidget):
    """Shows one frame with its masks and lets a person draw the selected instance.

    The wheel zooms at the mouse; the middle button, Space or the grab tool pan; F fits. What is drawn is kept
    until the owner delivers the frame's masks again, so that it shows at once. A stroke ends on the frame,
    instance and tool that it was begun with: `set_frame` and the like end it first, and `edited` is then
    emitted before they take effect.

    Attributes:
        index: number of the frame, -1 at first; while `edited` or `box_drawn` is emitted, the one that they
            are about.
        picture: the masks.
        editor: changes them.

    Signals:
        edited(instance, SoftMask, label): the new map of an instance in this frame, once a stroke.
        box_drawn(instance, Box): the person dragged a box around the selected instance.
        points_changed(instance, points, box): see `Editor`; answer with `set_draft`.
        points_taken(instance): keep what the points have made.
        instance_wanted(): a point is about to be made, and no instance is selected.
        candidate_moved(Box): the person redrew the candidate's box.
        refused(reason): why nothing was done, a sentence.
        cursor_moved(x, y): the pixel of the frame under the mouse, (-1, -1) outside of it.
        picked(numbers): the instances under a click of the grab tool, the smallest first.
        menu_requested(place, numbers): of the screen; and the instances under the mouse.
        brush_resized(size): the brush's new diameter, in pixels of the frame.
        zoomed(scale): pixels of the screen in one of the frame.
        space_tapped: Space was pressed and released without panning.
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
    picked = Signal(object)
    menu_requested = Signal(QPoint, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Canvas")
        self.index = -1
        self._wipe: float | None = None
        self.picture = MaskPicture()
        self.editor = Editor(self.picture, self)
        self._stage = CanvasStage(self.picture, self._draw_last, self)
        self._layers = Layers(self._stage, self.picture, lambda: self.editor.selected)
        # What another thread can compose of a frame, for `set_frame`.
        self.composition = self._layers.composition
        self._navigation = Navigation(self)
        self._active = ActiveTool(self.editor, self._navigation, self._update_part)
        self._input = Interaction(self, self._layers, self.editor, self._navigation, self._active)
        self._navigation.changed.connect(self._look)
        self.editor.changed.connect(self._stage.refresh)
        self.editor.edited.connect(self.edited)
        self.editor.box_drawn.connect(self.box_drawn)
        self.editor.points_changed.connect(self.points_changed)
        self.editor.points_taken.connect(self.points_taken)
        self.editor.refused.connect(self.refused)
        self._input.instance_wanted.connect(self.instance_wanted)
        self._input.candidate_moved.connect(self.candidate_moved)
        self._input.cursor_moved.connect(self.cursor_moved)
        self._input.brush_resized.connect(self.brush_resized)
        self._input.space_tapped.connect(self.space_tapped)
        self._input.picked.connect(self.picked)
        self._input.menu_requested.connect(self.menu_requested)
        self._dress()

    # --- what is shown

    def set_frame(self, index: int, frame: Frame, composed: Composed | None = None) -> None:
        """Show a frame, so before what belongs to it: another index drops masks, neighbour and candidate.

        Args:
            index: number of the frame.
            frame: (H, W, 3) uint8 RGB; it is not copied and may be read-only.
            composed: what another thread has made of the frame and its masks. Masks that are set afterwards
                and are the same objects, in the same style, are not composed again.
        """
        self.finish()
        height, width = frame.shape[:2]
        if index != self.index or (width, height) != self.picture.size:
            self.index = index
            self.editor.clear()
            self._layers.clear()
            self._input.update_cursor()
        if self.picture.resize(width, height):
            self._stage.show_masks()
        self._stage.set_frame(frame, composed)
        self._navigation.set_content(self.picture.size)
        if composed is not None:
            self._layers.take(composed)
        self._layers.restyle()

    def forget(self) -> None:
        """Show no frame: the document is closed. Nothing can be drawn until `set_frame`."""
        self.finish()
        self.index = -1
        self.editor.clear()
        self._layers.clear()
        if self.picture.resize(0, 0):
            self._stage.show_masks()
        self._stage.forget()

    def take(self, composed: Composed) -> None:
        """Take what another thread has made of the present frame and masks that are set afterwards.

        Unlike `set_frame` it does not end a gesture.
        """
        self._layers.take(composed)

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
        self.editor.set_masks(masks, hidden)
        self._layers.set_masks(masks, colours)

    def set_selected(self, instance: int | None, *, composed_later: bool = False) -> None:
        """Choose which instance is drawn.

        Args:
            composed_later: the masks look as before until `take` or `set_masks`.
        """
        if instance != self.editor.selected:
            self.finish()
            self.editor.set_selected(instance)
            if not composed_later:
                self._layers.restyle()

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
        self._layers.set_candidate(box, mask, colour)
        self._input.update_cursor()

    def set_draft(self, instance: int, mask: SoftMask | None) -> None:
        """Show what points have made of an instance, until it is kept or dropped (None)."""
        self.editor.set_draft(instance, mask)

    def set_preview(self, mask: SoftMask | None) -> None:
        """Show in stripes what a click here would make of the selected instance, None for nothing."""
        self._layers.set_preview(mask)

    def begin_points(self, box: Box) -> None:
        """Let the click tool start from a box."""
        if isinstance(self.gesture, Points):
            self._active.apply(self.gesture.begin(box))

    def take_back(self) -> None:
        """Take the last point of the gesture under way back."""
        self._active.apply(self.gesture.back())

    def undo_step(self) -> None:
        """Undo the last step of the gesture under way."""
        self._active.apply(self.gesture.undo())

    def redo_step(self) -> bool:
        """Do a step of the gesture again that was undone; False where there is none."""
        there = self.gesture.undone
        self._active.apply(self.gesture.redo())
        return there

    def set_wipe(self, share: float | None) -> None:
        """Draw a line where two states of the masks meet, at this share of the width; None for no line."""
        self._wipe = share
        self._stage.viewport().update()

    def set_neighbour(self, masks: Mapping[int, SoftMask] | None) -> None:
        """Give the neighbour frame's masks, which the onion skin shows."""
        self._layers.set_neighbour(masks)

    def set_display(self, display: Display, *, composed_later: bool = False) -> None:
        """Choose what lies over the picture.

        Args:
            composed_later: see `set_selected`.
        """
        self._layers.set_display(display, composed_later=composed_later)

    @property
    def display(self) -> Display:
        """What lies over the picture."""
        return self._layers.display

    @property
    def candidate(self) -> CandidateItem | None:
        """The retrieved box, None when there is none in this frame."""
        return self._layers.candidate

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
        return self._input.claims(Qt.Key.Key_Escape)

    def give_up(self) -> None:
        """End the gesture under way without any effect."""
        self._input.end_gesture(Qt.Key.Key_Escape)

    @property
    def closable(self) -> bool:
        """Whether a gesture is under way that Enter would close."""
        return self._input.claims(Qt.Key.Key_Return)

    def close_gesture(self) -> None:
        """Close the gesture under way, as Enter does."""
        self._input.end_gesture(Qt.Key.Key_Return)

    def finish(self) -> None:
        """End the gesture under way: what is painted stays, an open lasso, polygon or box goes."""
        self._input.finish()

    def set_tool(self, tool: Tool) -> None:
        """Choose what the left button does."""
        if tool is not self.tool:
            self._active.choose(tool)
            self._input.update_cursor()

    def set_options(self, options: ToolOptions) -> None:
        """Choose how the tools draw, at once."""
        self._active.set_options(options)

    def resize_brush(self, factor: float) -> None:
        """Make the brush larger or smaller, by a pixel at least, and emit `brush_resized`."""
        self._input.resize_brush(factor)

    def fill_holes(self, instance: int) -> None:
        """Give an instance all that its map encloses; emits `edited`, or `refused` when there is nothing."""
        self.finish()
        self.editor.fill_holes(instance)

    def remove_specks(self, instance: int, least_area: int) -> None:
        """Take from an instance its pieces below an area in pixels, but never its largest; emits likewise."""
        self.finish()
        self.editor.remove_specks(instance, least_area)

    # --- mouse and keys

    def keep_space(self, kept: bool) -> None:
        """Choose whether Space is the canvas's before it is the window's."""
        self._input.keeps_space = kept

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to redraw the candidate, to pan or to draw."""
        self._input.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what was begun."""
        self._input.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what this button began."""
        self._input.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Close a polygon; for all else it is a second press."""
        self._input.double_click(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the mouse."""
        notches = (event.angleDelta() or QPoint()).y() / 120
        if notches:
            self.zoom(ZOOM_A_NOTCH**notches, event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Claim the keys of an open gesture, before a shortcut of the window takes them."""
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and self._input.claims(event.key()):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """End or take back the gesture under way, pan while Space is held, fit, or resize the brush."""
        if not self._input.press_key(event):
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu by its key; the mouse asks for it by a press."""
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            self._input.ask_menu(event.globalPos())
        event.accept()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Release Space."""
        if not self._input.release_key(event):
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Reset the keys: their release elsewhere sends no event."""
        self._input.hold_space(False)
        super().focusOutEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Take the ring away."""
        self._input.follow(None)
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

    def _look(self) -> None:
        self._stage.set_viewport(self.viewport)
        self._active.sketch()
        self.zoomed.emit(self.viewport.scale * self.devicePixelRatioF())

    def _update_part(self, region: QRegion) -> None:
        self._stage.viewport().update(region)

    def _draw_last(self, painter: QPainter) -> None:
        self._active.draw(painter)
        if self._wipe is not None:
            self._draw_wipe(painter, self._wipe)

    def _draw_wipe(self, painter: QPainter, share: float) -> None:
        width, height = self.picture.size
        at = round(share * width)
        if 0 < at < width:
            place = QRectF(*self.viewport.covered(Box(at, 0, at, height)))
            painter.fillRect(QRectF(place.x() - 1.5, place.y(), 3, place.height()), QColor("black"))
            painter.fillRect(QRectF(place.x() - 0.5, place.y(), 1, place.height()), QColor("white"))

    def _dress(self) -> None:
        """Around the frame: of the window's kind, light or dark, but apart from its panels."""
        colour = self.palette().color(QPalette.ColorRole.Window)
        self._stage.setBackground(colour.darker(150 if colour.lightness() < 128 else 112))
