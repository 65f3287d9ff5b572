"""A bar over the picture leaves the picture in place, and widgets are painted in turn."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from vsreid_studio.gui.error_bar import ErrorBar
from vsreid_studio.gui.widgets import Overlaid, Turns


def test_the_bar_grows_with_its_details_and_the_picture_stays(qtbot: QtBot) -> None:
    picture, bar = QWidget(), ErrorBar()
    both = Overlaid(picture, bar)
    qtbot.addWidget(both)
    both.resize(400, 300)
    with qtbot.waitExposed(both):
        both.show()
    place = picture.geometry()
    bar.fail("It cannot be read.", "line\n" * 30)
    qtbot.waitUntil(lambda: bar.geometry().width() == 400)
    folded = bar.height()
    bar.unfold.click()
    qtbot.waitUntil(lambda: bar.height() > folded)
    both.resize(300, 300)
    qtbot.waitUntil(lambda: bar.geometry().width() == 300)
    assert picture.geometry().top() == place.top()
    assert picture.height() == place.height()


class Painted(QObject):
    """Notes for each paint how many widgets still waited."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns
        self.waiting: dict[str, int] = {}

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            self.waiting.setdefault(watched.objectName(), self._turns.waiting)
        return False


def test_widgets_are_painted_one_after_the_other(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    layout, turns = QHBoxLayout(window), Turns(window)
    painted = Painted(turns)
    parts = [QWidget(), QWidget(), QWidget()]
    for part, name in zip(parts, ("left", "hidden", "right"), strict=True):
        part.setObjectName(name)
        part.installEventFilter(painted)
        part.setMinimumSize(20, 20)
        layout.addWidget(part)
    parts[1].hide()
    turns.hold([*parts, parts[0]])
    assert turns.waiting == 3
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: painted.waiting.keys() >= {"left", "right"})
    # A hidden widget takes no turn of its own.
    assert painted.waiting == {"left": 2, "right": 0}
    assert all(part.updatesEnabled() for part in parts)
