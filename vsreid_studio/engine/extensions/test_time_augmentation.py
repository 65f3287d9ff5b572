"""Test-time augmentation: N_mp on patches at several scales and mirrored, averaged.

The paper averages over scales, too (Sec. 3.1, 'multi-scale testing'). On whole runs that is an option
(`--multi-scale`, `--flip`): J&F .900 instead of .894 in twice the time. Recoveries, cut-outs of a box and
corrected instances always use two larger scales and mirrored patches: between exact masks J&F is .945
instead of .940 (docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..algorithm.protocols import PatchMap
from ..flow import FlowField
from ..nets.inference import Inference, Patches
from ..nets.layers import map_tensor, picture_tensor
from ..nets.patches import carried_patch, crop, fit, flow_patch, paste
from ..nets.propagation import PropagationOutput, Size
from ..nets.stream import MemoryEntry
from ..parallel import side_by_side
from ..types import Box, Frame, Probability


@dataclass(frozen=True, eq=False)
class PatchRequest:
    """One patch to be looked at.

    Attributes:
        instance: whose map is wanted.
        box: of the patch, in the frame.
        guide: (h, w) float32, the guiding map in the box, at the box's size or less, see `patches.reduced`.
        others: likewise, the greatest of the other instances' maps.
        before: (h, w, 3) uint8, the frame of the guiding map, warped by the flow;
            None where no flow has carried it.
        near: how near the checkpoint is, see `nearness`.
        careful: also on larger scales and mirrored.
        observe: receives the patch's (1, C, h, w) features, for the memory.
    """

    instance: int
    box: Box
    guide: Probability
    others: Probability
    before: Frame | None = None
    near: float = 0.0
    careful: bool = False
    observe: Callable[[Tensor], None] | None = None


class Augmentation(NamedTuple):
    """How patches are shown.

    Attributes:
        scales: their sizes, as factors of the network's own.
        flip: also mirrored.
    """

    scales: tuple[float, ...]
    flip: bool


CAREFUL = Augmentation((1.25, 1.5), flip=True)
"""Of recoveries and of what a person has corrected, see `PropagationConfig.augment_corrected`."""


class AugmentedNetwork:
    """Shows patches to one network.

    Attributes:
        together: see `Inference`.
    """

    def __init__(self, inference: Inference, size: Size, flow_stream: bool) -> None:
        """`flow_stream`: whether to use it."""
        self.together = inference.together
        self._like = inference.network.rgb.log_sharpness
        self._inference = inference
        self._size = size
        self._flow_stream = flow_stream

    def __call__(
        self,
        picture: Frame,
        requests: Sequence[PatchRequest],
        flow: FlowField,
        memories: Sequence[list[MemoryEntry]],
        augmentation: Augmentation,
    ) -> list[PatchMap]:
        """N_mp on patches of a frame, averaged over scales and flips."""
        with torch.inference_mode():
            seen: list[PropagationOutput] = []
            for scale in augmentation.scales:
                patches = self._patches(picture, requests, flow, memories, scale, augmentation.flip)
                found = self._inference.run(patches)
                seen += _straightened(found) if augmentation.flip else [found]
            maps = torch.stack([self._probability(one) for one in seen]).mean(0).cpu().numpy()
            quality = torch.stack([one.quality for one in seen]).mean(0).sigmoid().tolist()
        for request, coarse in zip(requests, torch.split(seen[0].coarse, 1), strict=True):
            if request.observe is not None:
                request.observe(coarse)
        return [
            PatchMap(paste(one, request.box, request.guide.shape), worth)
            for one, worth, request in zip(maps, quality, requests, strict=True)
        ]

    def _patches(
        self,
        picture: Frame,
        requests: Sequence[PatchRequest],
        flow: FlowField,
        memories: Sequence[list[MemoryEntry]],
        scale: float,
        flip: bool,
    ) -> Patches:
        """The patches at one scale, and then mirrored, where that is wanted."""
        size, half = (self._scaled(side, scale) for side in (self._size.patch, self._size.flow_patch))

        def cut_out(request: PatchRequest) -> tuple[NDArray[Any], ...]:
            patch = crop(picture, request.box, size)
            before = None if request.before is None else fit(request.before, size)
            return (
                patch,
                flow_patch(flow.inside(request.box, request.guide.shape), request.box, half),
                np.stack([fit(request.guide, size), fit(request.others, size)], 2),
                carried_patch(patch, before, request.near),
            )

        cut = side_by_side(cut_out, requests)
        patch, moving, maps, carried = (np.stack(parts) for parts in zip(*cut, strict=True))
        read = list(memories)
        if flip:
            patch, maps, carried = (np.concatenate([it, it[:, :, ::-1]]) for it in (patch, maps, carried))
            moving = np.concatenate([moving, moving[:, :, ::-1] * np.array((-1, 1, 1), np.float32)])
            read *= 2
        like = self._like
        flows = map_tensor(moving, like) if self._flow_stream else None
        guides, known = (map_tensor(it, like) for it in (maps, carried))
        return Patches(picture_tensor(patch, like), flows, guides, known, read)

    def _probability(self, found: PropagationOutput) -> Tensor:
        """(N, s, s) at the network's own size."""
        side = self._size.patch
        maps = found.logits.float().sigmoid()
        return functional.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False)[:, 0]

    def _scaled(self, side: int, scale: float) -> int:
        align = self._size.align
        return side if scale == 1 else max(align, round(side * scale / align) * align)


def _straightened(found: PropagationOutput) -> list[PropagationOutput]:
    """What was found of patches, and of the same mirrored, whose logits are turned back."""
    straight, mirrored = (
        PropagationOutput(*half) for half in zip(*(it.chunk(2) for it in found), strict=True)
    )
    return [straight, mirrored._replace(logits=mirrored.logits.flip(3))]
