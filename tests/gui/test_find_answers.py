"""A find is answered with one key, unfolds to its frames, and a rejection can be taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from driving import press, until_proposal, wait_idle
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from window_fixtures import MakeWindow

from vsreid_studio.engine.events import Decision, Reason, Verdict
from vsreid_studio.engine.types import CellKey, Maker
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.review.queue_model import Listed

SHIFT = Qt.KeyboardModifier.ShiftModifier


def rejected(window: MainWindow) -> list[int]:
    decisions = window.session.annotation.decisions
    return sorted(key.frame for key, it in decisions.items() if it.verdict is Verdict.REJECTED)


def test_one_key_rejects_the_whole_find(qtbot: QtBot, window: MainWindow) -> None:
    first = until_proposal(qtbot, window)
    queue = window.parts.review.queue
    waiting = [it.frame for it in window.session.retrievals if it.reason is None]
    assert len(waiting) > 1
    assert queue.model.rowCount() == queue.model.count(Listed.WAITING) == 1
    press(window, Qt.Key.Key_R)
    wait_idle(qtbot, window)
    assert set(rejected(window)) >= set(waiting)
    assert first.key in window.session.annotation.decisions
    # One step takes all of it back.
    assert window.session.undo_label == "reject retrieval"
    window.session.step_edits.undo()
    window.session.flush()
    assert rejected(window) == []
    assert window.session.undo_label == "propagate"


def test_another_key_rejects_one_frame(qtbot: QtBot, window: MainWindow) -> None:
    first = until_proposal(qtbot, window)
    press(window, Qt.Key.Key_R, SHIFT)
    qtbot.waitUntil(lambda: window.session.proposal is not None and window.session.proposal is not first)
    assert rejected(window) == [first.frame]
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_what_was_rejected_is_listed_and_can_be_taken_back(
    qtbot: QtBot, make: MakeWindow, window: MainWindow, pictures: Path
) -> None:
    first = until_proposal(qtbot, window)
    press(window, Qt.Key.Key_R)
    wait_idle(qtbot, window)
    window.close()
    again = make()
    again.files.open(pictures)
    again.session.flush()
    queue = again.parts.review.queue
    queue.choice.setCurrentIndex(queue.choice.findData(Listed.REJECTED))
    assert queue.model.rowCount() == 1
    queue.view.setCurrentIndex(queue.model.index(0, 0))
    assert queue.take_back.isEnabled()
    queue.take_back.click()
    assert rejected(again) == []
    assert queue.model.rowCount() == 0
    again.conductor.propagate()
    qtbot.waitUntil(lambda: again.session.proposal is not None)
    assert again.session.proposal.key == first.key
    again.conductor.cancel()
    wait_idle(qtbot, again)


def test_a_find_unfolds_to_its_frames(qtbot: QtBot, window: MainWindow) -> None:
    until_proposal(qtbot, window)
    queue = window.parts.review.queue
    queue.view.setFocus()
    queue.view.setCurrentIndex(queue.model.index(0, 0))
    whole = len(queue.model.track(0))
    assert f"{whole} frames" in queue.model.explanation(0)
    QTest.keyClick(queue.view, Qt.Key.Key_Right)
    assert queue.model.rowCount() == whole
    QTest.keyClick(queue.view, Qt.Key.Key_Left)
    assert queue.model.rowCount() == 1
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_taking_rejections_back_leaves_what_was_accepted(qtbot: QtBot, window: MainWindow) -> None:
    first = until_proposal(qtbot, window)
    press(window, Qt.Key.Key_A)
    wait_idle(qtbot, window)
    session, queue = window.session, window.parts.review.queue
    accepted = session.annotation.decisions[first.key]
    other = CellKey(first.frame + 1, first.instance)
    said = {first.key: replace(accepted, verdict=Verdict.REJECTED), other: accepted}
    session.edits.apply(session.annotation.decide(session.annotation.set_cells("decide", {}), said))
    queue.choice.setCurrentIndex(queue.choice.findData(Listed.ALL))
    row = queue.model.row_of(first.key)
    assert row is not None
    queue.view.setCurrentIndex(queue.model.index(row, 0))
    assert {it.key for it in queue.model.track(row)} >= {first.key, other}
    queue.take_back.click()
    assert dict(session.annotation.decisions) == {other: accepted}


def test_rejecting_a_find_leaves_what_was_decided_of_it(qtbot: QtBot, window: MainWindow) -> None:
    first = until_proposal(qtbot, window)
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)
    session = window.session
    given = next(it for it in session.retrievals if it.instance == first.instance and it.frame > first.frame)
    # As what was given to this instance from another one is listed: it was too weak to be offered.
    session.set_retrievals(
        [replace(it, reason=Reason.BELOW) if it is given else it for it in session.retrievals]
    )
    accepted = Decision(Verdict.ACCEPTED, given.box, given.similarity, Maker.PERSON)
    session.annotation.apply(
        session.annotation.decide(session.annotation.set_cells("give", {}), {given.key: accepted})
    )
    assert first.key in {it.key for it in window.conductor.review.waiting.find(first.key)}
    assert given.key not in {it.key for it in window.conductor.review.waiting.find(first.key)}
