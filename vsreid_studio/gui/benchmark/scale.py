"""The benchmark of scale, each part in a process of its own: `vsreid-studio benchmark --scale`.

`python -m vsreid_studio.gui.benchmark.scale PART SCRATCH FRAMES INSTANCES` runs one part on the material that
the part 'fill' has made.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QEventLoop, QObject, QTimer

from ...benchmark.scale import (
    HEIGHT,
    WIDTH,
    ScaleFigure,
    Synthetic,
    figures_in,
    fill_project,
    make_masks,
    make_video,
    mask_at,
    memory,
    peak,
    synthetic_index,
    tell,
)
from ...engine.algorithm.merge import label_maps
from ...engine.events import Change
from ...engine.runtime.run import State, accept_all
from ...engine.store.annotation import Annotation, edit
from ...engine.store.maps import InMemory, MapCache
from ...engine.types import Box, Cell, CellKey, SoftMask
from ...engine.video import Video, open_video
from ...errors import UserError
from ...project import Project, VideoRef
from ..application import application
from ..conductor import Conductor
from ..main_window import MainWindow
from ..theme import Theme
from ..timeline.spans import SpanTrack
from ..worker.worker import shipped_engine

T = TypeVar("T")
MOST = 2048.0
"""MB that the window and a headless run may take."""
OPENED, STALL, CANCELLED, STEP_4K = 1000.0, 50.0, 200.0, 1536.0
"""Milliseconds to open, of the longest stall, and until a cancelled run has ended; MB of a step in 4K."""
RUN_FRAMES = 3000
_TICK = 2
"""Milliseconds between two beats that tell whether the window is free."""
_PATIENCE = 1800.0


def measure(frames: int, instances: int, say: Callable[[str], object]) -> list[ScaleFigure]:
    """Run all parts.

    Args:
        say: told which part runs.

    Raises:
        UserError: a part fails.
    """
    found: list[ScaleFigure] = []
    with tempfile.TemporaryDirectory() as scratch:
        for part in PARTS:
            say(part)
            command = [
                sys.executable,
                "-m",
                "vsreid_studio.gui.benchmark.scale",
                part,
                scratch,
                str(frames),
                str(instances),
            ]
            environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            if done.returncode:
                raise UserError(f"The part '{part}' failed: {done.stderr.strip().splitlines()[-1]}")
            found += figures_in(done.stdout.splitlines())
    return found


def fill(scratch: Path, frames: int, instances: int) -> None:
    """Make the video, its project, and a folder of masks to import."""
    make_video(scratch / "long.mp4", frames)
    with open_video(scratch / "long.mp4") as video:
        reference = VideoRef(video.path.absolute(), video.fingerprint, video.length, HEIGHT, WIDTH)
    fill_project(scratch / "filled.vsreid", reference, instances)
    make_masks(scratch / "masks", frames, instances)
    size = (scratch / "filled.vsreid").stat().st_size / 2**20
    tell(ScaleFigure("file", f"project of {frames:,} x {instances} masks", size, "MB"))


def headless(scratch: Path, frames: int, instances: int) -> None:
    """Open the project without a window and read all that is in it once."""
    start = time.perf_counter()
    with Project.open(scratch / "filled.vsreid") as project:
        tell(ScaleFigure("headless", "open the project", _since(start), "ms", OPENED))
        index = memory()
        for _ in label_maps(project.annotation, HEIGHT, WIDTH):
            pass
        tell(ScaleFigure("headless", "memory after opening", index, "MB"))
    tell(ScaleFigure("headless", "peak, having read every mask", peak(), "MB", MOST))


def run(scratch: Path, frames: int, instances: int) -> None:
    """Algorithm 3 without networks, every change on disk: memory beside the length."""
    from ...engine.runtime.pipeline import Modules, Pipeline  # noqa: PLC0415  (torch)

    with open_video(scratch / "long.mp4") as video:
        reference = VideoRef(video.path.absolute(), video.fingerprint, RUN_FRAMES, HEIGHT, WIDTH)
    with Project.create(scratch / "run.vsreid", reference) as project:
        first = {CellKey(0, k): Cell(mask_at(0, k), 0, pinned=True) for k in range(1, instances + 1)}
        project.apply(project.annotation.set_cells("draw", first))
        done = 0
        seen: dict[int, float] = {}

        def take(event: object) -> None:
            nonlocal done
            if isinstance(event, Change):
                project.apply(event, group="run")
                done = max(key.frame for key in event.after)
                if done % 500 == 0:
                    seen.setdefault(done, memory())

        accept_all(Modules(Pipeline.paper(), Synthetic()).run(project.annotation.copy()), take)
    for frame, taken in seen.items():
        tell(ScaleFigure("run", f"memory after {frame:,} of {RUN_FRAMES:,} frames", taken, "MB"))
    tell(ScaleFigure("run", "peak", peak(), "MB", MOST))


def window(scratch: Path, frames: int, instances: int) -> None:
    """Open the project in the window, scrub, and import as many masks into a new one; both with a pulse."""
    app = application()
    made = MainWindow(Theme(app), config=scratch / "config", data=scratch / "data")
    made.show()
    app.processEvents()
    session = made.session
    pulse = Pulse()
    start = time.perf_counter()
    session.open(scratch / "filled.vsreid")
    _until(lambda: session.document is not None)
    tell(ScaleFigure("window", "open the project", _since(start), "ms", OPENED))
    _until(lambda: made.parts.canvas.index == session.frame)
    tell(ScaleFigure("window", "longest stall while opening", pulse.longest(), "ms", STALL))
    for step in range(1, 40):
        session.go(step * 37 % frames)
        _until(lambda: made.parts.canvas.index == session.frame)
    tell(ScaleFigure("window", "longest stall while scrubbing", pulse.longest(), "ms", STALL))
    session.close()
    session.open(scratch / "long.mp4")
    _until(lambda: session.document is not None)
    pulse.longest()
    start = time.perf_counter()
    session.import_masks(scratch / "masks")
    _until(lambda: not session.is_importing)
    tell(ScaleFigure("window", f"import {frames:,} x {instances} masks", _since(start) / 1000, "s"))
    tell(ScaleFigure("window", "longest stall while importing", pulse.longest(), "ms", STALL))
    session.undo()
    session.flush()
    session.import_masks(scratch / "masks")
    _wait(1.0)
    tell(ScaleFigure("window", "cancel an import", _ended(made.conductor), "ms", CANCELLED))
    tell(ScaleFigure("window", "peak", peak(), "MB", MOST))
    pulse.stop()
    made.close()


def cancel(scratch: Path, frames: int, instances: int) -> None:
    """How long a cancelled run of the shipped networks goes on, in each phase of it."""
    app = application()
    made = MainWindow(Theme(app), config=scratch / "config", data=scratch / "data")
    made.show()
    app.processEvents()
    session, conductor = made.session, made.conductor
    clip = scratch / "short.mp4"
    make_video(clip, 60)
    session.open(clip)
    _until(lambda: session.document is not None)
    session.edit_mask(0, 1, mask_at(0, 1), "draw")
    stages: list[str] = []
    conductor.progress.connect(lambda progress, *_: stages.append(progress.stage))
    for stage in ("propagating", "detecting", "matching"):
        stages.clear()
        conductor.propagate()
        _until(lambda: stage in stages or conductor.state is not State.RUNNING)  # noqa: B023
        if conductor.state is State.RUNNING:
            _wait(0.05)
            tell(ScaleFigure("cancel", f"while {stage}", _ended(conductor), "ms", CANCELLED))
        conductor.cancel()
        _until(lambda: conductor.state is State.IDLE)
    made.close()


def step_4k(scratch: Path, frames: int, instances: int) -> None:
    """One object through a block of frames in 4K, with the shipped networks."""
    height, width = 2160, 3840
    make_video(scratch / "4k.mp4", 20, (height, width))
    maker = shipped_engine()
    with open_video(scratch / "4k.mp4") as video:
        first = {CellKey(0, 1): Cell(_large(video), 0, pinned=True)}
        accept_all(maker.modules(video).run(Annotation(video.length, first)))
    tell(ScaleFigure("4K", "peak of propagating 20 frames, smoothed", peak(), "MB", STEP_4K))


def index(scratch: Path, frames: int, instances: int) -> None:
    """What is done to the index, in time of the processor, which other programs delay less than the clock."""
    maps = MapCache(InMemory())
    records = synthetic_index(frames, instances)
    size = f"{frames:,} x {instances}"
    whole = _timed(f"build the index of {size} cells", lambda: Annotation.load(frames, records, {}, maps))
    key = CellKey(frames // 2, 1)

    def change() -> None:
        whole.copy()
        whole.apply(whole.set_cells("draw", {key: Cell(SoftMask.empty(), key.frame, pinned=True)}))

    _timed("one change beside a snapshot", change)
    _timed("tracks of the timeline", lambda: [SpanTrack.of(whole.records(k)) for k in whole.instances])
    _timed("the masks of one frame", lambda: whole.frame_masks(7))
    drawn = Cell(SoftMask.empty(), 0, pinned=True)
    keys = [CellKey(i, k) for k in range(1, instances + 1) for i in range(frames)]
    cells = dict.fromkeys(keys, drawn)
    empty = Annotation(frames, maps=maps)
    _timed(f"work out an import of {size} masks", lambda: edit(empty, "import", cells))


def _timed(name: str, do: Callable[[], T]) -> T:
    start = time.process_time()
    result = do()
    tell(ScaleFigure("index", f"{name} (CPU)", 1000 * (time.process_time() - start), "ms"))
    return result


PARTS = {
    "index": index,
    "fill": fill,
    "headless": headless,
    "run": run,
    "window": window,
    "cancel": cancel,
    "4k": step_4k,
}


class Pulse(QObject):
    """Beats in the window's event loop, and tells how long it was held up."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._beat)
        self._last, self._longest = time.perf_counter(), 0.0
        self._timer.start(_TICK)

    def _beat(self) -> None:
        now = time.perf_counter()
        self._longest, self._last = max(self._longest, now - self._last), now

    def longest(self) -> float:
        """The longest time between two beats since this was asked last, in milliseconds."""
        self._beat()
        longest, self._longest = self._longest, 0.0
        return 1000 * longest

    def stop(self) -> None:
        """Beat no more."""
        self._timer.stop()


def _large(video: Video) -> SoftMask:
    box = Box(video.width // 4, video.height // 4, 3 * video.width // 4, 3 * video.height // 4)
    return SoftMask.from_dense(
        mask_at(0, 1).dense(HEIGHT, WIDTH)[: box.height, : box.width], (box.x0, box.y0)
    )


def _ended(conductor: Conductor) -> float:
    """Cancel, and wait for the end: milliseconds."""
    start = time.perf_counter()
    conductor.cancel()
    _until(lambda: conductor.state is State.IDLE)
    return _since(start)


def _until(reached: Callable[[], bool]) -> None:
    """Let the window work until something is so."""
    end = time.monotonic() + _PATIENCE
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError("the window does not come to what was waited for")
        _wait(0.002)


def _wait(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def _since(start: float) -> float:
    return 1000 * (time.perf_counter() - start)


def main(arguments: list[str]) -> int:
    """Run one part."""
    part, scratch, frames, instances = arguments
    PARTS[part](Path(scratch), int(frames), int(instances))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
