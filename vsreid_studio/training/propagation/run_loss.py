"""The loss of N_mp on runs: each step is guided by, and remembers, what the network made of the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...engine.nets import propagation as nets
from ...engine.nets import stream as streams
from ...engine.nets.layers import mixed_precision, resized
from .loss import Batch, collate, jaccard, segmentation_loss
from .runs import MEMORIES, Run

_QUALITY = 0.1
"""Weight of the predicted IoU in the loss."""
_OUTLINE = 3.0
"""How much more a pixel near the outline counts: that is where most of what is wrong lies."""


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
    """Stack runs of equal length."""
    views = [view for run in runs for view in run.views]
    return RunBatch(
        collate(views, len(runs[0].views)),
        torch.tensor([run.second for run in runs]),
        torch.from_numpy(np.stack([np.stack(run.paths) for run in runs])),
        torch.tensor([run.linked for run in runs]),
    )


class RunLoss:
    """The loss for (model, batch) on runs; its randomness follows from the step's number."""

    def __init__(self, seed: int, start: int) -> None:
        """`start`: number of the first step."""
        self.seed = seed
        self.step = start

    def __call__(self, model: nn.Module, batch: RunBatch) -> tuple[Tensor, dict[str, float]]:
        """The loss, J of the first and the last frame of the runs, and how far predicted IoU is off."""
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
            quality = self.model.worth(found.context, found.logits, final.detach(), maps)
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
