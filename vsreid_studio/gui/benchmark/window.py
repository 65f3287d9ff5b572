"""The window's times: its first picture, a project of ten thousand cells opened, scrubbed and played."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from ...engine.types import Box, Cell, CellKey, SoftMask
from ..edits import new_instance
from ..main_window import MainWindow
from ..opening import open_document
from ..theme import Theme

_SHARE = 95


@dataclass(frozen=True, slots=True)
class WindowFigure:
    """One thing that was measured.

    Attributes:
        name: what was done.
        budget: milliseconds that it may take.
        wall: milliseconds on the clock, one a repetition.
        cpu: milliseconds of the processor, which other programs delay less; as many.
    """

    name: str
    budget: float
    wall: Sequence[float]
    cpu: Sequence[float]

    @property
    def fits(self) -> bool:
        """Whether the 95th percentile on the clock is within the budget."""
        return high(self.wall) <= self.budget


def high(times: Sequence[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(times, _SHARE))


def table(figures: Iterable[WindowFigure]) -> Iterable[str]:
    """One line a figure, below a head; all times in milliseconds."""
    yield (
        f"{'milliseconds':42}{'n':>4}{'median':>9}{'p95':>9}{'CPU p95':>9}"
        f"{'budget':>8}{'share':>7}{'CPU share':>11}"
    )
    for one in figures:
        wall, cpu = high(one.wall), high(one.cpu)
        yield (
            f"{one.name:42}{len(one.wall):4}{np.median(one.wall):9.1f}{wall:9.1f}{cpu:9.1f}"
            f"{one.budget:8.0f}{wall / one.budget:7.2f}{cpu / one.budget:11.2f}"
            f"{'' if one.fits else '  over'}"
        )


OPEN_BUDGET, SCRUB_BUDGET = 1000.0, 33.0
"""Milliseconds."""
FRAMES, INSTANCES = 2000, 5
_HEIGHT, _WIDTH = 480, 854
_APART = 50
_OPENINGS = 8
PLAY_BUDGET = 1000 / 24
_PLAYED = 10
"""Seconds of a video of 25 frames a second."""
_SCRUBBED, _STRIDE = 120, 7
"""Frames shown, and how far one lies from the next, as the mouse moves."""


def window_figures(app: QApplication, scratch: Path) -> Iterator[WindowFigure]:
    """Open the project alone, then in the window, and scrub through it there."""
    path = make_project(scratch)
    window = MainWindow(Theme(app), config=scratch / "config", data=scratch / "data")
    try:
        window.show()
        app.processEvents()
        alone = _Times()
        for _ in range(_OPENINGS):
            with alone.once():
                document = open_document(path, scratch / "data")
            document.close()
        yield WindowFigure(
            f"opening {FRAMES * INSTANCES:,} cells, from disk", OPEN_BUDGET, alone.wall, alone.cpu
        )
        shown = _Times()
        for _ in range(_OPENINGS):
            with shown.once():
                window.files.open(path)
                window.session.flush()
                # Here on purpose: until it is seen.
                app.processEvents()
            window.session.close()
            app.processEvents()
        yield WindowFigure(
            f"opening {FRAMES * INSTANCES:,} cells, until shown", OPEN_BUDGET, shown.wall, shown.cpu
        )
        window.files.open(path)
        window.session.flush()
        yield _scrub(window, app)
        yield _play(window)
    finally:
        window.close()


def _scrub(window: MainWindow, app: QApplication) -> WindowFigure:
    """Go from frame to frame; each is decoded on the loader's thread and then painted with its masks."""
    times, loop = _Times(), QEventLoop()
    window.loader.loaded.connect(lambda index: loop.quit() if index == window.session.frame else None)
    for step in range(1, _SCRUBBED + 1):
        with times.once():
            window.session.go(step * _STRIDE)
            loop.exec()
            app.processEvents()
    return WindowFigure(
        f"scrub 854 x 480, {INSTANCES} instances, decoded", SCRUB_BUDGET, times.wall, times.cpu
    )


def _play(window: MainWindow) -> WindowFigure:
    """Play at the video's own rate, which drops what is not there in time; the mean of each second counts."""
    shown, loop, times = [0], QEventLoop(), _Times()
    playback = window.parts.playback

    def count(index: int) -> None:
        shown[0] += 1

    window.loader.loaded.connect(count)
    window.session.go(0)
    playback.play(1)
    for _ in range(_PLAYED):
        shown[0], begin, worked = 0, time.perf_counter(), time.process_time()
        QTimer.singleShot(1000, loop.quit)
        loop.exec()
        frames = max(1, shown[0])
        times.wall.append((time.perf_counter() - begin) * 1000 / frames)
        times.cpu.append((time.process_time() - worked) * 1000 / frames)
    playback.stop()
    name = f"play {_WIDTH} x {_HEIGHT}, {INSTANCES} instances, a frame"
    return WindowFigure(name, PLAY_BUDGET, times.wall, times.cpu)


def make_project(scratch: Path) -> Path:
    """A project with a soft mask of some hundred pixels' width in each frame for each instance."""
    clip = scratch / "long.mp4"
    _write_video(clip)
    document = open_document(clip, scratch / "data")
    project = document.project
    masks = [_mask(seed) for seed in range(40)]
    cells: dict[CellKey, Cell | None] = {
        CellKey(frame, k): Cell(masks[(frame + k) % len(masks)], frame // _APART * _APART, confidence=0.9)
        for frame in range(FRAMES)
        for k in range(1, INSTANCES + 1)
    }
    instances = {k: new_instance({}, k) for k in range(1, INSTANCES + 1)}
    project.apply(project.annotation.set_cells("fill", cells), instances=instances, undoable=False)
    path = project.path
    document.close()
    return path


def _write_video(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (_WIDTH, _HEIGHT))
    coarse = np.random.default_rng(0).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC)
    for frame in range(FRAMES):
        writer.write(np.roll(picture, frame, axis=1))
    writer.release()


def _mask(seed: int) -> SoftMask:
    values = np.zeros((150, 120), np.uint8)
    cv2.ellipse(values, (60, 75), (45 - seed % 7, 60 - seed % 11), seed, 0, 360, 255, cv2.FILLED)
    box = Box(10 * seed, 2 * seed, 10 * seed + 120, 2 * seed + 150)
    return SoftMask(box, cv2.GaussianBlur(values, (9, 9), 0))


class _Times:
    """Times of repetitions, in milliseconds.

    Attributes:
        wall, cpu: on the clock, and of the processor in all threads.
    """

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    @contextmanager
    def once(self) -> Iterator[None]:
        """Time what is done inside."""
        # What earlier repetitions left behind is not to be swept up in this one.
        gc.collect()
        begin, worked = time.perf_counter(), time.process_time()
        yield
        self.wall.append((time.perf_counter() - begin) * 1000)
        self.cpu.append((time.process_time() - worked) * 1000)


BUDGET = 1500.0
_STARTS = 5

# What `vsreid-studio` does, until the first picture is painted. The time is taken from outside, before the
# process is there: the start of the interpreter is part of what a person waits for.
_SCRIPT = """
import json, os, sys, tempfile, time
from pathlib import Path
from vsreid_studio.app import main
from vsreid_studio.gui.main_window import MainWindow
from PySide6.QtCore import QTimer

show, paint = MainWindow.show, MainWindow.paintEvent

def painted():
    used = os.times()
    told = {"time": time.time(), "cpu": used.user + used.system, "torch": "torch" in sys.modules}
    sys.stdout.write(json.dumps(told))
    sys.stdout.flush()
    os._exit(0)

def shown(window):
    show(window)
    # Runs after the paint events that showing has brought about.
    QTimer.singleShot(0, painted)

MainWindow.show = shown
main([])
"""


def first_window(scratch: Path) -> WindowFigure:
    """Start the app's window in processes of their own.

    Args:
        scratch: takes what the app keeps of a person.

    Raises:
        RuntimeError: torch was imported on the way, or the app did not start.
    """
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(scratch / "config"),
        "XDG_DATA_HOME": str(scratch / "data"),
    }
    wall, cpu = [], []
    for _ in range(_STARTS):
        begin = time.time()
        command = [sys.executable, "-c", _SCRIPT]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode or not done.stdout:
            raise RuntimeError(f"the app did not start:\n{done.stderr}")
        told = json.loads(done.stdout)
        if told["torch"]:
            raise RuntimeError("torch was imported before the first window")
        wall.append((told["time"] - begin) * 1000)
        cpu.append(told["cpu"] * 1000)
    return WindowFigure("first window, from the start of the process", BUDGET, wall, cpu)
