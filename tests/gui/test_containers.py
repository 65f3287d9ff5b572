"""What a bar over the picture does to the picture: nothing."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from vsreid_studio.gui.containers import Overlaid
from vsreid_studio.gui.error_bar import ErrorBar


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
