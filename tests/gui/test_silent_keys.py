"""Each key of the window does something, or says why it does not."""

from __future__ import annotations

import pytest
from driving import draw_both, wait_idle
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDockWidget, QWidget
from pytestqt.qtbot import QtBot
from small_clip import LENGTH
from window_fixtures import MakeWindow

from vsreid_studio.gui.keys import Keyed
from vsreid_studio.gui.main_window import MainWindow

QUIET = {
    # Begin again what is there already, or stand at an end that can be seen.
    *("click", "brush", "fit", "stop"),
    # Ends what is open; here nothing is.
    "leave",
}
PATIENCE = 2000
"""Times of 5 ms until a key has come to nothing; the engine and the document have threads of their own."""
ARROWS = ("Left", "Right", "Up", "Down")
"""Go from button to button on the start page."""
CLOSING = {"quit", "start_page", "open", "open_folder", "demo"}
"""Tested elsewhere, as they open or close everything."""


def sight(window: MainWindow) -> tuple[object, ...]:
    """All that a person could notice."""
    session, parts = window.session, window.parts
    app = QApplication.instance()
    tops = sorted((type(w).__name__, w.windowTitle()) for w in app.topLevelWidgets() if w.isVisible())
    there = session.document is not None
    return (
        window.bar.isVisible() and window.bar.sentence.text(),
        tops,
        *((session.frame, session.undo_label, session.redo_label) if there else ()),
        session.range,
        session.selected,
        tuple(session.instances.items()) if there else (),
        parts.canvas.tool,
        parts.canvas.options,
        parts.canvas.display,
        parts.canvas.viewport,
        parts.playback.speed,
        window.conductor.state,
        tuple(window.actions_[act].isChecked() for act in window.actions_),
        tuple((d.isVisible(), d.visibleRegion().isEmpty()) for d in window.findChildren(QDockWidget)),
        QApplication.focusWidget(),
    )


def tidy(qtbot: QtBot, window: MainWindow) -> None:
    """Close what a key opened."""
    for widget in QApplication.topLevelWidgets():
        if widget is not window and widget.isVisible():
            widget.close()
    if window.session.document is not None:
        window.parts.playback.stop()
        window.session.choose_range(None)
        window.session.go(LENGTH // 2)
        window.conductor.cancel()
        wait_idle(qtbot, window)
    window.bar.hide()
    # It does not come back by itself without a window manager.
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)


def silent(qtbot: QtBot, window: MainWindow, home: QWidget) -> str:
    """The actions whose keys did nothing that can be seen."""
    found: list[str] = []
    # A run of the tests' engine may have ended before one looks.
    runs: list[object] = []
    window.conductor.state_changed.connect(lambda: runs.append(None))
    for one in listed(window):
        tidy(qtbot, window)
        if one.name == f"select_{window.session.selected}":
            continue
        home.setFocus()
        QApplication.processEvents()
        for key in one.action.shortcuts()[:1]:
            if isinstance(home, QAbstractButton) and key.toString().endswith(ARROWS):
                continue
            before = sight(window)
            runs.clear()
            QTest.keySequence(home, key)
            for _ in range(PATIENCE):
                qtbot.wait(5)
                if runs or sight(window) != before:
                    break
            else:
                found.append(f"{one.name} ({key.toString()})")
    tidy(qtbot, window)
    return ", ".join(found)


def listed(window: MainWindow) -> list[Keyed]:
    skipped = CLOSING | QUIET
    return [one for one in window._keyed if one.name not in skipped and one.action.shortcuts()]


def test_on_the_start_page(qtbot: QtBot, make: MakeWindow) -> None:
    window = make()
    assert silent(qtbot, window, window.start.open_button) == ""


@pytest.mark.parametrize("part", ["canvas", "timeline"])
def test_in_a_document_without_masks(qtbot: QtBot, window: MainWindow, part: str) -> None:
    assert silent(qtbot, window, getattr(window.parts, part)) == ""


def test_in_a_document_with_masks(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    assert silent(qtbot, window, window.parts.canvas) == ""


def test_without_an_instance(qtbot: QtBot, window: MainWindow) -> None:
    window.session.instance_edits.delete(1)
    window.session.flush()
    assert window.session.selected is None
    assert silent(qtbot, window, window.parts.canvas) == ""
