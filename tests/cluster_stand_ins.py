"""Loaded by Dask into the workers of a test: stand-ins for the networks, which may be told to die.

What they do is steered by environment variables: TEST_LOG gets a line for each step (process, clip, frame),
TEST_KILL names a file whose first writer is killed in mid-clip, TEST_SLOW is a time for each step.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from stand_ins import stand_ins

from vsreid_studio.engine.video import Video

KILLED_AT = 6


def dask_setup(worker: object) -> None:
    """Called in each worker process before it takes tasks."""
    patch = pytest.MonkeyPatch()
    stand_ins(patch, each=noted)


def noted(video: Video, target: int) -> None:
    """Note a step, and do what the test asks for."""
    name = Path(video.path).name
    if log := os.environ.get("TEST_LOG"):
        with Path(log).open("a") as file:
            file.write(f"{os.getpid()} {name} {target}\n")
    if (mark := os.environ.get("TEST_KILL")) and target == KILLED_AT:
        try:
            Path(mark).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(os.environ.get("TEST_SLOW", "0")))


class Threads:
    """In an engine's place: how many threads torch had when it was made."""

    def __init__(self) -> None:
        import torch  # noqa: PLC0415

        self.count = torch.get_num_threads()


def threads_of(plugin: str, dask_worker: Any) -> int:
    """What `Threads` of a worker's plugin has found."""
    count: int = dask_worker.plugins[plugin].engine.count
    return count
