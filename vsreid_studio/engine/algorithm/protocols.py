"""What Algorithm 3 needs of its two modules; tests put small fakes in their place."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..store.annotation import Annotation
from ..types import Box, Candidates, Prediction, SoftMask


class MaskPropagation(Protocol):
    """M_mp (Algorithm 1) and the recovery of Algorithm 3, line 22.

    Both read what they need from the annotation: the maps of the source frame (all instances, so that
    neighbours are told apart) and, as memory, the checkpoints of the instance.
    """

    def propagate(
        self, annotation: Annotation, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        """M_mp(I_source, I_target, P[source, k]) for every k in `instances`; the frames are neighbours."""
        ...

    def smooth(
        self,
        annotation: Annotation,
        instance: int,
        maps: Mapping[int, SoftMask],
        frames: Sequence[int],
        step: int,
    ) -> Generator[None, None, dict[int, SoftMask]]:
        """Draw maps of an instance together, see `smooth.Smoother.smooth`; here they stay as they are."""
        yield
        return {frame: maps[frame] for frame in frames}

    def recover(self, annotation: Annotation, frame: int, box: Box, instance: int) -> Prediction:
        """N_mp in `box` of `frame`, guided by the patch of the instance's first checkpoint."""
        ...


class Reidentification(Protocol):
    """N_det and N_reid (Algorithm 2) on the frames of one video."""

    def candidates(self, frame: int) -> Candidates:
        """The frame's candidate boxes and embeddings; computed once and kept."""
        ...

    def cached(self, frame: int) -> bool:
        """Whether `candidates` costs nothing for this frame."""
        ...

    def prepare(self, frames: Sequence[int]) -> None:
        """Compute what `candidates` will soon be asked for, where that is faster at once; here nothing."""
        return

    def appearance(self, frame: int, mask: SoftMask) -> NDArray[np.float32]:
        """The embedding of what a mask (not empty) covers: (d,) float32 of length 1."""
        ...
