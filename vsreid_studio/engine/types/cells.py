"""Cells of the annotation, and what the networks find for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .geometry import Box, Frame, read_only
from .soft_mask import SoftMask


class CellKey(NamedTuple):
    """Names the cell of one instance in one frame (the indices i, k of P[i, k])."""

    frame: int
    instance: int


class Click(NamedTuple):
    """A point that a person says something about.

    Attributes:
        x, y: in pixels of the frame; the centre of the top left pixel is (0, 0).
        adds: whether the instance is there (True), or is not (False).
    """

    x: float
    y: float
    adds: bool


@dataclass(frozen=True, slots=True, eq=False)
class ClickContext:
    """What a video tells of an instance besides the frame that is clicked.

    Attributes:
        others: masks of other instances in the same frame.
        neighbour: the next or previous frame, (H, W, 3) uint8 RGB: it shows what moves together. None where
            it is not known.
        trusted: another frame, (H, W, 3) uint8 RGB, with the instance's mask there, which is not empty: it
            shows what the instance looks like. None where there is none.
    """

    others: tuple[SoftMask, ...] = ()
    neighbour: Frame | None = None
    trusted: tuple[Frame, SoftMask] | None = None


NO_CONTEXT = ClickContext()


class Maker(StrEnum):
    """Who or what made a mask."""

    PERSON = "person"
    IMPORT = "import"
    PROPAGATION = "propagation"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Cell:
    """One instance in one frame.

    Attributes:
        mask: P[i, k]; an empty map says 'not in this frame'.
        origin: the checkpoint c[i, k], the frame from which this mask was derived.
        pinned: made or approved by a person: nothing but a person may change it, and origin == frame.
        made_by: who or what made the mask.
        confidence: the expected IoU of the mask with the truth, in [0, 1]; 1 for a person's. For a
            propagated mask it is the predicted IoU until it is judged, see `trust`; for one that was then
            emptied, the probability that it was wrong. With `trust` a recovered mask is judged, too.
            Of an imported mask that is not pinned it says nothing, see `known_confidence`.
        similarity: cosine similarity to the gallery: of the retrieval that this mask was recovered from,
            or of the box of a judged propagated mask; None for others.
        second: the checkpoint on the other side, where both were fused, see `bidirectional_fusion`.
        smoothed: whether `temporal_smoothing` has drawn the mask towards those beside it.
    """

    mask: SoftMask
    origin: int
    pinned: bool = False
    made_by: Maker = Maker.PROPAGATION
    confidence: float = 1.0
    similarity: float | None = None
    second: int | None = None
    smoothed: bool = False

    @property
    def known_confidence(self) -> float | None:
        """The confidence, or None for an imported mask that no person has approved: nobody measured it."""
        return None if self.made_by is Maker.IMPORT and not self.pinned else self.confidence

    @property
    def judged(self) -> bool:
        """Whether the map was propagated and its appearance compared with the gallery, see `trust`."""
        return self.made_by is Maker.PROPAGATION and self.similarity is not None


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a network says of one instance in one frame.

    Attributes:
        mask: P[i, k].
        confidence: how sure it is, in [0, 1].
    """

    mask: SoftMask
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The boxes X = N_det(I_i) of one frame with their embeddings N_reid: independent of P, so computed once.

    Attributes:
        boxes: (n, 4) int32, x0 y0 x1 y1 in pixels of the frame, half open.
        scores: (n,) float32, the detector's, in [0, 1], descending.
        person: (n,) bool, whether the detector calls it a person; all False without such a label.
        embeddings: (n, d) float32 rows of length 1.
    """

    boxes: NDArray[np.int32]
    scores: NDArray[np.float32]
    person: NDArray[np.bool_]
    embeddings: NDArray[np.float32]

    def __post_init__(self) -> None:
        for array in (self.boxes, self.scores, self.person, self.embeddings):
            if len(array) != len(self.boxes):
                raise ValueError("boxes, scores, labels and embeddings differ in number")
            read_only(array)

    def __len__(self) -> int:
        return len(self.boxes)

    def box(self, number: int) -> Box:
        """The box of one candidate."""
        return Box(*map(int, self.boxes[number]))
