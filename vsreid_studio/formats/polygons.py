"""Polygons of annotation files as masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError

MAX_POINTS = 20_000
"""Of a polygon: more than any frame's outline needs."""

_FAR = 1e6
"""Pixels beyond which a coordinate is a mistake."""
_CROSSINGS = 4_000_000
"""Crossings of edges and rows that are worked out at once, which bounds the memory."""


def points_of(numbers: Sequence[float]) -> NDArray[np.float64]:
    """x, y, x, y ... as (n, 2) float64.

    Raises:
        UserError: they are fewer than three points, too many, not pairs, or not finite pixels.
    """
    values = np.array([float(number) for number in numbers], np.float64)
    if values.size % 2 or not 6 <= values.size <= 2 * MAX_POINTS:
        raise UserError(f"A list of {values.size} numbers is no polygon: it needs three pairs of x and y.")
    if not (np.abs(values) <= _FAR).all():
        raise UserError("A polygon lies out of all frames.")
    return values.reshape(-1, 2)


def filled(polygons: Iterable[NDArray[np.float64]], height: int, width: int) -> NDArray[np.bool_]:
    """The union of polygons: the pixels whose centres lie inside one of them, by the even-odd rule.

    Args:
        polygons: (n, 2) float64 each, x and y in pixels from the frame's upper left corner, so that the first
            pixel's centre is (.5, .5); closed by themselves.

    Returns:
        (height, width) bool.
    """
    union = np.zeros((height, width), np.bool_)
    for points in polygons:
        union |= _filled(points, height, width)
    return union


def _filled(points: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    # Each crossing of an edge with the line through a row's centres flips all pixels right of it.
    flips = np.zeros(height * (width + 1), np.intp)
    for starts, ends in _lots(points, np.roll(points, -1, 0), height):
        rows, columns = _crossings(starts, ends, height, width)
        flips += np.bincount(rows * (width + 1) + columns, minlength=flips.size)
    odd = (flips & 1).astype(np.uint8).reshape(height, width + 1)
    return np.bitwise_xor.accumulate(odd, 1)[:, :width].astype(np.bool_)


def _lots(
    starts: NDArray[np.float64], ends: NDArray[np.float64], height: int
) -> Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The edges in lots that do not cross too many rows together."""
    most = max(1, _CROSSINGS // max(1, height))
    return ((starts[i : i + most], ends[i : i + most]) for i in range(0, len(starts), most))


def _crossings(
    starts: NDArray[np.float64], ends: NDArray[np.float64], height: int, width: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row, and first column whose centre lies right of the crossing, for each row that an edge crosses."""
    upper = np.where((starts[:, 1] <= ends[:, 1])[:, None], starts, ends)
    lower = np.where((starts[:, 1] <= ends[:, 1])[:, None], ends, starts)
    # Half open, so that a point between two edges counts once.
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(np.intp)
    stop = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(np.intp)
    counts = np.maximum(stop - first, 0)
    edge = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    rise = np.where(lower[:, 1] > upper[:, 1], lower[:, 1] - upper[:, 1], 1)
    slope = (lower[:, 0] - upper[:, 0]) / rise
    x = upper[edge, 0] + (rows + 0.5 - upper[edge, 1]) * slope[edge]
    columns = np.clip(np.ceil(x - 0.5), 0, width).astype(np.intp)
    return rows, columns
