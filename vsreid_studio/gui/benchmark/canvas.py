"""Measures the canvas with real mouse events: `python -m vsreid_studio.gui.benchmark.canvas`.

Each figure is the time from an event's delivery to the end of the repaint that it causes, on this machine's
current load, for a window without a screen unless QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import cv2
import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from ...engine.types import Box, Frame, SoftMask
from ..canvas.types import Display, Tool, ToolOptions
from ..canvas.view import CanvasView

PAINT_BUDGET, SCRUB_BUDGET = 16.0, 33.0
"""Milliseconds."""
_INSTANCES = 5
_NONE, _LEFT = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton


Time: TypeAlias = tuple[float, float]
"""Milliseconds on the clock, and of the processor on this thread."""


@dataclass(frozen=True, slots=True)
class Case:
    """What was done, and how long it took.

    Attributes:
        name: what was done.
        times: one a repetition.
        budget: milliseconds.
    """

    name: str
    times: Sequence[Time]
    budget: float

    @property
    def wall(self) -> list[float]:
        """Milliseconds on the clock."""
        return [wall for wall, _ in self.times]

    @property
    def cpu(self) -> list[float]:
        """Milliseconds of the processor, which other programs delay less."""
        return [cpu for _, cpu in self.times]


def measure() -> Iterator[Case]:
    """Run all cases."""
    canvas = _canvas(1920, 1080)
    yield Case("stroke, brush 60, 1920 x 1080", _stroke(canvas), PAINT_BUDGET)
    canvas.set_display(Display(probability=True))
    yield Case("the same over the probability map", _stroke(canvas), PAINT_BUDGET)
    canvas.set_display(Display())
    canvas.set_tool(Tool.LASSO)
    yield Case("lasso of 400 points", _stroke(canvas), PAINT_BUDGET)
    canvas.set_tool(Tool.BRUSH)
    canvas.resize(1280, 720)
    yield Case("brush in a window of 1280 x 720", _stroke(canvas), PAINT_BUDGET)
    yield Case("scrubbing 854 x 480, 5 instances", _scrub(_canvas(854, 480)), SCRUB_BUDGET)


def main() -> None:
    """Print one line a case: median and 95th percentile, and their share of the budget."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication.instance() or QApplication([])
    for case in measure():
        median, high = np.percentile(case.wall, [50, 95])
        sys.stdout.write(
            f"{case.name:<38} median {median:6.2f} ms ({median / case.budget:.2f} of {case.budget:.0f}), "
            f"p95 {high:6.2f} ms ({high / case.budget:.2f})\n"
        )
    app.quit()


def _canvas(width: int, height: int) -> CanvasView:
    canvas = CanvasView()
    canvas.resize(width, height)
    canvas.set_frame(0, _frame(width, height, 0))
    canvas.set_selected(2)
    canvas.set_options(ToolOptions(size=60))
    canvas.set_masks(_masks(width, height, 0), {}, ())
    canvas.show()
    QApplication.processEvents()
    return canvas


def _frame(width: int, height: int, seed: int) -> Frame:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def _masks(width: int, height: int, shift: int) -> dict[int, SoftMask]:
    """Soft overlapping ellipses, of a third of the frame's height."""
    masks = {}
    for number in range(1, _INSTANCES + 1):
        values = np.zeros((height, width), np.uint8)
        centre = (width * number // (_INSTANCES + 1) + shift, height // 2 + (number % 2) * height // 6)
        cv2.ellipse(values, centre, (width // 9, height // 3), 20 * number, 0, 360, 255, cv2.FILLED)
        values = cv2.GaussianBlur(values, (9, 9), 0)
        box = Box.around(values > 0)
        if box:
            masks[number] = SoftMask(box, values[box.slices].copy())
    return masks


def _stroke(canvas: CanvasView, moves: int = 400) -> list[Time]:
    """A stroke in loops all over the widget, some 12 pixels a move."""
    width, height = canvas.width(), canvas.height()

    def at(step: int) -> QPointF:
        angle = step / 40
        return QPointF(
            width * (0.5 + 0.4 * math.sin(angle * 0.7)), height * (0.5 + 0.42 * math.cos(angle * 1.1))
        )

    _send(canvas, QEvent.Type.MouseButtonPress, at(0), _LEFT)
    times = [
        _timed(partial(_send, canvas, QEvent.Type.MouseMove, at(step), _NONE)) for step in range(1, moves)
    ]
    _send(canvas, QEvent.Type.MouseButtonRelease, at(moves), _LEFT)
    return times


def _scrub(canvas: CanvasView, frames: int = 60) -> list[Time]:
    pictures = [_frame(854, 480, seed) for seed in range(8)]
    masks = [_masks(854, 480, 4 * index) for index in range(frames)]

    def go(index: int) -> None:
        canvas.set_frame(index, pictures[index % len(pictures)])
        canvas.set_masks(masks[index], {}, ())
        QApplication.processEvents()

    return [_timed(partial(go, index)) for index in range(1, frames)]


def _send(canvas: CanvasView, kind: QEvent.Type, at: QPointF, button: Qt.MouseButton) -> None:
    held = _NONE if kind == QEvent.Type.MouseButtonRelease else _LEFT
    place = canvas.mapToGlobal(at)
    event = QMouseEvent(kind, at, place, button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas, event)
    # Here on purpose, to have the repaint inside the measured time.
    QApplication.processEvents()


def _timed(action: Callable[[], None]) -> Time:
    begin, worked = time.perf_counter(), time.thread_time()
    action()
    return (time.perf_counter() - begin) * 1000, (time.thread_time() - worked) * 1000


if __name__ == "__main__":
    main()
