"""From frames to device pixels: one value a pixel column, however many frames lie under it.

Painting one value a column costs the same for a hundred frames as for a hundred thousand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .spans import Track

_FAINTEST = 0.3
"""Opacity of a column in which a single frame out of many is filled: it must not vanish."""
_LEAST_TONE = 0.22
"""Opacity of a cell of confidence 0."""
_SEAM = 0.55
"""Opacity of the column between two cells that are wide enough to be told apart, relative to theirs."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Which frames lie under each pixel column.

    Attributes:
        low, high: (w,) intp: column x shows frames low[x]..high[x]-1, at least one.
        inside: (w,) bool: whether the column shows any frame of the video.
        seam: (w,) bool: the last column of a wide cell.
    """

    low: NDArray[np.intp]
    high: NDArray[np.intp]
    inside: NDArray[np.bool_]
    seam: NDArray[np.bool_]

    @classmethod
    def of(cls, first: float, scale: float, width: int, length: int, seams: bool = False) -> Columns:
        """Lay out the columns.

        Args:
            first: the frame, with fraction, at the left edge of column 0; may be negative.
            scale: device pixels a frame.
            width: how many columns.
            length: frames of the video.
            seams: whether cells are to be told apart.
        """
        edges = first + np.arange(width + 1) / scale
        low = np.floor(edges[:-1] + 1e-6).astype(np.intp)
        high = np.floor(edges[1:] + 1e-6).astype(np.intp)
        inside = (edges[:-1] >= -1e-6) & (low < length)
        seam = np.zeros(width, np.bool_)
        if seams:
            seam[:-1] = low[:-1] != low[1:]
        low = low.clip(0, max(0, length - 1))
        return cls(low, np.maximum(high, low + 1).clip(0, max(1, length)), inside & (length > 0), seam)


def shade(track: Track, columns: Columns) -> NDArray[np.float32]:
    """How opaque each column's bar is: (w,) float32 in [0, 1], from the confidence; 0 for a gap."""
    filled, trust = track.sums
    count = filled[columns.high] - filled[columns.low]
    share = count / (columns.high - columns.low)
    tone = (trust[columns.high] - trust[columns.low]) / np.maximum(count, 1)
    opacity = (_FAINTEST + (1 - _FAINTEST) * share) * tone_of(tone)
    opacity[(count == 0) | ~columns.inside] = 0
    opacity[columns.seam] *= _SEAM
    shaded: NDArray[np.float32] = opacity.astype(np.float32)
    return shaded


def tone_of(confidence: NDArray[np.floating]) -> NDArray[np.floating]:
    """The opacity of a confidence in [0, 1]; differences near 1, where most masks lie, show most."""
    return _LEAST_TONE + (1 - _LEAST_TONE) * np.clip(confidence, 0, 1) ** 2


def pixels(opacity: NDArray[np.float32], colour: tuple[int, int, int]) -> NDArray[np.uint32]:
    """One row of premultiplied ARGB in Qt's byte order: (1, w) uint32.

    Args:
        opacity: (w,) float32 in [0, 1].
        colour: red, green, blue, 0 to 255.
    """
    row: NDArray[np.uint32] = np.round(opacity * 255).astype(np.uint32) << np.uint32(24)
    for value, shift in zip(colour, (16, 8, 0), strict=True):
        row |= np.round(opacity * value).astype(np.uint32) << np.uint32(shift)
    return row[None]


def reduce(values: NDArray[np.floating], columns: Columns, by: np.ufunc) -> NDArray[np.floating]:
    """One value a column: `by` (np.fmin, np.fmax) over its frames, NaN where none is known; (w,).

    Args:
        values: (n,), one a frame, NaN where unknown.
    """
    padded = np.append(values, np.nan)
    pairs = np.stack((columns.low, columns.high), axis=1).ravel()
    reduced: NDArray[np.floating] = by.reduceat(padded, pairs)[::2]
    reduced[~columns.inside] = np.nan
    return reduced
