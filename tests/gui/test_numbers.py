"""Fields for numbers take what is typed for the nearest number that can be."""

from __future__ import annotations

import pytest
from driving import focused
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from small_clip import LENGTH

from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.widgets import NumberBox


@pytest.mark.parametrize(
    ("typed", "value"), [("150", 100), ("0", 1), ("77", 77), ("1234567890123", 100), ("", 50), ("7x", 7)]
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


@pytest.mark.parametrize("pasted", ["42 %", "42", " 42 ", "42 % "])
def test_a_number_is_pasted_with_its_unit(qtbot: QtBot, pasted: str) -> None:
    box = NumberBox(1, 100, " %")
    qtbot.addWidget(box)
    QApplication.clipboard().setText(pasted)
    box.selectAll()
    QTest.keyClick(box, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert (box.value(), box.text()) == (42, "42 %")
