"""The timeline driven with real mouse, wheel and key events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QImage, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from timeline_scene import BIKE, BOXES, LENGTH, RIDER, ROWS, dress, mask

from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.store.maps import InMemory, MapCache, encode_map
from vsreid_studio.engine.types import Cell, CellKey, Maker, SoftMask
from vsreid_studio.gui.benchmark.timeline import crowd, fill, turn
from vsreid_studio.gui.timeline import BoxState, TimelineBox, TimelineRow, TimelineView
from vsreid_studio.gui.timeline.input import describe
from vsreid_studio.gui.timeline.strip import Curve

LEFT = Qt.MouseButton.LeftButton
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[TimelineView]:
    view = TimelineView()
    qtbot.addWidget(view)
    view.resize(1000, 320)
    dress(view)
    with qtbot.waitExposed(view):
        view.show()
    view.setFocus()
    yield view
    view.card.dismiss()


def place(view: TimelineView, frame: int, row: int = 0) -> QPoint:
    high = view.state.style.row
    return QPoint(round(view.axis.centre(frame)), row * high + high * 2 // 3)


def test_a_click_scrubs_and_names_the_row(view: TimelineView) -> None:
    told: list[int] = []
    view.instance_clicked.connect(told.append)
    view.scrubbed.connect(told.append)
    QTest.mouseClick(view.lanes, LEFT, pos=place(view, 20, 1))
    assert told == [BIKE, 20]
    assert view.state.frame == 20


def test_a_drag_scrubs_on_ruler_and_rows(view: TimelineView) -> None:
    for surface in (view.ruler, view.lanes, view.strip):
        went: list[int] = []
        view.scrubbed.connect(went.append)
        QTest.mousePress(surface, LEFT, pos=place(view, 10))
        QTest.mouseMove(surface, place(view, 33))
        QTest.mouseMove(surface, QPoint(5000, 4))
        QTest.mouseRelease(surface, LEFT)
        assert went == [10, 33, LENGTH - 1]
        view.scrubbed.disconnect(went.append)


def test_shift_drag_selects_a_range_and_shift_click_clears_it(qtbot: QtBot, view: TimelineView) -> None:
    before = view.state.frame
    with qtbot.waitSignal(view.range_selected) as told:
        QTest.mousePress(view.lanes, LEFT, SHIFT, place(view, 40))
        QTest.mouseMove(view.lanes, place(view, 25))
        QTest.mouseRelease(view.lanes, LEFT, SHIFT)
    assert told.args == [25, 40]
    assert view.state.frame == before
    with qtbot.waitSignal(view.range_cleared):
        QTest.mouseClick(view.lanes, LEFT, SHIFT, place(view, 60))
    assert view.state.chosen is None


def test_escape_clears_a_range_and_is_left_to_others_without(qtbot: QtBot, view: TimelineView) -> None:
    view.select_range(3, 9)
    with qtbot.waitSignal(view.range_cleared):
        QTest.keyClick(view, Qt.Key.Key_Escape)
    with qtbot.assertNotEmitted(view.range_cleared):
        QTest.keyClick(view, Qt.Key.Key_Escape)


def test_the_wheel_zooms_at_the_mouse(view: TimelineView) -> None:
    spot = place(view, 70)
    scale = view.axis.scale
    for _ in range(6):
        turn(view.lanes, QPointF(spot), QPoint(0, 120))
    assert view.axis.scale > 3 * scale
    assert view.axis.frame_at(spot.x()) == 70
    first = view.axis.first
    turn(view.lanes, QPointF(spot), QPoint(-120, 0))
    assert view.axis.first > first
    for _ in range(20):
        turn(view.ruler, QPointF(spot.x(), 5), QPoint(0, -120))
    assert view.axis.scale == pytest.approx(scale)
    assert view.axis.first == 0


def test_the_middle_button_moves_time_and_rows(view: TimelineView) -> None:
    view.set_rows([TimelineRow(k, str(k), QColor("red")) for k in range(1, 31)])
    view.axis.zoom(5, 400)
    first = view.axis.first
    QTest.mousePress(view.lanes, Qt.MouseButton.MiddleButton, pos=QPoint(300, 100))
    QTest.mouseMove(view.lanes, QPoint(260, 70))
    QTest.mouseRelease(view.lanes, Qt.MouseButton.MiddleButton)
    assert view.axis.first == pytest.approx(first + 40 / view.axis.scale)
    assert view.lanes.offset == view.names.offset == 30


def test_keys_step_and_jump(view: TimelineView) -> None:
    def press(key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> int:
        QTest.keyClick(view, key, held)
        return view.state.frame

    view.set_frame(50)
    assert press(Qt.Key.Key_Right) == 51
    assert press(Qt.Key.Key_Left) == 50
    assert press(Qt.Key.Key_Right, SHIFT) == 60
    assert press(Qt.Key.Key_Left, SHIFT) == 50
    assert press(Qt.Key.Key_Right, CTRL) == 55
    assert press(Qt.Key.Key_Left, CTRL) == 30
    assert press(Qt.Key.Key_End) == LENGTH - 1
    assert press(Qt.Key.Key_Right) == LENGTH - 1
    assert press(Qt.Key.Key_Home) == 0
    assert press(Qt.Key.Key_Left, CTRL) == 0
    view.set_selected(None)
    assert press(Qt.Key.Key_Right, CTRL) == 30
    view.set_selected(BIKE)
    assert press(Qt.Key.Key_Right, CTRL) == 90


def test_n_and_b_visit_what_waits_in_turn(view: TimelineView) -> None:
    reached: list[CellKey] = []
    view.retrieval_clicked.connect(reached.append)
    view.set_frame(45)
    for _ in range(3):
        QTest.keyClick(view, Qt.Key.Key_N)
    QTest.keyClick(view, Qt.Key.Key_B)
    waiting = [CellKey(80, RIDER), CellKey(112, RIDER), CellKey(40, BIKE)]
    assert reached == [*waiting, CellKey(112, RIDER)]
    assert view.state.frame == 112


def test_two_that_wait_in_one_frame_are_both_reached(view: TimelineView) -> None:
    both = [CellKey(60, RIDER), CellKey(60, BIKE)]
    view.set_retrievals([TimelineBox(key, 0.8) for key in both])
    reached: list[CellKey] = []
    view.retrieval_clicked.connect(reached.append)
    view.set_frame(60)
    view.next_retrieval()
    view.next_retrieval()
    view.next_retrieval()
    assert reached == [*both, both[0]]


def test_a_click_on_a_box_goes_to_its_frame(qtbot: QtBot, view: TimelineView) -> None:
    # The box is wider than its frame: beside the middle the mouse is over a neighbour.
    spot = place(view, 80) + QPoint(4, 0)
    with qtbot.waitSignal(view.retrieval_clicked) as told:
        QTest.mouseClick(view.lanes, LEFT, pos=spot)
    assert told.args == [CellKey(80, RIDER)]
    assert isinstance(told.args[0], CellKey)
    assert view.state.frame == 80


def test_a_change_touches_only_its_rows(view: TimelineView) -> None:
    grid = view.state.annotation
    change = grid.set_cells("paint", {CellKey(70, RIDER): Cell(mask(), 70, pinned=True)})
    before = view.lanes.grab().toImage()
    grid.apply(change)
    view.cells_changed(change)
    assert (70, 71, 70) in view.state.tracks[RIDER].spans.tolist()
    after = view.lanes.grab().toImage()
    high = view.state.style.row
    ratio = round(after.devicePixelRatio())
    first, second = (picture.copy(0, 0, after.width(), high * ratio) for picture in (before, after))
    assert first != second
    rest = [p.copy(0, high * ratio, after.width(), 3 * high * ratio) for p in (before, after)]
    assert rest[0] == rest[1]
    back = grid.set_cells("undo", dict(change.before))
    grid.apply(back)
    view.cells_changed(back)
    assert view.lanes.grab().toImage() == before


def test_a_row_painted_alone_is_the_row_painted_with_all(view: TimelineView) -> None:
    view.lanes.refresh_rows({RIDER, BIKE})
    alone = view.lanes.grab().toImage()
    view.lanes.refresh()
    assert view.lanes.grab().toImage() == alone


def test_a_new_instance_appears_with_its_first_cell(view: TimelineView) -> None:
    grid = view.state.annotation
    view.set_rows([*ROWS, TimelineRow(7, "ball", QColor("green"))])
    change = grid.set_cells("draw", {CellKey(5, 7): Cell(mask(), 5, pinned=True, made_by=Maker.PERSON)})
    grid.apply(change)
    view.cells_changed(change)
    assert view.state.tracks[7].spans.tolist() == [(5, 6, 5)]


def test_areas_are_counted_little_by_little(qtbot: QtBot, view: TimelineView) -> None:
    qtbot.waitUntil(lambda: bool(np.isfinite(view.strip.values(Curve.AREA)[99])))
    areas = view.strip.values(Curve.AREA)
    assert areas[0] == 16
    assert np.isnan(areas[45])
    grid = view.state.annotation
    change = grid.set_cells("paint", {CellKey(45, RIDER): Cell(mask(9), 45, pinned=True)})
    grid.apply(change)
    view.cells_changed(change)
    assert view.strip.values(Curve.AREA)[45] == 81


def test_areas_of_stored_maps_are_there_at_once(view: TimelineView) -> None:
    source = InMemory()
    maps = MapCache(source)
    stored = Annotation(LENGTH, maps=maps)
    drawn = mask(9)
    maps.adopt(drawn, source.write(encode_map(drawn)))
    stored.apply(stored.set_cells("draw", {CellKey(45, RIDER): Cell(drawn, 45, pinned=True)}))
    view.set_annotation(stored, ROWS)
    areas = view.strip.values(Curve.AREA)
    assert areas[45] == 81
    assert np.isnan(np.delete(areas, 45)).all()


def test_an_unknown_confidence_is_not_plotted(view: TimelineView) -> None:
    cells = {CellKey(45, RIDER): Cell(mask(), 45, made_by=Maker.IMPORT), CellKey(46, RIDER): Cell(mask(), 45)}
    view.set_annotation(Annotation(LENGTH, cells), ROWS)
    view.state.selected = RIDER
    assert np.flatnonzero(np.isfinite(view.strip.values(Curve.CONFIDENCE))).tolist() == [46]


def test_curves_can_be_switched_off(qtbot: QtBot, view: TimelineView) -> None:
    both = view.strip.grab().toImage()
    for button in view.switches.buttons.values():
        qtbot.mouseClick(button, LEFT)
    assert view.strip.shown == set()
    assert view.strip.grab().toImage() != both


def test_similarities_must_fit_the_video(view: TimelineView) -> None:
    with pytest.raises(ValueError, match="120 frames"):
        view.set_similarity(RIDER, np.zeros(3))
    view.set_similarity(RIDER, None)
    assert np.isnan(view.strip.values(Curve.SIMILARITY)).all()


def test_a_box_asks_for_its_thumbnail_once_and_shows_it(qtbot: QtBot, view: TimelineView) -> None:
    asked: list[CellKey] = []
    view.thumbnail_wanted.connect(asked.append)
    QTest.mouseMove(view.lanes, place(view, 78))
    QTest.mouseMove(view.lanes, place(view, 80))
    qtbot.waitUntil(view.card.isVisible)
    QTest.mouseMove(view.lanes, place(view, 80) + QPoint(1, 0))
    assert asked == [CellKey(80, RIDER)]
    assert "similarity 0.78" in view.card.text.text()
    image = QImage(64, 32, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    view.set_thumbnail(asked[0], image)
    assert view.card.picture.isVisible()
    QTest.mouseMove(view.lanes, QPoint(100, view.lanes.height() - 2))
    assert not view.card.isVisible()


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        (None, ["frame 58", "not computed"]),
        (Cell(mask(), 55, confidence=0.5), ["from frame 55, 3 frames away", "0.50", "propagation"]),
        (Cell(mask(), 55, second=70), ["from frame 55, 3 frames away", "less weight, from frame 70"]),
        (Cell(mask(), 55, smoothed=True), ["propagation, smoothed"]),
        (Cell(mask(), 58, made_by=Maker.RECOVERY), ["checkpoint", "recovery"]),
        (Cell(mask(), 55, made_by=Maker.IMPORT), ["confidence unknown", "import"]),
        (Cell(mask(), 58, pinned=True, made_by=Maker.IMPORT), ["confidence 1.00", "import, pinned"]),
        (Cell(SoftMask.empty(), 58, pinned=True, made_by=Maker.PERSON), ["marked as not", "person, pinned"]),
        (Cell(SoftMask.empty(), 57), ["not found", "1 frame away"]),
    ],
)
def test_the_card_says_where_a_mask_came_from(cell: Cell | None, parts: list[str]) -> None:
    text = describe(TimelineRow(1, "<rider>", QColor("blue")), 58, cell, None)
    assert "&lt;rider&gt;" in text
    assert all(part in text for part in parts)


def test_a_menu_is_asked_for_where_the_mouse_is(qtbot: QtBot, view: TimelineView) -> None:
    spot = place(view, 64, 1)
    screen = view.lanes.mapToGlobal(spot)
    local = view.mapFromGlobal(screen)
    with qtbot.waitSignal(view.menu_requested) as told:
        QApplication.sendEvent(view, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, local, screen))
    assert told.args == [screen, BIKE, 64]
    with qtbot.waitSignal(view.menu_requested) as told:
        QApplication.sendEvent(view, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, local, screen))
    assert told.args == [screen, RIDER, 47]


def test_names_are_clicked_and_scrolled(qtbot: QtBot, view: TimelineView) -> None:
    with qtbot.waitSignal(view.instance_clicked) as told:
        QTest.mouseClick(view.names, LEFT, pos=QPoint(40, view.state.style.row + 5))
    assert told.args == [BIKE]
    view.set_rows([TimelineRow(k, str(k), QColor("red"), hidden=k % 2 == 0) for k in range(1, 31)])
    turn(view.names, QPointF(20, 20), QPoint(0, -120))
    assert view.lanes.offset == view.state.style.row


def test_the_playhead_stays_in_sight(view: TimelineView) -> None:
    view.axis.zoom(8, 0)
    view.set_frame(LENGTH - 1)
    assert 0 < view.axis.centre(LENGTH - 1) < view.lanes.width()
    view.set_frame(0)
    assert view.axis.first == 0


def test_palette_and_font_are_followed(view: TimelineView) -> None:
    light, high = view.lanes.grab().toImage(), view.state.style.row
    palette = QPalette(view.palette())
    palette.setColor(QPalette.ColorRole.Base, QColor("#101214"))
    palette.setColor(QPalette.ColorRole.Text, QColor("#eeeeee"))
    view.setPalette(palette)
    dark = view.lanes.grab().toImage()
    assert dark != light
    assert dark.pixelColor(dark.width() - 3, 3).lightness() < 90
    font = view.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    view.setFont(font)
    assert view.state.style.row > 1.7 * high
    assert view.ruler.height() == view.state.style.ruler


def test_an_empty_timeline_takes_all_events(qtbot: QtBot) -> None:
    view = TimelineView()
    qtbot.addWidget(view)
    view.resize(600, 300)
    view.show()
    for length in (0, 1):
        view.set_length(length)
        QTest.mouseClick(view.lanes, LEFT, pos=QPoint(100, 20))
        QTest.mouseMove(view.lanes, QPoint(110, 20))
        turn(view.lanes, QPointF(100, 20), QPoint(0, 120))
        for key in (Qt.Key.Key_Left, Qt.Key.Key_End, Qt.Key.Key_N, Qt.Key.Key_B):
            QTest.keyClick(view, key)
        QTest.keyClick(view, Qt.Key.Key_Right, CTRL)
        view.grab()
    assert view.state.frame == 0


def test_another_video_keeps_nothing(view: TimelineView) -> None:
    view.select_range(2, 8)
    view.set_annotation(Annotation(30), ROWS)
    state = view.state
    assert (state.length, state.frame, state.chosen, state.running) == (30, 0, None, None)
    assert not state.boxes
    assert not state.hatched
    assert view.axis.visible_frames >= 30


def test_boxes_differ_in_outline_not_in_colour_alone(view: TimelineView) -> None:
    pictures = []
    for state in BoxState:
        view.set_retrievals([TimelineBox(CellKey(110, RIDER), BOXES[0].similarity, state)])
        area = view.lanes.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
        pictures.append(area)
    assert pictures[0] != pictures[1]
    assert pictures[1] != pictures[2]
    assert pictures[0] != pictures[2]


def differing(one: QImage, other: QImage) -> int:
    """How many pixels of two pictures differ."""
    parts = [
        np.frombuffer(picture.convertToFormat(QImage.Format.Format_RGB32).constBits(), np.uint32)
        for picture in (one, other)
    ]
    return int(np.count_nonzero(parts[0] != parts[1]))


@pytest.mark.parametrize("scale", [0.3, 2.0, 9.5, 23.7])
@pytest.mark.parametrize("slanted", [False, True])
def test_a_scrolled_picture_is_the_one_painted_anew(qtbot: QtBot, scale: float, slanted: bool) -> None:
    view = TimelineView()
    qtbot.addWidget(view)
    view.resize(700, 300)
    grid = crowd(3_000, 3)
    if slanted:
        # Far from its checkpoint, so that an arc crosses much of what is seen.
        stray = {CellKey(i, 1): Cell(mask(), 40) for i in range(1_500, 1_560)}
        grid.apply(grid.set_cells("stray", stray))
    fill(view, grid)
    if not slanted:
        view.set_hatched({})
    view.show()
    view.axis.zoom(scale / view.axis.scale, 300)
    view.axis.scroll((1_400 - view.axis.first) * view.axis.scale)
    for step in (37, 200, -5, -411, 90.4, 3, -699, 2000):
        view.lanes.grab()
        view.axis.scroll(step)
        view.axis.scroll(11)
        scrolled = view.lanes.grab().toImage()
        view.lanes.refresh()
        # Qt cuts slanted strokes at the clip, which shades a few of their pixels otherwise.
        assert differing(view.lanes.grab().toImage(), scrolled) <= (300 if slanted else 0)
