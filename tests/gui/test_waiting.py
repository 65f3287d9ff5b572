"""Proposals wait in the document: after Esc, after reopening, beside a run; each is seen and answered."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from driving import LEFT, at, correct, drag, draw_both, press, until_proposal, wait_idle
from fake_engine import Script
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from small_clip import HIDDEN, LENGTH, true_mask
from window_fixtures import MakeWindow

from vsreid_studio.engine.events import Proposal, Verdict
from vsreid_studio.engine.runtime.run import State
from vsreid_studio.engine.types import CellKey, Maker
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.review.actions import Mode
from vsreid_studio.gui.review.queue_model import Listed

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def left(qtbot: QtBot, window: MainWindow) -> Proposal:
    """A window whose run was left with Esc while it asked."""
    first = until_proposal(qtbot, window)
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)
    return first


def decided(window: MainWindow, key: CellKey) -> Verdict | None:
    found = window.session.annotation.decisions.get(key)
    return None if found is None else found.verdict


def choose(window: MainWindow, row: int = 0) -> None:
    """Click an entry of the list."""
    view = window.parts.review.queue.view
    place = view.visualRect(view.model().index(row, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_after_esc_it_is_still_there_to_be_answered(qtbot: QtBot, window: MainWindow, left: Proposal) -> None:
    panel, session = window.parts.review, window.session
    assert panel.proposal.key == left.key
    assert panel.proposal.recovered.same(left.recovered)
    assert panel.mode is Mode.ASKING
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: decided(window, left.key) is Verdict.ACCEPTED)
    wait_idle(qtbot, window)
    cell = session.annotation.get(*left.key)
    assert cell.made_by is Maker.RECOVERY and cell.mask.same(left.recovered)
    # The engine started for the answer, and carried it on.
    assert session.annotation.origin(LENGTH - 1, left.instance) == left.frame
    assert panel.queue.model.count(Listed.WAITING) == 0
    # The answer is one step, with what came of it.
    assert session.undo_label == "accept retrieval"
    press(window, Qt.Key.Key_Z, CTRL)
    session.flush()
    assert decided(window, left.key) is None
    assert session.annotation.mask(LENGTH - 1, left.instance).area == 0
    qtbot.waitUntil(lambda: panel.queue.model.count(Listed.WAITING) == 1)
    press(window, Qt.Key.Key_Z, CTRL | SHIFT)
    session.flush()
    assert decided(window, left.key) is Verdict.ACCEPTED
    assert session.annotation.origin(LENGTH - 1, left.instance) == left.frame


def test_the_weights_that_carry_out_an_answer_are_noted(
    qtbot: QtBot, window: MainWindow, left: Proposal
) -> None:
    project, engine = window.session.project, window.conductor.runner._worker._cache.engine
    assert len(project.runs) == 1 and project.last_weights == engine.checksums
    for runs, weights in ((1, "abc"), (2, "newer")):
        engine.checksums = {"propagation-lite": weights}  # type: ignore[misc]
        choose(window)
        press(window, Qt.Key.Key_A)
        qtbot.waitUntil(lambda: decided(window, left.key) is Verdict.ACCEPTED)
        wait_idle(qtbot, window)
        assert len(project.runs) == runs
        assert project.last_weights == {"propagation-lite": weights}
        window.session.step_edits.undo()
        window.session.flush()
        qtbot.waitUntil(lambda: window.parts.review.queue.model.count(Listed.WAITING) == 1)


def test_after_reopening_an_entry_shows_box_and_mask_and_is_answered(
    qtbot: QtBot, make: MakeWindow, window: MainWindow, pictures: Path, left: Proposal
) -> None:
    window.close()
    again = make()
    again.files.open(pictures)
    again.session.flush()
    panel = again.parts.review
    qtbot.waitUntil(lambda: panel.queue.model.count(Listed.WAITING) == 1)
    assert panel.proposal is None
    assert "One proposal waits" in panel.nothing.text()
    again.session.go(0)
    choose(again)
    assert again.session.frame == left.frame
    assert panel.proposal.key == left.key and panel.proposal.recovered.same(left.recovered)  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: again.parts.canvas.index == left.frame)
    press(again, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: decided(again, left.key) is Verdict.REJECTED)
    assert panel.queue.model.count(Listed.WAITING) == 0
    assert again.session.undo_label == "reject retrieval"
    assert not again.conductor.runner.busy


def test_the_key_of_the_next_retrieval_shows_it_too(qtbot: QtBot, window: MainWindow, left: Proposal) -> None:
    window.session.set_proposal(None)
    window.session.go(0)
    press(window, Qt.Key.Key_N)
    assert window.parts.review.proposal is not None
    assert window.session.frame == window.parts.review.proposal.frame


def test_a_frame_that_no_run_has_looked_into_is_accepted_by_the_engine(
    qtbot: QtBot, window: MainWindow, left: Proposal
) -> None:
    session, panel = window.session, window.parts.review
    other = next(
        one.key for one in window.conductor.review.waiting.waiting if one.key != left.key and not one.data
    )
    window.parts.on_timeline.show_retrieval(other)
    assert panel.proposal.key == other and panel.proposal.recovered.area == 0
    assert "when you accept" in panel.card.effect.text()
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: decided(window, other) is Verdict.ACCEPTED)
    wait_idle(qtbot, window)
    assert session.annotation.mask(*other).area
    assert session.undo_label == "accept retrieval"
    session.step_edits.undo()
    session.flush()
    assert decided(window, other) is None


def test_what_was_just_drawn_is_not_replaced_by_a_proposal(
    qtbot: QtBot, window: MainWindow, left: Proposal
) -> None:
    session, drawn = window.session, true_mask(0, 2)
    session.mask_edits.edit_mask(*left.key, drawn, "Paint")
    assert not window.conductor.review.accept()
    session.flush()
    assert session.annotation.mask(*left.key).same(drawn)
    assert decided(window, left.key) is None
    assert session.proposal is None


def test_another_box_is_looked_into_and_asked_about(qtbot: QtBot, window: MainWindow, left: Proposal) -> None:
    panel = window.parts.review
    press(window, Qt.Key.Key_D)
    box = left.box
    drag(window, (box.x0 - 2, box.y0 - 2), (box.x1 + 1, box.y1 + 1))
    qtbot.waitUntil(lambda: window.session.proposal is not None and window.session.proposal.box != box)
    qtbot.waitUntil(lambda: panel.mode is Mode.ASKING and panel.proposal.box != box)
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: decided(window, left.key) is Verdict.ACCEPTED)
    wait_idle(qtbot, window)
    assert window.session.annotation.decisions[left.key].box != box


def test_find_again_for_one_object_leaves_and_hides_the_others(
    qtbot: QtBot, window: MainWindow, left: Proposal
) -> None:
    session, queue, store = window.session, window.parts.review.queue, window.session.project.proposals
    other = replace(
        store.all[left.key], retrieval=replace(store.all[left.key].retrieval, instance=2, frame=3)
    )
    session.mask_edits.clear_range([2], 1, LENGTH - 1)
    store.put([replace(other, checkpoints=(0,))])
    session.select(1)
    press(window, Qt.Key.Key_F, CTRL)
    qtbot.waitUntil(lambda: session.proposal is not None and window.conductor.runner.busy)
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)
    assert queue.whose.currentText() == session.instances[1].name
    assert {queue.model.retrieval(row).instance for row in range(queue.model.rowCount())} == {1}
    queue.show_only(None)
    assert {queue.model.retrieval(row).instance for row in range(queue.model.rowCount())} == {1, 2}
    assert CellKey(3, 2) in store.all


def test_one_of_the_list_is_answered_while_a_run_asks_about_another(qtbot: QtBot, window: MainWindow) -> None:
    first = until_proposal(qtbot, window)
    other = next(one.key for one in window.conductor.review.waiting.waiting if one.key != first.key)
    window.parts.on_timeline.show_retrieval(other)
    assert window.parts.review.proposal.key == other
    press(window, Qt.Key.Key_R, SHIFT)
    qtbot.waitUntil(lambda: decided(window, other) is Verdict.REJECTED)
    # Then the run's own question is back.
    assert window.session.proposal is first
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: decided(window, first.key) is Verdict.ACCEPTED)
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_undo_by_key_while_a_run_goes_on(qtbot: QtBot, window: MainWindow, script: Script) -> None:
    session = window.session
    window.parts.canvas.setFocus()
    press(window, Qt.Key.Key_B)
    drag(window, (6, 16), (18, 16))
    script.gate = threading.Semaphore(0)
    press(window, Qt.Key.Key_P)
    script.gate.release(3)
    qtbot.waitUntil(lambda: len(session.annotation.row(1)) == 4)
    session.go(9)
    qtbot.waitUntil(lambda: window.parts.canvas.index == 9)
    drag(window, (6, 36), (18, 36))
    assert session.annotation.pinned(9, 1)
    press(window, Qt.Key.Key_Z, CTRL)
    session.flush()
    assert len(session.annotation.row(1)) == 4
    script.gate.release(100)
    # The run goes on as if nothing had been drawn, to the end, where it finds the object again.
    qtbot.waitUntil(lambda: len(session.annotation.row(1)) == LENGTH)
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_what_is_painted_on_a_proposal_outlasts_what_a_run_finds(
    qtbot: QtBot, window: MainWindow, script: Script, left: Proposal
) -> None:
    session, panel = window.session, window.parts.review
    script.gate = threading.Semaphore(0)
    session.mask_edits.clear_range([2], 1, LENGTH - 1)
    press(window, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: window.conductor.state is State.RUNNING)
    painted = correct(qtbot, window, left)
    with qtbot.waitSignal(window.conductor.runner.proposal):
        script.gate.release(1000)
    assert panel.mode is Mode.CORRECTING and panel.proposal.key == left.key
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: decided(window, left.key) is Verdict.ACCEPTED)
    assert session.annotation.mask(*left.key).area == painted
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_what_is_painted_on_a_proposal_outlasts_the_run(qtbot: QtBot, window: MainWindow) -> None:
    asked = until_proposal(qtbot, window)
    painted = correct(qtbot, window, asked)
    window.conductor.cancel()
    wait_idle(qtbot, window)
    assert window.parts.review.mode is Mode.CORRECTING
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: decided(window, asked.key) is Verdict.ACCEPTED)
    assert window.session.annotation.mask(*asked.key).area == painted
    wait_idle(qtbot, window)


def test_what_is_painted_on_a_proposal_outlasts_its_waiting(
    qtbot: QtBot, window: MainWindow, left: Proposal
) -> None:
    painted = correct(qtbot, window, left)
    window.session.project.proposals.forget([left.key.frame])
    window.session.edits.take_proposals(window.session.writer.snapshot())
    assert window.conductor.review.waiting.get(left.key) is None
    press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: decided(window, left.key) is Verdict.ACCEPTED)
    assert window.session.annotation.mask(*left.key).area == painted
    wait_idle(qtbot, window)


@pytest.mark.parametrize("asking", [False, True])
@pytest.mark.parametrize("other", [False, True])
def test_what_is_painted_on_a_proposal_outlasts_the_document(
    qtbot: QtBot,
    make: MakeWindow,
    window: MainWindow,
    pictures: Path,
    tmp_path: Path,
    asking: bool,
    other: bool,
) -> None:
    asked = until_proposal(qtbot, window)
    if not asking:
        press(window, Qt.Key.Key_Escape)
        wait_idle(qtbot, window)
    painted = correct(qtbot, window, asked)
    if other:
        shutil.copytree(pictures, tmp_path / "other")
        assert window.files.open(tmp_path / "other")
        window.session.flush()
        assert window.parts.on_canvas.correction is None and not window.conductor.runner.busy
        assert not window.session.annotation.instances
    window.close()
    again = make()
    again.files.open(pictures)
    again.session.flush()
    cell = again.session.annotation.get(*asked.key)
    assert cell.mask.area == painted and cell.pinned and cell.made_by is Maker.PERSON
    assert decided(again, asked.key) is Verdict.ACCEPTED
    assert again.session.undo_label == "correct retrieval"


@pytest.mark.parametrize("asking", [False, True])
def test_what_is_painted_on_a_proposal_outlasts_the_choice_of_another(
    qtbot: QtBot, window: MainWindow, asking: bool
) -> None:
    asked = until_proposal(qtbot, window)
    if not asking:
        press(window, Qt.Key.Key_Escape)
        wait_idle(qtbot, window)
    waiting = window.conductor.review.waiting
    other = next(one.key for one in waiting.waiting if one.key != asked.key)
    painted = correct(qtbot, window, asked)
    window.parts.on_timeline.show_retrieval(other)
    assert window.parts.on_canvas.correction is None and window.session.frame == other.frame
    qtbot.waitUntil(lambda: decided(window, asked.key) is Verdict.ACCEPTED)
    assert window.session.annotation.mask(*asked.key).area == painted
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_a_correction_without_a_stroke_answers_nothing_when_the_window_closes(
    make: MakeWindow, window: MainWindow, pictures: Path, left: Proposal
) -> None:
    press(window, Qt.Key.Key_C)
    assert window.parts.on_canvas.correction is not None
    window.close()
    again = make()
    again.files.open(pictures)
    again.session.flush()
    assert decided(again, left.key) is None and left.key in again.session.proposals


def test_left_alone_a_correction_gives_way_to_what_the_run_asks(
    qtbot: QtBot, window: MainWindow, script: Script, left: Proposal
) -> None:
    script.gate = threading.Semaphore(0)
    window.session.mask_edits.clear_range([2], 1, LENGTH - 1)
    press(window, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: window.conductor.state is State.RUNNING)
    correct(qtbot, window, left)
    with qtbot.waitSignal(window.conductor.runner.proposal):
        script.gate.release(1000)
    press(window, Qt.Key.Key_C)
    order = window.conductor.runner.order
    assert order is not None and window.session.proposal is order.control.question
    assert window.parts.review.mode is Mode.ASKING
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_a_correction_of_an_instance_that_was_deleted_ends(
    qtbot: QtBot, window: MainWindow, left: Proposal
) -> None:
    correct(qtbot, window, left)
    window.session.instance_edits.delete(left.instance)
    window.session.flush()
    press(window, Qt.Key.Key_A)
    assert window.parts.on_canvas.correction is None
    assert window.session.proposal is None and window.parts.review.mode is Mode.NOTHING
    assert window.session.flush()
    assert left.instance not in window.session.project.annotation.instances


def test_a_run_does_not_take_the_frame_from_a_polygon_that_is_drawn(
    qtbot: QtBot, window: MainWindow, script: Script
) -> None:
    draw_both(qtbot, window)
    session, canvas = window.session, window.parts.canvas
    session.mask_edits.mark_absent(1, [HIDDEN[0]])
    script.gate = threading.Semaphore(0)
    window.actions_[Act.FOLLOW].setChecked(True)
    window.actions_[Act.PROPAGATE].trigger()
    window.actions_[Act.POLYGON].trigger()
    for corner in ((40, 4), (60, 4), (60, 20)):
        QTest.mouseClick(canvas, LEFT, pos=at(window, *corner))
    with qtbot.waitSignal(window.conductor.runner.proposal):
        script.gate.release(1000)
    assert session.frame == 0 and canvas.gesture.busy
    assert session.proposal is not None
    press(window, Qt.Key.Key_Return)
    assert session.annotation.mask(0, 2).area > true_mask(0, 2).area
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_an_answer_is_carried_out_after_a_run_that_comes_before_it(
    qtbot: QtBot, window: MainWindow, script: Script, left: Proposal
) -> None:
    conductor = window.conductor
    other = next(one.key for one in conductor.review.waiting.waiting if one.key != left.key and not one.data)
    script.gate = threading.Semaphore(0)
    window.session.mask_edits.clear_range([2], 1, LENGTH - 1)
    assert conductor.propagate({2}, find=False)
    window.parts.on_timeline.show_retrieval(other)
    press(window, Qt.Key.Key_A)
    runs: list[bool] = []

    def begin() -> None:
        window.session.mask_edits.clear_range([2], 1, LENGTH - 1)
        runs.append(conductor.propagate({2}, find=False))

    def begin_soon() -> None:
        conductor.finished.disconnect(begin_soon)
        QTimer.singleShot(0, window, begin)

    conductor.finished.connect(begin_soon)
    script.gate.release(1000)
    qtbot.waitUntil(lambda: decided(window, other) is Verdict.ACCEPTED)
    assert runs == [True]
    wait_idle(qtbot, window)
