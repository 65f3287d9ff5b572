"""The app with a probe: `python tests/gui/story_app.py ARGUMENTS` tells where things are and what is known.

Each line on stdin is a Python expression about `window`; its value and what went wrong go to stdout as JSON.
It only looks: whatever is done to the app is done with the mouse and the keys.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from fake_engine import FakeEngine, Script
from PySide6.QtCore import QPoint, QSocketNotifier
from PySide6.QtWidgets import QAbstractButton, QWidget

from vsreid_studio.app import main
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.theme import Theme


class Probe:
    """Answers questions about a window."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._rest = b""
        self._notifier = QSocketNotifier(0, QSocketNotifier.Type.Read, window)
        self._notifier.activated.connect(self._read)

    def _read(self) -> None:
        data = os.read(0, 65536)
        if not data:
            self._notifier.setEnabled(False)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                told = [eval(line, {"window": self._window, **places(self._window)}), ""]
            except Exception as error:  # The one who asked has to hear of it, or would wait for ever.
                told = [None, repr(error)]
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


def places(window: MainWindow) -> dict[str, object]:
    """Functions that tell where something is, in device pixels of the screen."""
    ratio = window.devicePixelRatioF()
    parts = window.parts

    def of(widget: QWidget, place: QPoint) -> tuple[int, int]:
        point = widget.mapToGlobal(place)
        return round(point.x() * ratio), round(point.y() * ratio)

    def canvas(x: float, y: float) -> tuple[int, int]:
        across, down = parts.canvas.viewport.to_view(x, y)
        return of(parts.canvas, QPoint(round(across), round(down)))

    def cell(frame: int, instance: int) -> tuple[int, int]:
        view = parts.timeline
        row = next(n for n, one in enumerate(view.state.rows) if one.number == instance)
        high = view.state.style.row
        return of(view.lanes, QPoint(round(view.axis.centre(frame)), row * high + high * 2 // 3))

    def button(text: str) -> tuple[int, int]:
        found = next(
            one for one in window.findChildren(QAbstractButton) if one.isVisible() and text in one.text()
        )
        return of(found, found.rect().center())

    return {"canvas": canvas, "cell": cell, "button": button, "of": of}


def watch(*, dark: bool, fake: bool) -> None:
    """Give the window a probe as soon as it is shown.

    Args:
        dark: whether the system is.
        fake: take the engine of the tests, which knows their clip only.
    """
    make, show = MainWindow.__init__, MainWindow.show

    def made(window: MainWindow, theme: Theme, **parts: Any) -> None:
        script = Script(delay=0.02)
        clicker = None if fake else parts.get("clicker")
        make(window, theme, engine=(lambda: FakeEngine(script)) if fake else None, clicker=clicker)
        if dark:
            theme.set_dark(True)

    def shown(window: MainWindow) -> None:
        show(window)
        window.probe = Probe(window)  # type: ignore[attr-defined]

    MainWindow.__init__, MainWindow.show = made, shown  # type: ignore[assignment]


if __name__ == "__main__":
    options = {word for word in ("--dark", "--fake") if word in sys.argv}
    watch(dark="--dark" in options, fake="--fake" in options)
    sys.exit(main([word for word in sys.argv[1:] if word not in options]))
