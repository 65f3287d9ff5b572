"""Widgets that hold others give them their room and their turn."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from vsreid_studio.gui.error_bar import ErrorBar
from vsreid_studio.gui.widgets import Overlaid, Pages, Scrolled, StaggeredPainting


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


def test_a_word_that_may_be_cut_is_in_the_tip(qtbot: QtBot) -> None:
    bar = ErrorBar()
    qtbot.addWidget(bar)
    bar.fail(f"/home/{30 * 'name'} cannot be read.")
    assert 30 * "name" in bar.sentence.toolTip()
    bar.fail("It cannot be read.")
    assert not bar.sentence.toolTip()


class Painted(QObject):
    """Notes for each paint how many widgets still waited."""

    def __init__(self, turns: StaggeredPainting) -> None:
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
    layout, turns = QHBoxLayout(window), StaggeredPainting(window)
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


def test_a_list_gets_shorter_before_anything_is_scrolled(qtbot: QtBot) -> None:
    held = QWidget()
    layout = QVBoxLayout(held)
    text = QLabel("Words that are wrapped where there is no room for all of them. " * 3)
    text.setWordWrap(True)
    layout.addWidget(text)
    layout.addWidget(QListWidget())
    button = QPushButton("Do it")
    layout.addWidget(button)
    area = Scrolled(held)
    qtbot.addWidget(area)
    area.resize(240, held.sizeHint().height() - 60)
    with qtbot.waitExposed(area):
        area.show()
    assert area.verticalScrollBar().maximum() == 0
    assert button.visibleRegion().boundingRect() == button.rect()
    area.resize(240, 40)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)


def test_only_the_page_that_shows_takes_room(qtbot: QtBot) -> None:
    pages, small, large = Pages(), QLabel("small"), QLabel("a page that is much wider " * 9)
    qtbot.addWidget(pages)
    pages.addWidget(small)
    pages.addWidget(large)
    pages.setCurrentWidget(large)
    assert pages.minimumSizeHint().width() >= large.minimumSizeHint().width()
    pages.setCurrentWidget(small)
    assert pages.minimumSizeHint().width() < large.minimumSizeHint().width() / 2
