"""What is followed through many frames is one find: one entry, one answer."""

from __future__ import annotations

import pytest
from driving import press, until_proposal, wait_idle
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from vsreid_studio.engine.events import Reason, Retrieval, Verdict
from vsreid_studio.engine.types import Box, CellKey
from vsreid_studio.gui.finds import best, find_of, finds
from vsreid_studio.gui.review.queue_model import Listed

SHIFT = Qt.KeyboardModifier.ShiftModifier


def moving(frames, instance: int = 1, x: int = 0, reason: Reason | None = None) -> list[Retrieval]:
    return [
        Retrieval(i, instance, Box(x + 2 * i, 10, x + 2 * i + 20, 30), 0.5 + i / 100, 0.0, reason)
        for i in frames
    ]


def test_a_moving_object_is_one_find_and_another_place_another() -> None:
    near, far, other = moving(range(20)), moving(range(20, 25), x=300), moving(range(5), 2)
    grouped = finds([*far, *other, *near])
    assert grouped == [tuple(near), tuple(far), tuple(other)]
    assert best(grouped[0]).frame == 19


@pytest.mark.parametrize(("missing", "parts"), [(3, 1), (12, 2)])
def test_a_short_gap_does_not_part_a_find(missing: int, parts: int) -> None:
    assert len(finds(moving([*range(10), *range(10 + missing, 20 + missing)]))) == parts


def test_a_find_takes_weak_frames_along_but_none_that_has_a_mask() -> None:
    weak, held = moving([3], reason=Reason.BELOW), moving([4], reason=Reason.PRESENT)
    found = find_of(CellKey(2, 1), [*moving(range(3)), *weak, *held])
    assert [it.frame for it in found] == [0, 1, 2, 3]


def rejected(window) -> list[int]:
    decisions = window.session.annotation.decisions
    return sorted(key.frame for key, it in decisions.items() if it.verdict is Verdict.REJECTED)


def test_one_key_rejects_the_whole_find(qtbot, window):
    first = until_proposal(qtbot, window)
    queue = window.parts.review.queue
    waiting = [it.frame for it in window.session.retrievals if it.reason is None]
    assert len(waiting) > 1
    assert queue.model.rowCount() == queue.model.count(Listed.WAITING) == 1
    label = window.session.undo_label
    press(window, Qt.Key.Key_R)
    wait_idle(qtbot, window)
    assert set(rejected(window)) >= set(waiting)
    assert first.key in window.session.annotation.decisions
    # One step takes all of it back.
    assert window.session.undo_label == "reject retrieval"
    window.session.undo()
    window.session.flush()
    assert rejected(window) == []
    assert window.session.undo_label == label


def test_another_key_rejects_one_frame(qtbot, window):
    first = until_proposal(qtbot, window)
    press(window, Qt.Key.Key_R, SHIFT)
    qtbot.waitUntil(
        lambda: window.session.proposal is not None and window.session.proposal is not first, timeout=5000
    )
    assert rejected(window) == [first.frame]
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_what_was_rejected_is_listed_and_can_be_taken_back(qtbot, make, window, pictures):
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
    qtbot.waitUntil(lambda: again.session.proposal is not None, timeout=5000)
    assert again.session.proposal.key == first.key
    again.conductor.cancel()
    wait_idle(qtbot, again)


def test_a_find_unfolds_to_its_frames(qtbot, window):
    until_proposal(qtbot, window)
    queue = window.parts.review.queue
    queue.view.setFocus()
    queue.view.setCurrentIndex(queue.model.index(0, 0))
    whole = len(queue.model.find(0))
    assert f"{whole} frames" in queue.model.says(0)
    QTest.keyClick(queue.view, Qt.Key.Key_Right)
    assert queue.model.rowCount() == whole
    QTest.keyClick(queue.view, Qt.Key.Key_Left)
    assert queue.model.rowCount() == 1
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)
