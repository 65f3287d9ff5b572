"""The canvas: a frame with its masks, on which a person draws."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QWidget

from ...engine.types import Box, Frame, SoftMask
from ...formats.painting import Rgb
from ..colours import default_colour
from .candidate_item import CandidateItem
from .drawing import DrawingWidget
from .options import Display
from .overlay import Style, compose_neighbour, compose_preview, union
from .picture import Patch
from .sketches import draw_dashed

_LINES_A_HEIGHT = 480


class CanvasView(DrawingWidget):
    """Shows one frame with its masks and lets a person draw the selected instance.

    What is drawn is kept until the owner delivers the frame's masks anew, so that it shows at once. A stroke
    ends on the frame, instance and tool that it was begun with: `set_frame` and the like end it first, and
    `edited` is then emitted before they take effect.

    Attributes:
        index: number of the frame, -1 at first; while `edited` or `box_drawn` is emitted, the one that they
            are about.
        display: what lies over the picture.
        waiting: a box that an object is being cut out of.

    Signals (beside those of `DrawingWidget` and `ToolWidget`):
        edited(instance, SoftMask, label): the new map of an instance in this frame, once a stroke.
        box_drawn(instance, Box): the person dragged a box around the selected instance.
        refused(reason): why nothing was done, a sentence.
    """

    edited = Signal(int, object, str)
    box_drawn = Signal(int, object)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.index = -1
        self.display = Display()
        self.waiting: Box | None = None
        self._colours: dict[int, QColor] = {}
        self._masks: Mapping[int, SoftMask] = {}
        self._neighbour: Mapping[int, SoftMask] = {}
        self._preview: SoftMask | None = None
        self.editor.edited.connect(self.edited)
        self.editor.box_drawn.connect(self.box_drawn)
        self.editor.refused.connect(self.refused)

    def set_frame(self, index: int, frame: Frame) -> None:
        """Show a frame, so before what belongs to it: another index drops masks, neighbour and candidate.

        Args:
            index: number of the frame.
            frame: (H, W, 3) uint8 RGB; it is not copied and may be read-only.
        """
        self.finish()
        if index != self.index or frame.shape[1::-1] != self.picture.size:
            self.index = index
            self._masks, self._neighbour, self.picture.under = {}, {}, None
            self.editor.set_masks({}, ())
            self.set_candidate(None, None)
            self.set_waiting(None)
        self.picture.set_frame(frame)
        self.set_content(self.picture.size)
        self._restyle()
        self.update()

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
        self.candidate = CandidateItem(box, colour, self.picture.bounds) if box else None
        self.picture.over = None
        if mask and mask.box.area:
            pixels = compose_preview(mask, _rgb(colour), self.picture.style)
            self.picture.over = Patch.over(mask.box, pixels)
        self.update_cursor()
        self.update()

    def set_waiting(self, box: Box | None) -> None:
        """Show the box that an object is being cut out of, until it is."""
        self.waiting = box
        self.update()

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

    def fill_holes(self, instance: int) -> None:
        """Give an instance all that its map encloses; emits `edited`, or `refused` when there is nothing."""
        self.finish()
        self.editor.fill_holes(instance)

    def remove_specks(self, instance: int, least_area: int) -> None:
        """Take from an instance its pieces below an area in pixels, but never its largest; emits likewise."""
        self.finish()
        self.editor.remove_specks(instance, least_area)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what the event's region shows."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), self._surround())
        if self.picture.bounds.area:
            painter.save()
            painter.translate(self.viewport.x, self.viewport.y)
            painter.scale(self.viewport.scale, self.viewport.scale)
            self.picture.draw(painter, self.viewport.scale * self.devicePixelRatioF())
            painter.restore()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.candidate:
            self.candidate.draw(painter, self.viewport)
        if self.waiting:
            draw_dashed(painter, QRectF(*self.viewport.covered(self.waiting)))
        self.draw_sketch(painter)
        painter.end()

    def _surround(self) -> QColor:
        """Around the frame: of the window's kind, light or dark, but apart from its panels."""
        colour = self.palette().color(QPalette.ColorRole.Window)
        return colour.darker(150 if colour.lightness() < 128 else 112)

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
            self.refresh(self.picture.invalidate())
            if self._neighbour:
                self._skin()

    def _skin(self) -> None:
        box = union(mask.box.intersect(self.picture.bounds) for mask in self._neighbour.values())
        self.picture.under = None
        if self.display.onion_skin and box.area:
            self.picture.under = Patch.over(box, compose_neighbour(self._neighbour, box, self.picture.style))
        self.update()


def _rgb(colour: QColor) -> Rgb:
    return colour.red(), colour.green(), colour.blue()
