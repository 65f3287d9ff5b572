from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from vsreid_studio.gui.error_bar import ErrorBar
from vsreid_studio.gui.session.opener import KEPT, Recent
from vsreid_studio.gui.start_page import StartPage


@pytest.fixture
def recent(tmp_path: Path) -> Recent:
    return Recent(tmp_path / "config")


def project(folder: Path, name: str) -> Path:
    path = folder / f"{name}.vsreid"
    path.touch()
    return path


def test_the_newest_is_first_and_the_gone_are_left_out(recent: Recent, tmp_path: Path) -> None:
    first, second = project(tmp_path, "a"), project(tmp_path, "b")
    recent.note(first, tmp_path / "a.mp4")
    recent.note(second, tmp_path / "b.mp4", np.zeros((90, 160, 3), np.uint8))
    recent.note(first, tmp_path / "a.mp4")
    assert [one.path for one in recent.projects()] == [first, second]
    assert recent.projects()[1].thumbnail.is_file()
    first.unlink()
    assert [one.path for one in recent.projects()] == [second]
    recent.forget(second)
    assert recent.projects() == []


def test_only_so_many_are_kept(recent: Recent, tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        recent.note(project(tmp_path, str(number)), tmp_path / "x.mp4")
    assert len(recent.projects()) == KEPT


@pytest.mark.parametrize("text", ["", "[", "{}", '[{"path": 3}]', "[1]"])
def test_a_damaged_list_is_an_empty_one(recent: Recent, tmp_path: Path, text: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "recent.json").write_text(text)
    assert recent.projects() == []


def test_a_click_opens_a_recent_project(qtbot: QtBot, recent: Recent, tmp_path: Path) -> None:
    path = project(tmp_path, "street")
    recent.note(path, tmp_path / "street.mp4", np.full((90, 160, 3), 120, np.uint8))
    page = StartPage()
    qtbot.addWidget(page)
    page.set_recent(recent.projects())
    page.resize(900, 700)
    page.show()
    item = page.recent.item(0)
    assert item.text().startswith("street\n")
    with qtbot.waitSignal(page.chosen) as chosen:
        place = page.recent.visualItemRect(item).center()
        qtbot.mouseClick(page.recent.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen.args == [path]


def test_the_buttons_ask(qtbot: QtBot) -> None:
    page = StartPage()
    qtbot.addWidget(page)
    for button, signal in (
        (page.open_button, page.open_requested),
        (page.folder_button, page.folder_requested),
        (page.demo_button, page.demo_requested),
    ):
        with qtbot.waitSignal(signal):
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_bar_unfolds_details(qtbot: QtBot) -> None:
    bar = ErrorBar()
    qtbot.addWidget(bar)
    bar.fail("It is broken.", "Traceback: somewhere")
    assert bar.isVisible()
    assert not bar.details.isVisible()
    qtbot.mouseClick(bar.unfold, Qt.MouseButton.LeftButton)
    assert bar.details.isVisible()
    bar.show_notice("By the way.")
    assert bar.sentence.text() == "It is broken."
    with qtbot.waitSignal(bar.dismissed):
        qtbot.mouseClick(bar.dismiss, Qt.MouseButton.LeftButton)
    bar.show_notice("By the way.")
    assert bar.sentence.text() == "By the way."
    assert not bar.unfold.isVisible()


def test_the_bar_offers_help(qtbot: QtBot) -> None:
    bar, done = ErrorBar(), []
    qtbot.addWidget(bar)
    bar.suggest("It moved.", "Find it …", lambda: done.append(True))
    qtbot.mouseClick(bar.offer, Qt.MouseButton.LeftButton)
    assert done == [True]
    assert not bar.isVisible()
