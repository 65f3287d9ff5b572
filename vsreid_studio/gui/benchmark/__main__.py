"""`python -m vsreid_studio.gui.benchmark`: one table of all budgets that the app has to keep."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ..application import application
from ..timeline.view import TimelineView
from . import canvas, timeline
from .window import WindowFigure, first_window, table, window_figures

_TIMELINE_BUDGET = 33.0
_SETTLED = 500
"""Milliseconds in which the timeline counts the areas of the selected instance, before it is driven."""


def main() -> int:
    """Measure everything and print it.

    Returns:
        1 when something takes longer than it may.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as scratch:
        start = first_window(Path(scratch))
        app = application()
        figures = [start, *_canvas(), *_timeline(app), *window_figures(app, Path(scratch))]
    for line in table(figures):
        sys.stdout.write(f"{line}\n")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    sys.stdout.write(f"platform {app.platformName()}, load {load}, {os.cpu_count()} processors\n")
    return 0 if all(figure.fits for figure in figures) else 1


def _canvas() -> Iterator[WindowFigure]:
    for case in canvas.measure():
        yield WindowFigure(case.name, case.budget, case.wall, case.cpu)


def _timeline(app: QApplication) -> Iterator[WindowFigure]:
    view = TimelineView()
    view.resize(1600, 900)
    timeline.fill(view, timeline.crowd())
    view.show()
    QTest.qWait(_SETTLED)
    for times in timeline.measure(view):
        yield WindowFigure(f"timeline: {times.name}", _TIMELINE_BUDGET, times.wall, times.cpu)
    view.close()


if __name__ == "__main__":
    raise SystemExit(main())
