"""Algorithm 2: which candidate of a frame is an instance, for all frames and instances at once.

N_det and N_reid do not depend on P, so their output for a frame is kept, and a round of Algorithm 3 compares
arrays: F frames, K instances, M candidates in all, at most X in a frame.

- Line 2: `protocols.Reidentification.candidates`.
- Lines 3 and 4: `cosines`.
- Line 5: `best`.
- Line 6: b is `Matches.present`; `overlaps` compares it with the candidate.
- Line 7: `Dissimilar` and `Consistent`.
- Lines 8 to 10: `runtime.matching.Matcher` offers the cells for which no filter holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..events import Reason

UNKNOWN = -2.0
"""Similarity where there is no candidate or no template: below every cosine."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The best candidate x of every cell, and what is in the cell.

    Attributes:
        similarity: (F, K) float32, s; `UNKNOWN` where there is no candidate.
        boxes: (F, K, 4) int32, x.
        present: (F, K, 4) int32, Box(P > 0.5); zeros where P is empty.
        certain: (F, K) bool, where that map is one to rely on: a checkpoint, or judged right.
        iou: (F, K) float32, of both.
        lookalike: (F, K) bool, see `extensions.appearance_track`.
        all_similarities: (M + 1, K) float32, of each candidate to each instance.
        choice: (F, K), the row of x in it.
    """

    similarity: NDArray[np.float32]
    boxes: NDArray[np.int32]
    present: NDArray[np.int32]
    certain: NDArray[np.bool_]
    iou: NDArray[np.float32]
    lookalike: NDArray[np.bool_]
    all_similarities: NDArray[np.float32]
    choice: NDArray[np.intp]


class CandidateFilter(Protocol):
    """One reason for which candidates are not offered."""

    @property
    def reason(self) -> Reason:
        """Is shown to the person."""
        ...

    def applies(self, matches: Matches, remaining: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where it holds: (F, K) bool.

        Args:
            remaining: (F, K) bool, the cells for which no earlier filter holds; others do not matter.
        """
        ...


def cosines(embeddings: NDArray[np.float32], template: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Lines 3 and 4: s of each candidate, the best over the entries of a template.

    Args:
        embeddings: (M, d) float32, rows of length 1.
        template: (d,) float32 each, of length 1; at least one.
    """
    s: NDArray[np.float32] = (embeddings @ np.stack(template, axis=1)).max(axis=1)  # 4
    return s


def best(s: NDArray[np.float32]) -> NDArray[np.intp]:
    """Line 5: the most similar of each frame's candidates, the first of equal ones; `s` is (F, X)."""
    found: NDArray[np.intp] = s.argmax(axis=1)  # 5
    return found


def overlaps(boxes: NDArray[np.int32], present: NDArray[np.int32]) -> NDArray[np.float32]:
    """Line 6: IoU(x, b) of every cell, (F, K) float32."""
    return iou(boxes, present)


@dataclass(frozen=True, slots=True)
class Dissimilar:
    """Line 7, first condition: accepted is only s > ρ_reid."""

    rho_reid: float
    reason: Reason = Reason.BELOW

    def applies(self, matches: Matches, remaining: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where s is not above ρ_reid."""
        return matches.similarity <= self.rho_reid  # 7


@dataclass(frozen=True, slots=True)
class Consistent:
    """Line 7, second condition: accepted is only IoU(x, b) < ρ_occ, else the instance is there already."""

    rho_occ: float
    reason: Reason = Reason.CONSISTENT

    def applies(self, matches: Matches, remaining: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where the candidate and b = Box(P > 0.5) agree."""
        return matches.iou >= self.rho_occ  # 6, 7


def areas(boxes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Pixels inside boxes (..., 4)."""
    found: NDArray[np.int64] = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return found


def shared(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.int64]:
    """Pixels that boxes (..., 4), which broadcast against each other, have in common."""
    common = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    found: NDArray[np.int64] = np.prod(np.maximum(common, 0), axis=-1)
    return found


def iou(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.float32]:
    """IoU of boxes (..., 4) that broadcast against each other; 0 where both are empty."""
    common = shared(a, b)
    ratio: NDArray[np.float32] = (common / np.maximum(areas(a) + areas(b) - common, 1)).astype(np.float32)
    return ratio
