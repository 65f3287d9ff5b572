"""Pieces of a map apart from the instance: what propagation caught by mistake and would carry on."""

from __future__ import annotations

import cv2
import numpy as np

from .types import Probability


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
    # OpenCV crashes on maps without pixels.
    if not hard.any():
        return probability
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hard, connectivity=8)
    if count <= 2:
        return probability
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    largest = int(areas.argmax())
    if areas[largest] < expected / 2:
        return probability
    distance = cv2.distanceTransform((labels != largest).astype(np.uint8), cv2.DIST_L2, 3)
    far = distance > gap * np.sqrt(areas[largest])
    kept = np.zeros(count, np.bool_)
    kept[labels[~far & (labels > 0)]] = True
    kept |= areas >= areas[largest] / 2
    kept[0] = False
    # What is soft goes with the pieces: it would grow again from there.
    return np.where(far & ~kept[labels], np.float32(0), probability)
