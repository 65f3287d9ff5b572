"""The review, answered with mouse and keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QDockWidget, QLineEdit, QMainWindow
from pytestqt.qtbot import QtBot

from vsreid_studio.config import ReidConfig
from vsreid_studio.engine.events import Accept, Proposal, Reason, Reassign, Reject, Retrieval, Skip
from vsreid_studio.engine.types import Box, CellKey, SoftMask
from vsreid_studio.gui.review import ReviewPanel
from vsreid_studio.gui.review.actions import Mode, figure, frame_ranges, why_not
from vsreid_studio.gui.review.queue_model import Column, Listed
from vsreid_studio.gui.widgets import Scrolled, dock
from vsreid_studio.project import Instance

LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
BOX = Box(4, 4, 12, 20)
MASK = SoftMask(BOX, np.full((16, 8), 255, np.uint8))
RIDER, BIKE, DOG = (
    Instance(1, "rider", "#0072b2"),
    Instance(2, "R&D", "#e69f00"),
    Instance(7, "dog", "#009e73"),
)
ALL = {it.number: it for it in (RIDER, BIKE, DOG)}
PROPOSAL = Proposal(45, 1, BOX, 0.834, 0.04, (3, *range(41, 59)), MASK, 0.91)
STRONG = Retrieval(45, 1, BOX, 0.834, 0.04)
WIDE = Retrieval(20, 2, BOX, 0.75, 0)
WEAK = Retrieval(30, 1, BOX, 0.5, 0, Reason.BELOW)


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[QMainWindow]:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.setCentralWidget(QLineEdit())
    panel = ReviewPanel()
    docked = dock(window, "review", "Review", Scrolled(panel))
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, docked)
    window.resize(700, 760)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    window.setFocus()
    yield window
    panel.actions_.give_menu.close()


@pytest.fixture
def panel(window: QMainWindow) -> ReviewPanel:
    panel = window.findChild(ReviewPanel)
    panel.set_instances(ALL)
    panel.set_proposal(PROPOSAL, RIDER, ReidConfig(appearance_track=False, rho_reid=0.7))
    return panel  # type: ignore[return-value]


def click_row(qtbot: QtBot, panel: ReviewPanel, row: int) -> None:
    view = panel.queue.view
    point = view.visualRect(view.model().index(row, Column.CANDIDATE)).center()
    qtbot.mouseClick(view.viewport(), LEFT, pos=point)


def click_title(qtbot: QtBot, panel: ReviewPanel, column: Column) -> None:
    titles = panel.queue.view.horizontalHeader()
    x = titles.sectionViewportPosition(column) + titles.sectionSize(column) // 2
    qtbot.mouseClick(titles.viewport(), LEFT, pos=QPoint(x, 5))


def listed(panel: ReviewPanel) -> list[CellKey]:
    model = panel.queue.model
    return [model.retrieval(row).key for row in range(model.rowCount())]


@pytest.mark.parametrize(
    ("key", "shift", "answer"),
    [
        (Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier, Accept()),
        (Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier, Skip()),
    ],
)
def test_a_key_answers_once_wherever_the_focus_is(
    qtbot: QtBot,
    window: QMainWindow,
    panel: ReviewPanel,
    key: Qt.Key,
    shift: Qt.KeyboardModifier,
    answer: object,
) -> None:
    given: list[object] = []
    panel.answered.connect(given.append)
    qtbot.keyClick(window, key, shift)
    qtbot.keyClick(window, key, shift)
    assert given == [answer]
    assert panel.mode is Mode.NOTHING
    panel.set_proposal(replace(PROPOSAL, frame=50), RIDER)
    qtbot.keyClick(window, key, shift)
    assert given == [answer, answer]


def test_a_click_answers(qtbot: QtBot, panel: ReviewPanel) -> None:
    with qtbot.waitSignal(panel.answered) as answered:
        qtbot.mouseClick(panel.buttons[2], LEFT)
    assert answered.args == [Reject()]


def test_typing_a_name_answers_nothing(qtbot: QtBot, window: QMainWindow, panel: ReviewPanel) -> None:
    line = window.centralWidget()
    line.setFocus()
    with qtbot.assertNotEmitted(panel.answered):
        qtbot.keyClicks(line, "rags")
    assert line.text() == "rags"


def test_a_held_key_does_not_answer_what_comes_next(panel: ReviewPanel) -> None:
    assert not any(action.autoRepeat() for action in panel.actions_.everything)


def test_nothing_waits(qtbot: QtBot, window: QMainWindow, panel: ReviewPanel) -> None:
    panel.set_proposal(None)
    assert not panel.card.isVisible()
    with qtbot.assertNotEmitted(panel.answered):
        qtbot.keyClick(window, Qt.Key.Key_A)


def test_shows_what_it_would_change(panel: ReviewPanel) -> None:
    assert panel.card.effect.text() == "Would overwrite 3, 41–58 (19 frames)"
    assert panel.card.similarity.words == ("83 %", "needs 70 %")
    assert panel.card.overlap.words == ("4 %", "below 30 %")
    assert panel.card.confidence.words == ("91 %", "")


def test_give_to_another_by_digit(qtbot: QtBot, window: QMainWindow, panel: ReviewPanel) -> None:
    panel.set_instances(ALL, receivers=[1, 7])
    qtbot.keyClick(window, Qt.Key.Key_G)
    menu = panel.actions_.give_menu
    qtbot.waitUntil(menu.isVisible)
    assert [action.text() for action in menu.actions()] == ["&7  dog"]
    with qtbot.waitSignal(panel.answered) as answered:
        qtbot.keyClick(menu, Qt.Key.Key_7)
    assert answered.args == [Reassign(7)]


def test_cannot_be_given_to_nobody(panel: ReviewPanel) -> None:
    panel.set_instances(ALL, receivers=[1])
    assert not panel.actions_.give.isEnabled()


def test_accept_all_at_or_above(qtbot: QtBot, window: QMainWindow, panel: ReviewPanel) -> None:
    with qtbot.waitSignal(panel.accept_all_requested) as accepted:
        qtbot.keyClick(window, Qt.Key.Key_A, SHIFT)
    assert accepted.args == [PROPOSAL.similarity]
    assert panel.mode is Mode.NOTHING


def test_correct_then_accept(qtbot: QtBot, window: QMainWindow, panel: ReviewPanel) -> None:
    with qtbot.waitSignal(panel.correct_requested):
        qtbot.keyClick(window, Qt.Key.Key_C)
    assert panel.mode is Mode.CORRECTING
    # While the mask is painted, only that can be finished or left.
    with qtbot.assertNotEmitted(panel.answered), qtbot.waitSignal(panel.correction_done):
        qtbot.keyClick(window, Qt.Key.Key_R)
        qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
        qtbot.keyClick(window, Qt.Key.Key_A)
    assert panel.mode is Mode.NOTHING


def test_redraw_and_back(qtbot: QtBot, window: QMainWindow, panel: ReviewPanel) -> None:
    with qtbot.waitSignal(panel.redraw_requested):
        qtbot.mouseClick(panel.buttons[4], LEFT)
    assert panel.mode is Mode.REDRAWING
    assert "canvas" in panel.card.effect.text()
    with qtbot.waitSignal(panel.edit_left):
        qtbot.keyClick(window, Qt.Key.Key_D)
    assert panel.mode is Mode.ASKING
    assert "overwrite" in panel.card.effect.text()


def test_redrawn_box_without_a_mask_cannot_be_accepted(panel: ReviewPanel) -> None:
    crop = QImage(8, 8, QImage.Format.Format_RGB888)
    panel.set_crops(crop, crop)
    panel.set_proposal(replace(PROPOSAL, similarity=-1.0, recovered=SoftMask.empty()), RIDER)
    assert not panel.actions_.accept.isEnabled()
    assert not panel.actions_.accept_all.isEnabled()
    assert panel.actions_.reject.isEnabled()
    assert panel.card.similarity.words[0] == "—"
    # The same cell: the pictures stay until better ones come.
    assert not panel.card.crops.candidate.image.isNull()


def test_pictures_of_another_cell_go(panel: ReviewPanel) -> None:
    crop = QImage(8, 8, QImage.Format.Format_RGB888)
    panel.set_crops(crop, crop)
    panel.set_proposal(replace(PROPOSAL, frame=50), RIDER)
    assert panel.card.crops.candidate.image.isNull()


def test_refuses_another_instances_proposal(panel: ReviewPanel) -> None:
    with pytest.raises(ValueError, match="instance 1"):
        panel.set_proposal(PROPOSAL, DOG)


def test_queue_lists_what_waits_and_on_demand_the_others(qtbot: QtBot, panel: ReviewPanel) -> None:
    panel.set_queue([STRONG, WIDE, WEAK])
    assert listed(panel) == [STRONG.key, WIDE.key]
    panel.queue.choice.setCurrentIndex(panel.queue.choice.findData(Listed.ALL))
    assert listed(panel) == [STRONG.key, WIDE.key, WEAK.key]
    tip = panel.queue.model.index(2, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == "rider, frame 30: its similarity is too low (needs 70 %)"


def test_sorts_by_gain_with_the_offered_first(qtbot: QtBot, panel: ReviewPanel) -> None:
    panel.queue.choice.setCurrentIndex(panel.queue.choice.findData(Listed.ALL))
    panel.set_queue([STRONG, WIDE, WEAK], {STRONG.key: 4, WIDE.key: 36, WEAK.key: 99})
    orders = set()
    for _ in range(2):
        click_title(qtbot, panel, Column.GAIN)
        orders.add(tuple(listed(panel)))
    assert orders == {(STRONG.key, WIDE.key, WEAK.key), (WIDE.key, STRONG.key, WEAK.key)}


def test_click_and_arrow_show_a_candidate(qtbot: QtBot, panel: ReviewPanel) -> None:
    seen: list[CellKey] = []
    panel.shown.connect(seen.append)
    panel.set_queue([STRONG, WIDE])
    click_row(qtbot, panel, 0)
    click_row(qtbot, panel, 0)
    qtbot.keyClick(panel.queue.view, Qt.Key.Key_Down)
    click_row(qtbot, panel, 1)
    assert seen == [STRONG.key, STRONG.key, WIDE.key, WIDE.key]


def test_a_new_queue_keeps_the_choice_in_silence(qtbot: QtBot, panel: ReviewPanel) -> None:
    panel.set_queue([STRONG, WIDE])
    click_row(qtbot, panel, 1)
    with qtbot.assertNotEmitted(panel.shown):
        panel.set_queue([WIDE, replace(STRONG, similarity=0.72)])
    assert panel.queue.view.currentIndex().row() == 0
    panel.set_queue([STRONG])
    assert not panel.queue.view.currentIndex().isValid()


def test_thumbnails_are_asked_for_once_and_when_the_box_changes(qtbot: QtBot, panel: ReviewPanel) -> None:
    wanted: list[CellKey] = []
    panel.thumbnail_wanted.connect(wanted.append)
    panel.set_queue([STRONG])
    qtbot.waitUntil(lambda: wanted == [STRONG.key])
    image = QImage(8, 8, QImage.Format.Format_RGB888)
    image.fill(QColor("#cc79a7"))
    panel.set_thumbnail(STRONG.key, image)
    panel.repaint()
    panel.set_queue([STRONG])
    qtbot.wait(20)
    assert wanted == [STRONG.key]
    panel.set_queue([replace(STRONG, box=Box(0, 0, 9, 9))])
    qtbot.waitUntil(lambda: len(wanted) == 2)


def test_show_the_proposal(qtbot: QtBot, panel: ReviewPanel) -> None:
    with qtbot.waitSignal(panel.shown) as shown:
        qtbot.mouseClick(panel.card.go, LEFT)
    assert shown.args == [CellKey(45, 1)]


def test_tab_goes_from_the_answers_to_the_queue(qtbot: QtBot, panel: ReviewPanel) -> None:
    panel.set_queue([STRONG, WEAK])
    panel.set_search(BIKE, None)
    queue = panel.queue
    panel.buttons[0].setFocus()
    passed = []
    for _ in range(10):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        passed.append(QApplication.focusWidget())
    assert passed == [*panel.buttons[1:], queue.choice, queue.view, queue.find_button]


def test_a_floating_review_answers_from_the_window_too(
    qtbot: QtBot, window: QMainWindow, panel: ReviewPanel
) -> None:
    window.addActions(panel.actions_.everything)
    window.findChild(QDockWidget).setFloating(True)
    with qtbot.waitActive(window):
        window.activateWindow()
    with qtbot.waitSignal(panel.track_rejected):
        qtbot.keyClick(window, Qt.Key.Key_R)


def test_find_again(qtbot: QtBot, panel: ReviewPanel) -> None:
    assert not panel.queue.find_button.isEnabled()
    panel.set_search(BIKE, range(20, 41))
    assert panel.queue.find_button.accessibleDescription() == "R&D, frames 20–40"
    with qtbot.waitSignal(panel.find_requested) as asked:
        qtbot.mouseClick(panel.queue.find_button, LEFT)
    assert asked.args == [2]


def test_a_changed_key_shows_on_its_button(qtbot: QtBot, window: QMainWindow, panel: ReviewPanel) -> None:
    panel.actions_.accept.setShortcut("Y")
    assert panel.buttons[0].key == "Y"
    assert panel.buttons[0].accessibleName() == "Accept, key Y"
    with qtbot.waitSignal(panel.answered):
        qtbot.keyClick(window, Qt.Key.Key_Y)


@pytest.mark.parametrize(
    ("frames", "text"),
    [((), "none"), ((4,), "4"), (range(41, 59), "41–58"), ((3, 7, 8, 9), "3, 7–9"), ((1, 3, 5), "1, 3, 5")],
)
def test_frame_ranges(frames: tuple[int, ...], text: str) -> None:
    assert frame_ranges(frames) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.834, "83 %"), (1.0, "100 %"), (-0.05, "−5 %"), (-0.001, "0 %"), (0.999, "100 %")]
)
def test_figures(value: float, text: str) -> None:
    assert figure(value) == text


@pytest.mark.parametrize("reason", [None, *Reason])
def test_every_reason_has_a_sentence(reason: Reason | None) -> None:
    assert "{" not in why_not(reason, ReidConfig(appearance_track=False))


def test_a_long_name_takes_no_room_from_the_candidates(qtbot: QtBot, panel: ReviewPanel) -> None:
    panel.set_search(BIKE, None)
    QApplication.processEvents()
    high = panel.queue.view.height()
    panel.set_search(replace(BIKE, name="a long name " * 30), None)
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    assert panel.queue.view.height() == high
    assert panel.queue.find_button.accessibleDescription().endswith("whole video")


def test_a_name_that_changes_while_it_is_asked_about_is_shown(panel: ReviewPanel) -> None:
    panel.set_instances({**ALL, 1: replace(RIDER, name="jockey")})
    assert panel.card.heading.text() == "jockey, found again?" and panel.mode is Mode.ASKING
    panel.set_instances({**ALL, 1: replace(RIDER, name=40 * "long ")})
    assert len(panel.card.heading.text()) < 60
