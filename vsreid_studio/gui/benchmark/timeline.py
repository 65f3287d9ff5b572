"""How fast the timeline paints: `python -m vsreid_studio.gui.benchmark.timeline`.

Fills 10,000 frames x 20 instances and drives the widget with real wheel, mouse and key events. Without a
display, set QT_QPA_PLATFORM=offscreen.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from ...engine.store.annotation import Annotation
from ...engine.types import Box, Cell, CellKey, Maker, SoftMask
from ..timeline.state import BoxState, TimelineBox, TimelineRow
from ..timeline.view import TimelineView

FRAMES, INSTANCES = 10_000, 20
_APART = 60
"""Frames between two checkpoints of an instance, on average."""
_ROUNDS = 40


def crowd(frames: int = FRAMES, instances: int = INSTANCES) -> Annotation:
    """An annotation with checkpoints, gaps and wavering confidence; all cells share a few tiny maps."""
    random = np.random.default_rng(0)
    masks = [SoftMask(Box(0, 0, n, n), np.full((n, n), 255, np.uint8)) for n in range(3, 9)]
    cells: dict[CellKey, Cell] = {}
    for k in range(1, instances + 1):
        checkpoints = np.unique(random.integers(0, frames, frames // _APART))
        bounds = (checkpoints[1:] + checkpoints[:-1]) // 2
        owners = checkpoints[np.searchsorted(bounds, np.arange(frames))].tolist()
        noise = random.random(frames).tolist()
        for i, (origin, waver) in enumerate(zip(owners, noise, strict=True)):
            anchor, away = i == origin, abs(i - origin)
            gone = not anchor and away > 40 and origin % 3 == 0
            cells[CellKey(i, k)] = Cell(
                SoftMask.empty() if gone else masks[i % len(masks)],
                origin,
                pinned=anchor and i % 2 == 0,
                made_by=Maker.RECOVERY if anchor and i % 2 else Maker.PROPAGATION,
                confidence=max(0.1, 1 - away / 90 - 0.1 * waver),
            )
    return Annotation(frames, cells)


def fill(view: TimelineView, annotation: Annotation) -> None:
    """Show a crowd, with retrieved instances and curves."""
    random = np.random.default_rng(1)
    rows = [
        TimelineRow(k, f"instance {k}", QColor.fromHsv(k * 17 % 360, 200, 210)) for k in annotation.instances
    ]
    view.set_annotation(annotation, rows)
    states = list(BoxState)
    view.set_retrievals(
        TimelineBox(CellKey(frame, k), float(random.random()), states[frame % 3])
        for k in annotation.instances
        for frame in random.integers(0, annotation.length, annotation.length // 100).tolist()
    )
    view.set_selected(3)
    view.set_similarity(3, random.random(annotation.length))
    view.set_hatched({3: range(annotation.length // 2, annotation.length // 2 + 40)})


def turn(widget: QWidget, place: QPointF, angle: QPoint) -> None:
    """Turn the wheel over a widget, by the eighths of degrees that Qt counts in."""
    event = QWheelEvent(
        place,
        widget.mapToGlobal(place),
        QPoint(),
        angle,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


@dataclass
class Times:
    """What one kind of action took, each time up to the finished repaint.

    Attributes:
        name: what was done.
        wall: milliseconds on the clock.
        cpu: milliseconds of the processor, which other programs on the machine delay less.
    """

    name: str
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @contextmanager
    def once(self) -> Iterator[None]:
        """Time what is done inside."""
        start, worked = time.perf_counter(), time.thread_time()
        yield
        self.wall.append((time.perf_counter() - start) * 1e3)
        self.cpu.append((time.thread_time() - worked) * 1e3)

    def __str__(self) -> str:
        figures = (np.percentile(times, share) for times in (self.wall, self.cpu) for share in (50, 95))
        return f"{self.name:32}" + "".join(f"{figure:9.2f}" for figure in figures)


def measure(view: TimelineView) -> Iterator[Times]:
    """Do what a person does and time it."""
    lanes = view.lanes
    middle = QPointF(lanes.width() / 2, lanes.height() / 2)
    annotation = view.state.annotation

    def repeat(name: str, act: Callable[[int], object]) -> Times:
        times = Times(name)
        for number in range(_ROUNDS):
            with times.once():
                act(number)
                # Here the one place for it: what the act has made stale is painted, and nothing else.
                QApplication.processEvents()
        return times

    def one_cell(number: int) -> None:
        key = CellKey(4_000 + 7 * number, 3)
        old = annotation.get(*key)
        assert old is not None
        change = annotation.set_cells("paint", {key: Cell(old.mask, key.frame, pinned=True)})
        annotation.apply(change)
        with alone.once():
            view.cells_changed(change)

    alone = Times("change a cell, without repaint")
    view.axis.fit()
    yield repeat("repaint of the whole video", lambda _: lanes.refresh())
    yield repeat("zoom in", lambda _: turn(lanes, middle, QPoint(0, 30)))
    for name, scale in (("1 px a frame", 1.0), ("4 px a frame", 4.0), ("20 px a frame", 20.0)):
        view.axis.zoom(scale / view.axis.scale, middle.x())
        yield repeat(f"scroll at {name}", lambda _: turn(lanes, middle, QPoint(-90, 0)))
    yield repeat("zoom out", lambda _: turn(lanes, middle, QPoint(0, -120)))
    view.axis.fit()
    press = QPoint(lanes.width() // 4, 60)
    QTest.mousePress(lanes, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, press)
    yield repeat("drag the playhead", lambda n: QTest.mouseMove(lanes, press + QPoint(5 * n, 0)))
    QTest.mouseRelease(lanes, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, press)
    yield repeat("key to a checkpoint", lambda _: view.next_checkpoint())
    yield repeat("change a cell and repaint", one_cell)
    yield alone


def main() -> int:
    """Print the median and the 95th percentile of everything measured."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    annotation = crowd()
    view = TimelineView()
    view.resize(1600, 900)
    start = time.perf_counter()
    fill(view, annotation)
    loading = time.perf_counter() - start
    view.show()
    QTest.qWait(500)
    out = sys.stdout.write
    out(f"{FRAMES} frames x {INSTANCES} instances, {view.lanes.width()} x {view.lanes.height()} pixels, ")
    out(f"ratio {view.devicePixelRatioF():g}; loaded in {loading * 1e3:.0f} ms\n")
    out(f"{'milliseconds':32}{'median':>9}{'p95':>9}{'CPU':>9}{'CPU p95':>9}\n")
    for times in measure(view):
        out(f"{times}\n")
    view.close()
    del app
    return 0


if __name__ == "__main__":
    sys.exit(main())
