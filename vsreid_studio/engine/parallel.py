"""Small tasks side by side: OpenCV, NumPy and the networks let go of the interpreter while they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(task: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What a task makes of each item, in order; it must not call this itself.

    Raises:
        Exception: what the first task to fail raised.
    """
    items = list(items)
    if len(items) < 2:
        return [task(item) for item in items]
    return list(_pool().map(task, items))


@cache
def _pool() -> ThreadPoolExecutor:
    import torch  # noqa: PLC0415 (the window comes without it)

    return ThreadPoolExecutor(torch.get_num_threads(), "side by side")
