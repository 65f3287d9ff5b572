"""Scoring work under way against a ground truth: frame by frame, so that a change costs only its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..engine.algorithm.merge import merge
from ..engine.types import LabelMap, SoftMask
from ..engine.video import Video
from ..errors import UserError
from ..formats.frame_names import mask_files_by_frame
from ..formats.mask_reading import MaskReader
from .measures import boundary_f, jaccard


@dataclass(frozen=True, slots=True)
class Figures:
    """What an instance, or the mean of several, comes to.

    Attributes:
        j, f: means over the frames that are scored, in [0, 1].
    """

    j: float
    f: float

    @property
    def both(self) -> float:
        """J&F, the mean of the two."""
        return (self.j + self.f) / 2


@dataclass(frozen=True, eq=False)
class Truth:
    """A folder of exact masks of one sequence, named by frame.

    Attributes:
        folder: where they are.
        files: by frame, those that count: by the official rules all but the first and the last.
        instances: the highest number in the first mask; what appears later does not count.
        reader: of all its masks; `text` says how they were read. One thread may use it.
    """

    folder: Path
    files: Mapping[int, Path]
    instances: int
    reader: MaskReader

    @classmethod
    def read(cls, folder: Path, video: Video) -> Self:
        """The truth of a video, see `frame_names.mask_files_by_frame`.

        Reads every mask, as `evaluate` does: one picture does not show whether 255 is void or an object.

        Raises:
            UserError: it cannot be read, has fewer than 3 masks, does not fit the video, or its first mask
                shows no object.
        """
        files = mask_files_by_frame(folder, video)
        if len(files) < 3:
            raise UserError(
                f"{folder} holds {len(files)} masks named by their frames; 3 are the least, as the first "
                "and the last do not count."
            )
        reader = MaskReader(files.values(), size=(video.height, video.width))
        frames = list(files)
        first = reader.labels(files[frames[0]])
        if not first.any():
            raise UserError(f"There is nothing to compare with: {files[frames[0]]} shows no object.")
        return cls(folder, {frame: files[frame] for frame in frames[1:-1]}, int(first.max()), reader)

    def score(self, frame: int, masks: Mapping[int, SoftMask]) -> NDArray[np.float64]:
        """J and F of each instance in one of the frames that count.

        Args:
            masks: the frame's maps by instance number; those that the truth has not are scored against
                nothing, but may still win pixels from the others.

        Returns:
            (instances, 2) float64 in [0, 1], row k - 1 of instance k.

        Raises:
            UserError: the mask cannot be read, or has another size.
        """
        truth = self.reader.labels(self.files[frame])
        return frame_scores(truth, masks, range(1, self.instances + 1))


def frame_scores(
    truth: LabelMap, masks: Mapping[int, SoftMask], instances: Sequence[int]
) -> NDArray[np.float64]:
    """J and F of instances in one frame.

    Args:
        truth: (H, W) uint8.
        masks: the frame's maps by instance number; they are merged, so that each pixel has one instance.

    Returns:
        (instances, 2) float64 in [0, 1].
    """
    found = merge(masks, *truth.shape)
    pairs = ((truth == number, found == number) for number in instances)
    return np.array([(jaccard(true, own), boundary_f(true, own)) for true, own in pairs])


class RunningScores:
    """The scores so far.

    Attributes:
        frames: those that count.
    """

    def __init__(self, truth: Truth) -> None:
        self.frames = tuple(truth.files)
        self._places = {frame: place for place, frame in enumerate(self.frames)}
        self._scores = np.full((len(self.frames), truth.instances, 2), np.nan)

    @property
    def scored(self) -> int:
        """How many frames have been scored."""
        return int(np.count_nonzero(~np.isnan(self._scores[:, 0, 0])))

    def put(self, frame: int, scores: NDArray[np.float64]) -> None:
        """Take a frame's scores, in place of older ones."""
        self._scores[self._places[frame]] = scores

    def at(self, frame: int) -> dict[int, Figures]:
        """Of each instance in one frame; empty while it has not been scored."""
        place = self._places.get(frame)
        if place is None or np.isnan(self._scores[place, 0, 0]):
            return {}
        return _by_number(self._scores[place])

    def figures(self) -> dict[int, Figures]:
        """Of each instance over the frames scored so far; empty while there is none."""
        there = ~np.isnan(self._scores[:, 0, 0])
        return _by_number(self._scores[there].mean(axis=0)) if there.any() else {}


def overall(figures: Mapping[int, Figures]) -> Figures:
    """The mean over instances, of which there is one at least."""
    return Figures(
        float(np.mean([each.j for each in figures.values()])),
        float(np.mean([each.f for each in figures.values()])),
    )


def _by_number(scores: NDArray[np.float64]) -> dict[int, Figures]:
    return {number: Figures(float(j), float(f)) for number, (j, f) in enumerate(scores, 1)}
