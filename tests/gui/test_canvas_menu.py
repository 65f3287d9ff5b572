"""Choosing an instance on the canvas, its menu, and a copied mask."""

from __future__ import annotations

import numpy as np
import pytest
from driving import LEFT, at, press
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from vsreid_studio.engine.types import SoftMask
from vsreid_studio.gui.main_window import MainWindow

CONTROL = Qt.KeyboardModifier.ControlModifier
RIGHT = Qt.MouseButton.RightButton


def square(x: int, y: int, side: int) -> SoftMask:
    return SoftMask.from_dense(np.ones((side, side), np.float32), (x, y))


@pytest.fixture
def drawn(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """A small square on a large one."""
    session = window.session
    session.instance_edits.add_instance("small")
    session.instance_edits.rename(1, "large")
    session.mask_edits.edit_mask(0, 1, square(5, 5, 30), "Paint")
    session.mask_edits.edit_mask(0, 2, square(10, 10, 10), "Paint")
    session.flush()
    window.parts.canvas.setFocus()
    return window


def click(
    window: MainWindow,
    x: float,
    y: float,
    button: Qt.MouseButton = LEFT,
    held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    QTest.mouseMove(window.parts.canvas, at(window, x, y))
    QTest.mouseClick(window.parts.canvas, button, held, at(window, x, y))


def menu(window: MainWindow) -> QMenu:
    found = [it for it in window.parts.canvas.findChildren(QMenu) if it.isVisible()]
    assert len(found) == 1
    return found[0]


def texts(shown: QMenu) -> list[str]:
    return [action.text() for action in shown.actions()]


def test_a_click_with_the_grab_tool_selects_and_then_what_lies_below(drawn: MainWindow) -> None:
    press(drawn, Qt.Key.Key_H)
    drawn.session.select(None)
    for expected in (2, 1, 2):
        click(drawn, 12, 12)
        assert drawn.session.selected == expected
    click(drawn, 30, 30)
    assert drawn.session.selected == 1
    click(drawn, 70, 40)
    assert "no instance here" in drawn.bar.sentence.text()
    assert drawn.session.selected == 1


def test_a_drag_with_the_grab_tool_selects_nothing(drawn: MainWindow) -> None:
    press(drawn, Qt.Key.Key_H)
    drawn.session.select(1)
    canvas = drawn.parts.canvas
    start = at(drawn, 12, 12)
    QTest.mousePress(canvas, LEFT, pos=start)
    for step in range(1, 6):
        place = start.__class__(start.x() + 8 * step, start.y())
        QTest.mouseMove(canvas, place)
    QTest.mouseRelease(canvas, LEFT, pos=place)
    assert drawn.session.selected == 1


def test_the_menu_is_of_the_instance_under_the_pointer(drawn: MainWindow) -> None:
    drawn.session.select(2)
    click(drawn, 30, 30, RIGHT, CONTROL)
    assert drawn.session.selected == 1
    shown = menu(drawn)
    for text in ("large", "Rename", "Hide", "Lock", "Find again", "Copy mask", "Clear in this frame"):
        assert text in texts(shown)
    shown.close()
    # With the grab tool the right button alone does it; the mask is as it was.
    press(drawn, Qt.Key.Key_H)
    click(drawn, 12, 12, RIGHT)
    shown = menu(drawn)
    assert "Select what lies below" in texts(shown)
    shown.close()
    drawn.session.flush()
    assert drawn.session.annotation.mask(0, 1).same(square(5, 5, 30))


def test_where_nothing_is_the_menu_adds_an_instance(drawn: MainWindow) -> None:
    click(drawn, 70, 40, RIGHT, CONTROL)
    shown = menu(drawn)
    assert "Add instance" in texts(shown)
    next(action for action in shown.actions() if action.text() == "Add instance").trigger()
    assert 3 in drawn.session.instances


def test_hide_and_lock_from_the_menu(drawn: MainWindow) -> None:
    click(drawn, 30, 30, RIGHT, CONTROL)
    next(action for action in menu(drawn).actions() if action.text() == "Lock").trigger()
    assert drawn.session.instances[1].locked


def test_a_mask_is_copied_into_another_frame(drawn: MainWindow) -> None:
    session = drawn.session
    session.select(2)
    press(drawn, Qt.Key.Key_V, CONTROL)
    assert "No mask is copied" in drawn.bar.sentence.text()
    press(drawn, Qt.Key.Key_C, CONTROL)
    assert "copied" in drawn.bar.sentence.text()
    session.go(3)
    press(drawn, Qt.Key.Key_V, CONTROL)
    session.flush()
    assert session.annotation.mask(3, 2).same(square(10, 10, 10))
    assert session.annotation.get(3, 2).pinned
    session.step_edits.undo()
    session.flush()
    assert session.annotation.get(3, 2) is None
    session.go(5)
    press(drawn, Qt.Key.Key_C, CONTROL)
    assert "nothing to copy" in drawn.bar.sentence.text()
