"""What the three algorithms need: flow and warp (F, W), N_mp, and N_det with N_reid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..flow import FlowField
from ..store.view import Cells
from ..types import Box, Candidates, Frame, Prediction, Probability, SoftMask


class Motion(Protocol):
    """F and W on the frames of one video."""

    def frame(self, index: int) -> Frame:
        """I_i: (H, W, 3) uint8 RGB."""
        ...

    def flow(
        self, source: int, target: int, cells: Cells | None = None, instances: Sequence[int] = ()
    ) -> FlowField:
        """F(I_source, I_target), on the pixels of `source`.

        Args:
            cells, instances: the maps that it will propagate; a module may refine the flow for some of them.
        """
        ...

    def warp(self, maps: Mapping[int, SoftMask], back: FlowField) -> dict[int, SoftMask]:
        """W: maps of frame i warped to frame j by the flow from j to i, which is what a warp samples."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The context of the patches of one call of N_mp, for networks and extensions that use more.

    Attributes:
        cells: P and c, without the maps that are being computed.
        frame: j, the frame of the patches.
        source: i, the frame of the guiding maps; None where nothing was propagated.
        picture: I_j.
        back: the flow from j to i, by which the guiding maps were warped; None where nothing was propagated.
        flow: what moves in I_j, as N_mp sees it.
        guides: P[i→j, k] of all instances that are propagated, also of those that are then lost.
    """

    cells: Cells
    frame: int
    source: int | None
    picture: Frame
    back: FlowField | None
    flow: FlowField
    guides: Mapping[int, SoftMask]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The input of N_mp: I_j, f and P[i→j, k] inside b, at the size it works on.

    Attributes:
        instance: k.
        box: b, slightly enlarged, inside the frame.
        guide: the guiding map.
    """

    instance: int
    box: Box
    guide: SoftMask


@dataclass(frozen=True, slots=True, eq=False)
class PatchMap:
    """The output of N_mp for one patch.

    Attributes:
        probability: (h, w) float32 that fills the patch's box, at the box's size or less.
        quality: the IoU that the map is expected to have, in [0, 1].
    """

    probability: Probability
    quality: float


class PropagationNetwork(Protocol):
    """N_mp."""

    def box(self, tight: Box) -> Box:
        """b, slightly enlarged to keep context, inside the frame (Sec. 3.1)."""
        ...

    def __call__(self, scene: Scene, patches: Sequence[Patch]) -> list[PatchMap]:
        """N_mp on patches of one frame, in their order."""
        ...


class MaskPropagation(Protocol):
    """M_mp (Algorithm 1), and the recovery of Algorithm 3, line 22; see `propagate.PatchPropagation`."""

    def propagate(
        self, cells: Cells, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        """M_mp(I_source, I_target, P[source, k]) for every k in `instances`; the frames are neighbours."""
        ...

    def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
        """N_mp in `box` of `frame`, guided by the patch of the instance's template."""
        ...


class Reidentification(Protocol):
    """N_det and N_reid (Algorithm 2) on the frames of one video."""

    def candidates(self, frame: int) -> Candidates:
        """X = N_det(I_i) with N_reid of every box; computed once and kept."""
        ...

    def cached(self, frame: int) -> bool:
        """Whether `candidates` costs nothing for this frame."""
        ...

    def prepare(self, frames: Sequence[int]) -> None:
        """Compute what `candidates` will soon be asked for, where that is faster at once; here nothing."""
        return

    def appearance(self, frame: int, mask: SoftMask) -> NDArray[np.float32]:
        """N_reid of what a mask (not empty) covers: (d,) float32 of length 1."""
        ...

    def appearances(self, masks: Sequence[tuple[int, SoftMask]]) -> NDArray[np.float32]:
        """`appearance` of many masks, each with its frame: (n, d) float32; n is at least 1.

        A module whose network takes several boxes at a time overrides it.
        """
        return np.stack([self.appearance(frame, mask) for frame, mask in masks])

    def colours(self, frame: int, mask: SoftMask) -> NDArray[np.float16]:
        """The colours of what a mask (not empty) covers, without the ground in its box: (c,) of length 1."""
        ...
