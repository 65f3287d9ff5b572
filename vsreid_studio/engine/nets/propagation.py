"""N_mp, the mask propagation network (Sec. 3.1), in both sizes: two streams, and what draws the outline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import QualityHead, averaged, resized, spatial, unit
from .stream import (
    LITE,
    PAPER,
    LiteTrunk,
    MemoryEntry,
    ResNetTrunk,
    Segmented,
    Stream,
)


class OutlineRefinement(nn.Module):
    """Refines the outline at the patch's full size, after both streams have agreed on the map.

    The streams decide at half the size, from features that are coarser still. Here each pixel is looked at
    together with the picture's own edges and those of the guiding map, which are exact near a checkpoint:
    there each pixel may keep what the guiding map says, as far as the flow is right. Before it is trained it
    changes next to nothing.
    """

    DETAIL, WIDTH = 24, 40
    DOUBT = 2.5e-3
    """Of a pixel that the guiding map is sure of: its logit is 6."""
    KEEPS = -4.0
    """Logit of how much of the guiding map is kept, before training."""

    def __init__(self, inner: int, maps: int = 4) -> None:
        """`inner`: channels of what the RGB stream's logits come from; `maps`: of `maps` and `carried`."""
        super().__init__()
        self.detail = nn.Sequential(
            nn.Conv2d(3 + maps, self.DETAIL, 4, 2, 1, bias=False),
            nn.BatchNorm2d(self.DETAIL, momentum=0.03),
            nn.ReLU(inplace=True),
        )
        self.join = unit(inner + self.DETAIL + 1, self.WIDTH)
        self.steps = nn.ModuleList(spatial(self.WIDTH, self.WIDTH, separable=True) for _ in range(4))
        # For each of the 2 x 2 pixels of a place: how to correct the logits, and what to keep of the guide.
        self.head = nn.Conv2d(self.WIDTH, 8, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        bias = cast(Tensor, self.head.bias)
        nn.init.zeros_(bias[:4])
        nn.init.constant_(bias[4:], self.KEEPS)

    def forward(self, fine: Tensor, patch: Tensor, maps: Tensor, logits: Tensor, carried: Tensor) -> Tensor:
        """Logits at the patch's size, (N, 1, H, W).

        Args:
            fine: (N, inner, H / 2, W / 2), see `Segmented`.
            patch: (N, 3, H, W) RGB.
            maps: (N, 2, H, W), see `Stream.segment`.
            logits: (N, 1, H / 2, W / 2), of both streams.
            carried: (N, 2, H, W), see `MaskPropagationNet.forward`.
        """
        detail = self.detail(torch.cat([patch, maps, carried], 1))
        x = self.join(torch.cat([fine, detail, logits.sigmoid()], 1))
        for step in self.steps:
            x = x + step(x)
        head = self.head(x)
        drawn, keep = (functional.pixel_shuffle(half, 2) for half in (head[:, :4], head[:, 4:]))
        found = resized(logits, patch) + drawn
        kept = torch.logit(maps[:, :1], self.DOUBT)
        return found + keep.sigmoid() * (kept - found)


class PropagationOutput(NamedTuple):
    """The output of N_mp for N patches.

    Attributes:
        logits: of the instance, (N, 1, H, W), or (N, 1, H / s, W / s) at the RGB stream's finest stride where
            nothing finishes them.
        quality: (N,), logits of the IoU that these have.
        coarse: (N, C, h', w'), the RGB trunk's deepest features, for the memory.
    """

    logits: Tensor
    quality: Tensor
    coarse: Tensor


class MaskPropagationNet(nn.Module):
    """N_mp: the RGB stream and the flow stream, their predictions averaged, and their predicted IoU.

    Attributes:
        finish: draws the outline of what the streams found; None where these decide alone, as in the paper.
    """

    def __init__(self, rgb: Stream, flow: Stream, finish: OutlineRefinement | None = None) -> None:
        super().__init__()
        self.rgb = rgb
        self.flow = flow
        self.finish = finish
        self.quality = QualityHead(rgb.shape.width)

    def forward(
        self,
        patch: Tensor,
        flow: Tensor | None,
        maps: Tensor,
        carried: Tensor,
        memories: Sequence[Sequence[MemoryEntry]] | None = None,
    ) -> PropagationOutput:
        """Segment the instance in each patch.

        Args:
            patch: (N, 3, H, W) RGB.
            flow: (N, 3, h, w), at a size of its own; None leaves the flow stream out.
            maps: (N, 2, H, W), see `Stream.segment`; the flow stream gets them averaged down to its size.
            carried: (N, 2, H, W) in [0, 1]: how far the flow is off (`flow.warping_error`), and how near the
                checkpoint is (`nearness`); zeros where no flow has carried the guiding map.
            memories: entries of the RGB stream for each patch.
        """
        features = self.rgb.encode(patch)
        found = self.rgb.segment(features, maps, memories)
        logits = together(found.logits, None if flow is None else self.moving(flow, maps))
        logits = self.finished(found, logits, patch, maps, carried)
        return PropagationOutput(
            logits, self.iou_logits(found.context, found.logits, logits, maps), features.coarse
        )

    def finished(
        self, rgb: Segmented, logits: Tensor, patch: Tensor, maps: Tensor, carried: Tensor
    ) -> Tensor:
        """The logits, for those on which the streams have agreed (`together`)."""
        return logits if self.finish is None else self.finish(rgb.fine, patch, maps, logits, carried)

    def iou_logits(self, context: Tensor, rgb: Tensor, logits: Tensor, maps: Tensor) -> Tensor:
        """Predict the IoU of the map that `logits` make with the truth: (N,), logits.

        Args:
            context: of the RGB stream, see `Segmented`.
            rgb: its own logits; the map is averaged to their size.
        """
        found: Tensor = self.quality(context, averaged(logits.sigmoid(), rgb), maps[:, :1])
        return found

    def moving(self, flow: Tensor, maps: Tensor) -> Tensor:
        """Logits of the flow stream, at its own finest stride."""
        return self.flow.segment(self.flow.encode(flow), averaged(maps, flow)).logits


def nearness(steps: float) -> float:
    """How near a checkpoint with an exact mask is, in (0, 1]: 1 for its neighbour, `steps` being 1."""
    return exp((1 - steps) / 4)


def together(rgb: Tensor, moving: Tensor | None = None) -> Tensor:
    """The mean of both streams' logits, at the size of the RGB stream's."""
    return rgb if moving is None else (rgb + resized(moving, rgb)) / 2


def lite() -> MaskPropagationNet:
    """N_mp for CPUs: both streams on EfficientNet-Lite0, logits at the patch's size."""
    rgb = Stream(LiteTrunk(), LITE)
    return MaskPropagationNet(rgb, Stream(LiteTrunk(), LITE), OutlineRefinement(rgb.decoder.channels))


def paper() -> MaskPropagationNet:
    """N_mp as in the paper: both streams on a dilated ResNet-101, logits at stride 8."""
    return MaskPropagationNet(Stream(ResNetTrunk(), PAPER), Stream(ResNetTrunk(), PAPER))


@dataclass(frozen=True)
class Size:
    """One size of N_mp.

    Attributes:
        build: makes the network, its weights at random.
        patch, flow_patch: sides of what the RGB and the flow stream see, in pixels.
        align: sides at other scales are multiples of this.
        enlarge: how much Box(P > 0.5) grows on each side before the crop, as a share of its size.
    """

    build: Callable[[], MaskPropagationNet]
    patch: int
    flow_patch: int
    align: int
    enlarge: float


# The authors' program enlarges by 0.15. The lite network gains by seeing more ground.
SIZES = {"lite": Size(lite, 256, 128, 32, 0.25), "paper": Size(paper, 449, 449, 8, 0.15)}
