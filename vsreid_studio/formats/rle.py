"""COCO's run lengths of a mask, as numbers and as its compressed string.

Written here, as pycocotools warns of deprecated calls under NumPy 2 and takes strings that fill no frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..engine.types import LabelMap
from ..engine.video.limits import MAX_PIXELS
from ..errors import UserError
from ..reading import quoted

_ZERO = ord("0")
_BITS = 5
_MOST_BITS = 60
_MORE, _SIGN, _VALUE = 0x20, 0x10, 0x1F


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

    The lowest digit comes first; a sixth bit tells that another one follows, and '0' is added to make text.
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
