"""Soft aggregation of the maps of a frame before the next step of propagation.

The paper merges instances at the end only (Sec. 3.3). A map that has leaked into its neighbour would be
propagated as it is, and the leak would grow. The gain was not measured separately.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import cv2
import numpy as np
from numpy.typing import NDArray

from ..algorithm.protocols import Patch, Scene
from ..parallel import side_by_side
from ..types import Box, Prediction, Probability, SoftMask

_LEAST = 1e-4
"""Probabilities are kept this far from 0 and 1: odds must be finite."""
_PROBABILITY: Probability = (np.arange(256, dtype=np.float32) / 255).clip(_LEAST, 1 - _LEAST)
"""Of each of the values in which a map is stored, as all that follow."""
_LEFT = 1 - _PROBABILITY
_ODDS = _PROBABILITY / _LEFT

DOUBT = np.float32(2e-3)
"""No map is surer of a pixel than this: half of the least that is stored."""
SURE = float(np.log((1 - DOUBT) / DOUBT))
"""The logit of what is as sure as can be."""


@dataclass(frozen=True, slots=True)
class SoftAggregation:
    """Shares the pixels of a frame among all instances in it."""

    def after_prediction(
        self, scene: Scene, patches: Sequence[Patch], found: Mapping[int, Prediction]
    ) -> dict[int, Prediction]:
        """The predictions, less where others are more probable.

        Of the maps that are in the frame already, those count that are no farther from their checkpoint: one
        that has drifted over this instance since long must not keep it away after it was found again.
        """
        assert scene.source is not None
        cells, frame, source = scene.cells, scene.frame, scene.source
        there = {other: mask for other, mask in cells.frame_masks(frame).items() if other not in found}
        away = {k: abs(frame - c) for k in there if (c := cells.origin(frame, k)) is not None}

        def share(k: int) -> Prediction:
            origin = cells.origin(source, k)
            reach = abs(frame - (source if origin is None else origin))
            masks = {other: it.mask for other, it in found.items()}
            masks |= {other: there[other] for other, distance in away.items() if distance <= reach}
            return replace(found[k], mask=aggregated(masks, k))

        return dict(zip(found, side_by_side(share, found), strict=True))


def aggregated(masks: Mapping[int, SoftMask], instance: int) -> SoftMask:
    """An instance's map, less where other instances are more probable.

    At each pixel the odds of all instances and of the background are normalized (soft aggregation; Oh et
    al., 2018). Merging alone would keep a map that has leaked into its neighbour, and the leak would grow.

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


def logits(maps: Probability) -> NDArray[np.float32]:
    """Of a map in [0, 1], any shape, within some 6 of zero."""
    kept = maps.clip(DOUBT, 1 - DOUBT)
    return np.log(kept / (1 - kept)).astype(np.float32, copy=False)


def probability(values: NDArray[np.float32]) -> Probability:
    """The map of logits, any shape; zero where it is as sure as can be."""
    found = (1 / (1 + np.exp(-values))).astype(np.float32, copy=False)
    found[found < 1.5 * DOUBT] = 0
    return found


def from_logits(values: NDArray[np.float32], offset: tuple[int, int]) -> SoftMask:
    """The map of (H, W) logits, see `SoftMask.from_dense`; empty where all is as sure as can be."""
    return SoftMask.from_dense(probability(values), offset)
