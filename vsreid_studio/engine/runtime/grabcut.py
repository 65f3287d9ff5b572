"""What a box holds, by colour alone: stands in where N_mp has no weights or is busy."""

from __future__ import annotations

import cv2
import numpy as np

from ..types import Box, Frame, SoftMask

MARGIN = 0.6
"""How much of the surroundings is looked at on each side, as a share of the box: the colours of not-it."""
ROUNDS = 4
LEAST_SIDE = 4
"""In pixels: with fewer there is nothing to learn colours from."""
MOST_SIDE = 400
"""In pixels: a larger part is reduced first, as GrabCut takes seconds for a megapixel."""
_LEAST_REDUCED = 3
"""Pixels a side of the reduced part: one of the box, and one on each side of it."""


def cut(frame: Frame, box: Box) -> SoftMask:
    """Tell the object inside a box from what surrounds it.

    Args:
        frame: (H, W, 3) uint8 RGB.
        box: drawn around the object; what reaches outside the frame is ignored.

    Returns:
        A hard mask inside the box; empty where the box is too small, fills the frame or holds only what is
        around it, too.
    """
    height, width = frame.shape[:2]
    box = box.clip(height, width)
    around = box.enlarge(MARGIN).clip(height, width)
    if min(box.width, box.height) < LEAST_SIDE or around == box:
        return SoftMask.empty()
    scale = min(1.0, MOST_SIDE / max(around.width, around.height))
    size = [max(_LEAST_REDUCED, round(side * scale)) for side in (around.width, around.height)]
    picture = cv2.resize(frame[around.slices], size, interpolation=cv2.INTER_AREA)
    inner = box.shifted(-around.x0, -around.y0)
    left, right = _reduced(inner.x0, inner.x1, around.width, size[0])
    top, bottom = _reduced(inner.y0, inner.y1, around.height, size[1])
    labels = np.zeros(size[::-1], np.uint8)
    # The colours start from random clusters; a person who draws the same box expects the same mask.
    cv2.setRNGSeed(0)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(
        cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
        labels,
        (left, top, right - left, bottom - top),
        background,
        foreground,
        ROUNDS,
        cv2.GC_INIT_WITH_RECT,
    )
    found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
    whole = cv2.resize(found, (around.width, around.height), interpolation=cv2.INTER_LINEAR) > 0.5
    inside = np.zeros_like(whole)
    inside[inner.slices] = whole[inner.slices]
    return SoftMask.from_dense(inside, (around.x0, around.y0))


def _reduced(start: int, stop: int, length: int, size: int) -> tuple[int, int]:
    """Where a span of a side of `length` pixels lies when the side is reduced to `size`.

    Rounding never leaves the span empty, nor takes away all that lies beside it: GrabCut fails without any
    pixel that is certain to be background.
    """
    first, last = round(start * size / length), round(stop * size / length)
    if start > 0:
        first = min(max(first, 1), size - 2)
    if stop < length:
        last = min(last, size - 1)
    return first, max(last, first + 1)
