"""Masks made visible: maps composed, part by part, to a picture that lies over the frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ...engine.algorithm.merge import merge
from ...engine.types import NOWHERE, Box, LabelMap, SoftMask, read_only
from ...formats.masks import Rgb, edges
from .stroke import Stroke, part_of

Argb: TypeAlias = NDArray[np.uint32]
"""(H, W) 0xAARRGGBB, the colour multiplied by its alpha."""

_LINE, _SELECTED_LINE, _HEAT, _PREVIEW = 0.9, 1.0, 0.65, 0.6
"""Opacities."""
_STRIPE = 6
_WHITE: Rgb = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Style:
    """How masks are shown.

    Attributes:
        colours: of the instances.
        selected: the instance with the thick outline. It follows that instance's own map, also where another
            wins the merge, so that what was painted always shows.
        opacity: of the fill, in [0, 1].
        outline_only: without fill.
        probability: the selected instance's map as heat, the others as outlines.
        line: thickness of outlines, in pixels.
    """

    colours: Mapping[int, Rgb] = field(default_factory=dict)
    selected: int | None = None
    opacity: float = 0.45
    outline_only: bool = False
    probability: bool = False
    line: int = 1

    @property
    def fill(self) -> float:
        """The opacity that the fill really has."""
        return 0.0 if self.outline_only or self.heats else self.opacity

    @property
    def heats(self) -> bool:
        """Whether a map is shown as heat."""
        return self.probability and self.selected is not None

    @property
    def reach(self) -> int:
        """How far from a changed pixel the picture can change, in pixels."""
        return self.line + 1


def union(boxes: Iterable[Box]) -> Box:
    """The smallest box around all that are not empty; empty when there is none."""
    present = [box for box in boxes if box.area]
    return reduce(Box.union, present) if present else NOWHERE


def label_part(masks: Mapping[int, SoftMask], box: Box) -> LabelMap:
    """The merged labels inside a box: (box.height, box.width) uint8."""
    parts = {}
    for number, mask in masks.items():
        common = mask.box.intersect(box)
        if common.area:
            here = common.shifted(-mask.box.x0, -mask.box.y0)
            parts[number] = SoftMask(common.shifted(-box.x0, -box.y0), mask.values[here.slices])
    return merge(parts, box.height, box.width)


def colour_table(colours: Mapping[int, Rgb], alpha: float) -> Argb:
    """The picture's values by label: (256,) uint32, transparent where there is no colour; read-only."""
    return _colour_table(tuple(colours.items()), alpha)


@lru_cache(32)
def _colour_table(colours: tuple[tuple[int, Rgb], ...], alpha: float) -> Argb:
    rows = np.zeros((256, 4))
    for number, colour in colours:
        rows[number] = (*colour, 255)
    return read_only(_packed(rows, alpha))


def heat_table(alpha: float) -> Argb:
    """The picture's values by probability x 255: (256,) uint32, fading out towards 0."""
    steps = np.arange(256, dtype=np.uint8)
    colours = cv2.applyColorMap(steps[:, None], cv2.COLORMAP_VIRIDIS)[:, 0, ::-1]
    return _packed(np.column_stack([colours, np.minimum(steps * 8.0, 255)]), alpha)


def _packed(rows: NDArray[np.float64], alpha: float) -> Argb:
    """(n, 4) red, green, blue, alpha of 0 to 255, made fainter and multiplied: (n,) uint32."""
    opacity = rows[:, 3:] / 255 * alpha
    values = np.round(np.hstack([opacity * 255, rows[:, :3] * opacity])).astype(np.uint32)
    packed = values[:, 0] << 24 | values[:, 1] << 16 | values[:, 2] << 8 | values[:, 3]
    return packed.astype(np.uint32)


def compose(masks: Mapping[int, SoftMask], box: Box, bounds: Box, style: Style) -> Argb:
    """The picture of a frame's masks inside a box.

    Args:
        masks: the maps to show, by instance number.
        box: where, inside `bounds`.
        bounds: the whole frame.

    Returns:
        (box.height, box.width) premultiplied ARGB.
    """
    # Outlines depend on neighbours, so read a little more than is drawn.
    reach = style.reach
    around = Box(box.x0 - reach, box.y0 - reach, box.x1 + reach, box.y1 + reach).intersect(bounds)
    inner = box.shifted(-around.x0, -around.y0).slices
    labels = label_part(masks, around)
    picture = np.take(colour_table(style.colours, style.fill), labels)
    lines = edges(labels, style.line)
    picture[lines] = colour_table(style.colours, _LINE)[labels[lines]]
    own = masks.get(style.selected) if style.selected is not None else None
    if own is not None and style.selected is not None:
        values = part_of(own, around)
        if style.probability:
            np.copyto(picture, np.take(heat_table(_HEAT), values), where=values > 0)
        outline = edges((values > 127).view(np.uint8), style.line + 1)
        # No instance's colour stands out from all that heat may be.
        colours = {style.selected: _WHITE} if style.probability else style.colours
        picture[outline] = colour_table(colours, _SELECTED_LINE)[style.selected]
    return picture[inner]


def compose_neighbour(masks: Mapping[int, SoftMask], box: Box, style: Style) -> Argb:
    """The onion skin: another frame's masks inside a box, faint, with a broken outline.

    Returns:
        (box.height, box.width) premultiplied ARGB.
    """
    labels = label_part(masks, box)
    picture = np.take(colour_table(style.colours, style.opacity * 0.3), labels)
    lines = edges(labels, style.line) & _stripes(box, _STRIPE)
    picture[lines] = colour_table(style.colours, _LINE)[labels[lines]]
    return picture


def compose_preview(mask: SoftMask, colour: Rgb, style: Style) -> Argb:
    """A recovered mask that is not accepted yet, striped to distinguish it from a present one.

    Returns:
        (h, w) premultiplied ARGB, in the mask's box.
    """
    hard = (mask.values > 127).view(np.uint8)
    table = colour_table({1: colour}, 1.0)
    weak = colour_table({1: colour}, _PREVIEW * style.opacity)
    picture = np.take(weak, hard)
    picture[(hard > 0) & _stripes(mask.box, _STRIPE * style.line)] = colour_table({1: colour}, _PREVIEW)[1]
    # The box is tight, so leave room for an outline along its sides.
    outline = edges(np.pad(hard, 1), style.line)[1:-1, 1:-1]
    picture[outline] = table[1]
    return picture


def _stripes(box: Box, width: int) -> NDArray[np.bool_]:
    """Diagonal stripes that stay in place when the box moves: (box.height, box.width) bool."""
    rows, columns = np.ogrid[box.y0 : box.y1, box.x0 : box.x1]
    return (rows + columns) // width % 2 == 0


def parts_of(boxes: Iterable[Box]) -> list[Box]:
    """What to compose so that all boxes are: each apart where they cover little of what is around them."""
    apart = [box for box in dict.fromkeys(boxes) if box.area]
    whole = union(apart)
    return [whole] if sum(box.area for box in apart) >= whole.area / 2 and whole.area else apart


@dataclass(frozen=True, slots=True, eq=False)
class ComposedMasks:
    """The masks over one frame as pixels, composed before they are shown.

    Attributes:
        masks: the maps by instance number.
        style: how they are shown.
        pixels: (H, W) premultiplied ARGB; belongs to the `MaskPicture` that takes it, which writes to it.
        box: outside of this the pixels are transparent.
    """

    masks: Mapping[int, SoftMask]
    style: Style
    pixels: Argb
    box: Box

    @classmethod
    def of(cls, masks: Mapping[int, SoftMask], height: int, width: int, style: Style) -> ComposedMasks:
        """Compose the masks of a frame of height x width pixels; from any thread."""
        bounds, pixels = Box(0, 0, width, height), np.zeros((height, width), np.uint32)
        boxes = [mask.box.intersect(bounds) for mask in masks.values()]
        for box in parts_of(boxes):
            pixels[box.slices] = compose(masks, box, bounds, style)
        return cls(masks, style, pixels, union(boxes))


class MaskPicture:
    """The masks over one frame, as pixels.

    Setters only note what has changed; `compose_changes` composes it before the next drawing. So many changes
    between two repaints cost as much as one, and what another thread has composed costs nothing.

    Attributes:
        bounds: the whole frame.
        masks: the maps to show, by instance number; hidden ones are not among them.
        style: how.
        stroke: painting under way, shown as if it were done; `invalidate` what it touches.
        pixels: (H, W) premultiplied ARGB, in part out of date until `compose_changes`.
        shown: outside of this the pixels are transparent.
    """

    def __init__(self) -> None:
        self.bounds = NOWHERE
        self.masks: Mapping[int, SoftMask] = {}
        self.style = Style()
        self.stroke: Stroke | None = None
        self.pixels: Argb = np.zeros((0, 0), np.uint32)
        self.shown = NOWHERE
        self._composed: tuple[Mapping[int, SoftMask], Style] = {}, self.style
        self._dirty: list[Box] = []

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frame; (0, 0) without one."""
        return self.bounds.x1, self.bounds.y1

    def resize(self, width: int, height: int) -> bool:
        """Take the size of a frame; returns whether it is another one, for which all is composed again."""
        bounds = Box(0, 0, width, height)
        if bounds == self.bounds:
            return False
        self.bounds, self.pixels = bounds, np.zeros((height, width), np.uint32)
        self.shown, self._dirty, self._composed = NOWHERE, [], ({}, self.style)
        return True

    def take(self, composed: ComposedMasks) -> None:
        """Take the pixels of a frame of this size, composed elsewhere without the stroke under way.

        Where `masks` and `style` become those of the pixels, nothing is composed here.
        """
        self.pixels, self.shown, self._dirty = composed.pixels, composed.box, []
        self._composed = composed.masks, composed.style
        if self.stroke:
            self.invalidate(self.stroke.touched)

    def set_masks(self, masks: Mapping[int, SoftMask]) -> Box:
        """Replace the masks; those that are the same objects as before cost nothing.

        Returns:
            The part of the frame that changes.
        """
        changed, self.masks = self._differing(self.masks, masks), masks
        return union(changed)

    def end_stroke(self, masks: Mapping[int, SoftMask]) -> None:
        """Replace the masks after a stroke whose pixels are composed already, or noted as changed."""
        self.masks = masks
        before, style = self._composed
        if self.stroke and self.stroke.instance in masks:
            before = {**before, self.stroke.instance: masks[self.stroke.instance]}
        self._composed, self.stroke = (before, style), None

    def everywhere(self) -> Box:
        """The part of the frame in which the overlay shows anything, or will."""
        return self._around(union([self.shown, self._occupied()]))

    def invalidate(self, box: Box) -> Box:
        """Note that the stroke has changed in a box.

        Returns:
            The part of the frame that has to be drawn again.
        """
        box = self._around(box)
        if box.area:
            self._dirty.append(box)
        return box

    def compose_changes(self) -> None:
        """Compose what has changed."""
        masks, style = self._composed
        if style != self.style:
            dirty = [self.everywhere()]
        else:
            # Each apart: small objects far from one another cover little of what lies around all of them.
            dirty = [*self._dirty, *self._differing(masks, self.masks)]
        self._dirty, self._composed = [], (self.masks, self.style)
        boxes = parts_of(dirty)
        for box in boxes:
            self._compose(box)
        if boxes:
            self.shown = self._occupied()

    def _differing(self, before: Mapping[int, SoftMask], after: Mapping[int, SoftMask]) -> list[Box]:
        """Where the pictures of masks differ, as far as object identity shows."""
        if before is after:
            return []
        pairs = [(before.get(number), after.get(number)) for number in before.keys() | after.keys()]
        changed = [union(mask.box for mask in pair if mask) for pair in pairs if pair[0] is not pair[1]]
        return [self._around(box) for box in changed if box.area]

    def _compose(self, box: Box) -> None:
        masks = self.masks
        if self.stroke:
            around = self._around(box)
            masks = {**masks, self.stroke.instance: SoftMask(around, self.stroke.part(around))}
        self.pixels[box.slices] = compose(masks, box, self.bounds, self.style)

    def _occupied(self) -> Box:
        """Outside of this the overlay is transparent."""
        boxes = [mask.box.intersect(self.bounds) for mask in self.masks.values()]
        return union([*boxes, *([self.stroke.touched] if self.stroke else [])])

    def _around(self, box: Box) -> Box:
        """What a change in a box can change in the overlay."""
        reach = self.style.reach
        grown = Box(box.x0 - reach, box.y0 - reach, box.x1 + reach, box.y1 + reach)
        return grown.intersect(self.bounds) if box.area else NOWHERE
