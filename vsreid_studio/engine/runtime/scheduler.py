"""Computes ahead the flow that the plan of a run will ask for, beside the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..algorithm.plan import Plan
from ..algorithm.propagate import corrected
from ..algorithm.protocols import Cells
from ..flow import FlowField, FlowSource, warp_mask
from ..parallel import side_by_side
from ..types import Frame, SoftMask
from ..video import Video

AHEAD = 2
"""Steps for which flow is there before it is asked for, so that there is always one to be computed."""


class ScheduledMotion:
    """F and W on the frames of one video; knows what is asked for next.

    Attributes:
        video: of the frames.
    """

    def __init__(self, video: Video, usual: FlowSource, careful: FlowSource | None = None) -> None:
        """`careful`: finer flow, for what a person has corrected; None where all is carried by the same."""
        self.video = video
        self._usual = usual
        self._careful = careful
        self._last = usual
        self._steps: list[tuple[int, int]] = []
        self._places: dict[tuple[int, int], int] = {}
        self._next = 0

    def expect(self, plan: Plan) -> None:
        """Take note of the steps that will be taken, in the place of those known so far."""
        self._steps = [(step.source, step.target) for step in plan.steps]
        self._places = {step: n for n, step in enumerate(self._steps)}
        self._next = 0

    def frame(self, index: int) -> Frame:
        """I_i."""
        return self.video.frame(index)

    def flow(
        self, source: int, target: int, cells: Cells | None = None, instances: Sequence[int] = ()
    ) -> FlowField:
        """F(I_source, I_target), on the pixels of `source`: finer if one of the instances was corrected."""
        self._last = self._usual
        finer = self._careful
        if finer is not None and cells is not None and any(corrected(cells, k) for k in instances):
            self._last = finer
        # A map is carried from i to j by the flow from j to i.
        self._next = self._places.get((target, source), len(self._steps)) + 1
        return self._last.between(source, target)

    def warp(self, maps: Mapping[int, SoftMask], back: FlowField) -> dict[int, SoftMask]:
        """W, side by side."""
        carried = side_by_side(lambda mask: warp_mask(mask, back), maps.values())
        return dict(zip(maps, carried, strict=True))

    def begin_ahead(self) -> None:
        """Begin the flow of the next steps, in the background."""
        for source, target in self._steps[self._next : self._next + AHEAD]:
            self._last.prepare(target, source)
