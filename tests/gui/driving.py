"""Works the real window with mouse and keys, on the clip and the engine of the tests."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from small_clip import HIDDEN, true_mask

from vsreid_studio.engine.events import Proposal
from vsreid_studio.engine.runtime.run import State
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.canvas import CanvasView
from vsreid_studio.gui.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton


def at(window: MainWindow, x: float, y: float) -> QPoint:
    return window.parts.canvas.in_view((x, y)).toPoint()


def drag(window: MainWindow, start: tuple[float, float], end: tuple[float, float]) -> None:
    canvas = window.parts.canvas
    QTest.mousePress(canvas, LEFT, pos=at(window, *start))
    for step in range(1, 6):
        place = tuple(a + (b - a) * step / 5 for a, b in zip(start, end, strict=True))
        QTest.mouseMove(canvas, at(window, *place))
    QTest.mouseRelease(canvas, LEFT, pos=at(window, *end))


def focused() -> QWidget:
    """The widget that the keys go to."""
    widget = QApplication.focusWidget()
    assert widget is not None
    return widget


def press(
    window: MainWindow, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    QTest.keyClick(window.parts.canvas, key, modifiers)


def shows(canvas: CanvasView, index: int) -> bool:
    return canvas.index == index


def draw_both(qtbot: QtBot, window: MainWindow) -> None:
    """Red with the brush, green as it is."""
    window.parts.canvas.setFocus()
    drag(window, (6, 16), (18, 16))
    window.session.instance_edits.add_instance("green")
    window.session.mask_edits.edit_mask(0, 2, true_mask(0, 2), "Paint")
    qtbot.waitUntil(lambda: window.session.annotation.get(0, 2) is not None)


def wait_idle(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.conductor.state is State.IDLE)


def until_proposal(qtbot: QtBot, window: MainWindow) -> Proposal:
    session = window.session
    draw_both(qtbot, window)
    session.mask_edits.mark_absent(1, [HIDDEN[0]])
    window.conductor.propagate()
    qtbot.waitUntil(lambda: session.proposal is not None)
    qtbot.waitUntil(lambda: window.parts.canvas.index == session.proposal.frame)
    assert session.proposal is not None
    return session.proposal


def correct(qtbot: QtBot, window: MainWindow, shown: Proposal) -> int:
    """Paint on a proposal, without accepting it yet; how many pixels its mask has then."""
    press(window, Qt.Key.Key_C)
    qtbot.waitUntil(lambda: window.parts.canvas.index == shown.frame)
    window.actions_[Act.BRUSH].trigger()
    drag(window, (4, 4), (30, 4))
    correction = window.parts.on_canvas.correction
    assert correction is not None and correction.mask.area > shown.recovered.area
    return correction.mask.area
