"""The pixels of mask pictures, the VOC palette, and what a whole sequence of them has in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..engine.types import read_only
from ..errors import UserError
from .mask_pictures import deep_samples, open_mask

BLACK, WHITE = 0x000000, 0xFFFFFF
MAX_VALUES = 4096
"""Colours of a sequence that are counted; a photo has more, masks never."""

_EXACT = 2**24
"""Pixels from which OpenCV's counts, which are floats, are not exact."""


def voc_palette() -> NDArray[np.uint8]:
    """The colours of instance numbers.

    Bits 0, 1, 2 of the number give the highest bit of red, green and blue, bits 3, 4, 5 the next one,
    bits 6 and 7 the third of red and green: neighbours in number are far apart in colour.

    Returns:
        (256, 3) uint8 RGB, read-only: black for background, ... (224, 224, 192) for void.
    """
    numbers = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for channel in range(3):
        for level in range(3):
            bit = (numbers >> (3 * level + channel)) & 1
            colours[:, channel] |= (bit << (7 - level)).astype(np.uint8)
    return read_only(colours)


PALETTE = voc_palette()
"""(256, 3) uint8 RGB, the colour of each instance number; read-only."""


class Kind(StrEnum):
    """What a pixel's value is."""

    PALETTE = "palette"
    GREY = "grey"
    COLOUR = "colour"


@dataclass(frozen=True, eq=False)
class Pixels:
    """A mask picture as it is stored.

    Attributes:
        kind: what the values are.
        values: (H, W) palette indices (uint8), grey levels (uint8 or uint16), or colours 0xRRGGBB (int32).
            Colours that are all grey count as grey, and so does a palette that is a ramp of grey.
        palette: (n,) int32, the colour of each index; None for other kinds.
        alpha: (H, W) uint8; None where every pixel is opaque.
    """

    kind: Kind
    values: NDArray[Any]
    palette: NDArray[np.int32] | None = None
    alpha: NDArray[np.uint8] | None = None

    @property
    def colours(self) -> NDArray[np.int32]:
        """(H, W) int32, each pixel's colour 0xRRGGBB."""
        if self.kind is Kind.COLOUR:
            return self.values
        if self.palette is not None:
            colours: NDArray[np.int32] = self.palette[self.values]
            return colours
        return self.grey.astype(np.int32) * 0x010101

    @property
    def grey(self) -> NDArray[np.uint8]:
        """(H, W) uint8, grey levels; of a palette, those of its colours, which are grey."""
        if self.palette is not None:
            grey: NDArray[np.uint8] = (self.palette & 255).astype(np.uint8)[self.values]
            return grey
        if self.values.dtype == np.uint16:
            return (self.values // 257).astype(np.uint8)
        return self.values.astype(np.uint8, copy=False)


def read_pixels(path: Path, size: tuple[int, int] | None = None) -> Pixels:
    """Read a mask picture, see `open_mask`.

    Args:
        size: (height, width) that it must have.

    Raises:
        UserError: it cannot be read, or has pixels of a kind that no mask has.
    """
    picture = open_mask(path, size)
    mode = picture.mode
    if mode in {"P", "PA"}:
        return _palette_pixels(picture)
    if mode in {"LA", "RGB", "RGBA"} and (deep := deep_samples(path)) is not None and (deep % 257).any():
        return _deep_pixels(path, deep)
    if mode in {"1", "L", "LA", "La"}:
        grey = np.asarray(picture.convert("LA" if mode != "1" else "L"))
        return _with_alpha(Kind.GREY, grey) if grey.ndim == 2 else _with_alpha(Kind.GREY, *_parts(grey))
    if mode in {"RGB", "RGBA", "RGBX", "RGBa"}:
        colours, alpha = _parts(np.asarray(picture.convert("RGBA")))
        if (colours[..., 0] == colours[..., 1]).all() and (colours[..., 0] == colours[..., 2]).all():
            return _with_alpha(Kind.GREY, colours[..., 0], alpha)
        return _with_alpha(Kind.COLOUR, codes(colours), alpha)
    if mode.startswith("I") or mode == "F":
        return Pixels(Kind.GREY, _deep_grey(path, np.asarray(picture)))
    raise UserError(f"{path} has pixels of kind {mode}, which no mask has: save it as PNG.")


def _deep_pixels(path: Path, samples: NDArray[np.uint16]) -> Pixels:
    """Pixels of samples of 16 bits, see `deep_samples`, that 8 bits do not hold."""
    colours = samples[..., :3]
    alpha = (samples[..., 3] >> 8).astype(np.uint8) if samples.shape[2] == 4 else None
    if (colours == colours[..., :1]).all():
        return _with_alpha(Kind.GREY, _deep_grey(path, colours[..., 0]), alpha)
    short = codes((colours >> 8).astype(np.uint8))
    packed = colours.astype(np.int64) @ np.array([1 << 32, 1 << 16, 1])
    opaque = alpha is None or bool((alpha == 255).all())
    if opaque and len(np.unique(packed)) > len(np.unique(short)):
        raise UserError(f"{path} has colours that differ in 16 bits only: save it with 8 bits a channel.")
    return _with_alpha(Kind.COLOUR, short, alpha)


def codes(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(..., 3) RGB as 0xRRGGBB."""
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue


def _parts(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Colours (or grey levels) and alpha of (H, W, 2 or 4)."""
    colours = pixels[..., :-1]
    return (colours[..., 0] if colours.shape[-1] == 1 else colours), pixels[..., -1]


def _with_alpha(
    kind: Kind,
    values: NDArray[Any],
    alpha: NDArray[np.uint8] | None = None,
    palette: NDArray[np.int32] | None = None,
) -> Pixels:
    opaque = alpha is None or bool((alpha == 255).all())
    return Pixels(kind, values, palette, None if opaque else alpha)


def _palette_pixels(picture: Image.Image) -> Pixels:
    alpha = None
    if picture.mode == "PA" or "transparency" in picture.info:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    indices = np.asarray(picture.getchannel("P") if picture.mode == "PA" else picture)
    listed = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    # White where the palette is shorter than an index: it belongs to no palette of masks.
    palette = np.full(256, WHITE, np.int32)
    palette[: len(listed)] = codes(listed)
    ramp = np.arange(256, dtype=np.int32) * 0x010101
    if np.array_equal(palette, ramp):
        return _with_alpha(Kind.GREY, indices, alpha)
    return _with_alpha(Kind.PALETTE, indices, alpha, palette)


def _deep_grey(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    """Grey levels of more than 8 bits as uint8 where they fit, else as uint16; of floats, [0, 1] x 65535."""
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and values.min(initial=0) >= 0 and values.max(initial=0) <= 1):
            raise UserError(f"{path} has real numbers outside of 0 to 1, which are no probabilities.")
        return np.rint(values * 65535).astype(np.uint16)
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise UserError(f"{path} has grey levels of more than 16 bits, which no mask has.")
    return values.astype(np.uint8 if values.max(initial=0) <= 255 else np.uint16)


@dataclass(slots=True)
class Survey:
    """What the pictures of a sequence hold, all together. Transparent pixels count for nothing.

    Attributes:
        as_colours: whether the values below are colours, whatever the pictures' kinds.
        kinds: of the pictures.
        values: pixels of each value, in the order of the values' appearance.
        border: likewise, of the pictures' edges.
        solid: values that fill 2 x 2 pixels somewhere.
        first: the first picture in which a value occurs.
        palette: the colour of each palette index; None where two pictures differ.
        many: whether there are more values than any mask has; then not all are counted.
        clear: whether some pixel is transparent.
        half: whether some is neither opaque nor wholly transparent.
        deep: whether a level has more than 8 bits.
        between: pixels of a grey level between black and the highest one.
        ramp: those of them that have both a lower and a higher neighbour.
        flat: those that have neighbours of their own level only, by level.
    """

    as_colours: bool = False
    kinds: set[Kind] = field(default_factory=set)
    values: Counter[int] = field(default_factory=Counter)
    border: Counter[int] = field(default_factory=Counter)
    solid: set[int] = field(default_factory=set)
    first: dict[int, Path] = field(default_factory=dict)
    palette: dict[int, int] | None = field(default_factory=dict)
    many: bool = False
    clear: bool = False
    half: bool = False
    deep: bool = False
    between: int = 0
    ramp: int = 0
    flat: Counter[int] = field(default_factory=Counter)

    def add(self, path: Path, pixels: Pixels) -> None:
        """Count a picture."""
        values = pixels.colours if self.as_colours else pixels.values
        self.kinds.add(pixels.kind)
        self.deep |= values.dtype == np.uint16
        if pixels.alpha is not None:
            self.clear = True
            self.half |= bool(((pixels.alpha > 0) & (pixels.alpha < 255)).any())
        if self.many:
            return
        visible = None if pixels.alpha is None else pixels.alpha > 0
        present = counted(values if visible is None else values[visible])
        self.values.update(present)
        self.many = len(self.values) > MAX_VALUES and values.dtype == np.int32
        self.border.update(counted(_edge(values) if visible is None else _edge(values)[_edge(visible)]))
        self.solid.update(counted(values[:-1, :-1][_blocks(values)]))
        for value in present:
            self.first.setdefault(value, path)
            if self.palette is not None and pixels.palette is not None:
                colour = int(pixels.palette[value]) if not self.as_colours else value
                if self.palette.setdefault(value, colour) != colour:
                    self.palette = None
        if not self.as_colours:
            self._note_ramp(pixels)

    def colour(self, value: int) -> int:
        """The colour 0xRRGGBB of a value of 8 bits."""
        if self.as_colours or Kind.COLOUR in self.kinds:
            return value
        return (self.palette or {}).get(value, value * 0x010101)

    @property
    def colours(self) -> Counter[int]:
        """Pixels of each colour, in the order of appearance."""
        return _recounted(self.values, self.colour)

    @property
    def border_colours(self) -> Counter[int]:
        """Pixels of each colour along the pictures' edges."""
        return _recounted(self.border, self.colour)

    def _note_ramp(self, pixels: Pixels) -> None:
        if pixels.kind is Kind.COLOUR:
            return
        if pixels.palette is not None and not is_grey(pixels.palette[[*counted(pixels.values)]].tolist()):
            return
        grey = np.ascontiguousarray(pixels.grey)
        inside = (grey > 0) & (grey < grey.max(initial=0))
        if inside.any():
            kernel = np.ones((3, 3), np.uint8)
            lower, higher = cv2.erode(grey, kernel) < grey, cv2.dilate(grey, kernel) > grey
            self.between += int(np.count_nonzero(inside))
            self.ramp += int(np.count_nonzero(inside & lower & higher))
            self.flat.update(counted(grey[inside & ~lower & ~higher]))


def _recounted(counts: Counter[int], colour: Callable[[int], int]) -> Counter[int]:
    total = Counter[int]()
    for value, count in counts.items():
        total[colour(value)] += count
    return total


def counted(values: NDArray[Any]) -> dict[int, int]:
    """How many pixels have each value, in the order of the values' first appearance."""
    flat = values.ravel()
    if values.dtype in (np.uint8, np.uint16):
        counts = histogram(flat) if values.dtype == np.uint8 else np.bincount(flat)
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    found, places, counts = np.unique(flat, return_index=True, return_counts=True)
    order = np.argsort(places)
    return dict(zip(found[order].tolist(), counts[order].tolist(), strict=True))


def histogram(values: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many pixels have each value: (256,)."""
    if values.size >= _EXACT:
        return np.bincount(values.ravel(), minlength=256).astype(np.int64)
    # OpenCV lets other threads go on meanwhile, and takes a tenth of the time.
    counts = cv2.calcHist([np.ascontiguousarray(values).reshape(1, -1)], [0], None, [256], [0, 256])
    return np.asarray(counts, np.float32).ravel().astype(np.int64)


def is_grey(colours: Iterable[int]) -> bool:
    """Whether all of these colours 0xRRGGBB are shades of grey."""
    return all(colour % 0x010101 == 0 for colour in colours)


def _edge(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _blocks(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where 2 x 2 pixels are the same, at their upper left one: (H - 1, W - 1) bool."""
    here = values[:-1, :-1]
    return (here == values[1:, :-1]) & (here == values[:-1, 1:]) & (here == values[1:, 1:])
