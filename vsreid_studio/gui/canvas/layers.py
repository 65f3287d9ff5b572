"""What lies over the frame: masks in their colours, the neighbour's, a preview, and a retrieved box."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from PySide6.QtGui import QColor

from ...engine.types import Box, SoftMask
from ...formats.masks import Rgb
from ..theme import default_colour
from .candidate_item import CandidateItem
from .composition import Composed, Composition, OnionSkin
from .overlay import MaskPicture, Style, compose_preview
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
            selected: the instance that is drawn.
        """
        self.display = Display()
        self.candidate: CandidateItem | None = None
        self._stage, self._picture, self._selected = stage, picture, selected
        self._masks: Mapping[int, SoftMask] = {}
        self._colours: dict[int, QColor] = {}
        self._neighbour: Mapping[int, SoftMask] = {}
        self._ready: OnionSkin | None = None

    def clear(self) -> None:
        """Drop all that belongs to one frame; the masks' picture is the editor's."""
        self._masks, self._neighbour, self._ready = {}, {}, None
        self._stage.skin.clear()
        self.set_candidate(None, None)

    def composition(
        self,
        masks: Mapping[int, SoftMask],
        colours: Mapping[int, QColor],
        neighbour: Mapping[int, SoftMask],
        selected: int | None,
        height: int,
    ) -> Composition:
        """What another thread can compose of a frame that will be shown.

        Args:
            masks: the visible ones.
            neighbour: see `set_neighbour`.
            selected: the instance that will be drawn then.
            height: of the frame, in pixels.
        """
        style = self._style(masks.keys() | neighbour.keys(), colours, selected, height)
        shown = neighbour if self.display.onion_skin else None
        return Composition(dict(masks), shown, style, self._stage.level)

    def take(self, composed: Composed) -> None:
        """Show what was composed of the frame; its masks and neighbour are set afterwards."""
        self._picture.take(composed.masks)
        self._stage.show_masks()
        self._ready = composed.skin
        if composed.skin is None:
            self._stage.skin.clear()

    def set_masks(self, masks: Mapping[int, SoftMask], colours: Mapping[int, QColor]) -> None:
        """Note which instances have masks, and their colours; those not named get their default colour."""
        self._masks, self._colours = masks, dict(colours)
        self.restyle()

    def set_neighbour(self, masks: Mapping[int, SoftMask] | None) -> None:
        """Give the neighbour frame's masks, which the onion skin shows."""
        self._neighbour = masks or {}
        self.restyle()
        self._skin()

    def set_display(self, display: Display, *, composed_later: bool = False) -> None:
        """Choose what lies over the picture.

        Args:
            composed_later: all looks as before until `take` or `set_masks`.
        """
        self.display = display
        if not composed_later:
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
        """Compose the masks again if the picture would change."""
        numbers = self._masks.keys() | self._neighbour.keys()
        style = self._style(numbers, self._colours, self._selected(), self._picture.bounds.height)
        if style != self._picture.style:
            self._picture.style = style
            self._stage.refresh(self._picture.everywhere())
            if self._neighbour:
                self._skin()

    def _style(
        self, numbers: Collection[int], colours: Mapping[int, QColor], selected: int | None, height: int
    ) -> Style:
        return Style(
            {n: _rgb(_colour(n, colours)) for n in sorted({*numbers, *colours, *filter(None, [selected])})},
            selected,
            self.display.opacity,
            self.display.outline_only,
            self.display.probability,
            max(1, round(height / _LINES_A_HEIGHT)),
        )

    def _preview(self, mask: SoftMask | None, colour: QColor) -> None:
        self._stage.preview.clear()
        if mask and mask.box.area:
            self._stage.preview.set_pixels(mask.box, compose_preview(mask, _rgb(colour), self._picture.style))

    def _skin(self) -> None:
        self._stage.skin.clear()
        if not self.display.onion_skin:
            return
        style = self._picture.style
        if self._ready is None or not self._ready.shows(self._neighbour, style):
            width, height = self._picture.size
            self._ready = OnionSkin.of(self._neighbour, height, width, style)
        if self._ready.box.area:
            self._stage.skin.set_pixels(self._ready.box, self._ready.pixels)

    def _colour(self, number: int) -> QColor:
        return _colour(number, self._colours)


def _colour(number: int, colours: Mapping[int, QColor]) -> QColor:
    return colours.get(number) or (default_colour(number) if number else QColor(255, 255, 255))


def _rgb(colour: QColor) -> Rgb:
    return colour.red(), colour.green(), colour.blue()
