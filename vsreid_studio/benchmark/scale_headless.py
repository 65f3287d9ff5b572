"""The parts of the benchmark of scale that need no window, so that their memory is that of a headless run.

`python -m vsreid_studio.benchmark.scale_headless PART FOLDER FRAMES INSTANCES` runs one part on the material
that the part 'fill' has made in a folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ..config import Config
from ..engine.algorithm.merge import label_maps
from ..engine.events import Change, Progress
from ..engine.runtime.run import answer_all
from ..engine.store.annotation import Annotation
from ..engine.types import Box, Cell, CellKey, SoftMask
from ..engine.video import Video, open_video
from ..project import Project, VideoRef
from .scale import (
    HEIGHT,
    MOST,
    OPENED,
    STEP_4K,
    WIDTH,
    ScaleFigure,
    Synthetic,
    SyntheticFinder,
    fill_project,
    fresh,
    make_masks,
    make_video,
    mask_at,
    memory,
    peak,
    report,
    run_part,
    since,
)

RUN_FRAMES = 3000
_MEASURED = {"propagating", "detecting"}
"""Stages of a run whose memory is reported every 500 steps."""


def fill(scratch: Path, frames: int, instances: int) -> None:
    """Make the video, its project, and a folder of masks to import."""
    make_video(scratch / "long.mp4", frames)
    with open_video(scratch / "long.mp4") as video:
        reference = VideoRef(video.path.absolute(), video.fingerprint, video.length, HEIGHT, WIDTH)
    fill_project(fresh(scratch / "filled.vsreid"), reference, instances)
    make_masks(scratch / "masks", frames, instances)
    size = (scratch / "filled.vsreid").stat().st_size / 2**20
    report(ScaleFigure("file", f"project of {frames:,} x {instances} masks", size, "MB"))


def headless(scratch: Path, frames: int, instances: int) -> None:
    """Open the project without a window and read all that is in it once."""
    start = time.perf_counter()
    with Project.open(scratch / "filled.vsreid") as project:
        report(ScaleFigure("headless", "open the project", since(start), "ms", OPENED))
        index = memory()
        for _ in label_maps(project.annotation, HEIGHT, WIDTH):
            pass
        report(ScaleFigure("headless", "memory after opening", index, "MB"))
    report(ScaleFigure("headless", "peak, having read every mask", peak(), "MB", MOST))


def run(scratch: Path, frames: int, instances: int) -> None:
    """Algorithm 3 without networks, every change on disk: memory beside the length."""
    from ..engine.runtime.pipeline import Modules, Pipeline  # noqa: PLC0415  (torch)
    from ..engine.runtime.reid import ReidModule  # noqa: PLC0415

    length = min(frames, RUN_FRAMES)
    path = fresh(scratch / "run.vsreid")
    with open_video(scratch / "long.mp4") as video:
        reference = VideoRef(video.path.absolute(), video.fingerprint, length, HEIGHT, WIDTH)
    with Project.create(path, reference) as project:
        first = {CellKey(0, k): Cell(mask_at(0, k), 0, pinned=True) for k in range(1, instances + 1)}
        project.apply(project.annotation.set_cells("draw", first))
        finder = SyntheticFinder(length)
        reid = ReidModule(finder, finder, finder, store=project.candidates("synthetic"))
        seen: dict[tuple[str, int], float] = {}

        def take(event: object) -> None:
            if isinstance(event, Change):
                project.apply(event, group="run")
            elif isinstance(event, Progress) and event.stage in _MEASURED and event.done % 500 == 0:
                seen.setdefault((event.stage, event.done), memory())

        modules = Modules(Pipeline.paper(), Synthetic())
        answer_all(modules.run(project.annotation.copy(), reid, grow=False), take)
    for (stage, done), taken in seen.items():
        report(ScaleFigure("run", f"memory while {stage}, {done:,}", taken, "MB"))
    report(ScaleFigure("run", f"peak, {length:,} frames", peak(), "MB", MOST))


def step_4k(scratch: Path, frames: int, instances: int) -> None:
    """One object through a block of frames in 4K, with the shipped networks."""
    height, width = 2160, 3840
    make_video(scratch / "4k.mp4", 20, (height, width))
    from ..engine.runtime.engine import VideoEngine  # noqa: PLC0415  (torch)

    maker = VideoEngine(Config())
    with open_video(scratch / "4k.mp4") as video:
        first = {CellKey(0, 1): Cell(_large(video), 0, pinned=True)}
        answer_all(maker.modules(video).run(Annotation(video.length, first)))
    report(ScaleFigure("4K", "peak of propagating 20 frames, smoothed", peak(), "MB", STEP_4K))


def _large(video: Video) -> SoftMask:
    box = Box(video.width // 4, video.height // 4, 3 * video.width // 4, 3 * video.height // 4)
    return SoftMask.from_dense(
        mask_at(0, 1).dense(HEIGHT, WIDTH)[: box.height, : box.width], (box.x0, box.y0)
    )


PARTS = {"fill": fill, "headless": headless, "run": run, "4k": step_4k}


if __name__ == "__main__":
    run_part(PARTS, sys.argv[1:])
