"""Fields for numbers take what is typed for the nearest number that can be."""

from __future__ import annotations

import pytest
from driving import focused
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from small_clip import LENGTH

from vsreid_studio.gui.instances.dialogs import QuestionStrip
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.widgets import NumberBox


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        *[("150", 100), ("0", 1), ("77", 77), ("1234567890123", 100), ("", 50), ("7x", 7)],
        *[("1.5", 2), ("7,4", 7), ("0.5", 1), ("-3", 1), (".", 50), ("-", 50), ("+8", 8), ("99.9", 100)],
    ],
)
def test_a_number_out_of_the_range(qtbot: QtBot, typed: str, value: int) -> None:
    box = NumberBox(1, 100, " %")
    qtbot.addWidget(box)
    box.setValue(50)
    told: list[int] = []
    box.valueChanged.connect(told.append)
    box.selectAll()
    QTest.keyClicks(box, typed)
    assert told == []
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert box.value() == value
    assert told == ([] if value == 50 else [value])


def test_a_frame_beyond_the_last_is_the_last(qtbot: QtBot, window: MainWindow) -> None:
    window.parts.canvas.setFocus()
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(focused(), "999")
    QTest.keyClick(focused(), Qt.Key.Key_Return)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert window.session.frame == LENGTH - 1
    assert not window.bar.isVisible()


@pytest.mark.parametrize(
    ("pasted", "value"), [("42 %", 42), ("42", 42), (" 42 ", 42), ("42 % ", 42), ("1,500", 1500)]
)
def test_a_number_is_pasted_with_its_unit(qtbot: QtBot, pasted: str, value: int) -> None:
    box = NumberBox(1, 2000, " %")
    qtbot.addWidget(box)
    QApplication.clipboard().setText(pasted)
    box.selectAll()
    QTest.keyClick(box, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert (box.value(), box.text()) == (value, f"{value} %")


def test_a_frame_that_is_being_typed_is_left_alone(qtbot: QtBot, window: MainWindow) -> None:
    session, box = window.session, window.transport.frame
    window.transport.ask()
    QTest.keyClicks(focused(), "1")
    # A run that is followed goes on meanwhile.
    session.go(4)
    QTest.keyClicks(focused(), "0")
    assert box.text() == "10"
    QTest.keyClick(focused(), Qt.Key.Key_Return)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert session.frame == 10
    window.transport.ask()
    QTest.keyClicks(focused(), "2")
    session.go(7)
    QTest.keyClick(focused(), Qt.Key.Key_Escape)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    # Of what was typed nothing counts; the field shows where one is.
    assert (session.frame, box.value()) == (7, 7)
    window.transport.ask()
    session.go(8)
    assert box.value() == 8
    QTest.keyClick(focused(), Qt.Key.Key_Escape)
    qtbot.waitUntil(window.parts.canvas.hasFocus)
    assert (session.frame, box.value()) == (8, 8)


def test_the_last_frame_of_a_range_comes_back_with_the_first(qtbot: QtBot) -> None:
    strip = QuestionStrip()
    qtbot.addWidget(strip)
    strip.ask("Delete?", "Delete", (4, 6), 200)
    QTest.keyClicks(strip.first, "120")
    assert strip.frames == (120, 120)
    QTest.keyClick(strip.first, Qt.Key.Key_Backspace)
    QTest.keyClick(strip.first, Qt.Key.Key_Backspace)
    assert strip.frames == (1, 6)
    strip.ask("Delete?", "Delete", (2, 3), 5)
    assert strip.frames == (2, 3) and strip.last.minimum() == 2
