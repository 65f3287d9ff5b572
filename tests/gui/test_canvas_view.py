from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPalette, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from vsreid_studio.engine.types import Box, SoftMask
from vsreid_studio.gui.benchmark.canvas import Case
from vsreid_studio.gui.benchmark.canvas import main as benchmark
from vsreid_studio.gui.canvas import CanvasView, Display, PaintMode, Tool, ToolOptions
from vsreid_studio.gui.canvas.editor import HIDDEN, LOCKED, NO_PICTURE, NOTHING_SELECTED

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NOTHING, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
WIDTH, HEIGHT = 160, 120
FRAME = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
SQUARE = SoftMask(Box(60, 40, 100, 80), np.full((40, 40), 255, np.uint8))


@dataclass
class Hearing:
    """What the canvas told."""

    edits: list[tuple[int, int, SoftMask, str]] = field(default_factory=list)
    boxes: list[tuple[int, Box]] = field(default_factory=list)
    moved: list[Box] = field(default_factory=list)
    pixels: list[tuple[int, int]] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


@pytest.fixture
def canvas(qtbot: QtBot) -> Iterator[CanvasView]:
    canvas = CanvasView()
    qtbot.addWidget(canvas)
    # Leaves a margin of 12, so that a pixel of the frame is four of the widget.
    canvas.resize(WIDTH * 4 + 24, HEIGHT * 4 + 24)
    canvas.set_frame(0, FRAME)
    canvas.set_selected(1)
    canvas.set_options(ToolOptions(size=10))
    canvas.show()
    qtbot.waitExposed(canvas)
    return canvas  # type: ignore[return-value]


@pytest.fixture
def told(canvas: CanvasView) -> Hearing:
    told = Hearing()
    canvas.edited.connect(lambda k, mask, label: told.edits.append((canvas.index, k, mask, label)))
    canvas.box_drawn.connect(lambda k, box: told.boxes.append((k, box)))
    canvas.candidate_moved.connect(told.moved.append)
    canvas.cursor_moved.connect(lambda x, y: told.pixels.append((x, y)))
    canvas.brush_resized.connect(told.sizes.append)
    canvas.refused.connect(told.reasons.append)
    return told


def at(x: float, y: float) -> QPoint:
    return QPoint(round(x * 4 + 12), round(y * 4 + 12))


def drag(canvas: CanvasView, *points: tuple[float, float], button: Qt.MouseButton = LEFT) -> None:
    QTest.mousePress(canvas, button, NOTHING, at(*points[0]))
    for point in points[1:]:
        QTest.mouseMove(canvas, at(*point))
    QTest.mouseRelease(canvas, button, NOTHING, at(*points[-1]))


def dense(mask: SoftMask) -> NDArray[np.bool_]:
    return mask.hard(HEIGHT, WIDTH)


def colour(canvas: CanvasView, x: float, y: float) -> QColor:
    image = canvas.grab().toImage()
    ratio = image.devicePixelRatio()
    place = at(x, y) * ratio
    return image.pixelColor(place)


def wheel(canvas: CanvasView, place: QPoint, notches: int) -> None:
    away = QPointF(place)
    event = QWheelEvent(
        away,
        canvas.mapToGlobal(away),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        NOTHING,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def test_a_stroke_is_one_edit(canvas: CanvasView, told: Hearing) -> None:
    drag(canvas, (20, 30), (40, 30), (60, 30))
    [(frame, instance, mask, label)] = told.edits
    assert (frame, instance, label) == (0, 1, "Paint")
    assert mask.box == Box(15, 25, 65, 35)
    assert dense(mask)[30, 20:60].all()


def test_painting_shows_before_the_button_is_let_go(canvas: CanvasView, told: Hearing) -> None:
    QTest.mousePress(canvas, LEFT, NOTHING, at(20, 30))
    QTest.mouseMove(canvas, at(60, 30))
    QTest.mouseMove(canvas, at(90, 90))
    assert colour(canvas, 40, 30) != QColor(90, 90, 90)
    assert colour(canvas, 40, 60) == QColor(90, 90, 90)
    assert told.edits == []


def test_a_part_drawn_anew_equals_the_whole(canvas: CanvasView, told: Hearing) -> None:
    canvas.set_masks({1: SQUARE, 2: SoftMask(Box(20, 20, 70, 60), np.full((40, 50), 255, np.uint8))}, {}, ())
    canvas.grab()
    drag(canvas, (20, 30), (80, 60), (150, 70))
    drag(canvas, (70, 45), (80, 100), button=RIGHT)
    masks = {1: told.edits[-1][2], 2: SoftMask(Box(20, 20, 70, 60), np.full((40, 50), 255, np.uint8))}
    QTest.mouseMove(canvas, at(2, 2))
    by_parts = canvas.grab().toImage()
    canvas.set_masks({}, {}, ())
    canvas.grab()
    canvas.set_masks(masks, {}, ())
    assert canvas.grab().toImage() == by_parts


def test_the_right_button_and_the_eraser_erase(canvas: CanvasView, told: Hearing) -> None:
    canvas.set_masks({1: SQUARE}, {}, ())
    drag(canvas, (50, 60), (110, 60), button=RIGHT)
    canvas.set_tool(Tool.ERASER)
    drag(canvas, (80, 30), (80, 90))
    assert [edit[3] for edit in told.edits] == ["Erase", "Erase"]
    left = dense(told.edits[-1][2])
    assert not left[60].any()
    assert not left[:, 80].any()
    assert left[45, 65]


def test_erasing_nothing_is_no_edit(canvas: CanvasView, told: Hearing) -> None:
    drag(canvas, (20, 30), (40, 30), button=RIGHT)
    drag(canvas, (-2, -2), (-2, 60))
    assert [edit[3] for edit in told.edits] == ["Paint"]


def test_shift_paints_a_straight_line(canvas: CanvasView, told: Hearing) -> None:
    QTest.mouseClick(canvas, LEFT, NOTHING, at(20, 20))
    QTest.mouseClick(canvas, LEFT, SHIFT, at(120, 100))
    assert dense(told.edits[-1][2])[60, 70]
    assert len(told.edits) == 2


def test_a_stroke_may_leave_the_frame(canvas: CanvasView, told: Hearing) -> None:
    drag(canvas, (150, 110), (400, 300), (150, 20))
    mask = told.edits[0][2]
    assert mask.box.clip(HEIGHT, WIDTH) == mask.box


def test_a_new_frame_ends_the_stroke_on_the_old(canvas: CanvasView, told: Hearing) -> None:
    QTest.mousePress(canvas, LEFT, NOTHING, at(20, 30))
    QTest.mouseMove(canvas, at(40, 30))
    canvas.set_frame(1, np.zeros((60, 50, 3), np.uint8))
    assert [edit[0] for edit in told.edits] == [0]
    QTest.mouseMove(canvas, at(60, 30))
    QTest.mouseRelease(canvas, LEFT, NOTHING, at(60, 30))
    assert len(told.edits) == 1
    assert canvas.index == 1


@pytest.mark.parametrize("how", ["instance", "tool", "lock", "hide", "vanish"])
def test_what_ends_a_stroke_keeps_it(canvas: CanvasView, told: Hearing, how: str) -> None:
    QTest.mousePress(canvas, LEFT, NOTHING, at(20, 30))
    if how == "instance":
        canvas.set_selected(2)
    elif how == "tool":
        canvas.set_tool(Tool.BOX)
    elif how == "lock":
        canvas.set_locked({1})
    elif how == "hide":
        canvas.set_masks({}, {}, {1})
    else:
        canvas.hide()
    assert [edit[1] for edit in told.edits] == [1]


def test_masks_that_arrive_during_a_stroke_stay_below_it(canvas: CanvasView, told: Hearing) -> None:
    QTest.mousePress(canvas, LEFT, NOTHING, at(20, 30))
    canvas.set_masks({1: SQUARE}, {}, ())
    QTest.mouseRelease(canvas, LEFT, NOTHING, at(20, 30))
    mask = dense(told.edits[0][2])
    assert mask[60, 80]
    assert mask[30, 20]


def test_escape_takes_the_stroke_back(canvas: CanvasView, told: Hearing) -> None:
    QTest.mousePress(canvas, LEFT, NOTHING, at(20, 30))
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    QTest.mouseRelease(canvas, LEFT, NOTHING, at(20, 30))
    QTest.mouseMove(canvas, at(100, 100))
    assert told.edits == []
    assert colour(canvas, 20, 30) == QColor(90, 90, 90)


def test_refusals_have_a_reason(canvas: CanvasView, told: Hearing) -> None:
    canvas.set_selected(None)
    drag(canvas, (20, 30), (40, 30))
    canvas.set_selected(1)
    canvas.set_locked({1})
    drag(canvas, (20, 30), (40, 30))
    canvas.fill_holes(1)
    canvas.set_locked(())
    canvas.set_masks({1: SQUARE}, {}, {1})
    drag(canvas, (20, 30), (40, 30))
    assert told.reasons == [NOTHING_SELECTED, LOCKED, LOCKED, HIDDEN]
    assert told.edits == []


def test_without_a_picture_nothing_breaks(qtbot: QtBot) -> None:
    canvas = CanvasView()
    qtbot.addWidget(canvas)
    canvas.show()
    canvas.set_masks({1: SQUARE}, {}, ())
    canvas.fit()
    wheel(canvas, QPoint(10, 10), 1)
    with qtbot.waitSignal(canvas.refused) as reason:
        QTest.mouseClick(canvas, LEFT, NOTHING, QPoint(10, 10))
    assert reason.args == [NO_PICTURE]
    canvas.grab()


def test_lasso_and_polygon(canvas: CanvasView, told: Hearing) -> None:
    canvas.set_tool(Tool.LASSO)
    drag(canvas, (10, 10), (50, 10), (50, 50), (10, 50))
    canvas.set_tool(Tool.POLYGON)
    canvas.set_options(ToolOptions(mode=PaintMode.REMOVE))
    for corner in [(20, 20), (40, 20), (90, 90), (40, 40)]:
        QTest.mouseClick(canvas, LEFT, NOTHING, at(*corner))
        if corner == (90, 90):
            QTest.keyClick(canvas, Qt.Key.Key_Backspace)
    QTest.mouseDClick(canvas, LEFT, NOTHING, at(40, 40))
    assert [edit[3] for edit in told.edits] == ["Paint lasso", "Remove polygon"]
    mask = dense(told.edits[-1][2])
    assert mask[45, 15]
    assert not mask[25, 35]


def test_enter_closes_and_escape_drops_a_polygon(canvas: CanvasView, told: Hearing) -> None:
    canvas.set_tool(Tool.POLYGON)
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Escape):
        for corner in [(20, 20), (40, 20), (40, 40)]:
            QTest.mouseClick(canvas, LEFT, NOTHING, at(*corner))
        override = QKeyEvent(QEvent.Type.ShortcutOverride, key, NOTHING)
        override.ignore()
        QApplication.sendEvent(canvas, override)
        assert override.isAccepted()
        QTest.keyClick(canvas, key)
    assert len(told.edits) == 1
    override = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Return, NOTHING)
    override.ignore()
    QApplication.sendEvent(canvas, override)
    assert not override.isAccepted()


def test_a_box_is_drawn_inside_the_frame(canvas: CanvasView, told: Hearing) -> None:
    canvas.set_tool(Tool.BOX)
    drag(canvas, (100, 90), (300, 20))
    assert told.boxes == [(1, Box(100, 20, 160, 90))]
    assert told.edits == []


def test_the_candidate_is_redrawn_by_its_handles(canvas: CanvasView, told: Hearing) -> None:
    canvas.set_candidate(Box(60, 40, 100, 80), SQUARE)
    drag(canvas, (100, 80), (110, 85), (120, 90))
    assert told.moved == [Box(60, 40, 120, 90)]
    QTest.mousePress(canvas, LEFT, NOTHING, at(60, 40))
    QTest.mouseMove(canvas, at(20, 20))
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    QTest.mouseRelease(canvas, LEFT, NOTHING, at(20, 20))
    assert len(told.moved) == 1
    assert told.edits == []
    drag(canvas, (80, 60), (85, 60))
    assert len(told.edits) == 1
    canvas.set_frame(3, FRAME)
    assert canvas.candidate is None


def test_wheel_zooms_at_the_mouse_and_f_fits(canvas: CanvasView) -> None:
    before = canvas.viewport
    place = at(120, 30)
    wheel(canvas, place, 3)
    assert canvas.viewport.scale > before.scale
    point = canvas.point(QPointF(place))
    assert point == pytest.approx((120, 30), abs=0.2)
    QTest.keyClick(canvas, Qt.Key.Key_F)
    assert canvas.viewport == before


def test_middle_button_space_and_grab_pan(canvas: CanvasView, told: Hearing) -> None:
    for way in ("middle", "space", "grab"):
        canvas.fit()
        before = canvas.viewport
        if way == "space":
            QTest.keyPress(canvas, Qt.Key.Key_Space)
        canvas.set_tool(Tool.GRAB if way == "grab" else Tool.BRUSH)
        drag(canvas, (20, 20), (30, 25), button=MIDDLE if way == "middle" else LEFT)
        QTest.keyRelease(canvas, Qt.Key.Key_Space)
        assert (canvas.viewport.x, canvas.viewport.y) == (before.x + 40, before.y + 20)
    assert told.edits == []


def test_resizing_fits_again_unless_zoomed(canvas: CanvasView) -> None:
    canvas.resize(WIDTH * 2 + 24, HEIGHT * 2 + 24)
    assert canvas.viewport.scale == 2
    canvas.zoom(4)
    canvas.resize(WIDTH * 4 + 24, HEIGHT * 4 + 24)
    assert canvas.viewport.scale == 8


def test_brackets_resize_the_brush(canvas: CanvasView, told: Hearing) -> None:
    QTest.keyClick(canvas, Qt.Key.Key_BracketRight)
    QTest.keyClick(canvas, Qt.Key.Key_BracketLeft)
    QTest.keyClick(canvas, Qt.Key.Key_BracketLeft)
    assert told.sizes == pytest.approx([11.5, 10.0, 8.696], abs=0.01)
    assert canvas.options.size == told.sizes[-1]
    canvas.set_options(ToolOptions(size=1))
    QTest.keyClick(canvas, Qt.Key.Key_BracketLeft)
    assert len(told.sizes) == 3


def test_the_pixel_under_the_mouse_is_told(canvas: CanvasView, told: Hearing) -> None:
    QTest.mouseMove(canvas, at(20.5, 30.5))
    QTest.mouseMove(canvas, at(-2, 30))
    QTest.mouseMove(canvas, at(159.5, 119.5))
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert told.pixels == [(20, 30), (-1, -1), (159, 119), (-1, -1)]


def test_mending(canvas: CanvasView, told: Hearing) -> None:
    values = np.full((40, 40), 255, np.uint8)
    values[10:14, 10:14] = 0
    values[:, 30:36] = 0
    canvas.set_masks({1: SoftMask(Box(60, 40, 100, 80), values)}, {}, ())
    canvas.fill_holes(1)
    canvas.remove_specks(1, 500)
    canvas.fill_holes(1)
    assert [edit[3] for edit in told.edits] == ["Fill holes", "Remove specks"]
    assert told.edits[-1][2].box == Box(60, 40, 90, 80)
    assert len(told.reasons) == 1


def test_displays_differ(canvas: CanvasView) -> None:
    canvas.set_masks({1: SQUARE}, {1: QColor("red")}, ())
    canvas.set_neighbour({1: SoftMask(Box(20, 20, 40, 40), SQUARE.values[:20, :20].copy())})
    filled = colour(canvas, 80, 60)
    assert filled.red() > filled.blue()
    assert colour(canvas, 30, 30) == QColor(90, 90, 90)
    canvas.set_display(Display(outline_only=True))
    assert colour(canvas, 80, 60) == QColor(90, 90, 90)
    canvas.set_display(Display(probability=True))
    assert colour(canvas, 80, 60) not in (filled, QColor(90, 90, 90))
    canvas.set_display(Display(onion_skin=True))
    assert colour(canvas, 30, 30) != QColor(90, 90, 90)
    canvas.set_display(Display())
    canvas.set_masks({1: SQUARE}, {1: QColor("red")}, {1})
    assert colour(canvas, 80, 60) == QColor(90, 90, 90)


def test_the_picture_outlives_the_arrays_and_scales(canvas: CanvasView) -> None:
    for size in ((30, 40), (2000, 3000), (1, 1)):
        canvas.set_frame(canvas.index + 1, np.full((*size, 3), 60, np.uint8))
        image = canvas.grab().toImage()
        middle = QPoint(image.width() // 2, image.height() // 2)
        assert image.pixelColor(middle) == QColor(60, 60, 60)


def test_the_surround_follows_the_palette(canvas: CanvasView) -> None:
    for window in (QColor("#202020"), QColor("#f0f0f0")):
        canvas.setPalette(QPalette(window))
        image = canvas.grab().toImage()
        assert abs(image.pixelColor(2, 2).lightness() - window.lightness()) < 40


def test_the_benchmark_runs(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [Case("stroke", [(1.0, 1.0), (2.0, 1.5), (3.0, 2.0)], 16.0)]
    monkeypatch.setattr("vsreid_studio.gui.benchmark.canvas.measure", lambda: iter(cases))
    benchmark()
    assert "p95   2.90 ms (0.18)" in capsys.readouterr().out


def on_screen(canvas: CanvasView) -> QImage:
    """What the repaints of parts have left there; `grab` would draw all anew."""
    QApplication.processEvents()
    return canvas.screen().grabWindow(canvas.winId()).toImage().convertToFormat(QImage.Format.Format_RGB32)


def assert_clean(canvas: CanvasView) -> None:
    seen = on_screen(canvas)
    canvas.update()
    assert on_screen(canvas) == seen


def test_nothing_is_left_on_the_screen(canvas: CanvasView) -> None:
    canvas.set_masks({1: SQUARE}, {}, ())
    canvas.set_candidate(Box(20, 20, 50, 50), None)
    QTest.mouseMove(canvas, at(80, 60))
    # A power of two, at which Qt picks the same pixels whatever part it draws.
    canvas.zoom(2, QPointF(at(80, 60)))
    QApplication.processEvents()
    QTest.mouseMove(canvas, at(120, 100))
    assert_clean(canvas)
    drag(canvas, (80, 60), (90, 90), (30, 80))
    drag(canvas, (30, 20), (100, 90), button=MIDDLE)
    QTest.keyClick(canvas, Qt.Key.Key_BracketLeft)
    QApplication.processEvents()
    QTest.mouseMove(canvas, at(60, 90))
    assert_clean(canvas)
    canvas.set_tool(Tool.LASSO)
    drag(canvas, (10, 20), (100, 10), (70, 80))
    canvas.set_tool(Tool.POLYGON)
    for corner in [(20, 20), (140, 20), (90, 90)]:
        QTest.mouseClick(canvas, LEFT, NOTHING, at(*corner))
        QTest.mouseMove(canvas, at(70, 70))
        QApplication.processEvents()
    QTest.keyClick(canvas, Qt.Key.Key_Backspace)
    canvas.set_tool(Tool.BRUSH)
    QTest.mouseMove(canvas, at(60, 50))
    assert_clean(canvas)


def test_painting_what_is_painted_is_no_edit(canvas: CanvasView, told: Hearing) -> None:
    loose = np.zeros((60, 60), np.uint8)
    loose[10:50, 10:50] = 255
    canvas.set_masks({1: SoftMask(Box(50, 30, 110, 90), loose)}, {}, ())
    drag(canvas, (80, 60), (85, 60))
    canvas.remove_specks(1, 100)
    assert told.edits == []


def test_a_lock_drops_an_open_polygon(canvas: CanvasView, told: Hearing) -> None:
    canvas.set_tool(Tool.POLYGON)
    for corner in [(20, 20), (40, 20), (40, 40)]:
        QTest.mouseClick(canvas, LEFT, NOTHING, at(*corner))
    canvas.set_locked({1})
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert told.edits == []


def test_another_frame_drops_what_belonged_to_the_old(canvas: CanvasView) -> None:
    canvas.set_display(Display(onion_skin=True))
    canvas.set_masks({1: SQUARE}, {}, ())
    canvas.set_neighbour({2: SQUARE})
    canvas.set_candidate(SQUARE.box, SQUARE)
    canvas.set_frame(canvas.index, FRAME)
    assert colour(canvas, 80, 60) != QColor(90, 90, 90)
    canvas.set_frame(canvas.index + 1, FRAME)
    for place in ((80, 60), (60, 40), (62, 42)):
        assert colour(canvas, *place) == QColor(90, 90, 90)


def test_the_skin_is_recoloured(canvas: CanvasView) -> None:
    canvas.set_display(Display(onion_skin=True))
    canvas.set_neighbour({1: SQUARE})
    before = colour(canvas, 80, 60)
    canvas.set_masks({}, {1: QColor("blue")}, ())
    assert colour(canvas, 80, 60) != before
