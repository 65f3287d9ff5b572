"""Reasons not to offer a candidate beside those of Algorithm 2, all of the authors' released program.

Only that of look-alikes is on, see `appearance_track`. With `Rival` parkour is not found again on the clips
with hidden objects, and `OnlyMissing` costs .02 of J&F on crossing pairs (docs/experiments.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..algorithm import retrieve
from ..algorithm.retrieve import UNKNOWN, Matches
from ..events import Reason


@dataclass(frozen=True, slots=True)
class Lookalike:
    """The candidate is nearer to what stood beside the instance, see `appearance_track`."""

    reason: Reason = Reason.LOOKALIKE

    def applies(self, matches: Matches, still: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where every candidate of the frame is."""
        return matches.lookalike


@dataclass(frozen=True, slots=True)
class OnlyMissing:
    """The instance has a mask in the frame already, wherever it is."""

    reason: Reason = Reason.PRESENT

    def applies(self, matches: Matches, still: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where P exceeds 0.5 somewhere."""
        return matches.present[..., 2] > matches.present[..., 0]


@dataclass(frozen=True, slots=True)
class Occupied:
    """The candidate overlaps another instance's box (IoU) by more than `most`."""

    most: float
    reason: Reason = Reason.OCCUPIED

    def applies(self, matches: Matches, still: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of the cells that are left."""
        found = np.zeros(still.shape, np.bool_)
        n, k = np.nonzero(still)
        shared = retrieve.iou(matches.boxes[n, k][:, None], matches.present[n])
        shared[np.arange(len(k)), k] = 0
        found[n, k] = (shared > self.most).any(axis=1)
        return found


@dataclass(frozen=True, slots=True)
class Rival:
    """Another instance is more similar to the candidate."""

    reason: Reason = Reason.RIVAL

    def applies(self, matches: Matches, still: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of the cells that are left."""
        found = np.zeros(still.shape, np.bool_)
        n, k = np.nonzero(still)
        rivals = matches.all_similarities[matches.choice[n, k]]
        rivals[np.arange(len(k)), k] = UNKNOWN
        found[n, k] = (rivals > matches.similarity[n, k][:, None]).any(axis=1)
        return found
