"""Batches of views and runs, and the loss of N_mp on them: each step of a run is guided by the last."""

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
from .runs import MEMORIES, Run
from .sample import View

_NEAR = 3
"""Pixels of a patch, on either side, that count as near the outline."""
_QUALITY = 0.1
"""Weight of the predicted IoU in the loss."""
_OUTLINE = 3.0
"""How much more a pixel near the outline counts: that is where most of what is wrong lies."""


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
    """Stack views into tensors; `group` of them, one after the other, form a group."""
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


def segmentation_loss(
    logits: Tensor,
    truth: Tensor,
    weights: Tensor,
    outline: float = 0.0,
    emphasis: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy plus Dice, ().

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
    """The memory of each view: each other view of its group with a probability of .7, so sometimes none.

    Args:
        features: the stream's, of all N views.
        random: chooses.

    Returns:
        N lists of entries; views with an instance of less than 1 % of the patch are no entries.
    """
    entries = stream.memorise(features, batch.truth)
    usable = batch.truth[:, 0].mean((1, 2)) > 0.01
    chosen = []
    for row in range(len(entries)):
        first = row - row % batch.views
        peers = [n for n in range(first, first + batch.views) if n != row and usable[n]]
        chosen.append([entries[n] for n in peers if random.random() < 0.7])
    return chosen


class PropagationLoss:
    """The loss of a stage, a function of (model, batch); random choices are seeded by the step's number."""

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
        """The loss, (), and for the log J of the averaged prediction."""
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
    """J of each patch.

    Args:
        logits: (N, 1, h, w), enlarged to the truth's size.
        truth: (N, 1, S, S) in [0, 1].

    Returns:
        (N,) float32 in [0, 1]; 1 where both are empty.
    """
    logits = functional.interpolate(
        logits.float(), size=truth.shape[-2:], mode="bilinear", align_corners=False
    )
    found, wanted = logits > 0, truth > 0.5
    union = (found | wanted).sum((1, 2, 3))
    share = (found & wanted).sum((1, 2, 3)) / union.clamp_min(1)
    return torch.where(union > 0, share, torch.ones_like(share))


@dataclass(frozen=True, eq=False)
class RunBatch:
    """Runs as tensors.

    Attributes:
        views: those of run g from row g * `views.views` on, what is known first.
        second: (G,) bool, whether the second of what is known counts.
        paths: (G, T - 1, S / 2, S / 2, 2) float32, see `Run.paths`.
        linked: (G,) bool.
    """

    views: Batch
    second: Tensor
    paths: Tensor
    linked: Tensor


def collate_runs(runs: Sequence[Run]) -> RunBatch:
    """Stack runs of the same length into tensors."""
    views = [view for run in runs for view in run.views]
    return RunBatch(
        collate(views, len(runs[0].views)),
        torch.tensor([run.second for run in runs]),
        torch.from_numpy(np.stack([np.stack(run.paths) for run in runs])),
        torch.tensor([run.linked for run in runs]),
    )


class RunLoss:
    """The loss on runs, a function of (model, batch). Its random choices are seeded by the step's number."""

    def __init__(self, seed: int, start: int) -> None:
        """`start`: number of the first step."""
        self.seed = seed
        self.step = start

    def __call__(self, model: nn.Module, batch: RunBatch) -> tuple[Tensor, dict[str, float]]:
        """The loss, (), and for the log J of the first and last frame and the error of the predicted IoU."""
        assert isinstance(model, nets.MaskPropagationNet)
        random = np.random.default_rng([self.seed, 78, self.step])
        self.step += 1
        return _Unrolled(model, batch, random).loss()


class _Unrolled:
    """One batch of runs on its way through the network."""

    def __init__(self, model: nets.MaskPropagationNet, batch: RunBatch, random: np.random.Generator) -> None:
        self.model = model
        self.batch = batch
        self.random = random
        self.groups = len(batch.second)
        self.length = batch.views.views
        # Half of the runs read their own recent maps, as a memory with recent frames does.
        self.reads_own = random.random(self.groups) < 0.5

    def loss(self) -> tuple[Tensor, dict[str, float]]:
        with mixed_precision(self.batch.views.patch.device):
            features = self.model.rgb.encode(self.batch.views.patch)
            memory = self._known(features)
        last: tuple[Tensor, Tensor] | None = None
        total = features.coarse.new_zeros((), dtype=torch.float32)
        shares, off = [], []
        for step in range(MEMORIES, self.length):
            rows = torch.arange(self.groups) * self.length + step
            truth = self.batch.views.truth[rows, :1]
            maps, carried = self._maps(rows, step, last)
            seen = features.rows(rows)
            with mixed_precision(maps.device):
                found = self.model.rgb.segment(seen, maps, memory)
                moves = self.batch.views.moves[rows]
                moving = found.logits
                if moves.any():
                    moving = resized(self.model.moving(self.batch.views.flow[rows], maps), found.logits)
            mean = torch.where(moves[:, None, None, None], nets.together(found.logits, moving), found.logits)
            with mixed_precision(maps.device):
                final = self.model.finished(found, mean, self.batch.views.patch[rows], maps, carried).float()
            probability = final.detach().sigmoid()
            right = jaccard(final.detach(), truth)
            quality = self.model.iou_logits(found.context, found.logits, final.detach(), maps)
            # A decoy trains the predicted IoU only: else all that is unlike the template is dropped.
            everywhere = 1 - self.batch.views.decoy[rows].float()
            total = total + segmentation_loss(final, truth, everywhere, outline=_OUTLINE)
            total = total + 0.5 * segmentation_loss(mean, truth, everywhere)
            total = total + 0.3 * segmentation_loss(found.logits, truth, everywhere)
            total = total + 0.3 * segmentation_loss(moving, truth, moves.float())
            total = total + _QUALITY * functional.binary_cross_entropy_with_logits(quality, right)
            shares.append(float(right.mean()))
            off.append(float((quality.detach().sigmoid() - right).abs().mean()))
            last = probability, carried
            self._remember(memory, seen, probability, maps)
        steps = self.length - MEMORIES
        return total / steps, {"J": shares[0], "J_last": shares[-1], "quality_off": sum(off) / steps}

    def _known(self, features: streams.Features) -> list[list[streams.MemoryEntry]]:
        """What is remembered from the start: nearly always the template, and the second where it counts."""
        entries = self.model.rgb.memorise(features, self.batch.views.truth)
        memory = []
        for group in range(self.groups):
            first = group * self.length
            kept = [entries[first]] if self.random.random() < 0.95 else []
            memory.append([*kept, entries[first + 1]] if self.batch.second[group] else kept)
        return memory

    def _maps(self, rows: Tensor, step: int, last: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        """The maps given, the guiding one replaced by what was made of the step before, where that leads.

        And what is known of how it was carried: with each own map the checkpoint is one step farther.

        Args:
            last: that, and what was known then; None for the first step.
        """
        given, carried = self.batch.views.maps[rows], self.batch.views.carried[rows]
        if last is None:
            return given, carried
        made, before = last
        path = self.batch.paths[:, step - MEMORIES - 1].permute(0, 3, 1, 2)
        path = resized(path, given).permute(0, 2, 3, 1)
        own = functional.grid_sample(made, path, align_corners=False)
        chance = torch.from_numpy(self.random.random(self.groups) < 0.8).to(own.device)
        use = self.batch.linked & chance & (own.amax((1, 2, 3)) > 0.5)
        use = use[:, None, None, None]
        guide = torch.where(use, own, given[:, :1])
        near = torch.where(use, before[:, 1:] * nets.nearness(2), carried[:, 1:])
        return torch.cat([guide, given[:, 1:]], 1), torch.cat([carried[:, :1], near], 1)

    def _remember(
        self,
        memory: list[list[streams.MemoryEntry]],
        seen: streams.Features,
        probability: Tensor,
        maps: Tensor,
    ) -> None:
        """Let some runs read what was just found, right or wrong, when they go on."""
        whole = resized(probability, maps)
        with mixed_precision(maps.device):
            entries = self.model.rgb.memorise(seen, torch.cat([whole, maps[:, 1:]], 1))
        most = whole.amax((1, 2, 3))
        for kept, entry, found, own in zip(memory, entries, most, self.reads_own, strict=True):
            if own and found > 0.5 and self.random.random() < 0.8:
                kept.append(entry)
