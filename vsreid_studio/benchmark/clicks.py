"""Clicks that a mask needs (NoC@80, NoC@85, NoC@90, mIoU@k of a simulated user), and how long each takes.

The person clicks into the middle of the largest error, time after time (`evaluation.measures`). NoC@q is the
mean number of clicks until a mask has an IoU of q percent, where `LIMIT` stands for never; mIoU@k is the mean
IoU after k clicks. Interactive segmentation reports these two (as in RITM, Sofiiuk et al. 2021).

Everything is as in the window: the click network answers on a thread of its own, the run has another one in
the same process, and a frame is looked at ahead when it is shown. What is timed is from asking to the answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..engine.extensions.clicked_masks import beside_others, neighbour
from ..engine.runtime.click_thread import ClickThread
from ..engine.runtime.pipeline import Modules
from ..engine.types import NO_CONTEXT, Box, Click, ClickContext, Frame, Prediction, SoftMask
from ..engine.video import Video
from ..evaluation.measures import next_click
from .report import grid, number, paged
from .speed import begun

LIMIT = 20
"""Most clicks for a mask."""
GOALS = (0.80, 0.85, 0.90)
COUNTS = (1, 2, 3, 5, 10)
"""Of clicks, for mIoU@k."""

HEIGHT = 1080
"""Of the frames, in pixels."""
CLICKS = 5
"""On each frame."""
_SHOWN, _BETWEEN = 0.3, 0.1
"""Seconds before the first click on a frame, and between two clicks: a person takes longer."""


class Segments(Protocol):
    """What is measured: `engine.runtime.clicker.Clicker`, for one."""

    def segment(
        self,
        frame: Frame,
        clicks: Sequence[Click],
        box: Box | None = None,
        present: SoftMask | None = None,
        context: ClickContext = NO_CONTEXT,
    ) -> Prediction:
        """The mask that clicks make."""
        ...


@dataclass(frozen=True)
class Series:
    """The clicks on one mask.

    Attributes:
        name: of the sequence, the frame and the instance.
        shares: IoU before the first click, and after each.
    """

    name: str
    shares: tuple[float, ...]

    def clicks_to(self, goal: float, limit: int = LIMIT) -> int:
        """Clicks until the IoU reaches a goal, at least one from nothing; `limit` where it does not."""
        return next((k for k, share in enumerate(self.shares) if share >= goal), limit)

    def after(self, clicks: int) -> float:
        """IoU after so many clicks, or after the last where nothing was left to correct."""
        return self.shares[min(clicks, len(self.shares) - 1)]


def click_through(
    name: str,
    frame: Frame,
    truth: NDArray[np.bool_],
    clicker: Segments,
    *,
    ignored: NDArray[np.bool_] | None = None,
    present: SoftMask | None = None,
    context: ClickContext = NO_CONTEXT,
    goal: float = max(GOALS),
    limit: int = LIMIT,
) -> tuple[Series, list[Click], SoftMask]:
    """Click on a mask until it has the IoU `goal`, or `limit` clicks are made.

    Args:
        name: for the `Series`.
        frame: (H, W, 3) uint8 RGB.
        truth: (H, W) bool.
        ignored: (H, W) bool, pixels that do not count, or None.
        present: the mask to begin with, None for nothing.
        context: what the video tells besides. The pixels of its others are left to them, as in the window.

    Returns:
        The figures, the clicks and the last mask.
    """
    mask = present or SoftMask.empty()
    clicks: list[Click] = []
    shares = [_iou(mask, truth, ignored)]
    while len(clicks) < limit and shares[-1] < goal:
        click = next_click(mask.hard(*truth.shape), truth, clicks, ignored)
        if click is None:
            break
        clicks.append(click)
        mask = clicker.segment(frame, clicks, None, present, context).mask
        mask = beside_others(mask, present, context.others, clicks)
        shares.append(_iou(mask, truth, ignored))
    return Series(name, tuple(round(share, 4) for share in shares)), clicks, mask


def _iou(mask: SoftMask, truth: NDArray[np.bool_], ignored: NDArray[np.bool_] | None) -> float:
    found = mask.hard(*truth.shape)
    if ignored is not None:
        found, truth = found & ~ignored, truth & ~ignored
    union = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / union if union else 1.0


def figures(series: Iterable[Series]) -> dict[str, float]:
    """NoC@q and mIoU@k by their names."""
    listed = list(series)
    found = {f"NoC@{goal * 100:.0f}": fmean(one.clicks_to(goal) for one in listed) for goal in GOALS}
    return found | {f"mIoU@{k}": fmean(one.after(k) for one in listed) for k in COUNTS}


def render(parts: Mapping[str, Sequence[Series]], source: str) -> str:
    """The page in Markdown.

    Args:
        parts: series by what they begin with; those without any are left out.
        source: the frames, in words.
    """
    found = [
        "# Clicks",
        f"A simulated person clicks on {source}, always into the middle of the largest error, until the IoU "
        f"is {number(max(GOALS))} or {LIMIT} clicks are made. NoC@q is the mean number of clicks to an IoU "
        f"of q percent, {LIMIT} where it is not reached; mIoU@k is the mean IoU after k clicks.",
    ]
    for title, series in parts.items():
        if not series:
            continue
        values = figures(series)
        found.append(f"## {title} ({len(series)} masks)")
        found.append(grid(["", *values], [["all", *_cells(values)], *_rows(series)]))
    return paged(found)


def _rows(series: Sequence[Series]) -> Iterator[list[str]]:
    names = sorted({one.name.split("/")[0] for one in series})
    for name in names:
        yield [name, *_cells(figures(one for one in series if one.name.split("/")[0] == name))]


def _cells(values: Mapping[str, float]) -> list[str]:
    return [f"{value:.2f}" if name.startswith("NoC") else number(value) for name, value in values.items()]


def to_json(parts: Mapping[str, Sequence[Series]]) -> dict[str, Any]:
    """The results as JSON values."""
    return {
        title: {
            "figures": {k: round(v, 4) for k, v in figures(series).items()},
            "shares": {one.name: one.shares for one in series},
        }
        for title, series in parts.items()
        if series
    }


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
    for index, frame in enumerate(frames):
        # As in the window: the next frame and the first one, with a mask there, are known.
        beside = neighbour(index, len(frames))
        trusted = (frames[0], target) if index else None
        context = ClickContext((), None if beside is None else frames[beside], trusted)
        thread.prepare(frame, context)
        time.sleep(_SHOWN)
        clicks: list[Click] = []
        for place in range(CLICKS):
            clicks.append(_click(target, frame.shape[:2], random, adds=place % 3 != 2))
            started = time.perf_counter()
            thread.ask(frame, clicks, context=context).result()
            (later if place else first).append(time.perf_counter() - started)
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
