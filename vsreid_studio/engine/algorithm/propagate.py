"""Algorithm 1: mask propagation from a frame to the next, and recovery (Algorithm 3, lines 20 to 22)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import cv2

from ..store.view import Cells
from ..types import Box, Maker, Prediction, SoftMask
from .protocols import Motion, Patch, PatchMap, PropagationNetwork, Scene

Each: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]
"""Applies a function to each of many instances, in any order, like `map`."""


class AfterPatch(Protocol):
    """An extension that changes the map of one patch."""

    def after_patch(self, scene: Scene, patch: Patch, found: PatchMap) -> PatchMap:
        """The map to continue with."""
        ...


class AfterPrediction(Protocol):
    """An extension that changes the maps propagated to a frame."""

    def after_prediction(
        self, scene: Scene, patches: Sequence[Patch], found: Mapping[int, Prediction]
    ) -> dict[int, Prediction]:
        """The predictions to be gone on with."""
        ...


class PatchPropagation:
    """M_mp, for all instances that go the same way at once.

    Attributes:
        motion: F and W.
        network: N_mp.
        after_patch, after_prediction: extensions, each on what the one before has left.
    """

    def __init__(
        self,
        motion: Motion,
        network: PropagationNetwork,
        after_patch: Sequence[AfterPatch] = (),
        after_prediction: Sequence[AfterPrediction] = (),
        each: Each = lambda task, items: list(map(task, items)),
    ) -> None:
        self.motion = motion
        self.network = network
        self.after_patch = tuple(after_patch)
        self.after_prediction = tuple(after_prediction)
        self._each = each

    def propagate(self, cells: Cells, i: int, j: int, instances: Sequence[int]) -> dict[int, Prediction]:  # 1
        """M_mp(I_i, I_j, P[i, k]) for every k in `instances`."""
        image = self.motion.frame(j)
        # A warp samples: it needs the flow on the pixels of j, of which f_{i→j} is there the negative.
        back = self.motion.flow(j, i, cells, instances)  # 3
        warped = self.motion.warp({k: cells.mask(i, k) for k in instances}, back)  # 4
        boxes = {k: warped[k].hard_box for k in instances}  # 5
        scene = Scene(cells, j, i, image, back, -back, warped)
        patches = [Patch(k, self.network.box(b), warped[k]) for k, b in boxes.items() if b is not None]
        nothing = {k: _nothing(warped[k]) for k, b in boxes.items() if b is None}  # 2
        found = nothing | self._pasted(scene, patches, self.network(scene, patches))  # 6
        for extension in self.after_prediction:
            found = extension.after_prediction(scene, patches, found)
        return found  # 7

    def recover(self, cells: Cells, i: int, x: Box, k: int) -> Prediction:
        """Algorithm 3, lines 20 to 22: N_mp in the box x of frame i, guided by the template's own patch."""
        template = cells.mask(template_frame(cells, k), k)
        b = template.hard_box or template.box  # 21
        guide = cv2.resize(template.inside(b), (x.width, x.height), interpolation=cv2.INTER_LINEAR)
        return self.predict_at(cells, i, SoftMask.from_dense(guide, (x.x0, x.y0)), x, k)  # 22

    def predict_at(self, cells: Cells, i: int, guide: SoftMask, tight: Box, k: int) -> Prediction:
        """N_mp around one box of a frame to which nothing was propagated."""
        last = i + 1 == cells.length
        # Algorithm 3, line 20; the last frame's is what led to it.
        flow = -self.motion.flow(i, max(i - 1, 0)) if last else self.motion.flow(i, i + 1)
        scene = Scene(cells, i, None, self.motion.frame(i), None, flow, {k: guide})
        patches = [Patch(k, self.network.box(tight), guide)]
        return self._pasted(scene, patches, self.network(scene, patches))[k]

    def _pasted(
        self, scene: Scene, patches: Sequence[Patch], found: Sequence[PatchMap]
    ) -> dict[int, Prediction]:
        """Paste the map of each patch into one of the frame, zero outside its box."""

        def paste(patch: Patch, one: PatchMap) -> Prediction:
            for extension in self.after_patch:
                one = extension.after_patch(scene, patch, one)
            most = float(one.probability.max(initial=0))
            mask = SoftMask.enlarged(one.probability, patch.box)
            return Prediction(mask, one.quality if most > 0.5 else 1 - most)

        maps = self._each(lambda pair: paste(*pair), list(zip(patches, found, strict=True)))
        return {patch.instance: one for patch, one in zip(patches, maps, strict=True)}


def template_frame(cells: Cells, k: int) -> int:
    """Where an instance's template is: its first pinned checkpoint, or its first where none is pinned."""
    checkpoints = cells.checkpoints(k)
    return next((i for i in checkpoints if (cell := cells.get(i, k)) and cell.pinned), checkpoints[0])


def corrected(cells: Cells, instance: int) -> bool:
    """Whether a person drew or imported the instance in a frame beside that of its template."""
    checkpoints = cells.checkpoints(instance)
    if not checkpoints:
        return False
    first = template_frame(cells, instance)
    later = (cells.get(frame, instance) for frame in checkpoints if frame != first)
    return any(
        cell is not None and cell.pinned and cell.made_by in (Maker.PERSON, Maker.IMPORT) for cell in later
    )


def _nothing(guide: SoftMask) -> Prediction:
    """P[j, k] = 0 where no guiding map exceeds 0.5; the less there was, the surer."""
    return Prediction(SoftMask.empty(), 1 - float(guide.values.max(initial=0)) / 255)
