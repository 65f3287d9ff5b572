"""Keys go where the person types, and each does one thing."""

from __future__ import annotations

import threading
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from driving import at, draw_both, focused, press, until_proposal, wait_idle
from fake_engine import Script
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QInputDialog, QLineEdit, QMenu, QWidget
from pytestqt.qtbot import QtBot

from vsreid_studio.engine.runtime.run import State
from vsreid_studio.errors import UserError
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.review.actions import Mode

CONTROL = Qt.KeyboardModifier.ControlModifier


def typed(text: str) -> None:
    """Keys to whatever has the focus, as from a keyboard: shortcuts come first."""
    QTest.keyClicks(focused(), text)


def key(key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(focused(), key, held)


def rename(window: MainWindow) -> QLineEdit:
    window.parts.instances.view.setFocus()
    key(Qt.Key.Key_F2)
    editor = QApplication.focusWidget()
    assert isinstance(editor, QLineEdit)
    return editor


def checkpoints(window: MainWindow) -> list[tuple[int, int]]:
    return sorted((k.frame, k.instance) for k, cell in window.session.annotation.cells() if cell.pinned)


@pytest.fixture
def running(qtbot: QtBot, window: MainWindow, script: Script) -> threading.Semaphore:
    """A run stands in the middle of a step until the semaphore is released."""
    draw_both(qtbot, window)
    script.gate = threading.Semaphore(3)
    window.conductor.propagate(find=False)
    qtbot.waitUntil(lambda: len(script.targets) == 4)
    return script.gate


def test_return_in_a_name_commits_it_and_pins_nothing(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.conductor.propagate(find=False)
    wait_idle(qtbot, window)
    window.session.go(5)
    before = checkpoints(window)
    rename(window)
    typed("goat")
    key(Qt.Key.Key_Return)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert window.session.instances[2].name == "goat"
    assert checkpoints(window) == before
    # And now it is the canvas's key again.
    key(Qt.Key.Key_Return)
    assert checkpoints(window) != before


def test_escape_in_a_name_keeps_the_old_one(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    rename(window)
    typed("goat")
    key(Qt.Key.Key_Escape)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert window.session.instances[2].name == "green"


def test_typing_in_a_run_is_typing(
    qtbot: QtBot, window: MainWindow, running: threading.Semaphore, script: Script
) -> None:
    window.session.go(5)
    editor = rename(window)
    typed("go")
    # Masks come in meanwhile, and the list counts them.
    running.release(3)
    qtbot.waitUntil(lambda: len(script.targets) > 5)
    qtbot.wait(400)
    assert QApplication.focusWidget() is editor
    typed("at p")
    key(Qt.Key.Key_F2)
    key(Qt.Key.Key_Space)
    assert editor.text() == "goat p "
    assert window.session.range is None
    assert window.conductor.state is State.RUNNING
    key(Qt.Key.Key_Escape)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert window.conductor.state is State.RUNNING
    rename(window)
    typed("goat")
    key(Qt.Key.Key_Return)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert window.session.instances[2].name == "goat"


def test_return_in_the_brush_size_leaves_it(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    before = checkpoints(window)
    box = window.parts.options.size_box
    box.setFocus()
    box.selectAll()
    typed("40")
    key(Qt.Key.Key_Return)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert window.parts.canvas.options.size == 40
    assert checkpoints(window) == before
    key(Qt.Key.Key_Right)
    assert window.session.frame == 1


def test_escape_in_the_brush_size_restores_it(qtbot: QtBot, window: MainWindow) -> None:
    box = window.parts.options.size_box
    box.setFocus()
    size = box.value()
    key(Qt.Key.Key_Up)
    box.selectAll()
    typed("99")
    key(Qt.Key.Key_Escape)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert box.value() == size
    assert window.parts.canvas.options.size == size


def test_delete_in_the_list_asks_and_return_confirms(qtbot: QtBot, window: MainWindow, qtlog: Any) -> None:
    draw_both(qtbot, window)
    window.parts.instances.view.setFocus()
    key(Qt.Key.Key_Delete)
    assert window.parts.instances.question.isVisible()
    assert not [one for one in qtlog.records if "ambiguous" in one.message.lower()]
    key(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: list(window.session.instances) == [1])
    assert window.parts.instances.view.hasFocus()


def test_delete_on_the_canvas_clears_the_mask(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    press(window, Qt.Key.Key_Delete)
    assert list(window.session.instances) == [1, 2]
    assert window.session.annotation.get(0, 2) is None


def reach(action: QAction) -> tuple[bool, list[QWidget]]:
    """Whether its keys count in the whole window, and else the widgets within which they count."""
    everywhere = action.shortcutContext() is not Qt.ShortcutContext.WidgetWithChildrenShortcut
    owners = [one for one in action.associatedObjects() if isinstance(one, QWidget)]
    return everywhere, [one for one in owners if not isinstance(one, QMenu)]


def meet(a: QAction, b: QAction) -> bool:
    """Whether there is a widget in which both count."""
    (a_all, a_in), (b_all, b_in) = reach(a), reach(b)
    if a_all or b_all:
        return True
    return any(x is y or x.isAncestorOf(y) or y.isAncestorOf(x) for x in a_in for y in b_in)


def test_no_two_actions_share_a_key_in_one_place(window: MainWindow) -> None:
    actions = {one for one in window.findChildren(QAction) if not one.shortcut().isEmpty()}
    doubles = [
        (a.text(), b.text(), key.toString())
        for a, b in combinations(actions, 2)
        for key in a.shortcuts()
        if key in b.shortcuts() and meet(a, b)
    ]
    assert doubles == []


def test_the_check_for_doubles_sees_one(window: MainWindow) -> None:
    spare = QAction("Spare", window)
    spare.setShortcut(QKeySequence("Del"))
    window.addAction(spare)
    assert meet(spare, window.actions_[Act.CLEAR_FRAME])
    assert meet(spare, window.parts.instances.actions_.delete)


def test_escape_leaves_the_redrawn_box_then_the_run(qtbot: QtBot, window: MainWindow) -> None:
    until_proposal(qtbot, window)
    press(window, Qt.Key.Key_D)
    assert window.parts.review.mode is Mode.REDRAWING
    press(window, Qt.Key.Key_Escape)
    assert window.parts.review.mode is Mode.ASKING
    assert window.actions_[Act.BRUSH].isChecked()
    assert window.conductor.state is State.ASKING
    press(window, Qt.Key.Key_C)
    press(window, Qt.Key.Key_Escape)
    assert window.parts.review.mode is Mode.ASKING
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)


def test_escape_answers_a_question_before_it_ends_a_run(
    qtbot: QtBot, window: MainWindow, running: threading.Semaphore
) -> None:
    window.parts.instances.view.setFocus()
    key(Qt.Key.Key_Delete)
    assert window.parts.instances.question.isVisible()
    key(Qt.Key.Key_Escape)
    assert not window.parts.instances.question.isVisible()
    assert window.conductor.state is State.RUNNING
    assert list(window.session.instances) == [1, 2]


def test_escape_gives_up_a_gesture_from_anywhere(
    qtbot: QtBot, window: MainWindow, running: threading.Semaphore
) -> None:
    canvas = window.parts.canvas
    press(window, Qt.Key.Key_Y)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.in_view((5, 5)).toPoint())
    assert canvas.gesture.busy
    window.parts.timeline.setFocus()
    key(Qt.Key.Key_Escape)
    assert not canvas.gesture.busy
    assert window.conductor.state is State.RUNNING
    key(Qt.Key.Key_Escape)
    running.release(1000)
    wait_idle(qtbot, window)


def test_escape_then_drops_the_range_then_the_bar(qtbot: QtBot, window: MainWindow) -> None:
    window.session.choose_range(1, 3)
    window.bar.fail("Something.")
    press(window, Qt.Key.Key_Escape)
    assert window.session.range is None
    assert window.bar.isVisible()
    press(window, Qt.Key.Key_Escape)
    assert not window.bar.isVisible()


def test_return_confirms_the_export(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.files.ask_export()
    dialog = window.findChild(QDialogButtonBox).window()
    qtbot.waitUntil(dialog.isActiveWindow)
    assert dialog.problem.text() == ""
    with qtbot.waitSignal(dialog.export_requested):
        QTest.keyClick(dialog.sequence, Qt.Key.Key_Return)
    wait_idle(qtbot, window)


def test_the_keys_of_an_instance_count_everywhere(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.parts.clips_dock.show()
    window.parts.clips_dock.raise_()
    window.parts.timeline.setFocus()
    key(Qt.Key.Key_F2)
    assert isinstance(QApplication.focusWidget(), QLineEdit)
    assert window.parts.instances.view.isVisible()
    typed("goat")
    key(Qt.Key.Key_Return)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert window.session.instances[2].name == "goat"
    window.parts.timeline.setFocus()
    key(Qt.Key.Key_L, CONTROL)
    assert window.session.instances[2].locked
    key(Qt.Key.Key_F3)
    (dialog,) = window.parts.instances.findChildren(QInputDialog)
    assert dialog.isVisible()
    dialog.reject()


def test_return_and_delete_count_on_the_timeline(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.conductor.propagate(find=False)
    wait_idle(qtbot, window)
    timeline = window.parts.timeline
    timeline.setFocus()
    window.session.go(5)
    key(Qt.Key.Key_Return)
    assert (5, 2) in checkpoints(window)
    key(Qt.Key.Key_Delete)
    assert window.session.annotation.get(5, 2) is None


def test_return_on_the_timeline_closes_what_is_open_on_the_canvas(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.session.go(3)
    qtbot.waitUntil(lambda: window.parts.canvas.index == 3)
    press(window, Qt.Key.Key_Y)
    for place in ((4, 4), (20, 4), (20, 20)):
        QTest.mouseClick(window.parts.canvas, Qt.MouseButton.LeftButton, pos=at(window, *place))
    window.parts.timeline.setFocus()
    key(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.session.annotation.get(3, 2) is not None)


def test_a_key_that_cannot_be_done_says_why(qtbot: QtBot, window: MainWindow) -> None:
    told = window.bar.sentence.text
    press(window, Qt.Key.Key_A)
    assert told() == "No proposal waits for an answer."
    press(window, Qt.Key.Key_Delete, CONTROL)
    assert told().startswith("No frames are selected")
    press(window, Qt.Key.Key_7)
    assert told() == "There is no instance 7."
    draw_both(qtbot, window)
    window.session.instance_edits.lock(2, True)
    window.parts.instances.view.setFocus()
    key(Qt.Key.Key_Delete)
    assert told() == "green is locked: unlock it first."


def test_redo_right_after_undo_takes_its_turn(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.session.flush()
    undo, redo = window.actions_[Act.UNDO], window.actions_[Act.REDO]
    assert undo.isEnabled() and not redo.isEnabled()
    press(window, Qt.Key.Key_Z, CONTROL)
    assert window.status.kept.text() == "saving"
    assert redo.isEnabled() and redo.text() == "Redo"
    press(window, Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    assert not window.bar.isVisible()
    qtbot.waitUntil(lambda: window.status.kept.text() == "saved")
    assert window.session.annotation.get(0, 2) is not None
    assert window.session.undo_label == "Paint"
    assert undo.isEnabled() and not redo.isEnabled()


def test_an_edit_that_cannot_be_saved_does_not_stay_on_its_way(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_both(qtbot, window)
    window.session.flush()

    def full(*_: object, **__: object) -> None:
        raise UserError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(type(window.session.project), "apply", full)
        press(window, Qt.Key.Key_Delete)
        assert window.status.kept.text() == "saving"
        qtbot.waitUntil(lambda: window.bar.sentence.text() == "The disk is full.")
    assert window.status.kept.text() == "not saved"
    assert window.session.annotation.get(0, 2) is not None
    press(window, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: window.status.kept.text() == "saved")
    assert window.session.annotation.get(0, 2) is None


def test_a_held_key_moves_on_but_ends_and_clears_once(window: MainWindow) -> None:
    held = {act for act in window.actions_ if window.actions_[act].autoRepeat()}
    assert {Act.NEXT, Act.PREVIOUS, Act.UNDO, Act.REDO, Act.ZOOM_IN, Act.LARGER} <= held
    once = {Act.CLEAR_FRAME, Act.CLEAR_RANGE, Act.LEAVE, Act.CANCEL, Act.APPROVE, Act.ABSENT, Act.PROPAGATE}
    assert not once & held


def test_undo_and_redo_in_a_field_are_of_what_is_typed(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.conductor.undo()
    qtbot.waitUntil(lambda: window.session.redo_label is not None)
    undo, redo = window.session.undo_label, window.session.redo_label
    editor = rename(window)
    name = editor.text()
    typed("goat")
    key(Qt.Key.Key_Z, CONTROL)
    assert editor.text() == name
    key(Qt.Key.Key_Y, CONTROL)
    assert editor.text() == "goat"
    key(Qt.Key.Key_Z, CONTROL)
    key(Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    assert editor.text() == "goat"
    key(Qt.Key.Key_Escape)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    box = window.parts.options.size_box
    box.setFocus()
    for held in (CONTROL, CONTROL | Qt.KeyboardModifier.ShiftModifier):
        key(Qt.Key.Key_Z, held)
    key(Qt.Key.Key_Y, CONTROL)
    assert (window.session.undo_label, window.session.redo_label) == (undo, redo)
    key(Qt.Key.Key_Escape)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    key(Qt.Key.Key_Y, CONTROL)
    qtbot.waitUntil(lambda: window.session.redo_label != redo)


def test_a_name_that_is_being_typed_is_kept_where_the_document_closes(
    qtbot: QtBot, window: MainWindow, pictures: Path
) -> None:
    draw_both(qtbot, window)
    rename(window)
    typed("goat")
    assert window.session.close()
    assert window.files.open(pictures)
    window.session.flush()
    assert window.session.instances[2].name == "goat"
