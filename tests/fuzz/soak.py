"""The same work again and again: memory, open files and threads must come to rest."""

from __future__ import annotations

import argparse
import gc
import io
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

from vsreid_studio.cli.export import add_parser
from vsreid_studio.engine.runtime.engine import VideoEngine
from vsreid_studio.headless.run import run_task
from vsreid_studio.headless.task import Task
from vsreid_studio.project import Project

WARM_UP = 4
"""Rounds that may still load modules and fill caches."""
FORMATS = ("davis", "coco", "overlay")


@dataclass(frozen=True)
class Usage:
    """What a process holds.

    Attributes:
        megabytes: resident memory.
        files: open file descriptors.
        threads: of the operating system, those of libraries, too.
    """

    megabytes: float
    files: int
    threads: int

    @classmethod
    def now(cls) -> Usage:
        """Of this process; Linux only."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        files, threads = (sum(1 for _ in Path("/proc/self", of).iterdir()) for of in ("fd", "task"))
        return cls(megabytes, files, threads)


ALLOWED = Usage(megabytes=24, files=2, threads=2)
"""Growth from the first third of the rounds after the warm-up to the last: allocators and pools waver."""


def growth(usages: Sequence[Usage]) -> list[str]:
    """What has grown, in sentences with figures.

    Args:
        usages: after each round; those of the warm-up are left out.
    """
    counted = usages[WARM_UP:]
    third = max(1, len(counted) // 3)
    faults = []
    for name, allowed, values in zip(
        ("MB of memory", "open files", "threads"),
        astuple(ALLOWED),
        zip(*map(astuple, counted), strict=True),
        strict=True,
    ):
        early, late = median(values[:third]), median(values[-third:])
        if late - early > allowed:
            faults.append(f"{name} grew from {early:.0f} to {late:.0f} in {len(counted)} rounds")
    return faults


def soak(work: Callable[[int], object], go_on: Callable[[int], bool]) -> list[Usage]:
    """Work round by round.

    Args:
        work: one round, of its number.
        go_on: whether to begin the round of a number.

    Returns:
        What the process holds after each.
    """
    usages: list[Usage] = []
    # What is there before, all of torch, need not be searched each time.
    gc.freeze()
    try:
        while go_on(len(usages)):
            work(len(usages))
            usages.append(Usage.now())
    finally:
        gc.unfreeze()
    return usages


class Rounds:
    """Each opens a project, runs, undoes, does it again, and exports."""

    def __init__(self, folder: Path, clip: Path, masks: Path, engine: VideoEngine) -> None:
        """Use one engine for all, as a window does.

        Args:
            folder: for what is written.
        """
        self._folder = folder
        self._engine = engine
        self._task = Task("clip", clip, masks, folder / "masks", project=folder / "work.vsreid")

    def __call__(self, number: int) -> None:
        """One round; every other one begins with a new project, the others go on in the last one."""
        if number % 2 == 0:
            self._task.project_file.unlink(missing_ok=True)
        run_task(self._task, self._engine, overwrite=True)
        for form in FORMATS:
            self._export(form)
        with Project.open(self._task.project_file) as project:
            whole = len(project.annotation)
            if project.undo() is None or len(project.annotation) >= whole:
                raise AssertionError("there was nothing to undo")
            project.redo()
            if len(project.annotation) != whole:
                raise AssertionError("the same was not done again")
            project.undo()
        shutil.rmtree(self._task.output)

    def _export(self, form: str) -> None:
        target = self._folder / (f"{form}.mp4" if form == "overlay" else form)
        options = [self._task.project_file, "--format", form, "--output", target, "--overwrite"]
        parser = argparse.ArgumentParser()
        add_parser(parser.add_subparsers())
        args = parser.parse_args(["export", *map(str, options)])
        with redirect_stdout(io.StringIO()):
            args.handler(args)
