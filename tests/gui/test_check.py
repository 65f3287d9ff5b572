"""Where to look next: doubtful frames and gaps in the window, crossed off, kept, and undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from driving import draw_both, press, wait_idle
from fake_engine import Script
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from small_clip import LENGTH
from window_fixtures import MakeWindow

from vsreid_studio.engine.events import Progress, Steps
from vsreid_studio.engine.extensions.doubtful import Doubt, DoubtfulFrames, MissingRange
from vsreid_studio.engine.runtime.run import Control
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Cell, CellKey, SoftMask
from vsreid_studio.gui.check import CheckerThread, _CheckTask
from vsreid_studio.gui.main_window import MainWindow

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
SEEN = frozenset(CellKey(n, 1) for n in range(8))


def doubted() -> Annotation:
    """Masks that the network is unsure of."""
    mask = SoftMask.from_dense(np.ones((5, 5), np.bool_))
    return Annotation(20, {CellKey(n, 1): Cell(mask, 0, confidence=0.1) for n in range(20)})


@pytest.fixture
def carried(qtbot: QtBot, window: MainWindow) -> MainWindow:
    """Both objects carried along; the green one is too small in frames 5 and 6, of which nobody is sure."""
    draw_both(qtbot, window)
    window.conductor.propagate(find=False)
    wait_idle(qtbot, window)
    session = window.session
    cells = {}
    for frame in (5, 6):
        cell = session.annotation.get(frame, 2)
        assert cell is not None
        box = cell.mask.box
        small = SoftMask.from_dense(cell.mask.dense(48, 80)[: box.y0 + 3] > 0.5)
        cells[CellKey(frame, 2)] = replace(cell, mask=small, confidence=0.2)
    session.edits.apply(session.annotation.set_cells("spoil", cells), undoable=False)
    until(qtbot, window, lambda: any(one.instance == 2 for one in window.parts.checker.doubts))
    return window


def until(qtbot: QtBot, window: MainWindow, true: Callable[[], object]) -> None:
    def looked() -> bool:
        return bool(true())

    qtbot.waitUntil(looked)


def green(window: MainWindow) -> list[Doubt]:
    return [one for one in window.parts.checker.doubts if one.instance == 2 and one.first <= 5 <= one.last]


def test_a_key_goes_to_the_next_one_and_tells_why(qtbot: QtBot, carried: MainWindow) -> None:
    window = carried
    window.parts.canvas.setFocus()
    window.session.go(0)
    count = window.parts.check.doubts.count()
    seen = set()
    for _ in range(count):
        press(window, Qt.Key.Key_T)
        seen.add((window.session.selected, window.session.frame))
    doubt = green(window)[0]
    assert (2, doubt.frame) in seen
    assert len(seen) == count
    assert doubt.reason.endswith(".")
    assert doubt.reason in " ".join(window.parts.check.doubts.item(row).text() for row in range(count))
    before = window.session.frame, window.session.selected
    press(window, Qt.Key.Key_T)
    press(window, Qt.Key.Key_T, SHIFT)
    assert (window.session.frame, window.session.selected) == before


def test_approving_crosses_the_stretch_off_and_undo_brings_it_back(
    qtbot: QtBot, carried: MainWindow, make: MakeWindow, pictures: Path
) -> None:
    window = carried
    doubt = green(window)[0]
    window.parts.canvas.setFocus()
    window.parts.check.shown.emit(doubt)
    press(window, Qt.Key.Key_Return)
    until(qtbot, window, lambda: not green(window))
    press(window, Qt.Key.Key_Z, CTRL)
    until(qtbot, window, lambda: green(window))
    press(window, Qt.Key.Key_Z, CTRL | SHIFT)
    until(qtbot, window, lambda: not green(window))
    window.close()
    again = make()
    again.files.open(pictures)
    again.session.flush()
    assert CellKey(6, 2) in again.session.reviewed or again.session.annotation.pinned(6, 2)
    until(qtbot, again, lambda: again.parts.check.tabs.tabText(0) != "")
    qtbot.wait(600)
    assert not green(again)


def test_what_looks_right_is_left_unpinned(qtbot: QtBot, carried: MainWindow) -> None:
    window = carried
    doubt = green(window)[0]
    panel = window.parts.check
    rows = range(panel.doubts.count())
    panel.doubts.setCurrentRow(
        next(row for row in rows if panel.doubts.item(row).data(Qt.ItemDataRole.UserRole) is doubt)
    )
    panel.right.click()
    until(qtbot, window, lambda: not green(window))
    assert not window.session.annotation.pinned(doubt.frame, 2)
    assert window.session.undo_label == "mark as right"
    # A new mask there is looked at anew.
    cell = window.session.annotation.get(5, 2)
    assert cell is not None
    worse = replace(cell, mask=SoftMask.from_dense(cell.mask.dense(48, 80)[:, ::-1] > 0.5))
    window.session.edits.apply(window.session.annotation.set_cells("spoil", {CellKey(5, 2): worse}))
    until(qtbot, window, lambda: green(window))


def test_gaps_are_confirmed_filled_and_searched(qtbot: QtBot, carried: MainWindow) -> None:
    window = carried
    session, panel = window.session, window.parts.check
    session.mask_edits.clear_range([2], 9, LENGTH - 1)
    until(qtbot, window, lambda: any(one.instance == 2 for one in window.parts.checker.gaps))
    lost = next(one for one in window.parts.checker.gaps if one.instance == 1)
    cleared = next(one for one in window.parts.checker.gaps if one.instance == 2)
    assert (cleared.first, cleared.last, cleared.computed) == (9, LENGTH - 1, False)
    assert lost.computed
    panel.fill_requested.emit(cleared)
    wait_idle(qtbot, window)
    assert len(session.annotation.row(2)) == LENGTH
    until(qtbot, window, lambda: all(one.instance == 1 for one in window.parts.checker.gaps))
    panel.search_requested.emit(lost)
    qtbot.waitUntil(lambda: session.proposal is not None)
    assert session.proposal.instance == 1 and lost.first <= session.proposal.frame <= lost.last
    window.conductor.cancel()
    wait_idle(qtbot, window)
    panel.absent_requested.emit(lost)
    assert session.annotation.pinned(lost.first, 1) and not session.annotation.mask(lost.last, 1).area
    until(qtbot, window, lambda: not window.parts.checker.gaps)
    press(window, Qt.Key.Key_Z, CTRL)
    until(qtbot, window, lambda: window.parts.checker.gaps)


def test_a_gap_that_has_been_filled_is_not_marked(qtbot: QtBot, carried: MainWindow) -> None:
    window = carried
    session, panel = window.session, window.parts.check
    session.mask_edits.clear_range([2], 8, LENGTH - 1)
    until(qtbot, window, lambda: any(one.first == 8 for one in window.parts.checker.gaps))
    gap = next(one for one in window.parts.checker.gaps if one.first == 8)
    session.mask_edits.edit_mask(8, 2, session.annotation.mask(0, 2), "Paint")
    panel.absent_requested.emit(gap)
    assert session.annotation.mask(8, 2).area
    assert session.annotation.pinned(9, 2) and not session.annotation.mask(9, 2).area
    panel.absent_requested.emit(gap)
    assert "no gap" in window.bar.sentence.text()


class Busy:
    """Work that ends when it is told to."""

    def __init__(self, go_on: Event) -> None:
        self._go_on = go_on

    def steps(self, control: Control, send: object) -> Steps:
        yield Progress("exporting", 0, 1)
        self._go_on.wait()


def test_what_a_run_makes_is_not_crossed_off_by_the_list_of_before(qtbot: QtBot, carried: MainWindow) -> None:
    window, session, go_on = carried, carried.session, Event()
    doubt = green(window)[0]
    assert (doubt.first, doubt.last) == (5, 6)
    assert window.conductor.start(Busy(go_on))
    session.mask_edits.edit_mask(5, 2, session.annotation.mask(0, 2), "Paint")
    go_on.set()
    wait_idle(qtbot, window)
    session.flush()
    assert CellKey(6, 2) not in session.reviewed
    until(qtbot, window, lambda: session.edits.doubts)


def test_a_gap_is_filled_alone_also_after_what_is_under_way(qtbot: QtBot, carried: MainWindow) -> None:
    window, go_on = carried, Event()
    session = window.session
    for first, last in ((3, 3), (9, LENGTH - 1)):
        session.mask_edits.clear_range([2], first, last)
    assert window.conductor.start(Busy(go_on))
    window.parts.check.fill_requested.emit(MissingRange(2, 3, 3, computed=False))
    go_on.set()
    qtbot.waitUntil(lambda: session.annotation.get(3, 2) is not None)
    wait_idle(qtbot, window)
    assert session.annotation.get(9, 2) is None
    assert session.range is None


def test_the_speed_of_corrected_objects_is_chosen_and_told(
    qtbot: QtBot, window: MainWindow, script: Script, make: MakeWindow, pictures: Path
) -> None:
    draw_both(qtbot, window)
    session, status = window.session, window.status
    session.mask_edits.edit_mask(8, 2, session.annotation.mask(0, 2), "Paint")
    texts = []
    window.conductor.progress.connect(lambda *_: texts.append(status.engine.text()))
    script.delay = 0.06
    window.conductor.propagate({2}, find=False)
    wait_idle(qtbot, window)
    assert any("corrected: careful, slower" in text for text in texts)
    window.parts.canvas.setFocus()
    press(window, Qt.Key.Key_P, CTRL | SHIFT)
    assert not window.conductor.careful
    session.mask_edits.clear_range([2], 1, 7)
    texts.clear()
    window.conductor.propagate({2}, find=False)
    wait_idle(qtbot, window)
    assert any("corrected: fast" in text for text in texts)
    assert texts and not any("careful" in text for text in texts)
    assert script.careful == [True, False]
    window.close()
    again = make()
    again.files.open(pictures)
    again.session.flush()
    assert not again.conductor.careful


def test_a_check_waits_until_the_document_is_quiet(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_both(qtbot, window)
    checker, session = window.parts.checker, window.session
    qtbot.waitUntil(lambda: session.settled)
    asked: list[object] = []
    monkeypatch.setattr(checker._thread, "ask", asked.append)
    written = Event()
    session.work_out(written.wait, lambda _: None)
    session.mask_edits.mark_absent(1, [5])
    assert checker._thread.paused
    checker.refresh()
    assert not asked
    written.set()
    qtbot.waitUntil(lambda: bool(asked))
    assert session.settled
    assert not checker._thread.paused


def test_a_paused_check_stands_still_and_a_newer_one_takes_over(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotation, thread, finder = doubted(), CheckerThread(), DoubtfulFrames()
    tasks = [_CheckTask(finder, annotation, (1,), reviewed) for reviewed in (frozenset(), SEEN)]
    found: list[object] = []
    thread.found.connect(lambda _, doubts, missing: found.append(doubts))
    thread.pause(True)
    reading = Event()
    monitored = thread._poll

    def poll() -> None:
        reading.set()
        monitored()

    monkeypatch.setattr(thread, "_poll", poll)
    thread.ask(tasks[0])
    assert reading.wait(10)
    thread.ask(tasks[1])
    thread.pause(False)
    qtbot.waitUntil(lambda: bool(found))
    thread.stop()
    assert found == [DoubtfulFrames().find(annotation, (1,), reviewed=SEEN)]


def test_a_paused_check_ends_with_its_thread() -> None:
    thread = CheckerThread()
    thread.pause(True)
    thread.ask(_CheckTask(DoubtfulFrames(), doubted(), (1,), frozenset()))
    thread.stop()
    assert thread.isFinished()
