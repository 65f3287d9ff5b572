"""How long a click waits for its mask, at rest and while a run goes on.

Everything is as in the window: the click network answers on a thread of its own, the run has another one in
the same process, and a frame is looked at ahead when it is shown. What is timed is from asking to the answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import cv2
import numpy as np
from numpy.random import Generator

from ..engine.runtime.click_thread import ClickThread
from ..engine.runtime.pipeline import Modules
from ..engine.types import Click, Frame, SoftMask
from ..engine.video import Video
from .page import grid
from .speed import begun

HEIGHT = 1080
"""Of the frames, in pixels."""
CLICKS = 5
"""On each frame."""
_SHOWN, _BETWEEN = 0.3, 0.1
"""Seconds before the first click on a frame, and between two clicks: a person takes longer."""


@dataclass(frozen=True)
class Waits:
    """Seconds that clicks waited for their masks.

    Attributes:
        first: the first click on each frame.
        later: the others.
    """

    first: tuple[float, ...]
    later: tuple[float, ...]


@dataclass(frozen=True)
class Latency:
    """What was measured.

    Attributes:
        height, width: of the frames, in pixels.
        rest: no run goes on.
        running: one does.
        steps: masks that the run made meanwhile.
    """

    height: int
    width: int
    rest: Waits
    running: Waits
    steps: int


@contextmanager
def enlarged(video: Video, height: int, frames: int) -> Iterator[Path]:
    """A folder with the first frames of a video, resized to a height; it goes with the block."""
    width = round(video.width * height / video.height / 2) * 2
    with TemporaryDirectory() as name:
        folder = Path(name) / "clip"
        folder.mkdir()
        for number in range(min(frames, video.length)):
            picture = cv2.resize(video.frame(number), (width, height), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / f"{number:05d}.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        yield folder


def measure_clicks(
    thread: ClickThread,
    frames: Sequence[Frame],
    modules: Modules,
    first: Mapping[int, SoftMask],
    length: int,
    seed: int = 0,
) -> Latency:
    """Click on frames, first at rest, then while the engine propagates over and over again.

    Args:
        thread: ready.
        frames: (H, W, 3) uint8 RGB, each an array of its own.
        modules: of a video of `length` frames.
        first: masks of its frame 0 by instance; clicks fall on the first of them and around it.
    """
    random = np.random.default_rng(seed)
    target = next(iter(first.values()))
    rest = _waits(thread, frames, target, random)
    stop = Event()
    steps = [0]

    def run() -> None:
        while not stop.is_set():
            for _ in modules.run(begun(first, length), None, grow=False):
                steps[0] += 1
                if stop.is_set():
                    return

    runner = Thread(target=run, name="run")
    runner.start()
    try:
        # Until the networks of the run are compiled, which happens once.
        while not steps[0]:
            time.sleep(_BETWEEN)
        running = _waits(thread, [frame.copy() for frame in frames], target, random)
    finally:
        stop.set()
        runner.join()
    height, width = frames[0].shape[:2]
    return Latency(height, width, rest, running, steps[0])


def _waits(thread: ClickThread, frames: Sequence[Frame], target: SoftMask, random: Generator) -> Waits:
    first: list[float] = []
    later: list[float] = []
    for frame in frames:
        thread.prepare(frame)
        time.sleep(_SHOWN)
        clicks: list[Click] = []
        for number in range(CLICKS):
            clicks.append(_click(target, frame.shape[:2], random, adds=number % 3 != 2))
            started = time.perf_counter()
            thread.ask(frame, clicks).result()
            (later if number else first).append(time.perf_counter() - started)
            time.sleep(_BETWEEN)
    return Waits(tuple(first), tuple(later))


def _click(target: SoftMask, size: tuple[int, int], random: Generator, adds: bool) -> Click:
    """On the target where it adds, else beside it."""
    inside = target.hard(*size)
    box = target.box.enlarge(0.2).clip(*size)
    rows, columns = np.nonzero(inside[box.slices] == adds)
    chosen = int(random.integers(len(rows)))
    return Click(float(columns[chosen] + box.x0), float(rows[chosen] + box.y0), adds)


def latency_table(found: Latency) -> str:
    """In Markdown."""
    rows = [
        [f"{which}, {state}", *(f"{1000 * value:.0f}" for value in _quantiles(waits))]
        for state, part in (("no run", found.rest), ("during a run", found.running))
        for which, waits in (("first click on a frame", part.first), ("further clicks", part.later))
    ]
    heads = [f"ms, {found.width} x {found.height}", "median", "p95", "greatest"]
    return grid(heads, rows) + f"\n\nThe run made {found.steps} steps meanwhile.\n"


def _quantiles(waits: Sequence[float]) -> tuple[float, float, float]:
    median, high, greatest = np.quantile(waits, (0.5, 0.95, 1.0))
    return float(median), float(high), float(greatest)
