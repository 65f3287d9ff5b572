"""Two processes train as one that sees the batches of both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
import shared_run
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vsreid_studio.errors import UserError
from vsreid_studio.training.processes import ProcessGroup, join, moved

PATIENCE = 120
# Else gloo asks for the host's address by its name, which not every machine can resolve.
LOCAL = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}


def together(folder: Path, stop: int = shared_run.STEPS, broken_at: int = -1) -> str:
    """Run the script in several processes, and return what they tell on stderr when it fails."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    process = subprocess.Popen(
        [*command, shared_run.__file__, str(folder), str(stop), str(broken_at)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **LOCAL},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, told = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return told if process.returncode else ""


def pairs(start: int) -> Iterator[list[tuple[Tensor, int]]]:
    for step in range(start, shared_run.STEPS):
        yield [shared_run.make(2 * step), shared_run.make(2 * step + 1)]


def mean_loss(model: nn.Module, pair: list[tuple[Tensor, int]]) -> tuple[Tensor, dict[str, float]]:
    first, second = (shared_run.loss_of(model, batch)[0] for batch in pair)
    return (first + second) / 2, {}


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    folder = tmp_path / "two"
    assert together(folder, stop=3) == ""
    states = [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    assert states[0]["step"] == states[1]["step"] == 3
    # Taken up again where it stopped.
    assert together(folder) == ""
    states = [torch.load(folder / f"rank{rank}.pt", weights_only=True)["model"] for rank in range(2)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    alone = shared_run.trainer(tmp_path / "one")
    alone.run(pairs(0), mean_loss)
    for name, value in alone.model.state_dict().items():
        # Buffers go by the first process's batches.
        if name != "seen":
            torch.testing.assert_close(states[0][name], value, rtol=1e-4, atol=1e-6)
    weights = load_file(folder / "weights.safetensors")
    torch.testing.assert_close(weights["head.bias"], alone.averaged["head.bias"], rtol=1e-4, atol=1e-6)
    logged, lone = ((it / "log.jsonl").read_text().splitlines() for it in (folder, tmp_path / "one"))
    assert len(logged) == 1
    assert json.loads(logged[-1])["step"] == json.loads(lone[-1])["step"] == shared_run.STEPS
    with pytest.raises(UserError, match="other settings"):
        shared_run.trainer(folder)


def test_a_loss_that_is_not_finite_stops_all(tmp_path: Path) -> None:
    assert "the loss is not finite at step 1" in together(tmp_path, broken_at=3)


def test_alone_there_is_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    team = join()
    assert (team.rank, team.size, team.leads) == (0, 1, True)
    assert team.numbers(3, 6) == range(3, 6) and team.agree(7)
    layer = nn.Linear(2, 1)
    loss = layer(torch.ones(1, 2)).sum()
    loss.backward()
    before = layer.weight.grad.clone()
    assert team.average(list(layer.parameters()), loss) == loss
    assert torch.equal(layer.weight.grad, before)  # type: ignore[arg-type]
    team.share([layer.weight])
    team.wait()


def test_batches_are_dealt_out_once_each() -> None:
    hands = [list(ProcessGroup(rank, 3).numbers(2, 5)) for rank in range(3)]
    assert hands == [[6, 9, 12], [7, 10, 13], [8, 11, 14]]


class _Pair(NamedTuple):
    first: Tensor
    second: int


@dataclass(frozen=True)
class _Nested:
    pair: _Pair
    more: list[Tensor]
    name: str


def test_batches_of_all_kinds_are_moved() -> None:
    batch = _Nested(_Pair(torch.ones(2), 3), [torch.zeros(1)], "x")
    found = moved((batch, {"key": torch.ones(1)}), torch.device("meta"))
    assert found[0].pair.first.is_meta and found[0].more[0].is_meta and found[1]["key"].is_meta
    assert (found[0].pair.second, found[0].name) == (3, "x")
