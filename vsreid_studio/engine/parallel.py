"""Small tasks side by side: OpenCV, NumPy and the networks let go of the interpreter while they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import local
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_here = local()


def side_by_side(task: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What a task makes of each item, in order; what calls this within such a task is done one by one.

    Raises:
        Exception: what the first task to fail raised.
    """
    items = list(items)
    if len(items) < 2 or beside_others():
        return [task(item) for item in items]
    return list(_pool().map(task, items))


def beside_others() -> bool:
    """Whether the caller is such a task, and has one core."""
    return getattr(_here, "beside_others", False)


def _note() -> None:
    _here.beside_others = True


@cache
def _pool() -> ThreadPoolExecutor:
    import torch  # noqa: PLC0415 (the window comes without it)

    return ThreadPoolExecutor(torch.get_num_threads(), "side by side", _note)
