"""The loop that all recipes train with, the weights they start from, and their precision on a CPU.

Several processes that torchrun started share it, see `processes`: each step averages their gradients, and the
first of them writes.
"""

from __future__ import annotations

import ctypes
import json
import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..engine.nets.lite0 import SameConv
from ..errors import UserError
from .processes import ProcessGroup, join, moved

logger = logging.getLogger(__name__)
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_PAD = 2**28
ENDLESS = 10**9
"""Steps of a run by time before its pace is known."""
_TIMED_STEPS, _TIMED_SHARE = 20, 0.1
"""A run by time measures its pace over so many steps, or over this share of its time if that is less."""
_USED = 0.95
"""Share of the time left that is planned for steps: the rest is for checkpoints, and for a slower pace."""


def float_depthwise(module: nn.Module) -> None:
    """Let the 5 x 5 depthwise convolutions below `module` compute in float32 under autocast, in place.

    These are layers of `Lite0`. Their bfloat16 gradients are slow: 228 ms against 30 ms for one of them
    (672 channels, stride 2, 40 x 56, batch 4, torch 2.14). All else is faster in bfloat16. So mixed, a step
    takes two thirds of its time in float32 and half of its time in bfloat16. Parameters and names stay.
    """
    for layer in module.modules():
        if isinstance(layer, SameConv) and layer.groups > 1 and layer.kernel_size[0] == 5:
            layer.forward = _in_float32(layer)  # type: ignore[method-assign, assignment]


def _in_float32(layer: SameConv) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return SameConv.forward(layer, x.float())

    return forward


@dataclass(frozen=True)
class Schedule:
    """Length and speed of a run.

    Attributes:
        steps: optimizer steps in all; `ENDLESS` where the run's time decides and its pace is not known yet.
        rate: peak learning rate; linear warm-up, then a cosine to a hundredth.
        warmup: steps of the warm-up.
        decay: weight decay.
        average: of the exponential average of the weights, which is what is saved.
        save_every: seconds between checkpoints.
        seed: of the samples and of torch.
        minutes: time that the run has; None for as long as the steps take.
        hold: steps before the cosine begins, in which a run by time measures its pace.
    """

    steps: int
    rate: float = 1e-3
    warmup: int = 100
    decay: float = 1e-4
    average: float = 0.998
    save_every: float = 180.0
    seed: int = 0
    minutes: float | None = None
    hold: int = 0

    def factor(self, step: int) -> float:
        """The learning rate of a step as a share of the peak."""
        rise = min(1.0, (step + 1) / max(1, self.warmup))
        share = max(0, step - self.hold) / max(1, self.steps - self.hold)
        return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


def write_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """A safetensors file, whole or not at all: matrices in half precision, which costs no accuracy.

    Of several processes one writes, and all go on when the file is there.
    """
    team = join()
    if team.leads:
        _write(state, path)
    team.wait()


def _write(state: Mapping[str, Tensor], path: Path) -> None:
    kept = {name: value.half() if value.ndim > 1 else value for name, value in state.items()}
    temporary = path.with_name(path.name + ".part")
    # Not save_file: it makes files that only their owner may read.
    temporary.write_bytes(save({name: value.contiguous() for name, value in kept.items()}))
    temporary.replace(path)


class StepData(Dataset[Any]):
    """Batches by step number: the same step always gets the same batch, so that a run can be resumed."""

    def __init__(self, steps: int, make: Callable[[int], Any]) -> None:
        self.steps = steps
        self.make = make

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Any:
        """The batch of a step."""
        return self.make(step)


def batches(make: Callable[[int], Any], start: int, steps: int, workers: int) -> Iterator[Any]:
    """Batches of the steps from `start` on, made by `workers` processes (0: in this one).

    Where several processes train, `make` is asked for other numbers than the steps, see
    `ProcessGroup.numbers`.
    """
    team = join()
    loader = DataLoader(
        StepData(steps * team.size, make),
        batch_size=None,
        sampler=team.numbers(start, steps),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        # Of its own: else it draws from the one that a resumed run must find as it was left.
        generator=torch.Generator(),
    )
    return iter(loader)


class Trainer:
    """Trains a model by a loss function of (model, batch), and keeps what is needed to go on later.

    Attributes:
        model: being trained.
        schedule: of the run; one by time gets its number of steps once its pace is known, and keeps it.
        averaged: the exponential average of its weights and buffers.
        step: steps done.
        team: the processes that train together, nearly always this one alone.
    """

    def __init__(
        self,
        model: nn.Module,
        groups: list[dict[str, Any]],
        schedule: Schedule,
        folder: Path,
        describe: dict[str, object] | None = None,
        device: torch.device | None = None,
        since: float | None = None,
    ) -> None:
        """Start, or go on where `folder` holds a checkpoint.

        Args:
            groups: parameter groups; a key `scale` multiplies the learning rate of one.
            folder: gets `last.pt`, `log.jsonl`. Processes that train together have to share it.
            describe: the run's settings; a checkpoint of other settings is refused.
            device: where this process computes; None for a GPU where there is one.
            since: `time.monotonic()` at which the schedule's minutes begin; None for now.

        Raises:
            UserError: the checkpoint is of other settings, or not all processes find the same one.
        """
        team = join()
        self.team = replace(team, device=device or team.device)
        if self.team.device.type == "cuda":
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")
        self._since = time.monotonic() if since is None else since
        self._times: list[float] = []
        # In place: the groups hold the parameters already.
        self.model = model.to(self.team.device)
        self.schedule = schedule
        self.folder = folder
        self.describe = _described(describe or {}, self.team)
        self.step = 0
        self.optimizer = torch.optim.AdamW(groups, lr=schedule.rate, weight_decay=schedule.decay)
        self.averaged = {name: value.detach().clone() for name, value in model.state_dict().items()}
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "last.pt").exists():
            self._resume()
        if not self.team.agree(self.step):
            raise UserError(f"The processes find different checkpoints: {folder} has to be one they share.")
        self.team.share(model.state_dict().values())

    def run(
        self, data: Iterator[Any], loss_of: Callable[[nn.Module, Any], tuple[Tensor, dict[str, float]]]
    ) -> None:
        """Train to the schedule's end. `loss_of` gives the loss and figures for the log."""
        keep_freed_memory()
        started = saved = time.monotonic()
        first = self.step
        figures: dict[str, list[float]] = {}
        for batch in data:
            if self._over():
                break
            with _made_on(self.team.device):
                loss, found = loss_of(self.model, moved(batch, self.team.device))
            self._update(loss)
            for name, value in {"loss": float(loss.detach()), **found}.items():
                figures.setdefault(name, []).append(value)
            if self.step % 50 == 0 or self.step in {10, self.schedule.steps}:
                self._log(figures, (time.monotonic() - started) / (self.step - first))
                figures.clear()
            if time.monotonic() - saved > self.schedule.save_every:
                self.save()
                saved = time.monotonic()
        if figures and self.schedule.minutes is not None:
            self._log(figures, (time.monotonic() - started) / (self.step - first))
        self.save()

    def _over(self) -> bool:
        """Whether a run by time is over: all its steps are done, or its time has run out before them."""
        if self.schedule.minutes is None:
            return False
        now = time.monotonic()
        left = self._since + 60 * self.schedule.minutes - now
        if self.schedule.steps == ENDLESS:
            self._times.append(now)
            self._plan(left, now - self._times[0])
        over = torch.tensor(float(self.step >= self.schedule.steps or left < 0), device=self.team.device)
        self.team.share([over])
        if over and self.team.leads and self.step < self.schedule.steps:
            logger.warning("the time is over at step %d of %s", self.step, _length(self.schedule))
        return bool(over)

    def _plan(self, left: float, spent: float) -> None:
        """Set the number of steps so that the cosine ends in the time left, once the pace is known.

        The pace is that of the later half of the steps that were timed: the first ones are slower.
        """
        assert self.schedule.minutes is not None
        timed = len(self._times) - 1
        known = timed > 0 and (timed >= _TIMED_STEPS or spent >= _TIMED_SHARE * 60 * self.schedule.minutes)
        more = 0
        if known:
            middle = timed // 2
            pace = (self._times[-1] - self._times[middle]) / (timed - middle)
            more = max(1, int(_USED * left / max(pace, 1e-6)))
        found = torch.tensor(float(more), device=self.team.device, dtype=torch.float64)
        self.team.share([found])
        if found > 0:
            self.schedule = replace(self.schedule, steps=self.step + int(found), hold=self.step)
            logger.info("%d steps fit into the time", self.schedule.steps)
            # From now on the length is fixed, whatever happens.
            self.save()

    def _log(self, figures: Mapping[str, list[float]], pace: float) -> None:
        """Tell the means of the leader's figures since the last time; `pace` in seconds a step."""
        if not self.team.leads:
            return
        line = {name: round(sum(v) / len(v), 4) for name, v in figures.items()}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": self.step, "s_per_step": round(pace, 3), **line}) + "\n")
        logger.info("step %d of %s: %s, %.2f s a step", self.step, _length(self.schedule), line, pace)

    def _update(self, loss: Tensor) -> None:
        factor = self.schedule.factor(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate * factor * group.get("scale", 1.0)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        if not torch.isfinite(self.team.average(trained, loss)):
            raise RuntimeError(f"the loss is not finite at step {self.step}")
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        # Running statistics and tables of what was seen go by the leader's batches.
        self.team.share(self.model.buffers())
        keep = min(self.schedule.average, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                mean = self.averaged[name]
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - keep)
                else:
                    mean.copy_(value)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all; only the leader does."""
        if not self.team.leads:
            return
        model = self.model.state_dict()
        state = {
            "describe": self.describe,
            "step": self.step,
            "model": model,
            # What is not trained is the same in both, and is written once.
            "averaged": {n: model[n] if torch.equal(v, model[n]) else v for n, v in self.averaged.items()},
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        if self.schedule.minutes is not None:
            state["plan"] = [self.schedule.steps, self.schedule.hold]
        temporary = self.folder / "last.pt.part"
        torch.save(state, temporary)
        temporary.replace(self.folder / "last.pt")

    def _resume(self) -> None:
        state = torch.load(self.folder / "last.pt", map_location="cpu", weights_only=True)
        if state["describe"] != self.describe:
            raise UserError(f"{self.folder} holds a run with other settings: {state['describe']}.")
        self.model.load_state_dict(state["model"])
        self.averaged = {name: value.to(self.team.device) for name, value in state["averaged"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.step = state["step"]
        if "plan" in state:
            steps, hold = state["plan"]
            self.schedule = replace(self.schedule, steps=steps, hold=hold)
        logger.info("going on at step %d", self.step)


def _length(schedule: Schedule) -> str:
    return "as many as fit" if schedule.steps == ENDLESS else str(schedule.steps)


def _described(settings: dict[str, object], team: ProcessGroup) -> dict[str, object]:
    """A run's settings, with the number of processes where there are several: the batches depend on it."""
    return {**settings, "processes": team.size} if team.size > 1 else settings


def _made_on(device: torch.device) -> AbstractContextManager[object]:
    """Let tensors that a loss makes be made on the GPU; on a CPU there is nothing to do."""
    return nullcontext() if device.type == "cpu" else device


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed instead of handing it back to the system at once.

    A step allocates and frees the same gigabytes again and again, and the system fills each page with
    zeros before it gives it out: a third of the time of a step on two cores.

    Returns:
        Whether that is possible here: it is with glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is None:
        return False
    most = 2**31 - 1
    settings = ((_MMAP_THRESHOLD, most), (_TRIM_THRESHOLD, most), (_TOP_PAD, _PAD))
    return all(tune(name, value) for name, value in settings)
