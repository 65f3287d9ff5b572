from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from clicking import (
    ALT,
    HALF,
    LEFT,
    NOTHING,
    RIGHT,
    SQUARE,
    Squares,
    await_frame,
    await_kept,
    click,
    kept,
    place,
    shown,
)
from fake_engine import Script
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from small_clip import HEIGHT, WIDTH
from window_fixtures import MakeWindow

from vsreid_studio.engine.runtime.run import State
from vsreid_studio.engine.types import (
    CellKey,
    Click,
    Frame,
    SoftMask,
)
from vsreid_studio.engine.video import Video
from vsreid_studio.errors import UserError
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.canvas import CanvasView, Tool
from vsreid_studio.gui.canvas.tools import Points
from vsreid_studio.gui.export_dialog import ExportDialog
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.project import Project
from vsreid_studio.project.sources import points_of


@pytest.fixture
def window(make: MakeWindow, network: Squares, qtbot: QtBot, pictures: Path) -> MainWindow:
    made = make(lambda: network)
    assert made.files.open(pictures)
    qtbot.waitUntil(lambda: made.parts.canvas.index == 0)
    return made


def clicked(canvas: CanvasView) -> Points:
    assert isinstance(canvas.gesture, Points)
    return canvas.gesture


def test_an_empty_clip_begins_with_clicks(window: MainWindow, qtbot: QtBot, network: Squares) -> None:
    assert window.parts.canvas.tool is Tool.CLICK
    assert window.actions_[Act.CLICK].isChecked()
    click(window, 20, 20)
    qtbot.waitUntil(lambda: shown(window) == SQUARE)
    assert kept(window) == 0, "nothing is kept before Enter"
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kept(window) == SQUARE)
    assert window.session.annotation.get(0, 1).pinned


def test_a_window_begins_with_clicks(
    make: MakeWindow, network: Squares, qtbot: QtBot, window: MainWindow, pictures: Path
) -> None:
    """Also in a document with masks; later the tool that was chosen stays, except in an empty one."""
    click(window, 20, 20)
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kept(window) == SQUARE)
    window.close()
    again = make(lambda: network)
    assert again.files.open(pictures)
    qtbot.waitUntil(lambda: again.session.document is not None)
    assert kept(again) == SQUARE
    assert again.parts.canvas.tool is Tool.CLICK
    again.actions_[Act.BRUSH].trigger()
    again.session.close()
    assert again.files.open(pictures)
    qtbot.waitUntil(lambda: again.session.document is not None)
    assert again.parts.canvas.tool is Tool.BRUSH


def test_the_network_is_told_of_frames_around(window: MainWindow, qtbot: QtBot, network: Squares) -> None:
    video = window.session.video
    assert video is not None
    click(window, 20, 20)
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kept(window) == SQUARE)
    window.session.go(3)
    await_frame(window, qtbot, 3)
    contexts = window.parts.on_canvas.clicks.contexts
    qtbot.waitUntil(lambda: set(contexts.known_frames) == {0, 4})
    click(window, 30, 20)
    qtbot.waitUntil(lambda: shown(window) == SQUARE)
    context = network.contexts[-1]
    assert np.array_equal(context.neighbour, video.frame(4))  # type: ignore[arg-type]
    assert context.trusted is not None
    frame, mask = context.trusted
    assert np.array_equal(frame, video.frame(0)) and mask.area == SQUARE
    # One more click is made with the same context: what it told the network is known already.
    click(window, 34, 24)
    qtbot.waitUntil(lambda: shown(window) > SQUARE)
    assert network.contexts[-1] is context


def test_frames_that_were_passed_are_neither_decoded_nor_kept(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts = window.parts.on_canvas.clicks.contexts
    asked: list[object] = []
    qtbot.waitUntil(lambda: set(contexts.known_frames) == {1})
    dropped: list[object] = []
    blank = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    monkeypatch.setattr(window.loader, "process", lambda key, *_: asked.append(key))
    monkeypatch.setattr(window.loader, "drop", dropped.append)
    contexts.grown.disconnect()  # The window would ask for what is around the frame that it shows.
    contexts.of(CellKey(2, 1))
    contexts.of(CellKey(3, 1))
    assert dropped[-1] == asked[0]
    # It was being decoded.
    window.loader.done.emit(asked[0], blank)
    assert not contexts.known_frames
    window.loader.done.emit(asked[1], blank)
    assert set(contexts.known_frames) == {4}


def test_a_damaged_frame_beside_is_told_once_and_clicks_do_without(
    window: MainWindow, qtbot: QtBot, network: Squares, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts, loader = window.parts.on_canvas.clicks.contexts, window.loader
    qtbot.waitUntil(lambda: set(contexts.known_frames) == {1})
    video = window.session.video
    assert video is not None
    read = type(video).frame

    def frame(video: Video, index: int) -> Frame:
        if index == 4:
            raise UserError("The picture is damaged.")
        return read(video, index)

    monkeypatch.setattr(type(video), "frame", frame)
    told: list[str] = []
    loader.failed.connect(lambda sentence, _: told.append(sentence))
    with qtbot.waitSignal(loader.missed):
        window.session.go(3)
    await_frame(window, qtbot, 3)
    click(window, 20, 20)
    qtbot.waitUntil(lambda: shown(window) == SQUARE)
    click(window, 50, 20)
    qtbot.waitUntil(lambda: shown(window) == 2 * SQUARE)
    assert network.contexts[-1].neighbour is None
    with qtbot.waitSignal(loader.done):
        loader.process("after all others", 0, lambda frame: frame)
    assert len(told) == 1


def test_points_of_a_kept_mask_are_noted(window: MainWindow, qtbot: QtBot) -> None:
    click(window, 20, 20)
    click(window, 22, 20, RIGHT)
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kept(window) > 0)
    assert window.session.flush()
    (clicked,) = points_of(window.session.project.settings)[CellKey(0, 1)]
    assert [point.adds for point in clicked.prompt.clicks] == [True, False]
    assert (clicked.weights, clicked.corrects) == ("ab12", False)
    assert clicked.made(window.session.annotation.mask(0, 1))


def test_the_status_bar_tells_while_the_network_is_prepared(
    make: MakeWindow, network: Squares, qtbot: QtBot, pictures: Path
) -> None:
    window = make(lambda: network)
    network.go.clear()
    assert window.files.open(pictures)
    qtbot.waitUntil(lambda: window.status.clicks.text() == "preparing the click network")
    assert not window.status.clicks.isHidden()
    network.go.set()
    qtbot.waitUntil(window.status.clicks.isHidden)


def test_points_add_and_take_away_move_and_go(window: MainWindow, qtbot: QtBot, network: Squares) -> None:
    canvas = window.parts.canvas
    click(window, 20, 20)
    click(window, 40, 20)
    qtbot.waitUntil(lambda: shown(window) == 2 * SQUARE)
    click(window, 42, 20, RIGHT)
    qtbot.waitUntil(lambda: 0 < shown(window) < 2 * SQUARE)
    assert [point.adds for point in clicked(canvas).points] == [True, True, False]
    QTest.keyClick(canvas, Qt.Key.Key_Backspace)
    qtbot.waitUntil(lambda: shown(window) == 2 * SQUARE)
    # The right button on a point deletes it.
    click(window, 40, 20, RIGHT)
    qtbot.waitUntil(lambda: shown(window) == SQUARE)
    # Dragged to another place.
    QTest.mousePress(canvas, LEFT, NOTHING, place(window, 20, 20))
    QTest.mouseMove(canvas, place(window, 30, 12))
    QTest.mouseRelease(canvas, LEFT, NOTHING, place(window, 30, 12))
    qtbot.waitUntil(lambda: abs(network.asked[-1][0][0].x - 30) < 1)
    assert len(clicked(canvas).points) == 1
    click(window, 60, 12, LEFT, ALT)
    qtbot.waitUntil(lambda: len(network.asked[-1][0]) == 2)
    assert not network.asked[-1][0][1].adds
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert not clicked(canvas).points
    assert shown(window) == 0
    assert kept(window) == 0


def test_undo_and_redo_go_through_the_points_first(window: MainWindow, qtbot: QtBot) -> None:
    click(window, 20, 20)
    click(window, 40, 20)
    qtbot.waitUntil(lambda: shown(window) == 2 * SQUARE)
    assert window.actions_[Act.UNDO].text() == "Undo point"
    window.actions_[Act.UNDO].trigger()
    qtbot.waitUntil(lambda: shown(window) == SQUARE)
    assert window.actions_[Act.REDO].text() == "Redo point"
    window.actions_[Act.REDO].trigger()
    qtbot.waitUntil(lambda: shown(window) == 2 * SQUARE)
    assert not window.actions_[Act.REDO].isEnabled()
    for _ in range(2):
        window.actions_[Act.UNDO].trigger()
    assert shown(window) == 0
    assert window.actions_[Act.REDO].isEnabled()
    window.session.go(1)
    await_frame(window, qtbot, 1)
    assert not window.actions_[Act.REDO].isEnabled(), "the points were of another frame"


def test_another_instance_or_frame_keeps_the_mask(window: MainWindow, qtbot: QtBot) -> None:
    click(window, 20, 20)
    qtbot.waitUntil(lambda: shown(window) == SQUARE)
    window.session.instance_edits.add_instance()
    qtbot.waitUntil(lambda: kept(window) == SQUARE)
    click(window, 50, 20)
    qtbot.waitUntil(lambda: window.parts.canvas.editor.mask(1).area == SQUARE)
    window.session.go(3)
    qtbot.waitUntil(lambda: kept(window, 0, 2) == SQUARE)
    assert kept(window, 3, 2) == 0


def keep_unanswered(window: MainWindow, qtbot: QtBot, network: Squares) -> None:
    """Click and keep it while the network stands still."""
    qtbot.waitUntil(lambda: len(network.asked) > 0)
    network.go.clear()
    click(window, 20, 20)
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)


def test_what_is_kept_before_its_answer_is_kept_when_it_comes(
    window: MainWindow, qtbot: QtBot, network: Squares
) -> None:
    keep_unanswered(window, qtbot, network)
    # A next click does not push it out of the queue.
    click(window, 50, 20)
    network.go.set()
    qtbot.waitUntil(lambda: kept(window) == SQUARE)
    qtbot.waitUntil(lambda: len(network.asked[-1][0]) == 1 and network.asked[-1][2])


def test_a_mask_that_is_there_is_corrected_and_pinned(
    window: MainWindow, qtbot: QtBot, network: Squares
) -> None:
    click(window, 20, 20)
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kept(window) == SQUARE)
    click(window, 40, 20)
    qtbot.waitUntil(lambda: shown(window) == 2 * SQUARE)
    assert network.asked[-1] == ((network.asked[-1][0][0],), None, True)
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Escape)
    assert shown(window) == SQUARE


def test_the_resting_mouse_shows_what_a_click_would_make(
    window: MainWindow, qtbot: QtBot, network: Squares
) -> None:
    QTest.mouseMove(window.parts.canvas, place(window, 30, 20))
    qtbot.waitUntil(lambda: window.parts.canvas._stage.preview.image is not None)
    assert kept(window) == 0
    QTest.mouseMove(window.parts.canvas, place(window, 60, 30))
    assert window.parts.canvas._stage.preview.image is None


def test_no_click_is_shown_that_would_be_refused(
    window: MainWindow, qtbot: QtBot, network: Squares, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas, clicks = window.parts.canvas, window.parts.on_canvas.clicks
    QTest.mouseMove(canvas, place(window, 30, 20))
    qtbot.waitUntil(lambda: canvas._stage.preview.image is not None)
    asked: list[object] = []
    monkeypatch.setattr(clicks, "_ask", asked.append)
    canvas.set_locked({1})
    clicks._hover()
    assert not asked
    canvas.set_locked(())
    canvas.editor.set_masks({}, hidden={1})
    clicks._hover()
    assert not asked
    canvas.editor.set_masks({}, hidden=())
    clicks._hover()
    assert len(asked) == 1


def test_what_waits_keeps_the_frames_around_it(window: MainWindow, qtbot: QtBot, network: Squares) -> None:
    contexts = window.parts.on_canvas.clicks.contexts
    qtbot.waitUntil(lambda: set(contexts.known_frames) == {1})
    qtbot.waitUntil(lambda: len(network.asked) > 0)
    network.go.clear()
    for instance, x in ((1, 20), (2, 50)):
        if instance == 2:
            window.session.instance_edits.add_instance()
        click(window, x, 20)
        QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    window.session.go(3)
    await_frame(window, qtbot, 3)
    qtbot.waitUntil(lambda: set(contexts.known_frames) == {4})
    network.go.set()
    qtbot.waitUntil(lambda: kept(window, instance=2) == SQUARE)
    assert window.session.video is not None
    told = network.contexts[-1]
    assert np.array_equal(told.neighbour, window.session.video.frame(1))  # type: ignore[arg-type]
    assert [one.area for one in told.others] == [SQUARE]
    assert set(contexts.known_frames) == {4}


def test_a_click_leaves_what_is_drawn_of_other_instances(window: MainWindow, qtbot: QtBot) -> None:
    canvas = window.parts.canvas

    def shared() -> int:
        one, two = (window.session.annotation.mask(0, k).hard(HEIGHT, WIDTH) for k in (1, 2))
        return int(np.count_nonzero(one & two))

    click(window, 20, 20)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kept(window) == SQUARE)
    window.session.instance_edits.add_instance()
    click(window, 20 + HALF + 2, 20)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kept(window, instance=2) > 0)
    assert kept(window, instance=2) < SQUARE
    assert shared() == 0
    # A click on the other instance takes from it.
    click(window, 20, 20)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shared() == SQUARE)


def test_instances_that_wait_for_their_masks_leave_each_other(
    window: MainWindow, qtbot: QtBot, network: Squares
) -> None:
    qtbot.waitUntil(lambda: len(network.asked) > 0)
    network.go.clear()
    for instance, x in ((1, 20), (2, 20 + HALF + 2)):
        if instance == 2:
            window.session.instance_edits.add_instance()
        click(window, x, 20)
        QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    # A run that began now would begin without them.
    window.actions_[Act.PROPAGATE].trigger()
    assert "still being computed" in window.bar.sentence.text()
    assert window.conductor.state is State.IDLE
    network.go.set()
    qtbot.waitUntil(lambda: kept(window, instance=2) > 0)
    one, two = (window.session.annotation.mask(0, k).hard(HEIGHT, WIDTH) for k in (1, 2))
    assert one.sum() == SQUARE
    assert not (one & two).any()


def test_a_box_is_refined_by_points(window: MainWindow, qtbot: QtBot, network: Squares) -> None:
    window.actions_[Act.BOX].trigger()
    canvas = window.parts.canvas
    QTest.mousePress(canvas, LEFT, NOTHING, place(window, 10, 10))
    QTest.mouseMove(canvas, place(window, 30, 30))
    QTest.mouseRelease(canvas, LEFT, NOTHING, place(window, 30, 30))
    qtbot.waitUntil(lambda: shown(window) > 300)
    assert canvas.tool is Tool.CLICK
    before = shown(window)
    click(window, 20, 20, RIGHT)
    qtbot.waitUntil(lambda: shown(window) == before - SQUARE)
    assert network.asked[-1][1] is not None
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kept(window) == before - SQUARE)


def test_without_weights_it_says_so(make: MakeWindow, qtbot: QtBot, pictures: Path) -> None:
    def missing() -> object:
        raise UserError("The weights are missing.")

    window = make(missing)
    assert window.files.open(pictures)
    qtbot.waitUntil(lambda: window.parts.canvas.index == 0)
    click(window, 20, 20)
    qtbot.waitUntil(lambda: "weights are missing" in window.bar.sentence.text())
    assert window.status.clicks.text() == "no click network"
    assert shown(window) == 0


def test_without_a_network_nothing_waits_for_clicks(make: MakeWindow, qtbot: QtBot, pictures: Path) -> None:
    window = make()
    assert window.files.open(pictures)
    qtbot.waitUntil(lambda: window.parts.canvas.index == 0)
    window.actions_[Act.CLICK].trigger()
    click(window, 20, 20)
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    assert "no click network" in window.bar.sentence.text()
    window.actions_[Act.PROPAGATE].trigger()
    assert "computed" not in window.bar.sentence.text()


def test_clicks_are_answered_while_the_engine_runs(window: MainWindow, qtbot: QtBot, script: Script) -> None:
    click(window, 20, 20)
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kept(window) == SQUARE)
    script.gate = threading.Semaphore(1)
    window.actions_[Act.PROPAGATE].trigger()
    qtbot.waitUntil(lambda: len(script.targets) > 0)
    assert window.conductor.state is State.RUNNING
    window.session.instance_edits.add_instance()
    click(window, 50, 25)
    qtbot.waitUntil(lambda: window.parts.canvas.picture.masks.get(2, SoftMask.empty()).area == SQUARE)
    assert window.conductor.state is State.RUNNING
    window.conductor.cancel()
    script.gate.release(1000)
    qtbot.waitUntil(lambda: window.conductor.state is State.IDLE)


def test_all_that_is_kept_before_its_answer_is_kept_when_it_comes(
    window: MainWindow, qtbot: QtBot, network: Squares
) -> None:
    qtbot.waitUntil(lambda: len(network.asked) > 0)
    network.go.clear()
    for frame in (0, 2, 4):
        window.session.go(frame)
        await_frame(window, qtbot, frame)
        click(window, 20, 20)
        QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
        click(window, 40, 20)
        QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    network.go.set()
    for frame in (0, 2, 4):
        await_kept(window, qtbot, frame, 2 * SQUARE)
    click(window, 60, 20)
    qtbot.waitUntil(lambda: shown(window) == 3 * SQUARE)


def test_a_failed_answer_does_not_stop_the_next_ones(
    window: MainWindow, qtbot: QtBot, network: Squares
) -> None:
    qtbot.waitUntil(lambda: len(network.asked) > 0)
    network.fails = True
    click(window, 20, 20)
    qtbot.waitUntil(lambda: "too large" in window.bar.sentence.text())
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    network.fails = False
    click(window, 40, 20)
    qtbot.waitUntil(lambda: shown(window) >= SQUARE)
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kept(window) >= SQUARE)


@pytest.mark.parametrize("answered", [True, False])
def test_open_points_do_not_go_into_the_next_document(
    window: MainWindow, qtbot: QtBot, network: Squares, pictures: Path, tmp_path: Path, answered: bool
) -> None:
    other = tmp_path / "other"
    shutil.copytree(pictures, other)
    qtbot.waitUntil(lambda: len(network.asked) > 0)
    if not answered:
        network.go.clear()
    click(window, 20, 20)
    if answered:
        qtbot.waitUntil(lambda: shown(window) == SQUARE)
    first = window.session.project.path
    of: list[Path] = []
    window.loader.loaded.connect(lambda *_: of.append(window.session.project.path))
    assert window.files.open(other)
    qtbot.waitUntil(lambda: bool(of) and of[-1] != first)
    network.go.set()
    click(window, 50, 20)
    qtbot.waitUntil(lambda: shown(window) == SQUARE)
    assert len(window.session.annotation) == 0
    window.session.close()
    with Project.open(first) as project:
        assert (project.annotation.mask(0, 1).area > 0) is answered


def test_open_points_are_copied_and_exported(window: MainWindow, qtbot: QtBot, network: Squares) -> None:
    for frame, act in enumerate((Act.COPY, Act.EXPORT)):
        window.session.go(frame)
        await_frame(window, qtbot, frame)
        click(window, 20, 20)
        qtbot.waitUntil(lambda: shown(window) == SQUARE)
        window.actions_[act].trigger()
        assert kept(window, frame) == SQUARE
    window.findChild(ExportDialog).close()
    window.session.go(5)
    window.actions_[Act.PASTE].trigger()
    assert kept(window, 5) == SQUARE


def test_points_that_make_no_mask_change_nothing(window: MainWindow, qtbot: QtBot, network: Squares) -> None:
    click(window, 20, 20, RIGHT)
    qtbot.waitUntil(lambda: not network.asked[-1][0][0].adds)
    QTest.keyClick(window.parts.canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "no mask" in window.bar.sentence.text())
    assert window.session.annotation.get(0, 1) is None


def test_points_lie_in_the_frame(window: MainWindow, qtbot: QtBot, network: Squares) -> None:
    canvas = window.parts.canvas
    width, height = canvas.picture.size
    corner = place(window, 0, 0)
    QTest.mouseClick(canvas, LEFT, NOTHING, QPoint(corner.x() + 40, corner.y() - 40))
    assert not clicked(canvas).points and not canvas.gesture.busy, "beside the frame there is nothing"
    QTest.mouseClick(canvas, LEFT, NOTHING, corner - QPoint(3, 3))
    assert clicked(canvas).points == (Click(0.0, 0.0, True),)
    QTest.mousePress(canvas, LEFT, NOTHING, corner)
    QTest.mouseMove(canvas, place(window, width + 9, height + 9))
    QTest.mouseRelease(canvas, LEFT, NOTHING, place(window, width + 9, height + 9))
    assert clicked(canvas).points == (Click(width - 1.0, height - 1.0, True),)
    qtbot.waitUntil(lambda: network.asked[-1][0] == clicked(canvas).points)


def test_what_is_painted_after_a_click_is_not_lost_to_its_answer(
    window: MainWindow, qtbot: QtBot, network: Squares
) -> None:
    keep_unanswered(window, qtbot, network)
    painted = SoftMask.from_dense(np.ones((9, 9), bool))
    assert window.session.mask_edits.edit_mask(0, 1, painted, "Paint")
    network.go.set()
    qtbot.waitUntil(lambda: "was changed meanwhile" in window.bar.sentence.text())
    assert window.session.annotation.mask(0, 1).same(painted)
