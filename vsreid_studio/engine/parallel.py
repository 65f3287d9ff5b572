"""Small tasks side by side: OpenCV, NumPy and the networks let go of the interpreter while they compute."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from threading import local
from typing import TypeVar

import cv2

from .types.stepwise import no_collection

T = TypeVar("T")
R = TypeVar("R")

_here = local()
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
"""glibc's names in `malloc.h`."""
_TORCH = {"libtorch_global_deps.so": ctypes.RTLD_GLOBAL, "libtorch_cpu.so": 0, "libtorch_python.so": 0}
"""Torch's libraries, and how it loads them. One that is not there, or lacks something, is left to torch."""
_MALLOC = {_ARENA_MAX: 2, _MMAP_THRESHOLD: 2**22, _TRIM_THRESHOLD: 2**24}


def prepare_process() -> None:
    """Settings of the whole process; whoever puts the engine together calls this first.

    One thread for each call of OpenCV: what pays is done side by side here, and a second thread for the
    flow of the next frame would hold up the network meanwhile. Nor may results depend on the number of
    cores: `DISOpticalFlow` divides its work by the number of threads.

    And with glibc, memory that is freed goes back to the system: else each thread keeps a heap of its own,
    full of gaps where frames and flows were, and a long run grows by hundreds of megabytes.
    """
    cv2.setNumThreads(1)
    if (tune := _of_glibc("mallopt")) is not None:
        for name, value in _MALLOC.items():
            tune(name, value)


def load_torch() -> None:
    """Import torch while other threads go on, such as that of a window.

    Python holds its lock while it loads a library, with torch's for .2 to .3 s. So they are loaded before,
    in the same order, by a call of the C library, for which Python lets go of the lock.
    """
    spec = find_spec("torch") if "torch" not in sys.modules else None
    load = _of_glibc("dlopen")
    if load is not None and spec is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "lib"
        for name, mode in _TORCH.items():
            load(os.fsencode(folder / name), os.RTLD_NOW | mode)
    with no_collection():
        import torch  # noqa: F401, PLC0415


def return_freed_memory() -> None:
    """Give the gaps in the heap back to the system, with glibc: it takes some milliseconds.

    What is freed in the middle of the heap is kept, and often too small for what is allocated next. A search
    of 500 candidates grew by 1.5 GB, of which 1.1 GB were gaps.
    """
    if (trim := _of_glibc("malloc_trim")) is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    """A function of the C library, None where it has none of that name."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None


def use_threads(count: int) -> None:
    """Let this process compute with so many threads; call it before an engine is made.

    Masks are the same to the bit only between processes that use the same number, on one kind of processor.
    """
    import torch  # noqa: PLC0415

    torch.set_num_threads(count)


def side_by_side(task: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What a task makes of each item, in order; what calls this within such a task is done one by one.

    Raises:
        Exception: what the first task to fail raised.
    """
    items = list(items)
    if len(items) < 2 or is_parallel_task():
        return [task(item) for item in items]
    return list(_pool().map(task, items))


def is_parallel_task() -> bool:
    """Whether the caller is such a task, and has one core."""
    return getattr(_here, "is_parallel_task", False)


class Lanes:
    """Numbers for callers side by side, each of which has networks of its own.

    Attributes:
        count: how many there are.
    """

    MOST = 4

    def __init__(self, count: int | None = None) -> None:
        """`count`: None for as many as pay."""
        import torch  # noqa: PLC0415

        self.count = min(self.MOST, torch.get_num_threads()) if count is None else count
        self._free: SimpleQueue[int] = SimpleQueue()
        for lane in range(self.count):
            self._free.put(lane)

    @contextmanager
    def one(self) -> Iterator[int]:
        """One that is free, as soon as there is one."""
        lane = self._free.get()
        try:
            yield lane
        finally:
            self._free.put(lane)


def _note() -> None:
    _here.is_parallel_task = True


@cache
def _pool() -> ThreadPoolExecutor:
    import torch  # noqa: PLC0415 (the window comes without it)

    return ThreadPoolExecutor(torch.get_num_threads(), "side by side", _note)
