"""The video plays at its own rate, by keys, and frames are dropped rather than slowed."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import NoReturn

import pytest
from driving import drag, draw_both, focused, press, wait_idle
from fake_engine import Script
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from small_clip import LENGTH

from vsreid_studio.engine.runtime.run import State
from vsreid_studio.errors import UserError
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.review.actions import AT_WORK
from vsreid_studio.gui.session import mask_import

LAST = LENGTH - 1


@pytest.fixture
def seen(window: MainWindow) -> list[int]:
    """The frames that the canvas has shown."""
    shown: list[int] = []
    window.loader.loaded.connect(lambda index, _: shown.append(index))
    return shown


class SlowClock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0

    def start(self) -> None:
        self.now = 0

    def elapsed(self) -> int:
        return self.now


def test_space_plays_to_the_end_and_stops(qtbot: QtBot, window: MainWindow, seen: list[int]) -> None:
    playback = window.parts.playback
    window.parts.canvas.setFocus()
    press(window, Qt.Key.Key_Space)
    assert playback.playing
    assert window.actions_[Act.PAUSE].text() == "Stop"
    qtbot.waitUntil(lambda: not playback.playing)
    assert window.session.frame == LAST
    assert seen == sorted(seen)
    assert window.actions_[Act.PAUSE].text() == "Play"
    # At the end it begins again.
    press(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: 0 < window.session.frame < LAST)
    press(window, Qt.Key.Key_Space)
    assert not playback.playing


def test_frames_are_dropped_by_the_clock(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    playback, clock = window.parts.playback, SlowClock()
    monkeypatch.setattr(playback, "_clock", clock)
    playback.play(1)
    playback._timer.stop()
    # A quarter of a second later it is at frame 6, whatever was shown meanwhile.
    clock.now = 250
    playback._step()
    assert window.session.frame == 6
    # The next is not asked for before this one is there.
    clock.now = 300
    playback._step()
    assert window.session.frame == 6
    qtbot.waitUntil(lambda: window.parts.canvas.index == 6)
    playback._step()
    assert window.session.frame == 7
    playback.stop()


def test_j_k_l(qtbot: QtBot, window: MainWindow) -> None:
    playback = window.parts.playback
    window.session.go(6)
    press(window, Qt.Key.Key_L)
    assert playback.speed == 1
    press(window, Qt.Key.Key_L)
    assert playback.speed == 2
    assert "/s × 2" in window.status.place.text().replace(" assumed", "")
    press(window, Qt.Key.Key_J)
    assert playback.speed == -1
    assert "× −1" in window.status.place.text()
    press(window, Qt.Key.Key_K)
    assert playback.speed == 0
    assert "×" not in window.status.place.text()
    press(window, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: not playback.playing)
    assert window.session.frame == 0


def test_the_chosen_range_is_repeated(qtbot: QtBot, window: MainWindow) -> None:
    window.session.choose_range(3, 5)
    frames: list[int] = []
    window.session.frame_changed.connect(frames.append)
    press(window, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: frames.count(3) > 2)
    press(window, Qt.Key.Key_Escape)
    assert not window.parts.playback.playing
    assert window.session.range == (3, 5)
    assert set(frames) <= {3, 4, 5}


def test_going_elsewhere_stops_it(qtbot: QtBot, window: MainWindow) -> None:
    press(window, Qt.Key.Key_L)
    press(window, Qt.Key.Key_End)
    assert not window.parts.playback.playing
    assert window.session.frame == LAST


def test_space_held_still_pans(qtbot: QtBot, window: MainWindow) -> None:
    canvas = window.parts.canvas
    before = canvas.viewport
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    drag(window, (20, 20), (30, 25))
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert canvas.viewport != before
    assert not window.parts.playback.playing
    assert window.session.annotation.get(0, 1) is None


def test_space_in_a_run_pauses_the_run(qtbot: QtBot, window: MainWindow, script: Script) -> None:
    draw_both(qtbot, window)
    script.delay = 0.1
    press(window, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: len(script.targets) > 1)
    press(window, Qt.Key.Key_Space)
    assert window.conductor.state is State.PAUSED
    assert not window.parts.playback.playing
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_space_plays_while_masks_are_imported(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = Event()

    def wait(*_: object, **__: object) -> NoReturn:
        goes_on.wait(5)
        raise UserError("There is nothing to import.")

    monkeypatch.setattr(mask_import, "read_given_masks", wait)
    monkeypatch.setattr(mask_import, "refuse_own", lambda *_: None)
    window.session.mask_edits.import_masks(tmp_path)
    try:
        assert window.conductor.state is State.RUNNING
        assert window.actions_[Act.PAUSE].text() == "Play"
        assert window.parts.review.nothing.text() != AT_WORK
        press(window, Qt.Key.Key_Space)
        assert window.parts.playback.playing
        window.parts.playback.stop()
        press(window, Qt.Key.Key_Escape)
    finally:
        goes_on.set()
    qtbot.waitUntil(lambda: not window.session.mask_edits.is_importing)
    assert window.actions_[Act.PAUSE].text() == "Play"


def test_a_frame_can_be_typed(qtbot: QtBot, window: MainWindow) -> None:
    press(window, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(focused(), "7")
    QTest.keyClick(focused(), Qt.Key.Key_Return)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert window.session.frame == 7
    press(window, Qt.Key.Key_Right)
    assert window.transport.frame.value() == 8


def test_zoom_keys_and_what_they_say(window: MainWindow) -> None:
    canvas = window.parts.canvas
    press(window, Qt.Key.Key_0)
    assert canvas.viewport.scale == pytest.approx(1 / canvas.devicePixelRatioF())
    assert "100 %" in window.status.place.text()
    press(window, Qt.Key.Key_Plus)
    assert "150 %" in window.status.place.text()
    press(window, Qt.Key.Key_Minus)
    assert "100 %" in window.status.place.text()
    press(window, Qt.Key.Key_F)
    assert "100 %" not in window.status.place.text()
