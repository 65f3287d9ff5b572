"""How well confidence is calibrated: against the J that masks really have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..formats.mask_reading import MaskReader
from ..formats.provenance import frame_name_in
from ..reading import expecting, read_json
from .measures import jaccard

BINS = 10
WRONG = 0.5
"""A mask is wrong below this J."""
_RECORD = "provenance.json"
_SIDE, _EDGE = 320, 40


@dataclass(frozen=True)
class Bin:
    """Masks of about the same confidence.

    Attributes:
        confidence, jaccard: their means.
        count: how many.
    """

    confidence: float
    jaccard: float
    count: int


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence and J of every mask that was propagated or recovered and is not empty.

    Attributes:
        confidence, jaccard: (n,) float64 each.
    """

    confidence: NDArray[np.float64]
    jaccard: NDArray[np.float64]

    @property
    def bins(self) -> list[Bin]:
        """By falling confidence steps of a tenth; those without a mask are left out."""
        place = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        chosen = [place == number for number in range(BINS)]
        return [
            Bin(float(self.confidence[at].mean()), float(self.jaccard[at].mean()), int(at.sum()))
            for at in chosen
            if at.any()
        ]

    @property
    def error(self) -> float:
        """Expected calibration error: how far the bins are off, weighted by their masks."""
        off = [abs(one.confidence - one.jaccard) * one.count for one in self.bins]
        return sum(off) / max(1, len(self.confidence))

    @property
    def correlation(self) -> float:
        """Of confidence and J over all masks (Pearson); 0 where one of them does not vary."""
        if len(self.confidence) < 2 or not (self.confidence.std() and self.jaccard.std()):
            return 0.0
        return float(np.corrcoef(self.confidence, self.jaccard)[0, 1])

    @property
    def separation(self) -> float | None:
        """AUROC of J < .5: how often a wrong mask is less sure than a right one; None without either."""
        return auroc(-self.confidence, self.jaccard < WRONG)


def auroc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """The share of pairs of a positive and a negative in which the positive has the greater score.

    Equal scores count half. None where there are no positives or no negatives.

    Args:
        score: (n,).
        positive: (n,).
    """
    count = int(positive.sum())
    pairs = count * (len(positive) - count)
    if not pairs:
        return None
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[positive].sum() - count * (count + 1) / 2) / pairs)


def measure_reliability(truth_root: Path, results: Path, sequences: Sequence[str]) -> Reliability:
    """Compare the record of a headless run with a ground truth.

    Args:
        truth_root: a folder of masks for each sequence.
        results: a folder of masks and their provenance.json for each sequence.

    Raises:
        UserError: a record or a mask cannot be read, or there is no mask to look at.
    """
    pairs = [pair for name in sequences for pair in _pairs(truth_root / name, results / name)]
    if not pairs:
        raise UserError(f"{results} holds no masks that were propagated.")
    confidence, found = np.array(pairs, np.float64).T
    return Reliability(confidence, found)


def _pairs(truth: Path, result: Path) -> Iterator[tuple[float, float]]:
    chosen = _cells(result / _RECORD)
    names = [f"{frame}.png" for frame in chosen]
    truths, results = (MaskReader(folder / name for name in names) for folder in (truth, result))
    for name, cells in zip(names, chosen.values(), strict=True):
        true, found = truths.labels(truth / name), results.labels(result / name)
        for instance, confidence in cells:
            yield confidence, jaccard(true == instance, found == instance)


def _cells(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Instance and confidence of the masks to look at, by the frame's name."""
    record: dict[str, Any] = read_json(path)
    with expecting(f"The record {path} cannot be read"):
        chosen: dict[str, list[tuple[int, float]]] = {}
        for instance in record["instances"]:
            for cell in instance["frames"]:
                if not (cell["pinned"] or cell["empty"] or cell["made_by"] == "import"):
                    confidence = float(cell["confidence"])
                    if not 0 <= confidence <= 1:
                        raise ValueError("a confidence is from 0 to 1")
                    chosen.setdefault(frame_name_in(record, cell["frame"]), []).append(
                        (int(instance["instance"]), confidence)
                    )
    return chosen


def plot(reliability: Reliability) -> NDArray[np.uint8]:
    """The bins over the diagonal on which they should lie: (H, W, 3) uint8 RGB; area grows with count."""
    side = _SIDE + 2 * _EDGE
    image = np.full((side, side, 3), 255, np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return _EDGE + round(x * _SIDE), side - _EDGE - round(y * _SIDE)

    grey, blue, ink = (200, 200, 200), (0, 114, 178), (60, 60, 60)
    for tick in np.linspace(0, 1, 6):
        cv2.line(image, at(tick, 0), at(tick, 1), (235, 235, 235), 1)
        cv2.line(image, at(0, tick), at(1, tick), (235, 235, 235), 1)
        for x, y in ((at(tick, 0)[0] - 10, side - 18), (8, at(0, tick)[1] + 4)):
            cv2.putText(image, f"{tick:.1f}", (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.38, ink, 1, cv2.LINE_AA)
    cv2.line(image, at(0, 0), at(1, 1), grey, 1, cv2.LINE_AA)
    most = max(one.count for one in reliability.bins)
    for one in reliability.bins:
        radius = 3 + round(12 * np.sqrt(one.count / most))
        cv2.circle(image, at(one.confidence, one.jaccard), radius, blue, -1, cv2.LINE_AA)
    for text, place in (("confidence", (_EDGE + 110, side - 4)), ("J", (8, 20))):
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, ink, 1, cv2.LINE_AA)
    return image
