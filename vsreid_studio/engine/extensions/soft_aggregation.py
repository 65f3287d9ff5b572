"""Instances compete for the pixels of a frame before their maps are propagated on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Box, Probability, SoftMask

_LEAST = 1e-4
"""Probabilities are kept this far from 0 and 1: odds must be finite."""
_PROBABILITY: Probability = (np.arange(256, dtype=np.float32) / 255).clip(_LEAST, 1 - _LEAST)
"""Of each of the values in which a map is stored, as all that follow."""
_LEFT = 1 - _PROBABILITY
_ODDS = _PROBABILITY / _LEFT


def competing(masks: Mapping[int, SoftMask], instance: int) -> SoftMask:
    """An instance's map, less where other instances are more probable.

    The odds of all instances and of the background (that nobody is there) share each pixel (soft
    aggregation; Oh et al., 2018). Merging alone would leave a map that has leaked over its neighbour as it
    is, and the leak would be carried on and grow.

    Args:
        masks: P of the frame's instances, independent of one another.
        instance: whose map is wanted; one of them.

    Returns:
        its map; the same one where no other instance is near.
    """
    mask = masks[instance]
    rivals = [other for k, other in masks.items() if k != instance and other.box.intersect(mask.box).area]
    if not rivals:
        return mask
    found = cv2.LUT(mask.values, _ALONE)
    region = reduce(Box.union, (other.box.intersect(mask.box) for other in rivals))
    own = mask.stored(region)
    odds, nobody = cv2.LUT(own, _ODDS), cv2.LUT(own, _LEFT)
    total = odds.copy()
    for other in rivals:
        values = other.stored(region)
        nobody *= cv2.LUT(values, _LEFT)
        total += cv2.LUT(values, _ODDS)
    found[region.shifted(-mask.box.x0, -mask.box.y0).slices] = _stored(own, odds, total, nobody)
    return SoftMask.tight(found, (mask.box.x0, mask.box.y0))


def _stored(
    own: NDArray[np.uint8], odds: Probability, total: Probability, nobody: Probability
) -> NDArray[np.uint8]:
    """The share that `odds` have of `total` and of the odds that nobody is there; a map never gains."""
    # In place, as these maps are large.
    total += np.divide(nobody, 1 - nobody, out=nobody)
    return np.minimum(cv2.convertScaleAbs(np.divide(odds, total, out=odds), alpha=255), own)


_ALONE = _stored(np.arange(256, dtype=np.uint8), _ODDS.copy(), _ODDS.copy(), _LEFT.copy())
"""What becomes of each value where no rival is."""
