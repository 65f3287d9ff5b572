"""Everything can be seen and reached on a small screen."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest
from driving import draw_both, until_proposal, wait_idle
from PIL import Image
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtWidgets import QAbstractButton, QScrollArea, QTableView, QWidget
from pytestqt.qtbot import QtBot
from small_clip import LENGTH, true_mask

from vsreid_studio.gui.main_window import MainWindow

SCREEN = QSize(1280, 680)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    folder = tmp_path / "truth"
    folder.mkdir()
    for index in range(LENGTH):
        mask = true_mask(index, 2).hard(48, 80)
        Image.fromarray(mask.astype("uint8")).save(folder / f"{index:05d}.png")
    return folder


def compare(qtbot: QtBot, window: MainWindow, truth: Path) -> None:
    window.comparison.compare(truth)
    qtbot.waitUntil(lambda: window.comparison.complete)
    assert window.comparison.dock.isVisible()


def test_everything_fits(qtbot: QtBot, window: MainWindow, truth: Path) -> None:
    until_proposal(qtbot, window)
    compare(qtbot, window, truth)
    window.bar.fail("Something went wrong.", "details")
    window.resize(SCREEN)
    assert window.size() == SCREEN
    for widget in (window.parts.timeline, window.statusBar(), window.comparison.panel, window.parts.canvas):
        corner = widget.mapTo(window, QPoint(0, 0))
        assert window.rect().contains(corner), widget
    bottom = window.statusBar().mapTo(window, window.statusBar().rect().bottomRight())
    assert window.rect().contains(bottom)
    window.conductor.cancel()
    wait_idle(qtbot, window)


def test_opening_another_clip_keeps_the_windows_size(
    qtbot: QtBot, window: MainWindow, pictures: Path, tmp_path: Path
) -> None:
    other = copytree(pictures, tmp_path / "other")
    window.resize(size := QSize(1000, 648))
    qtbot.wait(50)
    assert window.size() == size
    window.files.open(other)
    qtbot.waitUntil(lambda: window.session.document is not None and window.session.video.path == other)
    qtbot.wait(100)
    assert window.size() == size


def test_nothing_in_a_dock_is_covered_or_cut(qtbot: QtBot, window: MainWindow, truth: Path) -> None:
    until_proposal(qtbot, window)
    compare(qtbot, window, truth)
    window.resize(SCREEN)
    window.resizeDocks([window.comparison.dock], [10], Qt.Orientation.Horizontal)
    qtbot.wait(50)
    for area in window.findChildren(QScrollArea):
        held = area.widget()
        if not area.isVisible() or held is None:
            continue
        assert held.width() <= area.viewport().width(), held
        for widget in held.findChildren(QWidget):
            if isinstance(widget, QAbstractButton | QTableView) and widget.isVisibleTo(held):
                least = widget.minimumSizeHint()
                assert widget.width() >= least.width(), (widget, widget.accessibleName())
                assert widget.height() >= least.height(), (widget, widget.accessibleName())
    window.conductor.cancel()
    wait_idle(qtbot, window)


def test_no_title_of_a_table_is_cut(qtbot: QtBot, window: MainWindow, truth: Path) -> None:
    draw_both(qtbot, window)
    compare(qtbot, window, truth)
    window.resize(SCREEN)
    for dock in (window.comparison.dock, window.parts.review_dock):
        window.resizeDocks([dock], [10], Qt.Orientation.Horizontal)
    qtbot.wait(50)
    for table in (window.comparison.panel.table, window.parts.review.queue.view):
        header = table.horizontalHeader()
        for column in range(header.count()):
            assert header.sectionSize(column) >= header.sectionSizeHint(column), column


def test_a_document_makes_the_window_no_wider(qtbot: QtBot, window: MainWindow) -> None:
    assert window.minimumSizeHint().width() <= 0.9 * SCREEN.width()
    draw_both(qtbot, window)
    least = window.minimumSizeHint()
    window.session.instance_edits.rename(2, "a name that is longer than there is room for in a status bar")
    window.status.engine.setText("engine: " + 40 * "propagating ")
    qtbot.wait(10)
    assert window.minimumSizeHint().width() == least.width()
    assert window.status.engine.shown.endswith("…")
    assert window.status.engine.toolTip() == window.status.engine.text()


def test_a_window_that_grew_shows_whole(qtbot: QtBot, window: MainWindow) -> None:
    room = window.screen().availableGeometry()
    window.resize(room.width() // 2, room.height() // 2)
    window.move(room.right() - window.width() // 2, room.top())
    window._keep_on_screen(window.size() - QSize(50, 0))
    assert window.frameGeometry().right() <= room.right()


def test_a_question_is_in_sight(qtbot: QtBot, window: MainWindow) -> None:
    draw_both(qtbot, window)
    window.resize(SCREEN)
    window.resizeDocks([window.parts.docks[0]], [120], Qt.Orientation.Vertical)
    question = window.parts.instances.question

    def whole() -> bool:
        parts = (question.first, question.last, question.yes, question.no)
        shown = [one for one in parts if one.isVisible()]
        text = question.sentence
        return (
            question.visibleRegion().boundingRect() == question.rect()
            and all(one.height() >= one.minimumSizeHint().height() for one in shown)
            and text.height() >= text.heightForWidth(text.width())
        )

    for ask in (window.parts.instances.actions_.delete, window.parts.instances.actions_.delete_range):
        ask.trigger()
        qtbot.waitUntil(whole)
        question.dismiss()


def test_all_answers_show_on_a_low_window(qtbot: QtBot, window: MainWindow) -> None:
    window.resize(SCREEN)
    until_proposal(qtbot, window)
    qtbot.wait(50)
    for button in window.parts.review.buttons:
        assert button.visibleRegion().boundingRect() == button.rect(), button.text()
    window.conductor.cancel()
    wait_idle(qtbot, window)


def test_the_sheet_of_keys_scrolls_down_only(qtbot: QtBot, window: MainWindow) -> None:
    sheet = window.show_keys()
    qtbot.wait(10)
    area = sheet.findChild(QScrollArea)
    assert sheet.width() < sheet.screen().availableGeometry().width()
    assert area.horizontalScrollBar().maximum() == 0
    sheet.close()


def test_the_comparison_leaves_room_for_the_review(qtbot: QtBot, window: MainWindow, truth: Path) -> None:
    window.resize(1600, 940)
    compare(qtbot, window, truth)
    until_proposal(qtbot, window)
    qtbot.wait(100)
    panel = window.comparison.panel
    for widget in (*window.parts.review.buttons, panel.table, panel.choose, panel.end):
        assert widget.visibleRegion().boundingRect() == widget.rect(), widget
    assert panel.table.verticalScrollBar().maximum() == 0
    window.conductor.cancel()
    wait_idle(qtbot, window)
