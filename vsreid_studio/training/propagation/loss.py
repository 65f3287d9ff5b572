"""Batches of views and the loss of N_mp on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...engine.nets import propagation as nets
from ...engine.nets import stream as streams
from ...engine.nets.layers import map_tensor, mixed_precision, picture_tensor, resized
from ...engine.nets.patches import carried_patch
from .sample import View


@dataclass(frozen=True, eq=False)
class Batch:
    """Groups of views as tensors; view v of group g lies at row g * views + v.

    Attributes:
        patch: (N, 3, S, S) float32, scaled as `picture_tensor` does.
        flow: (N, 3, S / 2, S / 2) float32.
        moves: (N,) bool, whether there is flow.
        maps: (N, 2, S, S) float32: guiding map, the others' maps.
        truth: (N, 2, S, S) float32: the instance's mask, the others' masks.
        views: views in a group.
        carried: (N, 2, S, S) float32, see `MaskPropagationNet.forward`.
        decoy: (N,) bool, see `View.decoy`.
    """

    patch: Tensor
    flow: Tensor
    moves: Tensor
    maps: Tensor
    truth: Tensor
    views: int
    carried: Tensor
    decoy: Tensor


def collate(views: Sequence[View], group: int) -> Batch:
    """Stack views, `group` of them a group."""
    like = torch.zeros(())
    return Batch(
        picture_tensor(np.stack([view.patch for view in views]), like),
        map_tensor(np.stack([view.flow for view in views]), like),
        torch.tensor([view.moves for view in views]),
        map_tensor(np.stack([np.stack([view.guide, view.others], 2) for view in views]), like),
        map_tensor(np.stack([np.stack([view.truth, view.others_truth], 2) for view in views]), like),
        group,
        map_tensor(np.stack([carried_patch(v.patch, v.before, v.near) for v in views]), like),
        torch.tensor([view.decoy for view in views]),
    )


_NEAR = 3
"""Pixels of a patch, on either side, that count as near the outline."""


def segmentation_loss(
    logits: Tensor,
    truth: Tensor,
    weights: Tensor,
    outline: float = 0.0,
    emphasis: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy plus Dice.

    Args:
        logits: (N, 1, h, w), enlarged to the truth's size.
        truth: (N, 1, S, S) in [0, 1].
        weights: (N,), how much each patch counts.
        outline: how much more a pixel near the outline counts in the cross-entropy, as a share of the others.
        emphasis: (N, 1, S, S), how much more each pixel counts there, likewise; None for not at all.
    """
    logits = functional.interpolate(
        logits.float(), size=truth.shape[-2:], mode="bilinear", align_corners=False
    )
    each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    if outline or emphasis is not None:
        counts = 1 + outline * _near_outline(truth)
        if emphasis is not None:
            counts = counts + emphasis
        each = each * counts / counts.mean((1, 2, 3), keepdim=True)
    entropy = each.mean((1, 2, 3))
    found = logits.sigmoid()
    common, both = (found * truth).sum((1, 2, 3)), found.sum((1, 2, 3)) + truth.sum((1, 2, 3))
    # The constant makes an empty map right, and a few stray pixels cheap, where the truth is empty.
    dice = 1 - (2 * common + 100) / (both + 100)
    return ((entropy * 2 + dice) * weights).sum() / weights.sum().clamp_min(1)


def _near_outline(truth: Tensor) -> Tensor:
    """How much the truth changes within `_NEAR` pixels: (N, 1, S, S) in [0, 1]."""
    side = 2 * _NEAR + 1
    most = functional.max_pool2d(truth, side, 1, _NEAR)
    return most + functional.max_pool2d(-truth, side, 1, _NEAR)


def memories(
    stream: streams.Stream, features: streams.Features, batch: Batch, random: np.random.Generator
) -> list[list[streams.MemoryEntry]]:
    """For each view, some of its group's other views as memory; now and then none."""
    entries = stream.memorise(features, batch.truth)
    usable = batch.truth[:, 0].mean((1, 2)) > 0.01
    chosen = []
    for row in range(len(entries)):
        first = row - row % batch.views
        peers = [n for n in range(first, first + batch.views) if n != row and usable[n]]
        chosen.append([entries[n] for n in peers if random.random() < 0.7])
    return chosen


class PropagationLoss:
    """The loss of one stage for (model, batch); its randomness follows from the step's number."""

    def __init__(self, streams: Sequence[str], own: float, seed: int, start: int) -> None:
        """The loss of a stage.

        Args:
            streams: those that are trained.
            own: share of the steps in which the network's own output becomes its guiding map.
            start: number of the first step.
        """
        self.streams = streams
        self.own = own
        self.seed = seed
        self.step = start

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss, and J of the averaged prediction."""
        assert isinstance(model, nets.MaskPropagationNet)
        random = np.random.default_rng([self.seed, 77, self.step])
        self.step += 1
        with mixed_precision(batch.patch.device):
            rgb, flow = self._logits(model, batch, random)
        truth, everywhere = batch.truth[:, :1], torch.ones(len(batch.truth))
        moves = batch.moves.float()
        if flow is None and rgb is not None:
            total, mean = segmentation_loss(rgb, truth, everywhere), rgb
        elif rgb is None and flow is not None:
            total, mean = segmentation_loss(flow, truth, moves), flow
        elif rgb is not None and flow is not None:
            mean = torch.where(batch.moves[:, None, None, None], (rgb + flow) / 2, rgb)
            total = segmentation_loss(mean, truth, everywhere)
            total = total + 0.3 * segmentation_loss(rgb, truth, everywhere)
            total = total + 0.3 * segmentation_loss(flow, truth, moves)
        else:
            raise ValueError("a stage trains at least one stream")
        return total, {"J": float(jaccard(mean, truth).mean())}

    def _logits(
        self, model: nets.MaskPropagationNet, batch: Batch, random: np.random.Generator
    ) -> tuple[Tensor | None, Tensor | None]:
        rgb = flow = None
        maps = batch.maps
        if "rgb" in self.streams:
            features = model.rgb.encode(batch.patch)
            memory = memories(model.rgb, features, batch, random)
            if random.random() < self.own:
                maps = self._own_guides(model.rgb, features, maps, memory, random)
            rgb = model.rgb.segment(features, maps, memory).logits
        if "flow" in self.streams:
            flow = model.moving(batch.flow, maps)
            flow = flow if rgb is None else resized(flow, rgb)
        return rgb, flow

    @staticmethod
    @torch.no_grad()
    def _own_guides(
        stream: streams.Stream,
        features: streams.Features,
        maps: Tensor,
        memory: list[list[streams.MemoryEntry]],
        random: np.random.Generator,
    ) -> Tensor:
        """Half of the guiding maps replaced by what the network makes of them, errors included."""
        found = stream.segment(features, maps, memory).logits.float().sigmoid()
        found = functional.interpolate(found, size=maps.shape[-2:], mode="bilinear", align_corners=False)
        own = torch.from_numpy(random.random(len(maps)) < 0.5).to(maps.device) & (found.amax((1, 2, 3)) > 0.5)
        guide = torch.where(own[:, None, None, None], found, maps[:, :1])
        return torch.cat([guide, maps[:, 1:]], 1)


@torch.no_grad()
def jaccard(logits: Tensor, truth: Tensor) -> Tensor:
    """J of each patch, (N,); logits are enlarged to the truth's size."""
    logits = functional.interpolate(
        logits.float(), size=truth.shape[-2:], mode="bilinear", align_corners=False
    )
    found, wanted = logits > 0, truth > 0.5
    union = (found | wanted).sum((1, 2, 3))
    share = (found & wanted).sum((1, 2, 3)) / union.clamp_min(1)
    return torch.where(union > 0, share, torch.ones_like(share))
