"""What the loop keeps to: the memory that it frees, and the time that it has."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vsreid_studio.training import loop
from vsreid_studio.training.loop import ENDLESS, Schedule, Trainer, batches


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_it_is_possible_with_glibc() -> None:
    assert loop.keep_freed_memory() in {True, False}


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(loop.ctypes, "CDLL", None)  # type: ignore[attr-defined]
    assert not loop.keep_freed_memory()


class Clock:
    """Time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(loop, "time", made)
    return made


def trainer(folder: Path, minutes: float | None = 1.0) -> Trainer:
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    schedule = Schedule(ENDLESS if minutes else 12, 1e-2, warmup=2, minutes=minutes)
    return Trainer(model, [{"params": list(model.parameters())}], schedule, folder, {"kind": "tiny"})


def make(step: int) -> Tensor:
    return torch.randn(8, 4, generator=torch.Generator().manual_seed(step))


def lasting(clock: Clock, seconds: Callable[[int], float]) -> Callable[..., tuple[Tensor, dict[str, float]]]:
    """A loss whose computation takes so many seconds, by the number of calls before."""
    calls = 0

    def loss_of(model: nn.Module, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        nonlocal calls
        clock.now += seconds(calls)
        calls += 1
        return (model(batch) - batch.sum(1, keepdim=True)).square().mean(), {}

    return loss_of


def trained(run: Trainer, loss_of: Callable[..., tuple[Tensor, dict[str, float]]]) -> Trainer:
    run.run(batches(make, run.step, run.schedule.steps, 0), loss_of)
    return run


def test_a_run_by_time_ends_annealed_and_in_time(tmp_path: Path, clock: Clock) -> None:
    # The first steps are slow, as where kernels are chosen.
    run = trained(trainer(tmp_path), lasting(clock, lambda call: 2.0 if call < 2 else 0.25))
    assert clock.now - 100 < 60
    assert run.step == run.schedule.steps > 180
    assert run.schedule.factor(run.step - 1) < 0.02
    assert run.schedule.factor(run.schedule.hold) > 0.98
    logged = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert logged["step"] == run.step


def test_a_run_that_the_time_cuts_goes_on_to_the_same_end(tmp_path: Path, clock: Clock) -> None:
    whole = trained(trainer(tmp_path / "whole"), lasting(clock, lambda _: 1.0))
    steps, hold = whole.schedule.steps, whole.schedule.hold
    clock.now += 1000
    cut = trained(trainer(tmp_path / "cut"), lasting(clock, lambda call: 1.0 if call < 10 else 3.0))
    assert hold < cut.step < steps and cut.schedule == whole.schedule
    # On another machine, which is faster and has another time.
    shutil.copytree(tmp_path / "cut", tmp_path / "moved")
    further = trained(trainer(tmp_path / "moved", 7.0), lasting(clock, lambda _: 0.1))
    assert (further.step, further.schedule.steps, further.schedule.hold) == (steps, steps, hold)
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(further.model.state_dict()[name], value)
    done = trained(trainer(tmp_path / "moved"), lasting(clock, lambda _: 0.1))
    assert done.step == steps


def test_without_a_time_the_steps_decide(tmp_path: Path, clock: Clock) -> None:
    run = trained(trainer(tmp_path, None), lasting(clock, lambda _: 1000.0))
    assert run.step == 12
    assert "plan" not in torch.load(tmp_path / "last.pt", weights_only=True)


def test_what_is_not_trained_is_in_the_checkpoint_once(tmp_path: Path) -> None:
    def begun() -> Trainer:
        model = nn.Sequential(nn.Linear(300, 300), nn.Linear(300, 1))
        model[0].requires_grad_(False)
        return Trainer(model, [{"params": list(model[1].parameters())}], Schedule(1), tmp_path)

    first = begun()
    first.run(iter([torch.randn(2, 300)]), lambda net, batch: (net(batch).square().mean(), {}))
    assert (tmp_path / "last.pt").stat().st_size < 1.2 * 4 * 300 * 301
    again = begun()
    for name, value in first.averaged.items():
        assert torch.equal(again.averaged[name], value)
