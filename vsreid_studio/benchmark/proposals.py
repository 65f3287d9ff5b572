"""Which accepted proposals were wrong: the record of a run against the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..engine.events import Verdict
from ..engine.types import Box, Maker
from ..evaluation import jaccard
from ..formats.masks import read_label_map
from ..formats.provenance import frame_name_in
from ..reading import expecting, read_json

RIGHT = 0.5
"""A proposal is right from this IoU with the truth on."""
_RECORD = "provenance.json"


@dataclass(frozen=True)
class Accepted:
    """Proposals that were accepted.

    Attributes:
        all: how many.
        wrong: how many of them were wrong, see `judge_accepted`.
    """

    all: int
    wrong: int

    @property
    def share(self) -> float | None:
        """Wrong ones among all, None where there are none."""
        return self.wrong / self.all if self.all else None

    @classmethod
    def total(cls, parts: Iterable[Accepted | None]) -> Self | None:
        """The sum of what is told; None when nothing is."""
        told = [part for part in parts if part is not None]
        return cls(sum(part.all for part in told), sum(part.wrong for part in told)) if told else None


def matches(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> bool:
    """Whether a recovered map is the right instance in the right place: IoU of `RIGHT` or more.

    Args:
        truth, found: (H, W) bool. Where the truth is empty nothing is right.
    """
    return bool(truth.any()) and jaccard(truth, found) >= RIGHT


def judge_accepted(truth: Path, result: Path) -> Accepted | None:
    """Judge the accepted proposals of one sequence by its provenance.json.

    An accepted proposal is a decision with the verdict 'accepted', of a person or of a run that nobody
    watched. It is *wrong* when the recovered mask, that is the result's mask of that instance in that frame,
    has an IoU below `RIGHT` with the truth there; an empty truth makes it wrong. Where the mask of that cell
    was made by someone else since (a person corrected it), the proposed box is compared with the truth's.

    Args:
        truth: a folder with a mask of every frame that may have been proposed.
        result: a folder of masks with the record of the run.

    Returns:
        None where there is no record.

    Raises:
        UserError: the record or a mask cannot be read, or the two differ in size.
    """
    if not (result / _RECORD).is_file():
        return None
    record = read_json(result / _RECORD)
    with expecting(f"{result / _RECORD} cannot be read, or does not fit the truth {truth}"):
        recovered = _recovered(record)
        accepted = [one for one in record["decisions"] if one["verdict"] == Verdict.ACCEPTED]
        wrong = [one for one in accepted if not _right(one, record, truth, result, recovered)]
    return Accepted(len(accepted), len(wrong))


def _recovered(record: Mapping[str, Any]) -> set[tuple[int, int]]:
    """The cells, (frame, instance), whose mask is as it was recovered."""
    return {
        (cell["frame"], one["instance"])
        for one in record["instances"]
        for cell in one["frames"]
        if cell["made_by"] == Maker.RECOVERY
    }


def _right(
    decision: Mapping[str, Any],
    record: Mapping[str, Any],
    truth: Path,
    result: Path,
    recovered: set[tuple[int, int]],
) -> bool:
    frame, instance = decision["frame"], decision["instance"]
    name = f"{frame_name_in(record, frame)}.png"
    true = read_label_map(truth / name) == instance
    if (frame, instance) in recovered:
        return matches(true, read_label_map(result / name, keep_void=True) == instance)
    place = Box.around(true)
    return place is not None and place.iou(Box(*decision["box"])) >= RIGHT
