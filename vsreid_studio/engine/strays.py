"""Pieces of a map apart from the instance: what propagation caught by mistake and would carry on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .types import Probability

_COARSE = 16.0
"""Pixels; from here on one more or less does not matter, and half the size takes a quarter of the time."""


def without_strays(probability: Probability, gap: float, expected: float) -> Probability:
    """The map without small pieces far from its largest one.

    An instance that something thin hides in part falls into pieces, too, but they lie side by side.

    Args:
        probability: (h, w) float32 in [0, 1].
        gap: how far from the largest piece a smaller one may lie, as a share of the square root of the
            largest one's area. A piece of at least half that area stays wherever it is.
        expected: the instance's area when it was last seen well, in pixels. Where the largest piece has less
            than half of it, much of the instance is hidden: any piece may be what is left of it, so all stay.

    Returns:
        A map of the same shape; the same one where nothing is to be removed.
    """
    hard = (probability > 0.5).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(hard)
    # OpenCV crashes on maps without pixels.
    if not width:
        return probability
    tight = np.s_[y : y + height, x : x + width]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hard[tight], connectivity=8)
    if count <= 2:
        return probability
    areas = stats[:, cv2.CC_STAT_AREA]
    largest = 1 + int(areas[1:].argmax())
    if areas[largest] < expected / 2:
        return probability
    apart = np.ones_like(hard)
    apart[tight] = labels != largest
    far = _beyond(gap * float(np.sqrt(areas[largest])), apart)
    # What is soft goes with the pieces: it would grow again from there.
    dropped = far.copy()
    for piece in range(1, count):
        left, top, width, height, area = stats[piece]
        inside = np.s_[top : top + height, left : left + width]
        own = labels[inside] == piece
        if area >= areas[largest] / 2 or (own & ~far[tight][inside]).any():
            dropped[tight][inside] &= ~own
    return np.where(dropped, np.float32(0), probability)


def _beyond(distance: float, apart: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels are farther than that from those that are 0; a large distance is measured coarsely."""
    step = 2 if distance > _COARSE else 1
    far = cv2.distanceTransform(np.ascontiguousarray(apart[::step, ::step]), cv2.DIST_L2, 3) * step > distance
    if step == 1:
        return far
    size = apart.shape[::-1]
    return cv2.resize(far.view(np.uint8), size, interpolation=cv2.INTER_NEAREST).view(np.bool_)
