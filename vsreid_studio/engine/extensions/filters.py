"""Filters: reasons not to offer a candidate, or the mask recovered from it, to a person.

The paper takes whatever exceeds ρ_reid. Filters of candidates run before a recovery is computed; of these
`Lookalike`, see `appearance_track`, and `Competing` are on. The others are those of the authors' released
program: with `Rival` parkour is not found again on the clips with hidden objects, and `OnlyMissing` costs
.02 of J&F on crossing pairs (docs/experiments.md).

Filters of recoveries compare the confidence of the recovered map: its expected IoU with `trust`, its
predicted IoU without. With the predicted IoU and all filters 1 of 51 accepted retrievals on 36 clips with
hidden objects was wrong; before a recovery was compared, 12 of 95 were.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..algorithm import retrieve
from ..algorithm.plan import Plan
from ..algorithm.protocols import MaskPropagation
from ..algorithm.retrieve import UNKNOWN, Matches
from ..events import Progress, Proposal, Reason
from ..store.annotation import Annotation
from ..types import Cell


@dataclass(frozen=True, slots=True)
class Lookalike:
    """The candidate is nearer to what stood beside the instance, see `appearance_track`."""

    reason: Reason = Reason.LOOKALIKE

    def applies(self, matches: Matches, remaining: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where every candidate of the frame is."""
        return matches.lookalike


@dataclass(frozen=True, slots=True)
class OnlyMissing:
    """The instance has a mask in the frame already, wherever it is."""

    reason: Reason = Reason.PRESENT

    def applies(self, matches: Matches, remaining: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where P exceeds 0.5 somewhere."""
        return matches.present[..., 2] > matches.present[..., 0]


@dataclass(frozen=True, slots=True)
class Occupied:
    """The candidate overlaps another instance's box (IoU) by more than `most`."""

    most: float
    reason: Reason = Reason.OCCUPIED

    def applies(self, matches: Matches, remaining: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of the cells that are left."""
        found = np.zeros(remaining.shape, np.bool_)
        n, k = np.nonzero(remaining)
        shared = retrieve.iou(matches.boxes[n, k][:, None], matches.present[n])
        shared[np.arange(len(k)), k] = 0
        found[n, k] = (shared > self.most).any(axis=1)
        return found


@dataclass(frozen=True, slots=True)
class Rival:
    """Another instance is more similar to the candidate."""

    reason: Reason = Reason.RIVAL

    def applies(self, matches: Matches, remaining: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of the cells that are left."""
        found = np.zeros(remaining.shape, np.bool_)
        n, k = np.nonzero(remaining)
        rivals = matches.all_similarities[matches.choice[n, k]]
        rivals[np.arange(len(k)), k] = UNKNOWN
        found[n, k] = (rivals > matches.similarity[n, k][:, None]).any(axis=1)
        return found


@dataclass(frozen=True, slots=True)
class Competing:
    """The candidate is more likely another instance that is tracked.

    Either another instance is certainly there, or another one is more similar to the candidate and not
    certain to be elsewhere in the frame. `Occupied` and `Rival` ask less, and reject what is right.

    Attributes:
        same: the candidate shows what has a mask from this IoU of their boxes on.
    """

    same: float = 0.5
    reason: Reason = Reason.RIVAL

    def applies(self, matches: Matches, remaining: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of the cells that are left."""
        found = np.zeros(remaining.shape, np.bool_)
        n, k = np.nonzero(remaining)
        own, certain = np.arange(len(k)), matches.certain[n].copy()
        certain[own, k] = False
        there = certain & (retrieve.iou(matches.boxes[n, k][:, None], matches.present[n]) >= self.same)
        rivals = np.where(certain, np.float32(UNKNOWN), matches.all_similarities[matches.choice[n, k]])
        rivals[own, k] = UNKNOWN
        nearer = rivals > matches.similarity[n, k][:, None]
        found[n, k] = (there | nearer).any(axis=1)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """A retrieval with what was recovered, before it is offered.

    Attributes:
        annotation: not to be changed.
        propagation: M_mp.
        proposal: what would be offered.
        progress: to be yielded before each step of a filter that takes long.
    """

    annotation: Annotation
    propagation: MaskPropagation
    proposal: Proposal
    progress: Progress


Withheld: TypeAlias = Generator[Progress | Plan, None, Reason | None]
"""Yields progress and plans; returns the reason not to offer it, or None."""


class OfferFilter(Protocol):
    """A filter of recoveries."""

    def withholds(self, recovered: Recovered) -> Withheld:
        """The reason to withhold a recovery, or None."""
        ...


@dataclass(frozen=True, slots=True)
class NothingRecovered:
    """There is nothing to accept. After a correction or an adaptation it is tried again."""

    def withholds(self, recovered: Recovered) -> Withheld:
        """Where the map nowhere exceeds 0.5."""
        yield from ()
        return None if recovered.proposal.recovered.area else Reason.EMPTY


@dataclass(frozen=True, slots=True)
class LeastConfidence:
    """The recovered mask has too low a confidence.

    Attributes:
        least: from which on it is offered.
    """

    least: float

    def withholds(self, recovered: Recovered) -> Withheld:
        """Where it is lower."""
        yield from ()
        return Reason.UNSURE if recovered.proposal.confidence < self.least else None


@dataclass(frozen=True, slots=True)
class Taken:
    """The recovered map lies on another instance that is certainly there.

    `Competing` compares boxes before anything is recovered, but a box may show only a part of what is
    recovered from it: on two clips with look-alikes it lets the one that stays away take the other's place.

    Attributes:
        sure: a map is certain from this confidence on.
        same: both show the same from this IoU on.
    """

    sure: float
    same: float = 0.4

    def withholds(self, recovered: Recovered) -> Withheld:
        """Where such an instance is."""
        yield from ()
        proposal, annotation = recovered.proposal, recovered.annotation
        for k, mask in annotation.frame_masks(proposal.frame).items():
            cell = annotation.get(proposal.frame, k)
            if k == proposal.instance or cell is None or not certain(cell, proposal.frame, self.sure):
                continue
            if mask.iou(proposal.recovered) >= self.same:
                return Reason.RIVAL
        return None


def certain(cell: Cell, frame: int, sure: float) -> bool:
    """Whether this is how it is: an anchor, or a map that is not empty and that one can trust."""
    return cell.origin == frame or (cell.mask.area > 0 and cell.confidence >= sure)


@dataclass(frozen=True, slots=True)
class OnlyBetter:
    """The map in the cell has as high a confidence; an empty one has none."""

    def withholds(self, recovered: Recovered) -> Withheld:
        """Where the cell's is not exceeded."""
        yield from ()
        proposal = recovered.proposal
        cell = recovered.annotation.get(*proposal.key)
        better = cell is None or not cell.mask.area or cell.confidence < proposal.confidence
        return None if better else Reason.WORSE
