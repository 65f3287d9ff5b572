"""Pixels: how many a picture may have, and samples of more than 8 bits on their way to the screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError

MAX_PIXELS = 1 << 27
"""Of a picture: 16K (15360 x 8640) has 133 million."""
MAX_SIDE = 32_766
"""Pixels of a side: OpenCV's `remap` counts in 16 bits with a sign."""
_USUAL = 1 << 25
"""Up to 8K a file may be of any size: a black picture takes few bytes."""
_PIXELS_A_BYTE = 1 << 13
"""No kind of PNG holds more."""

_DEPTHS = (8, 10, 12, 14, 15, 16)
"""Bits that cameras and scanners deliver, whatever the file stores them in."""
_OUTLIERS = (0.1, 99.9)
"""Percentiles of floating-point samples that become black and white."""
_FAINT = 1 / 16


def most_pixels(size: int) -> int:
    """How many pixels a picture in a file of `size` bytes may have."""
    return min(MAX_PIXELS, max(_USUAL, size * _PIXELS_A_BYTE))


def check_picture_size(path: Path, width: int, height: int, size: int) -> None:
    """Refuse a picture that is too large to be decoded.

    Args:
        path: of the file, for the sentence.
        width, height: what its header announces, in pixels.
        size: bytes of the file.

    Raises:
        UserError: it has more than `MAX_PIXELS` pixels, a side above `MAX_SIDE`, or more pixels than so few
            bytes can hold.
    """
    pixels = width * height
    if pixels > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise UserError(
            f"{path} announces {width} x {height} pixels, but pictures of up to {MAX_PIXELS // 10**6} million"
            f" pixels and {MAX_SIDE} a side are read: scale it down, unless it is damaged."
        )
    if pixels > most_pixels(size):
        raise UserError(
            f"{path} announces {width} x {height} pixels in {size} bytes, which cannot hold them: it is"
            " damaged."
        )


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The sample values that are shown as black and as white.

    Attributes:
        low, high: `high` is the larger one.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ValueError("a range of values goes from a number to a larger one")

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    def apply(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Samples of any shape and type as 0 to 255; what lies outside is clipped, NaN is black."""
        scale = 255 / (self.high - self.low)
        if samples.dtype == np.uint16:
            table = np.clip((np.arange(2**16) - self.low) * scale + 0.5, 0, 255).astype(np.uint8)
            return table[samples]
        shown = (samples.astype(np.float64) - self.low) * scale + 0.5
        return np.clip(np.nan_to_num(shown, nan=0, posinf=255, neginf=0), 0, 255).astype(np.uint8)


def fitting_range(pictures: Iterable[NDArray[Any]]) -> ValueRange:
    """One range for a whole clip, by some of its pictures.

    Whole numbers from 0 on: 0 to the most that the smallest usual depth (8, 10, 12, 14, 15 or 16 bits) holds,
    so that 12 bits in 16 are not black. Floating point: 0 to 1 where it fits, else all but a thousandth at
    either end. Anything else: from the least to the greatest value.

    Args:
        pictures: samples, of any shape.
    """
    lows, highs, whole = [], [], True
    for picture in pictures:
        whole = whole and picture.dtype.kind in "ui"
        finite = picture if whole else picture[np.isfinite(picture)]
        if not finite.size:
            continue
        low, high = float(finite.min()), float(finite.max())
        if not whole and not (low >= 0 and high <= 1):
            low, high = (float(it) for it in np.percentile(finite, _OUTLIERS))
        lows.append(low)
        highs.append(high)
    low, high = min(lows, default=0.0), max(highs, default=1.0)
    if whole and low >= 0:
        fitting = next((bits for bits in _DEPTHS if high < 2**bits), None)
        if fitting is not None:
            return ValueRange(0, 2**fitting - 1)
    if not whole and low >= 0 and _FAINT <= high <= 1:
        return ValueRange(0, 1)
    return ValueRange(low, high if high > low else low + 1)
