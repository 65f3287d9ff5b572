"""The panel of instances, driven with mouse and keys."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QDropEvent
from PySide6.QtWidgets import QColorDialog, QComboBox, QInputDialog, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from vsreid_studio.gui.instances import InstancePanel
from vsreid_studio.gui.instances.dialogs import HINT, ClassDialog
from vsreid_studio.gui.instances.model import Role
from vsreid_studio.gui.instances.view import RowPart
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.session import Session
from vsreid_studio.project import Instance

LEFT = Qt.MouseButton.LeftButton
RIDER, BIKE, DOG = (
    Instance(1, "rider", "#0072b2"),
    Instance(2, "bike & bell", "#e69f00"),
    Instance(7, "dog", "#009e73"),
)


@pytest.fixture
def panel(qtbot: QtBot) -> InstancePanel:
    panel = InstancePanel()
    qtbot.addWidget(panel)
    panel.set_instances({it.number: it for it in (RIDER, BIKE, DOG)})
    panel.resize(280, 400)
    with qtbot.waitActive(panel):
        panel.show()
        panel.activateWindow()
    panel.view.setFocus()
    return panel


def click(
    qtbot: QtBot,
    panel: InstancePanel,
    number: int,
    part: RowPart = RowPart.TEXT,
    held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    qtbot.mouseClick(panel.view.viewport(), LEFT, held, panel.view.place_of(number, part).center())


def double_click(qtbot: QtBot, panel: InstancePanel, number: int, part: RowPart) -> None:
    point = panel.view.place_of(number, part).center()
    qtbot.mouseClick(panel.view.viewport(), LEFT, pos=point)
    qtbot.mouseDClick(panel.view.viewport(), LEFT, pos=point)


def listed(panel: InstancePanel) -> list[str]:
    model = panel.view.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def drop(panel: InstancePanel, number: int, point: QPoint) -> None:
    """The end of a drag, handed to the list itself: without a display no drag gets there."""
    model = panel.view.model()
    mime = model.mimeData([model.index([1, 2, 7].index(number), 0)])
    event = QDropEvent(QPointF(point), Qt.DropAction.MoveAction, mime, LEFT, Qt.KeyboardModifier.NoModifier)
    panel.view.dropEvent(event)
    # Else the view would take the row out of its model when the drag returns.
    assert event.dropAction() != Qt.DropAction.MoveAction


def test_lists_by_order_then_number(panel: InstancePanel) -> None:
    assert listed(panel) == ["rider", "bike & bell", "dog"]
    panel.set_instances({1: replace(RIDER, order=5), 7: DOG, 2: BIKE})
    assert listed(panel) == ["bike & bell", "dog", "rider"]


def test_click_selects_once(qtbot: QtBot, panel: InstancePanel) -> None:
    seen: list[int] = []
    panel.selected.connect(seen.append)
    click(qtbot, panel, 2)
    click(qtbot, panel, 2)
    qtbot.keyClick(panel.view, Qt.Key.Key_Down)
    assert (seen, panel.chosen) == ([2, 7], 7)


def test_digit_selects_the_instance_of_that_number(qtbot: QtBot, panel: InstancePanel) -> None:
    seen: list[int] = []
    panel.selected.connect(seen.append)
    for key in (Qt.Key.Key_7, Qt.Key.Key_3, Qt.Key.Key_1):
        qtbot.keyClick(panel.view, key)
    assert seen == [7, 1]


def test_setters_are_silent_and_keep_the_selection(qtbot: QtBot, panel: InstancePanel) -> None:
    with qtbot.assertNotEmitted(panel.selected):
        panel.set_selected(2)
        panel.set_instances({2: replace(BIKE, order=3), 7: DOG, 1: RIDER})
        panel.set_counts({2: "3 masks"})
    assert panel.chosen == 2
    assert panel.view.currentIndex().data() == "bike & bell"
    panel.set_instances({1: RIDER})
    assert panel.chosen is None


def test_eye_and_lock_switch_without_selecting(qtbot: QtBot, panel: InstancePanel) -> None:
    panel.set_selected(1)
    with qtbot.assertNotEmitted(panel.selected):
        with qtbot.waitSignal(panel.hidden_changed) as hidden:
            click(qtbot, panel, 7, RowPart.EYE)
        with qtbot.waitSignal(panel.locked_changed) as locked:
            click(qtbot, panel, 2, RowPart.LOCK)
    assert (hidden.args, locked.args) == ([7, True], [2, True])
    panel.set_instances({1: RIDER, 7: replace(DOG, hidden=True)})
    with qtbot.waitSignal(panel.hidden_changed) as shown:
        click(qtbot, panel, 7, RowPart.EYE)
    assert shown.args == [7, False]


def test_rename_by_key(qtbot: QtBot, panel: InstancePanel) -> None:
    click(qtbot, panel, 1)
    qtbot.keyClick(panel.view, Qt.Key.Key_F2)
    editor = panel.view.findChild(QLineEdit)
    assert editor is not None
    # Digits and counts that come in meanwhile do not disturb the typing.
    qtbot.keyClicks(editor, "rider 7")
    panel.set_counts({1: "1 mask"})
    with qtbot.waitSignal(panel.renamed) as renamed:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert renamed.args == [1, "rider 7"]
    assert listed(panel)[0] == "rider"


@pytest.mark.parametrize("text", ["  ", "dog"])
def test_blank_or_same_name_asks_for_nothing(qtbot: QtBot, panel: InstancePanel, text: str) -> None:
    double_click(qtbot, panel, 7, RowPart.TEXT)
    editor = panel.view.findChild(QLineEdit)
    assert editor is not None
    with qtbot.assertNotEmitted(panel.renamed):
        qtbot.keyClicks(editor, text)
        qtbot.keyClick(editor, Qt.Key.Key_Return)


def test_colour_dialog_does_not_block(qtbot: QtBot, panel: InstancePanel) -> None:
    double_click(qtbot, panel, 2, RowPart.SWATCH)
    dialog = panel.findChild(QColorDialog)
    assert dialog is not None and not dialog.isModal()
    dialog.setCurrentColor(QColor("#cc79a7"))
    with qtbot.waitSignal(panel.recoloured) as recoloured:
        dialog.accept()
    assert recoloured.args == [2, "#cc79a7"]
    qtbot.waitUntil(lambda: panel.findChild(QColorDialog) is None)


def test_reorder_by_key(qtbot: QtBot, panel: InstancePanel) -> None:
    panel.set_selected(2)
    with qtbot.waitSignal(panel.moved) as down:
        qtbot.keyClick(panel.view, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert down.args == [2, 2]
    panel.set_selected(1)
    with qtbot.assertNotEmitted(panel.moved):
        qtbot.keyClick(panel.view, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)


def test_reorder_by_drop(qtbot: QtBot, panel: InstancePanel) -> None:
    view = panel.view
    top = view.visualRect(view.model().index(0, 0))
    with qtbot.waitSignal(panel.moved) as up:
        drop(panel, 7, top.topLeft() + QPoint(20, 2))
    with qtbot.waitSignal(panel.moved) as end:
        drop(panel, 1, view.viewport().rect().bottomLeft() + QPoint(20, -5))
    with qtbot.assertNotEmitted(panel.moved):
        drop(panel, 1, top.bottomLeft() + QPoint(20, -1))
    assert (up.args, end.args) == ([7, 0], [1, 2])
    assert listed(panel) == ["rider", "bike & bell", "dog"]


def test_delete_asks_first_and_tells_what_goes(qtbot: QtBot, panel: InstancePanel) -> None:
    panel.set_selected(1)
    panel.set_counts({1: "120 masks, 3 checkpoints"})
    with qtbot.assertNotEmitted(panel.delete_requested):
        qtbot.keyClick(panel.view, Qt.Key.Key_Delete)
        assert "rider" in panel.question.sentence.text()
        assert "120 masks, 3 checkpoints" in panel.question.sentence.text()
        qtbot.keyClick(panel.question.no, Qt.Key.Key_Escape)
    assert not panel.question.isVisible()
    qtbot.keyClick(panel.view, Qt.Key.Key_Delete)
    with qtbot.waitSignal(panel.delete_requested) as deleted:
        qtbot.mouseClick(panel.question.yes, LEFT)
    assert deleted.args == [1]


def test_question_goes_when_the_list_changes(qtbot: QtBot, panel: InstancePanel) -> None:
    panel.set_selected(1)
    qtbot.keyClick(panel.view, Qt.Key.Key_Delete)
    panel.set_instances({2: BIKE, 7: DOG})
    assert not panel.question.isVisible()


def test_locked_is_not_deleted(qtbot: QtBot, panel: InstancePanel) -> None:
    panel.set_instances({1: replace(RIDER, locked=True)})
    panel.set_selected(1)
    qtbot.keyClick(panel.view, Qt.Key.Key_Delete)
    assert not panel.question.isVisible()
    assert not panel.actions_.absent.isEnabled()


def test_merge_two_selected_either_way(qtbot: QtBot, panel: InstancePanel) -> None:
    click(qtbot, panel, 2)
    click(qtbot, panel, 7, held=Qt.KeyboardModifier.ControlModifier)
    menu = panel.actions_.merge_menu
    menu.aboutToShow.emit()
    assert [action.text() for action in menu.actions()] == ["bike && bell → dog", "dog → bike && bell"]
    menu.actions()[1].trigger()
    with qtbot.waitSignal(panel.merge_requested) as merged:
        qtbot.keyClick(panel.question.yes, Qt.Key.Key_Return)
    assert merged.args == [7, 2]


def test_merge_one_into_any_other(qtbot: QtBot, panel: InstancePanel) -> None:
    click(qtbot, panel, 1)
    panel.actions_.merge_menu.aboutToShow.emit()
    texts = [action.text() for action in panel.actions_.merge_menu.actions()]
    assert texts == ["rider → bike && bell", "rider → dog"]


def test_other_actions(qtbot: QtBot, panel: InstancePanel) -> None:
    panel.set_selected(7)
    with qtbot.waitSignal(panel.absent_requested) as absent:
        panel.actions_.absent.trigger()
    panel.set_frames(120, (4, 9))
    with qtbot.waitSignal(panel.delete_range_requested) as cleared:
        panel.actions_.delete_range.trigger()
        panel.question.yes.click()
    with qtbot.waitSignal(panel.hidden_changed) as hidden:
        qtbot.keyClick(panel.view, Qt.Key.Key_H, Qt.KeyboardModifier.ControlModifier)
    assert (absent.args, cleared.args, hidden.args) == ([7], [7, 4, 9], [7, True])


def test_empty_list_offers_only_add(qtbot: QtBot, panel: InstancePanel) -> None:
    panel.set_instances({})
    panel.repaint()
    assert not panel.actions_.delete.isEnabled()
    with qtbot.waitSignal(panel.add_requested):
        modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        qtbot.keyClick(panel, Qt.Key.Key_N, modifiers)


def test_a_screen_reader_hears_everything(panel: InstancePanel) -> None:
    panel.set_instances({1: replace(RIDER, hidden=True, locked=True)})
    panel.set_counts({1: "4 masks"})
    spoken = panel.view.model().index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "rider, instance 1, 4 masks, hidden, locked"


def test_the_class_stands_beneath_the_name_and_is_spoken(panel: InstancePanel) -> None:
    panel.set_classes({4: "person"})
    panel.set_instances({1: replace(RIDER, category=4), 2: BIKE, 7: replace(DOG, category=9)})
    panel.set_counts({1: "3 masks"})
    model = panel.view.model()
    assert [model.index(row, 0).data(Role.COUNT) for row in range(3)] == ["person · 3 masks", "", ""]
    spoken = model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "rider, instance 1, class person, 3 masks"


def test_a_class_is_given_by_the_menu(qtbot: QtBot, panel: InstancePanel) -> None:
    panel.set_classes({4: "person", 9: "dog"})
    click(qtbot, panel, 7)
    menu = panel.actions_.class_menu
    menu.popup(panel.mapToGlobal(panel.rect().center()))
    with qtbot.waitSignal(panel.class_requested) as asked:
        qtbot.keyClick(menu, Qt.Key.Key_2)
    assert asked.args == [7, "dog"]
    panel.set_instances({1: RIDER, 2: BIKE, 7: replace(DOG, category=9)})
    with qtbot.assertNotEmitted(panel.class_requested):
        menu.popup(panel.mapToGlobal(panel.rect().center()))
        qtbot.keyClick(menu, Qt.Key.Key_2)
    menu.popup(panel.mapToGlobal(panel.rect().center()))
    with qtbot.waitSignal(panel.class_requested) as asked:
        qtbot.keyClick(menu, Qt.Key.Key_N)
    assert asked.args == [7, None]


def all_selected(line: QLineEdit) -> bool:
    return line.selectedText() == line.text()


def test_a_new_class_is_typed(qtbot: QtBot, panel: InstancePanel) -> None:
    """After F3 every letter is of the name, and a shorter name than one of the list stays as it is."""
    panel.set_classes({4: "cartoon", 9: "dog"})
    panel.set_instances({1: RIDER, 2: BIKE, 7: replace(DOG, category=9)})
    for number, keys, name in ((1, "car", "car"), (1, "cartoon", "cartoon"), (7, "", None)):
        panel.set_selected(number)
        panel.actions_.category.trigger()
        (dialog,) = panel.findChildren(QInputDialog)
        line = dialog.findChild(QComboBox).lineEdit()
        assert line is not None
        assert line.text() == ("dog" if number == 7 else "")
        qtbot.waitUntil(partial(all_selected, line))
        qtbot.keyClick(line, Qt.Key.Key_Delete)
        qtbot.keyClicks(line, keys)
        with qtbot.waitSignal(panel.class_requested) as asked:
            qtbot.keyClick(line, Qt.Key.Key_Return)
        assert asked.args == [number, name]
        qtbot.waitUntil(lambda: not panel.findChildren(QInputDialog))


def test_questions_show_any_name_as_it_is_and_short(panel: InstancePanel) -> None:
    panel.set_instances({1: replace(RIDER, name="<b>bold</b>"), 2: replace(BIKE, name="long " * 60)})
    panel.set_selected(1)
    panel.actions_.category.trigger()
    (dialog,) = panel.findChildren(QInputDialog)
    (label,) = dialog.findChildren(QLabel)
    assert "&lt;b&gt;bold" in label.text(), "Qt would read it as HTML"
    dialog.reject()
    panel.set_selected(2)
    panel.actions_.delete.trigger()
    assert len(panel.question.sentence.text()) < 120


def test_the_list_of_classes(qtbot: QtBot) -> None:
    dialog = ClassDialog({4: "person"})
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.remove.isEnabled()
    qtbot.keyClicks(dialog.name, "dog")
    with qtbot.waitSignal(dialog.added) as added:
        qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    assert (added.args, dialog.isVisible()) == (["dog"], True)
    dialog.set_classes({4: "person", 5: "dog"})
    dialog.list.setCurrentRow(1)
    with qtbot.waitSignal(dialog.removed) as removed:
        qtbot.mouseClick(dialog.remove, LEFT)
    with qtbot.waitSignal(dialog.renamed) as renamed:
        dialog.list.item(0).setText("rider")
    assert (removed.args, renamed.args) == ([5], [4, "rider"])


def test_a_name_is_one_line(drawn: Session) -> None:
    assert drawn.instance_edits.rename(1, " two\nlines\tand\x07 \u202ea 👩\u200d🚀 ")
    assert drawn.instances[1].name == "two lines and a 👩\u200d🚀"
    number = drawn.instance_edits.add_instance("one\nmore")
    assert number is not None and drawn.instances[number].name == "one more"
    number = drawn.instance_edits.add_instance("\n\x07")
    assert number is not None and drawn.instances[number].name == f"object {number}"
    assert not drawn.instance_edits.rename(1, "\u202e\n")


def test_a_class_that_is_there_is_shown_and_told_in_the_dialog(qtbot: QtBot, window: MainWindow) -> None:
    dialog = window.parts.on_instances.show_classes()
    assert not dialog.remove.isEnabled() and not dialog.give.isEnabled()
    qtbot.waitUntil(dialog.isActiveWindow)
    for name in ("dog", "cat"):
        qtbot.keyClicks(dialog.name, f" {name} ")
        qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    assert window.session.categories == {1: "dog", 2: "cat"} and dialog.name.text() == ""
    qtbot.keyClicks(dialog.name, "dog")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    assert dialog.told.text() == "There is a class dog already."
    assert dialog.list.currentItem().text() == "dog" and dialog.name.selectedText() == "dog"
    qtbot.keyClicks(dialog.name, "x")
    assert dialog.told.text() == HINT
    dialog.list.item(0).setText("cat")
    assert dialog.told.text() == "There is a class cat already."
    assert [dialog.list.item(row).text() for row in range(2)] == ["dog", "cat"]
    dialog.close()


def test_a_class_that_is_being_renamed_outlives_other_changes(qtbot: QtBot, window: MainWindow) -> None:
    window.session.instance_edits.add_classes({1: "dog"})
    dialog = window.parts.on_instances.show_classes()
    qtbot.waitUntil(dialog.isActiveWindow)
    dialog.list.setCurrentRow(0)
    dialog.list.editItem(dialog.list.item(0))
    (editor,) = dialog.list.findChildren(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, "hou")
    window.session.instance_edits.add_instance("other")
    window.session.flush()
    qtbot.keyClicks(editor, "nd")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.session.categories == {1: "hound"})
    dialog.close()


def test_long_classes_make_no_dialog_wider(panel: InstancePanel) -> None:
    widths = []
    for name in ("dog", 400 * "dog "):
        panel.set_classes({1: name})
        panel.set_selected(1)
        panel.actions_.category.trigger()
        (dialog,) = (one for one in panel.findChildren(QInputDialog) if one.isVisible())
        widths.append(dialog.sizeHint().width())
        dialog.reject()
    assert widths[0] == widths[1] < 800
