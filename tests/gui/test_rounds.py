"""Rounds: listed with what they changed, scored, compared by a wipe, and gone back to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import drag, press, until_proposal, wait_idle
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from small_clip import LENGTH, true_mask

from vsreid_studio.engine.extensions.doubtful import MissingRange
from vsreid_studio.gui.edits import COMPARED
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.project.history import StepKind

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def rounds(qtbot: QtBot, window: MainWindow) -> MainWindow:
    """A run that lost the red object, and the answer that brought it back."""
    until_proposal(qtbot, window)
    press(window, Qt.Key.Key_A)
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: window.parts.rounds.entries.count() == 2)
    return window


def listed(window: MainWindow) -> list[Any]:
    entries = window.parts.rounds.entries
    role = Qt.ItemDataRole.UserRole
    return [entries.item(row).data(role) for row in range(entries.count())]


def test_runs_and_answers_are_listed_with_what_they_changed(qtbot: QtBot, rounds: MainWindow) -> None:
    answer, run = listed(rounds)
    assert (answer.kind, run.kind) == (StepKind.ANSWER, StepKind.RUN)
    assert answer.instances == (1,) and answer.last == LENGTH - 1
    assert run.instances == (1, 2) and (run.first, run.last) == (1, LENGTH - 1)
    text = rounds.parts.rounds.entries.item(0).text()
    assert text.startswith("Answer: accept retrieval") and "masks in frames" in text and "object 1" in text
    rounds.parts.rounds.edits.setChecked(True)
    assert {one.kind for one in listed(rounds)} == set(StepKind)


def test_before_and_after_are_shown_side_by_side(qtbot: QtBot, rounds: MainWindow) -> None:
    window, panel, canvas = rounds, rounds.parts.rounds, rounds.parts.canvas
    session, last = window.session, LENGTH - 1
    session.go(last)
    qtbot.waitUntil(lambda: canvas.index == last)
    here = session.annotation.frame_masks(last)
    assert set(here) == {1, 2}
    panel.entries.setCurrentRow(0)
    panel.compare.click()
    qtbot.waitUntil(lambda: window.rounds.states is not None)
    assert window.rounds.states is not None
    before, after = window.rounds.states
    assert before.mask(last, 1).area == 0 and after.mask(last, 1).same(session.annotation.mask(last, 1))
    panel.before.click()
    assert 1 not in canvas.picture.masks
    panel.after.click()
    assert canvas.picture.masks[1].same(here[1])
    # The line goes through the object: one half of it is shown.
    box = here[1].hard_box
    panel.wipe.setValue(round(100 * (box.x0 + box.x1) / 2 / session.video.width))
    shown = canvas.picture.masks[1]
    assert 0 < shown.area < here[1].area and shown.box.x0 > box.x0
    assert set(window.parts.timeline.state.hatched) == {1}
    # Nothing can be drawn on what is in no document.
    label = session.undo_label
    told: list[str] = []
    canvas.refused.connect(told.append)
    press(window, Qt.Key.Key_B)
    drag(window, (40, 40), (60, 40))
    assert told == [COMPARED] and session.undo_label == label
    refused: list[str] = []
    session.refused.connect(refused.append)
    session.select(1)
    for key in (Qt.Key.Key_Return, Qt.Key.Key_X, Qt.Key.Key_Delete):
        press(window, key)
    window.parts.check.absent_requested.emit(MissingRange(1, 5, 6, computed=True))
    session.instance_edits.delete(2)
    assert refused == [COMPARED] * 5 and session.undo_label == label
    assert window.bar.isVisible()
    press(window, Qt.Key.Key_Escape)
    assert window.rounds.states is None and not panel.compare.isChecked()
    qtbot.waitUntil(lambda: 1 in canvas.picture.masks)
    assert window.parts.timeline.state.annotation is session.annotation
    press(window, Qt.Key.Key_Return)
    assert session.undo_label != label


def test_a_run_ends_the_comparison(qtbot: QtBot, rounds: MainWindow) -> None:
    window, panel = rounds, rounds.parts.rounds
    panel.entries.setCurrentRow(0)
    panel.compare.click()
    qtbot.waitUntil(lambda: window.rounds.states is not None)
    press(window, Qt.Key.Key_P)
    assert window.rounds.states is None and not panel.compare.isChecked()
    wait_idle(qtbot, window)


def test_one_goes_back_to_a_round_and_undoes_that(qtbot: QtBot, rounds: MainWindow) -> None:
    window, panel, session = rounds, rounds.parts.rounds, rounds.session
    whole = {key: cell.origin for key, cell in session.annotation.cells()}
    panel.entries.setCurrentRow(1)
    panel.back.click()
    session.flush()
    assert session.annotation.mask(LENGTH - 1, 1).area == 0
    assert not session.annotation.decisions
    assert session.undo_label == "go back to 'propagate'"
    press(window, Qt.Key.Key_Z, CTRL)
    session.flush()
    assert {key: cell.origin for key, cell in session.annotation.cells()} == whole
    assert session.annotation.decisions


def truth_in(folder: Path, *numbers: int) -> Path:
    """The exact masks; instance 1 has those of the first of these numbers, and so on."""
    folder.mkdir()
    for frame in range(LENGTH):
        labels = np.zeros((48, 80), np.uint8)
        for value, number in enumerate(numbers, 1):
            labels[true_mask(frame, number).hard(48, 80)] = value
        Image.fromarray(labels).save(folder / f"{frame:05d}.png")
    return folder


def test_another_truth_gives_other_scores(qtbot: QtBot, rounds: MainWindow, tmp_path: Path) -> None:
    entries = rounds.parts.rounds.entries
    rounds.comparison.compare(truth_in(tmp_path / "truth", 1, 2))
    qtbot.waitUntil(lambda: entries.count() == 2 and "(+" in entries.item(0).text())
    first = entries.item(0).text()
    rounds.comparison.compare(truth_in(tmp_path / "swapped", 2, 1))

    def swapped() -> bool:
        return rounds.comparison.truth is not None and rounds.comparison.truth.folder.name == "swapped"

    qtbot.waitUntil(swapped)
    qtbot.waitUntil(lambda: "J&F" in entries.item(0).text() and entries.item(0).text() != first)


def test_rounds_are_scored_against_a_truth(qtbot: QtBot, rounds: MainWindow, tmp_path: Path) -> None:
    window, folder = rounds, truth_in(tmp_path / "truth", 1, 2)
    window.comparison.compare(folder)
    entries = window.parts.rounds.entries
    qtbot.waitUntil(lambda: entries.count() == 2 and "(+" in entries.item(0).text())
    assert "J&F" in entries.item(1).text()


def test_a_comparison_that_was_left_before_it_was_there_does_not_come(
    qtbot: QtBot, rounds: MainWindow
) -> None:
    panel, session = rounds.parts.rounds, rounds.session
    panel.entries.setCurrentRow(0)
    panel.compare.click()
    panel.compare.click()
    session.flush()
    assert rounds.rounds.states is None and not session.edits.comparing
    assert session.mask_edits.edit_mask(1, 1, true_mask(1, 1), "Paint")
