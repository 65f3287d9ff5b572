"""Instances compete for the pixels of a frame before their maps are propagated on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .types import Box, Probability, SoftMask

_LEAST = 1e-4
"""Probabilities are kept this far from 0 and 1: odds must be finite."""


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
    own = _bounded(mask, mask.box)
    nobody = 1 - own
    odds = own / nobody
    total = odds.copy()
    for other in rivals:
        probability = _bounded(other, mask.box)
        left = 1 - probability
        nobody *= left
        total += np.divide(probability, left, out=probability)
    # In place, as these maps are large: the odds of the background last.
    total += np.divide(nobody, 1 - nobody, out=nobody)
    shared = np.divide(odds, total, out=odds)
    return SoftMask.from_dense(np.minimum(shared, own, out=own), (mask.box.x0, mask.box.y0))


def _bounded(mask: SoftMask, box: Box) -> Probability:
    inside = mask.inside(box)
    return inside.clip(_LEAST, 1 - _LEAST, out=inside)
