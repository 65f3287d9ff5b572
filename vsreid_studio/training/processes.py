"""Training in several processes: which samples are a process's own, mean gradients, and who writes.

`torchrun` starts the processes and tells each by its environment who it is. Gradients are averaged by hand
and not by DistributedDataParallel, as the recipes' losses call parts of a model and not its `forward`.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn

from ..errors import UserError

PATIENCE = timedelta(minutes=30)
"""A process that waits longer for another one gives up. Reading a data set may take minutes."""
CPU = torch.device("cpu")
_BUCKET = 2**24
"""Values of gradients that are averaged in one go: 64 MB."""


@dataclass(frozen=True)
class ProcessGroup:
    """One process among those that train together; alone it is the leader of nobody.

    Attributes:
        rank: of this process, from 0.
        size: how many there are.
        device: where this process computes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this is the one process that writes files."""
        return self.rank == 0

    def numbers(self, start: int, steps: int) -> range:
        """The numbers of this process's batches for the steps from `start` on.

        Process r of n gets batch n * s + r in step s, so that every batch is made once, and what it holds
        follows from the seed, the step and the rank.
        """
        return range(start * self.size + self.rank, steps * self.size, self.size)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give everyone the leader's values, in place; a broadcast for each dtype among them."""
        if self.size == 1:
            return
        alike: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            alike.setdefault(tensor.dtype, []).append(tensor.detach())
        for group in alike.values():
            flat = torch.cat([tensor.reshape(-1) for tensor in group])
            distributed.broadcast(flat, 0)
            values = torch.split(flat, [tensor.numel() for tensor in group])
            for tensor, value in zip(group, values, strict=True):
                tensor.copy_(value.view_as(tensor))

    def agree(self, number: int) -> bool:
        """Whether all have the same number."""
        if self.size == 1:
            return True
        found = torch.tensor([number, -number], device=self.device)
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return int(found[0]) == -int(found[1])

    def average(self, parameters: Sequence[nn.Parameter], loss: Tensor) -> Tensor:
        """Replace every gradient by its mean over the processes.

        A parameter that took no part counts as 0 where it took none, and keeps None if it did nowhere.

        Args:
            parameters: the same in every process, after `backward`.
            loss: () of this process.

        Returns:
            () the mean loss, the same everywhere and thus not finite for all if it is not for one.
        """
        if self.size == 1:
            return loss.detach()
        told = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        told = torch.cat([loss.detach().float().reshape(1), told])
        distributed.all_reduce(told)
        used = [p for p, count in zip(parameters, told[1:].tolist(), strict=True) if count]
        for bucket in _buckets(used):
            self._average(bucket)
        return told[0] / self.size

    def wait(self) -> None:
        """Go on only when all have come here."""
        if self.size > 1:
            distributed.barrier()

    def _average(self, parameters: Sequence[nn.Parameter]) -> None:
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([part.reshape(-1).float() for part in parts])
        distributed.all_reduce(flat)
        flat /= self.size
        means = torch.split(flat, [part.numel() for part in parts])
        for parameter, part, mean in zip(parameters, parts, means, strict=True):
            parameter.grad = part.copy_(mean.view_as(part))


def join() -> ProcessGroup:
    """This process's team by the environment of `torchrun`; without it, a team of one.

    Waits for the others the first time. Computes on the GPU of its local rank where there is one.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", local) if cuda else CPU
    if size == 1:
        return ProcessGroup(device=device)
    if not distributed.is_initialized():
        if cuda:
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
        atexit.register(_leave)
    return ProcessGroup(distributed.get_rank(), distributed.get_world_size(), device)


def computing_device(name: str) -> torch.device:
    """Where this process computes.

    Args:
        name: 'auto' for its GPU if there is one, 'cpu' or 'cuda'.

    Raises:
        UserError: there is no GPU.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("There is no GPU that torch can use: leave out --device cuda.")
    return CPU if name == "cpu" else join().device


def moved(batch: Any, device: torch.device) -> Any:
    """The batch with its tensors on a device: tuples, lists, dicts and dataclasses of them."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if is_dataclass(batch) and not isinstance(batch, type):
        parts = {it.name: moved(getattr(batch, it.name), device) for it in fields(batch) if it.init}
        return replace(batch, **parts)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(moved(part, device) for part in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(moved(part, device) for part in batch)
    if isinstance(batch, dict):
        return {key: moved(part, device) for key, part in batch.items()}
    return batch


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    bucket: list[nn.Parameter] = []
    for parameter in parameters:
        if bucket and sum(p.numel() for p in bucket) + parameter.numel() > _BUCKET:
            yield bucket
            bucket = []
        bucket.append(parameter)
    if bucket:
        yield bucket


def _leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
