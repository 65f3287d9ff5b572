"""N_mp on patches of one frame: cut out, shown in one or several views, and averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..nets.propagation import Found, Size
from ..nets.stream import MemoryEntry
from ..runtime.flow import FlowField
from ..runtime.inference import Inference, Patches
from ..runtime.parallel import side_by_side
from ..runtime.patches import carried_patch, crop, fit, flow_patch
from ..runtime.tensors import map_tensor, picture_tensor
from ..types import Box, Frame, Probability


@dataclass(frozen=True, eq=False)
class Request:
    """One patch to be looked at.

    Attributes:
        instance: whose map is wanted.
        box: of the patch, in the frame.
        guide: (h, w) float32, the guiding map in the box, at the box's size or less, see `patches.reduced`.
        others: likewise, the greatest of the other instances' maps.
        expected: the instance's area when it was last seen well, in pixels; 0 when that is not known.
        before: (h, w, 3) uint8, the frame where the guiding map comes from, carried along;
            None where no flow has carried it.
        near: how near the checkpoint is, see `nearness`.
        careful: look at it more carefully than at others.
    """

    instance: int
    box: Box
    guide: Probability
    others: Probability
    expected: float = 0.0
    before: Frame | None = None
    near: float = 0.0
    careful: bool = False


class View(NamedTuple):
    """How patches are shown.

    Attributes:
        scales: their sizes, as factors of the network's own.
        flip: also mirrored.
    """

    scales: tuple[float, ...]
    flip: bool


class Look(NamedTuple):
    """What N_mp says of one patch.

    Attributes:
        patch: (s, s) float32, the instance's map, at the network's own size.
        quality: the IoU that it is expected to have.
        coarse: (1, C, h, w), features of the patch for the memory.
    """

    patch: Probability
    quality: float
    coarse: Tensor


class Looks:
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

    @torch.inference_mode()
    def look(
        self,
        picture: Frame,
        requests: Sequence[Request],
        flow: FlowField,
        memories: Sequence[list[MemoryEntry]],
        view: View,
    ) -> list[Look]:
        """N_mp on patches of a frame, averaged over the scales and flips of a view."""
        found = [
            one
            for scale in view.scales
            for one in self._run(picture, requests, flow, memories, scale, view.flip)
        ]
        patches = torch.stack([self._probability(one) for one in found]).mean(0).cpu().numpy()
        quality = torch.stack([one.quality for one in found]).mean(0).sigmoid().tolist()
        coarse = torch.split(found[0].coarse, 1)
        return [Look(*parts) for parts in zip(patches, quality, coarse, strict=True)]

    def _run(
        self,
        picture: Frame,
        requests: Sequence[Request],
        flow: FlowField,
        memories: Sequence[list[MemoryEntry]],
        scale: float,
        flip: bool,
    ) -> list[Found]:
        """The patches at one scale, and then mirrored, where that is wanted; those logits are turned back."""
        size, half = (self._scaled(side, scale) for side in (self._size.patch, self._size.flow_patch))

        def cut_out(request: Request) -> tuple[NDArray[Any], ...]:
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
        found = self._inference.run(Patches(picture_tensor(patch, like), flows, guides, known, read))
        if not flip:
            return [found]
        straight, mirrored = (Found(*half) for half in zip(*(it.chunk(2) for it in found), strict=True))
        return [straight, mirrored._replace(logits=mirrored.logits.flip(3))]

    def _probability(self, found: Found) -> Tensor:
        """(N, s, s) at the network's own size."""
        side = self._size.patch
        maps = found.logits.float().sigmoid()
        return functional.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False)[:, 0]

    def _scaled(self, side: int, scale: float) -> int:
        align = self._size.align
        return side if scale == 1 else max(align, round(side * scale / align) * align)
