"""Nothing that a person does is passed over in silence."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import pytest
from driving import LEFT, at, drag, draw_both, focused, press, until_proposal, wait_idle
from fake_engine import Script
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from small_clip import LENGTH
from window_fixtures import MakeWindow

from vsreid_studio.engine.events import Progress
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.bind.clicks import NO_NETWORK
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.worker.runner import Pace


def drop(window: MainWindow, *urls: QUrl) -> None:
    data = QMimeData()
    data.setUrls(list(urls))
    copy = Qt.DropAction.CopyAction
    window.dropEvent(QDropEvent(QPointF(5, 5), copy, data, LEFT, Qt.KeyboardModifier.NoModifier))
    window.session.flush()


def test_the_second_of_two_dropped_files_is_told_of(make: MakeWindow, pictures: Path, tmp_path: Path) -> None:
    window = make()
    drop(window, QUrl.fromLocalFile(str(pictures)), QUrl.fromLocalFile(str(tmp_path / "other.mp4")))
    assert window.session.document is not None
    assert "One document is open at a time" in window.bar.sentence.text()


def test_a_dropped_address_is_told_of(make: MakeWindow) -> None:
    window = make()
    drop(window, QUrl("https://example.org/clip.mp4"))
    assert "Only files and folders of this computer" in window.bar.sentence.text()


def test_box_select_without_the_click_network_says_so(qtbot: QtBot, window: MainWindow) -> None:
    press(window, Qt.Key.Key_Q)
    drag(window, (4, 8), (22, 26))
    assert window.bar.sentence.text() == NO_NETWORK
    assert not window.session.annotation.row(1)


def test_propagate_during_an_adaptation_begins_afterwards(
    qtbot: QtBot, window: MainWindow, script: Script
) -> None:
    draw_both(qtbot, window)
    script.gate = threading.Semaphore(0)
    assert window.conductor.adapt()
    press(window, Qt.Key.Key_P)
    assert "as soon as" in window.bar.sentence.text()
    script.gate.release(1000)
    qtbot.waitUntil(lambda: len(window.session.annotation.row(1)) > 3)
    window.conductor.cancel()
    wait_idle(qtbot, window)


def test_propagate_in_a_run_tells_that_there_is_one(qtbot: QtBot, window: MainWindow, script: Script) -> None:
    until_proposal(qtbot, window)
    press(window, Qt.Key.Key_P)
    assert "waits for your answer" in window.bar.sentence.text()
    assert window.session.proposal is not None
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_a_run_that_asks_nothing_says_where_to_look(qtbot: QtBot, window: MainWindow, script: Script) -> None:
    draw_both(qtbot, window)
    window.session.select(2)
    press(window, Qt.Key.Key_P, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: "Where to look" in window.bar.sentence.text())
    window.bar.hide()
    with qtbot.waitSignal(window.conductor.finished):
        window.conductor.propagate(find=False)
    assert not window.bar.isVisible()


def test_a_bad_line_among_the_keys_costs_only_itself(
    make: MakeWindow, tmp_path: Path, pictures: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "keys.toml").write_text(
        '[window]\nnope = "A"\npropagate = "Ctrl+R"\nadapt = "Ctrl+Z"\n[review]\nskip = 3\naccept = "F9"\n'
    )
    window = make()
    assert window.files.open(pictures)
    window.session.flush()
    assert "nope" in window.bar.sentence.text()
    for word in ("nope", "Ctrl+Z", "skip"):
        assert word in window.bar.details.toPlainText()
    assert window.actions_[Act.PROPAGATE].shortcut().toString() == "Ctrl+R"
    assert window.parts.review.actions_.accept.shortcut().toString() == "F9"
    assert window.actions_[Act.ADAPT].shortcut().toString() == "Ctrl+T"
    assert window.actions_[Act.UNDO].shortcut().toString() == "Ctrl+Z"


def test_a_key_may_change_hands_in_the_file(make: MakeWindow, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "keys.toml").write_text('[window]\nbrush = "E"\neraser = "B"\n')
    window = make()
    assert not window.bar.isVisible()
    assert window.actions_[Act.BRUSH].shortcut().toString() == "E"


@pytest.mark.parametrize("chosen", [None, (3, 5)])
def test_delete_in_a_range_asks_for_the_range(
    qtbot: QtBot, window: MainWindow, chosen: tuple[int, int] | None
) -> None:
    draw_both(qtbot, window)
    window.conductor.propagate(find=False)
    wait_idle(qtbot, window)
    session, panel = window.session, window.parts.instances
    session.go(4)
    if chosen:
        session.choose_range(*chosen)
    panel.actions_.delete_range.trigger()
    question = panel.question
    assert question.frames == (chosen or (4, 4))
    QTest.keyClicks(focused(), "2")
    assert question.frames[0] == 2
    question.last.setFocus()
    question.last.selectAll()
    QTest.keyClicks(focused(), "6")
    QTest.keyClick(focused(), Qt.Key.Key_Return)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert [i for i in range(LENGTH) if session.annotation.get(i, 2) is None] == [2, 3, 4, 5, 6]


def test_the_time_left_does_not_jump() -> None:
    """Frames of very different cost: the time left falls as a clock does, after it is first told."""
    pace, now, left = Pace(), 0.0, []
    for done in range(200):
        rate_left = pace.take(now, Progress("propagating", done, 200))[1]
        if rate_left is not None:
            left.append((now, rate_left))
        # A slow start, then bursts: each tenth frame takes as long as the nine others.
        now += 2.0 if done == 0 else 0.9 if done % 10 == 0 else 0.1
    changes = [(b[1] - a[1]) + (b[0] - a[0]) for a, b in pairwise(left)]
    assert left[0][1] == pytest.approx(200 * 0.18, rel=0.4)
    assert max(map(abs, changes)) < 1.5
    assert left[-1][1] < 2


def test_the_drop_of_a_folder_that_is_none(make: MakeWindow, tmp_path: Path) -> None:
    window = make()
    drop(window, QUrl.fromLocalFile(str(tmp_path / "missing")))
    assert window.bar.isVisible()
    assert window.session.document is None


def test_a_gesture_that_came_to_nothing_says_what_to_do(qtbot: QtBot, window: MainWindow) -> None:
    told = window.bar.sentence.text
    for tool, words in (
        (Qt.Key.Key_E, "there is nothing to erase"),
        (Qt.Key.Key_Q, "Drag a box"),
    ):
        press(window, tool)
        QTest.mouseClick(window.parts.canvas, LEFT, pos=at(window, 8, 8))
        assert words in told()
    press(window, Qt.Key.Key_L, Qt.KeyboardModifier.ShiftModifier)
    QTest.mouseClick(window.parts.canvas, LEFT, pos=at(window, 8, 8))
    assert "Drag around" in told()
    press(window, Qt.Key.Key_Y)
    QTest.mouseClick(window.parts.canvas, LEFT, pos=at(window, 8, 8))
    press(window, Qt.Key.Key_Return)
    assert "three corners" in told()


def test_propagate_with_all_locked_says_so(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    for number in (1, 2):
        window.session.instance_edits.lock(number, True)
    press(window, Qt.Key.Key_P)
    assert window.bar.sentence.text() == "What is drawn is locked: unlock it first."


def test_a_hint_is_a_notice_and_shows_beneath_a_failure(window: MainWindow) -> None:
    bar = window.bar
    press(window, Qt.Key.Key_P)
    assert bar.sentence.text().startswith("Draw an object") and bar.property("failure") is False
    bar.fail("The disk is full.")
    press(window, Qt.Key.Key_Return)
    assert bar.sentence.text() == "The disk is full." and bar.property("failure") is True
    assert bar.beneath.isVisible() and "not approved yet" in bar.beneath.text()
    bar._timer.timeout.emit()
    assert bar.isVisible() and not bar.beneath.isVisible()
    press(window, Qt.Key.Key_Return)
    bar.fail("Another one.")
    assert not bar.beneath.isVisible()


def test_an_earlier_failure_goes_where_something_is_tried_anew(window: MainWindow) -> None:
    bar = window.bar
    for ask in (window.files.ask_mask, window.files.ask_masks, window.files.ask_open, window.comparison.ask):
        bar.fail("The mask cannot be read.")
        ask()
        assert not bar.isVisible()
        for dialog in window.findChildren(QFileDialog):
            dialog.reject()
    bar.suggest("The video has moved.", "Find it …", lambda: None)
    window.files.ask_mask()
    assert bar.isVisible()
    for dialog in window.findChildren(QFileDialog):
        dialog.reject()


def test_what_is_refused_leaves_nothing_to_save(qtbot: QtBot, window: MainWindow) -> None:
    edits = window.session.instance_edits
    edits.add_classes({1: "dog"})
    window.session.flush()
    edits.import_classes(_listed(window, "dog"))
    assert window.status.kept.text() == "saving"
    window.session.flush()
    assert window.bar.sentence.text() == "The list has all of these classes already."
    assert window.status.kept.text() == "saved"
    edits.import_classes(_listed(window))
    window.session.flush()
    assert "names no class" in window.bar.sentence.text()
    assert window.status.kept.text() == "saved"


def _listed(window: MainWindow, *names: str) -> Path:
    path = window.session.project.path.with_name("classes.txt")
    path.write_text("\n".join(names))
    return path
