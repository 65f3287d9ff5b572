"""The benchmark of scale, each part in a process of its own: `vsreid-studio benchmark --scale`.

`python -m vsreid_studio.gui.benchmark.scale PART FOLDER FRAMES INSTANCES` runs one part on the material that
the part 'fill' has made in a folder.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QEventLoop, QObject, QTimer
from PySide6.QtWidgets import QApplication

from ...benchmark.scale import (
    MOST,
    OPENED,
    ScaleFigure,
    fresh,
    make_video,
    mask_at,
    peak,
    report,
    run_part,
    since,
    synthetic_index,
)
from ...engine.runtime.run import State
from ...engine.store.annotation import Annotation, edit
from ...engine.store.maps import InMemory, MapCache
from ...engine.types import Cell, CellKey, SoftMask
from ..application import application
from ..conductor import Conductor
from ..main_window import MainWindow
from ..session import Session
from ..theme import Theme
from ..timeline.spans import SpanTrack

T = TypeVar("T")
STALL, CANCELLED = 50.0, 200.0
"""Milliseconds of the longest stall, and until a cancelled run has ended."""
_TICK = 2
"""Milliseconds between two beats that measure whether the window is free."""
_PATIENCE = 1800.0


def window(scratch: Path, frames: int, instances: int) -> None:
    """Open the project in the window and scrub, with a pulse."""
    _app, made = _window(scratch)
    session, pulse = made.session, Pulse()
    start = time.perf_counter()
    session.open(scratch / "filled.vsreid")
    _until(lambda: session.document is not None)
    report(ScaleFigure("window", "open the project", since(start), "ms", OPENED))
    _until(lambda: made.parts.canvas.index == session.frame)
    pulse.report("window", "opening")
    for step in range(1, 40):
        session.go(step * 37 % frames)
        _until(lambda: made.parts.canvas.index == session.frame)
    pulse.report("window", "scrubbing")
    report(ScaleFigure("window", "peak", peak(), "MB", MOST))
    pulse.stop()
    made.close()


def imported(scratch: Path, frames: int, instances: int) -> None:
    """Import a mask for each instance in each frame, undo and redo it, with a pulse."""
    _app, made = _window(scratch)
    session, pulse = made.session, Pulse()
    _open_video(session, scratch)
    pulse.longest()
    start = time.perf_counter()
    session.mask_edits.import_masks(scratch / "masks")
    _until(lambda: not session.mask_edits.is_importing)
    report(ScaleFigure("import", f"import {frames:,} x {instances} masks", since(start) / 1000, "s"))
    _shown(session)
    pulse.report("import", "importing")
    for name, step in (("undoing it", session.step_edits.undo), ("redoing it", session.step_edits.redo)):
        before = len(session.annotation)
        step()
        _until(lambda: len(session.annotation) != before)  # noqa: B023
        _shown(session)
        pulse.report("import", name)
    report(ScaleFigure("import", "peak", peak(), "MB", MOST))
    pulse.stop()
    made.close()


def cancelled(scratch: Path, frames: int, instances: int) -> None:
    """How long a cancelled import goes on: while files are looked at, read, and put into the project."""
    _app, made = _window(scratch)
    session = made.session
    _open_video(session, scratch)
    told: list[tuple[int, int]] = []
    session.importing.connect(lambda *how: told.append(how))
    # Looking at all files takes a third of the time that reading them takes.
    for name, reached in (
        ("while looking at files", lambda: len(told) > 5),
        ("while reading files", lambda: any(done > 5 for done, _ in told)),
        ("while committing", lambda: any(done and done == total for done, total in told)),
    ):
        told.clear()
        session.mask_edits.import_masks(scratch / "masks")
        _until(reached)
        _wait(0.3 if "committing" in name else 0)
        running = session.mask_edits.is_importing
        took = _ended(made.conductor)
        if running:
            report(ScaleFigure("cancel an import", name, took, "ms", CANCELLED))
    made.close()


def cancel(scratch: Path, frames: int, instances: int) -> None:
    """How long a cancelled run of the shipped networks goes on, in each phase of it."""
    _app, made = _window(scratch)
    session, conductor = made.session, made.conductor
    clip = scratch / "short.mp4"
    make_video(clip, 60)
    fresh(clip.with_suffix(".vsreid"))
    session.open(clip)
    _until(lambda: session.document is not None)
    session.mask_edits.edit_mask(0, 1, mask_at(0, 1), "draw")
    stages: list[str] = []
    conductor.progress.connect(lambda progress, *_: stages.append(progress.stage))
    for stage in ("propagating", "detecting", "matching"):
        stages.clear()
        conductor.propagate()
        _until(lambda: stage in stages or conductor.state is not State.RUNNING)  # noqa: B023
        if conductor.state is State.RUNNING:
            _wait(0.05)
            report(ScaleFigure("cancel a run", f"while {stage}", _ended(conductor), "ms", CANCELLED))
        conductor.cancel()
        _until(lambda: conductor.state is State.IDLE)
    made.close()


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
    report(ScaleFigure("index", f"{name} (CPU)", 1000 * (time.process_time() - start), "ms"))
    return result


PARTS = {
    "index": index,
    "window": window,
    "import": imported,
    "cancel-import": cancelled,
    "cancel-run": cancel,
}


class Pulse(QObject):
    """Beats in the window's event loop, and measures stalls.

    On a machine with other work to do, the processor time of the window's own thread is what counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._beat)
        self._last, self._longest = time.perf_counter(), 0.0
        self._worked, self._most = time.thread_time(), 0.0
        self._timer.start(_TICK)

    def _beat(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        self._longest, self._last = max(self._longest, now - self._last), now
        self._most, self._worked = max(self._most, worked - self._worked), worked

    def longest(self) -> tuple[float, float]:
        """The longest time between two beats since this was asked last, and the most processor time: ms."""
        self._beat()
        found = 1000 * self._longest, 1000 * self._most
        self._longest = self._most = 0.0
        return found

    def report(self, part: str, what: str) -> None:
        """The longest stall since the last call."""
        stall, work = self.longest()
        report(ScaleFigure(part, f"longest stall while {what}", stall, "ms", STALL))
        report(ScaleFigure(part, f"most work at a time while {what} (CPU)", work, "ms"))

    def stop(self) -> None:
        """Beat no more."""
        self._timer.stop()


def _window(scratch: Path) -> tuple[QApplication, MainWindow]:
    app = application()
    made = MainWindow(Theme(app), config=scratch / "config", data=scratch / "data")
    made.show()
    app.processEvents()
    return app, made


def _open_video(session: Session, scratch: Path) -> None:
    """Open the long video with a new project."""
    fresh(scratch / "long.vsreid")
    session.open(scratch / "long.mp4")
    _until(lambda: session.document is not None)
    # What is done once after opening is not the import's.
    _wait(1.0)


def _shown(session: Session) -> None:
    """Wait until all parts of the window show the document as it is, and are painted."""
    _until(lambda: not session.turns.waiting)
    _wait(0.2)


def _ended(conductor: Conductor) -> float:
    """Cancel, and wait for the end: milliseconds."""
    start = time.perf_counter()
    conductor.cancel()
    _until(lambda: conductor.state is State.IDLE)
    return since(start)


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


if __name__ == "__main__":
    run_part(PARTS, sys.argv[1:])
