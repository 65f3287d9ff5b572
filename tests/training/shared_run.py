"""A tiny training run, as one of several processes that torchrun starts, or alone: see test_processes.py."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from vsreid_studio.training.loop import Schedule, Trainer, batches, write_weights

STEPS = 6


class Tiny(nn.Module):
    """With a part that only some batches use, one that none uses, and a buffer that every batch changes."""

    def __init__(self) -> None:
        super().__init__()
        self.always = nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last)
        self.sometimes = nn.Linear(8, 8)
        self.never = nn.Linear(2, 2)
        self.head = nn.Linear(8, 1)
        self.register_buffer("seen", torch.zeros(()))
        self.broken_at = -1


def make(number: int) -> tuple[Tensor, int]:
    """The batch of a number: pictures, and the number."""
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(number)), number


def loss_of(model: nn.Module, batch: tuple[Tensor, int]) -> tuple[Tensor, dict[str, float]]:
    assert isinstance(model, Tiny)
    pictures, number = batch
    model.seen.fill_(number)  # type: ignore[operator]
    x = model.always(pictures).mean((2, 3))
    if number == model.broken_at:
        x = x * float("nan")
    if number % 4 == 1:
        x = x + model.sometimes(x)
    return (model.head(x) - pictures.mean((1, 2, 3))[:, None] * 9).square().mean(), {"number": number}


def trainer(folder: Path) -> Trainer:
    torch.manual_seed(0)
    model = Tiny()
    groups = [{"params": list(model.parameters()), "scale": 1.0}]
    return Trainer(model, groups, Schedule(STEPS, 1e-2, warmup=1), folder, {"kind": "tiny"})


def main(folder: Path, stop: int, broken_at: int) -> None:
    """Train up to step `stop`, as if it were interrupted there, or to the end."""
    run = trainer(folder)
    assert isinstance(run.model, Tiny)
    run.model.broken_at = broken_at
    run.run(batches(make, run.step, stop, 0), loss_of)
    state = {"step": run.step, "model": run.model.state_dict()}
    torch.save(state, folder / f"rank{os.environ.get('RANK', '0')}.pt")
    write_weights(run.averaged, folder / "weights.safetensors")
    assert (folder / "weights.safetensors").is_file()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
