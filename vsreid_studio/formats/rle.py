"""COCO's forms of a mask: run lengths, as numbers and as a compressed string, and polygons.

Written here, as pycocotools warns of deprecated calls under NumPy 2 and takes strings that fill no frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..engine.types import LabelMap
from ..engine.video.pixels import MAX_PIXELS
from ..errors import UserError
from ..reading import quoted

_ZERO = ord("0")
_BITS = 5
_MOST_BITS = 60
_MORE, _SIGN, _VALUE = 0x20, 0x10, 0x1F

MAX_POINTS = 20_000
"""Of a polygon: more than any frame's outline needs."""
_FAR = 1e6
"""Pixels beyond which a coordinate is a mistake."""
_CROSSINGS = 4_000_000
"""Crossings of edges and rows that are worked out at once, which bounds the memory."""


def run_lengths(labels: LabelMap) -> dict[int, list[int]]:
    """The run lengths of every instance of a frame, in one pass over it.

    Args:
        labels: (H, W) uint8 instance numbers.

    Returns:
        By number, ascending, for those that have a pixel: lengths of the runs outside and inside the
        instance in turn, down the first column, then the second and so on; the first may be 0, and all sum
        up to H * W.
    """
    columns = np.ascontiguousarray(labels.T).ravel()
    starts = np.concatenate([[0], np.flatnonzero(columns[1:] != columns[:-1]) + 1])
    ends = np.append(starts[1:], columns.size)
    owners = columns[starts]
    found: dict[int, list[int]] = {}
    for number in np.unique(owners[owners > 0]).tolist():
        own = owners == number
        bounds = np.stack([starts[own], ends[own]], 1).ravel()
        lengths = np.diff(bounds, prepend=0, append=columns.size).tolist()
        found[number] = lengths if lengths[-1] else lengths[:-1]
    return found


def mask_of(lengths: Sequence[int], height: int, width: int) -> NDArray[np.bool_]:
    """The (height, width) bool mask of some run lengths.

    Raises:
        UserError: one is negative, or they do not fill the frame exactly.
    """
    if height * width > MAX_PIXELS:
        raise UserError(f"A mask of {width} x {height} pixels is too large.")
    if any(length < 0 for length in lengths) or sum(lengths) != height * width:
        raise UserError(f"A mask's run lengths do not fill a frame of {width} x {height} pixels.")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(width, height).T


def compressed(lengths: Sequence[int]) -> str:
    """Run lengths as COCO's string: each, from the fourth on less the one two before, in digits of five bits.

    The lowest digit comes first; a sixth bit marks that another one follows, and '0' is added to make text.
    """
    text = bytearray()
    for value in _differences(lengths):
        rest, more = value, True
        while more:
            digit = rest & _VALUE
            rest >>= _BITS
            # The highest bit of the last digit is the sign, so it has to agree with what is left.
            more = rest != (-1 if digit & _SIGN else 0)
            text.append(_ZERO + (digit | _MORE if more else digit))
    return text.decode("ascii")


def expanded(text: str) -> list[int]:
    """The run lengths of COCO's string.

    Raises:
        UserError: it is no such string.
    """
    lengths: list[int] = []
    value = shift = 0
    for letter in text:
        digit = ord(letter) - _ZERO
        if not 0 <= digit < 2 * _MORE:
            raise UserError(f"{quoted(letter)} does not belong into a mask's run lengths.")
        value |= (digit & _VALUE) << shift
        shift += _BITS
        if shift > _MOST_BITS:
            raise UserError("A run length of a mask is longer than any frame.")
        if digit & _MORE:
            continue
        if digit & _SIGN:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    if shift:
        raise UserError("A mask's run lengths end midway.")
    return lengths


def label_map(masks: Iterable[tuple[int, Sequence[int]]], height: int, width: int) -> LabelMap:
    """The masks of one frame in one label map.

    Args:
        masks: instance number and run lengths of each.

    Returns:
        (height, width) uint8.

    Raises:
        UserError: two masks overlap, or run lengths do not fit the frame.
    """
    labels: LabelMap = np.zeros((height, width), np.uint8)
    for number, lengths in masks:
        mask = mask_of(lengths, height, width)
        if labels[mask].any():
            raise UserError(f"The mask of instance {number} overlaps another one of the same frame.")
        labels[mask] = number
    return labels


def _differences(lengths: Sequence[int]) -> list[int]:
    return [
        *lengths[:3],
        *(later - earlier for earlier, later in zip(lengths[1:], lengths[3:], strict=False)),
    ]


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
