"""What lies over the frame: masks in their colours, the neighbour's, a preview, and a retrieved box."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtGui import QColor

from ...engine.types import Box, SoftMask
from ...formats.painting import Rgb
from ..theme import default_colour
from .candidate_item import CandidateItem
from .overlay import MaskPicture, Style, compose_neighbour, compose_preview, union
from .stage import CanvasStage
from .types import Display

_LINES_A_HEIGHT = 480
"""Rows of the frame for which an outline is one pixel wide."""


class Layers:
    """Composes what the stage shows over the frame.

    Attributes:
        display: what a person chose to see.
        candidate: the retrieved box, None when there is none in this frame.
    """

    def __init__(self, stage: CanvasStage, picture: MaskPicture, selected: Callable[[], int | None]) -> None:
        """Show nothing yet.

        Args:
            picture: the frame's masks, composed in the style that is kept up to date here.
            selected: tells the instance that is drawn.
        """
        self.display = Display()
        self.candidate: CandidateItem | None = None
        self._stage, self._picture, self._selected = stage, picture, selected
        self._masks: Mapping[int, SoftMask] = {}
        self._colours: dict[int, QColor] = {}
        self._neighbour: Mapping[int, SoftMask] = {}

    def clear(self) -> None:
        """Drop all that belongs to one frame; the masks' picture is the editor's."""
        self._masks, self._neighbour = {}, {}
        self._stage.skin.clear()
        self.set_candidate(None, None)

    def set_masks(self, masks: Mapping[int, SoftMask], colours: Mapping[int, QColor]) -> None:
        """Note which instances have masks, and their colours; those not named get their default colour."""
        self._masks, self._colours = masks, dict(colours)
        self.restyle()

    def set_neighbour(self, masks: Mapping[int, SoftMask] | None) -> None:
        """Give the neighbour frame's masks, which the onion skin shows."""
        self._neighbour = masks or {}
        self.restyle()
        self._skin()

    def set_display(self, display: Display) -> None:
        """Choose what lies over the picture."""
        self.display = display
        self.restyle()
        self._skin()

    def set_candidate(self, box: Box | None, mask: SoftMask | None, colour: QColor | None = None) -> None:
        """Show a retrieved box with handles, and in stripes the mask that was recovered in it."""
        colour = colour or self._colour(self._selected() or 0)
        if self.candidate is not None:
            self._stage.space.removeItem(self.candidate)
        self.candidate = CandidateItem(box, colour, self._picture.bounds) if box else None
        if self.candidate is not None:
            self._stage.space.addItem(self.candidate, ignoreBounds=True)
        self._preview(mask, colour)

    def set_preview(self, mask: SoftMask | None) -> None:
        """Show in stripes what a click would make of the selected instance, unless a candidate is shown."""
        if self.candidate is None:
            self._preview(mask, self._colour(self._selected() or 0))

    def restyle(self) -> None:
        """Compose the masks anew if they would look different."""
        selected = self._selected()
        numbers = {*self._masks, *self._neighbour, *self._colours, *filter(None, [selected])}
        style = Style(
            {number: _rgb(self._colour(number)) for number in sorted(numbers)},
            selected,
            self.display.opacity,
            self.display.outline_only,
            self.display.probability,
            max(1, round(self._picture.bounds.height / _LINES_A_HEIGHT)),
        )
        if style != self._picture.style:
            self._picture.style = style
            self._stage.refresh(self._picture.invalidate())
            if self._neighbour:
                self._skin()

    def _preview(self, mask: SoftMask | None, colour: QColor) -> None:
        self._stage.preview.clear()
        if mask and mask.box.area:
            self._stage.preview.set_pixels(mask.box, compose_preview(mask, _rgb(colour), self._picture.style))

    def _skin(self) -> None:
        box = union(mask.box.intersect(self._picture.bounds) for mask in self._neighbour.values())
        self._stage.skin.clear()
        if self.display.onion_skin and box.area:
            self._stage.skin.set_pixels(box, compose_neighbour(self._neighbour, box, self._picture.style))

    def _colour(self, number: int) -> QColor:
        return self._colours.get(number) or (default_colour(number) if number else QColor(255, 255, 255))


def _rgb(colour: QColor) -> Rgb:
    return colour.red(), colour.green(), colour.blue()
