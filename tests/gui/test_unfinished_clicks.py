"""Points whose masks are not computed yet stay in the project, and are asked of the network again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from clicking import SQUARE, Squares, await_frame, click, kept, shown
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from window_fixtures import MakeWindow

from vsreid_studio.engine.runtime.run import State
from vsreid_studio.engine.types import Box, Cell, CellKey, Click, SoftMask
from vsreid_studio.errors import UserError
from vsreid_studio.formats.points import Prompt
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.bind.canvas import Wipe
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.project import Project
from vsreid_studio.project.open_points import OpenPoints, note_open_points, open_points_of

NOTES = "open_points"
LEAVE, KEEP = Qt.Key.Key_Escape, Qt.Key.Key_Return


def opened(window: MainWindow, qtbot: QtBot, pictures: Path) -> MainWindow:
    assert window.files.open(pictures)
    await_frame(window, qtbot, 0)
    return window


def ready(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(window.status.clicks.isHidden)


def noted(window: MainWindow) -> list[int]:
    """How many points each prompt in the file has."""
    return [len(one["points"]) for one in window.session.project.settings.get(NOTES) or ()]


def left(path: Path) -> list[OpenPoints]:
    with Project.open(path) as project:
        return open_points_of(project)


def point(frame: int, x: float, instance: int = 1, before: str = "") -> OpenPoints:
    return OpenPoints(Prompt(CellKey(frame, instance), (Click(x, 20.0, True),), None), before)


@pytest.fixture
def window(make: MakeWindow, network: Squares, qtbot: QtBot, pictures: Path) -> MainWindow:
    made = opened(make(lambda: network), qtbot, pictures)
    ready(made, qtbot)
    return made


@pytest.fixture
def project_file(window: MainWindow) -> Path:
    """A project of the clip, closed, whose only instance has no mask."""
    window.session.flush()
    path = window.session.project.path
    window.session.close()
    return path


def test_points_are_in_the_file_until_their_mask_is(
    window: MainWindow, qtbot: QtBot, network: Squares
) -> None:
    network.go.clear()
    click(window, 20, 20)
    qtbot.waitUntil(lambda: noted(window) == [1])
    click(window, 40, 20)
    qtbot.waitUntil(lambda: noted(window) == [2])
    QTest.keyClick(window.parts.canvas, KEEP)
    window.session.go(2)
    await_frame(window, qtbot, 2)
    click(window, 30, 20)
    qtbot.waitUntil(lambda: noted(window) == [2, 1])
    QTest.keyClick(window.parts.canvas, LEAVE)
    qtbot.waitUntil(lambda: noted(window) == [2])
    network.go.set()
    qtbot.waitUntil(lambda: kept(window) == 2 * SQUARE)
    qtbot.waitUntil(lambda: noted(window) == [])
    assert window.session.flush()
    assert not open_points_of(window.session.project)


@pytest.mark.parametrize("keeps", [True, False])
def test_what_is_not_computed_when_the_project_closes_follows_when_it_opens(
    window: MainWindow, qtbot: QtBot, network: Squares, make: MakeWindow, pictures: Path, keeps: bool
) -> None:
    click(window, 20, 20)
    qtbot.waitUntil(lambda: shown(window) == SQUARE)
    network.go.clear()
    click(window, 40, 20)
    if keeps:
        QTest.keyClick(window.parts.canvas, KEEP)
    path = window.session.project.path
    window.session.close()
    assert "A clicked mask is not computed yet" in window.bar.sentence.text()
    assert [len(one.prompt.clicks) for one in left(path)] == [2]
    network.go.set()
    window.close()
    again = make(lambda: network)
    told: list[str] = []
    again.parts.on_canvas.notified.connect(told.append)
    opened(again, qtbot, pictures)
    qtbot.waitUntil(lambda: kept(again) == 2 * SQUARE)
    assert any("was not computed when the project was closed" in one for one in told)
    qtbot.waitUntil(lambda: noted(again) == [])
    assert again.session.annotation.get(0, 1).pinned
    again.session.undo()
    again.session.flush()
    assert kept(again) == 0
    again.session.close()
    assert left(path) == []


def test_several_follow_in_order_each_with_the_frames_around_it(
    project_file: Path, network: Squares, make: MakeWindow, qtbot: QtBot, pictures: Path
) -> None:
    with Project.open(project_file) as project:
        note_open_points(project, [point(3, 20), point(1, 30), point(3, 40)])
    network.contexts.clear()
    window = make(lambda: network)
    window.session.opened.connect(network.go.clear)
    opened(window, qtbot, pictures)
    # A run that began now would begin without them, and Esc or another tool takes nothing away.
    qtbot.waitUntil(lambda: window.parts.on_canvas.open_points.pending)
    window.actions_[Act.PROPAGATE].trigger()
    assert "still being computed" in window.bar.sentence.text()
    assert window.conductor.state is State.IDLE
    click(window, 50, 20)
    qtbot.waitUntil(lambda: noted(window) == [1, 1, 1, 1])
    QTest.keyClick(window.parts.canvas, LEAVE)
    network.go.set()
    qtbot.waitUntil(lambda: kept(window, 3) == 2 * SQUARE and kept(window, 1) == SQUARE)
    qtbot.waitUntil(lambda: noted(window) == [])
    assert not window.parts.on_canvas.open_points.pending
    video = window.session.video
    neighbours = [one.neighbour for one in network.contexts if one.neighbour is not None]
    assert any(np.array_equal(one, video.frame(4)) for one in neighbours)
    assert any(np.array_equal(one, video.frame(2)) for one in neighbours)
    assert kept(window, 0) == 0


def test_points_on_what_was_drawn_since_are_not_asked_for(
    project_file: Path, network: Squares, make: MakeWindow, qtbot: QtBot, pictures: Path
) -> None:
    mask = SoftMask.from_dense(np.ones((9, 9), bool))
    with Project.open(project_file) as project:
        note_open_points(project, [OpenPoints.over(point(0, 20).prompt, SoftMask.empty()), point(2, 30)])
        drawn = {CellKey(0, 1): Cell(mask, 0, pinned=True)}
        project.apply(project.annotation.set_cells("draw", drawn))
    window = make(lambda: network)
    told: list[str] = []
    window.parts.on_canvas.notified.connect(told.append)
    opened(window, qtbot, pictures)
    qtbot.waitUntil(lambda: kept(window, 2) == SQUARE)
    assert window.session.annotation.mask(0, 1).same(mask)
    assert any("what the points correct was changed since" in one for one in told)
    qtbot.waitUntil(lambda: noted(window) == [])


@pytest.mark.parametrize("fails", [True, False])
def test_without_a_network_they_wait_for_one(
    project_file: Path,
    network: Squares,
    make: MakeWindow,
    qtbot: QtBot,
    pictures: Path,
    fails: bool,
) -> None:
    with Project.open(project_file) as project:
        note_open_points(project, [point(0, 20), point(2, 30)])

    def missing() -> object:
        raise UserError("The weights are missing.")

    window = make(missing) if fails else make()
    told: list[str] = []
    window.parts.on_canvas.notified.connect(told.append)
    opened(window, qtbot, pictures)
    qtbot.waitUntil(lambda: bool(told) and not window.parts.on_canvas.open_points.pending)
    window.actions_[Act.PROPAGATE].trigger()
    assert "still being computed" not in window.bar.sentence.text()
    window.conductor.cancel()
    window.session.close()
    assert sorted(one.prompt.key.frame for one in left(project_file)) == [0, 2]
    window.close()
    again = opened(make(lambda: network), qtbot, pictures)
    qtbot.waitUntil(lambda: kept(again) == kept(again, 2) == SQUARE)


def test_of_a_locked_instance_and_of_an_unreadable_frame_they_wait(
    project_file: Path,
    network: Squares,
    make: MakeWindow,
    qtbot: QtBot,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Project.open(project_file) as project:
        note_open_points(project, [point(4, 20), point(1, 30)])
    window = make(lambda: network)
    video_type: list[type] = []

    def spoil() -> None:
        read = type(window.session.video).frame
        video_type.append(type(window.session.video))

        def frame(video: object, index: int) -> object:
            if index == 4:
                raise UserError("The picture is damaged.")
            return read(video, index)  # type: ignore[arg-type]

        monkeypatch.setattr(video_type[0], "frame", frame)

    window.session.opened.connect(spoil)
    opened(window, qtbot, pictures)
    qtbot.waitUntil(lambda: kept(window, 1) == SQUARE)
    window.session.lock(1, True)
    window.session.close()
    monkeypatch.undo()
    window.session.opened.disconnect(spoil)
    told: list[str] = []
    window.parts.on_canvas.notified.connect(told.append)
    opened(window, qtbot, pictures)
    qtbot.waitUntil(lambda: any("locked" in one for one in told))
    window.session.lock(1, False)
    window.session.close()
    opened(window, qtbot, pictures)
    qtbot.waitUntil(lambda: kept(window, 4) == SQUARE)


def test_what_is_clicked_before_the_earlier_points_are_known_loses_neither(
    project_file: Path, network: Squares, make: MakeWindow, qtbot: QtBot, pictures: Path
) -> None:
    with Project.open(project_file) as project:
        note_open_points(project, [point(2, 20)])
    network.go.clear()
    window = make(lambda: network)
    click_at: list[Callable[[], None]] = [lambda: click(window, 50, 20)]
    window.loader.loaded.connect(lambda *_: click_at.pop()() if click_at else None)
    opened(window, qtbot, pictures)
    window.session.close()
    assert sorted(one.prompt.key.frame for one in left(project_file)) == [0, 2]
    network.go.set()
    opened(window, qtbot, pictures)
    qtbot.waitUntil(lambda: kept(window) == kept(window, 2) == SQUARE)


def test_points_of_an_instance_that_goes_are_not_of_the_next_one_of_its_number(
    window: MainWindow, qtbot: QtBot, network: Squares
) -> None:
    session = window.session
    network.go.clear()
    for instance, x in ((1, 20), (2, 50)):
        if instance == 2:
            session.add_instance()
        click(window, x, 20)
        QTest.keyClick(window.parts.canvas, KEEP)
    session.flush()
    session.delete(1)
    session.flush()
    assert session.add_instance("another") == 1
    session.flush()
    qtbot.waitUntil(lambda: noted(window) == [1])
    network.go.set()
    qtbot.waitUntil(lambda: kept(window, 0, 2) == SQUARE)
    assert kept(window, 0, 1) == 0


def test_points_of_an_instance_that_was_just_added_are_of_no_earlier_one(
    window: MainWindow, qtbot: QtBot, network: Squares
) -> None:
    """It is not on disk yet when it is clicked, and going back then puts another one in its place."""
    session, on_disk = window.session, Event()
    session.add_instance("first")
    session.flush()
    (first,) = session.project.rounds()
    session.delete(2)
    session.flush()
    network.go.clear()
    session.writer.post(on_disk.wait, lambda *_: None)
    assert session.add_instance("second") == 2
    session.select(2)
    click(window, 20, 20)
    QTest.keyClick(window.parts.canvas, KEEP)
    on_disk.set()
    session.flush()
    assert window.parts.on_canvas.clicks.pending
    session.step_edits.go_back(first)
    session.flush()
    assert session.instances[2].name == "first"
    assert not window.parts.on_canvas.clicks.pending
    network.go.set()
    click(window, 50, 20)
    qtbot.waitUntil(lambda: shown(window, 2) == SQUARE)


def test_points_of_an_earlier_session_are_of_the_instance_of_then(
    project_file: Path, network: Squares, make: MakeWindow, qtbot: QtBot, pictures: Path
) -> None:
    with Project.open(project_file) as project:
        note_open_points(project, [point(3, 20), point(4, 20)])
    network.go.clear()
    window = opened(make(lambda: network), qtbot, pictures)
    session = window.session
    session.add_instance()
    qtbot.waitUntil(lambda: bool(window.parts.on_canvas.clicks.unfinished))
    session.delete(1)
    session.flush()
    assert session.add_instance("another") == 1
    session.flush()
    network.go.set()
    qtbot.waitUntil(lambda: noted(window) == [])
    qtbot.waitUntil(lambda: not window.parts.on_canvas.open_points.pending)
    assert kept(window, 3) == kept(window, 4) == 0


def test_points_of_a_cell_that_follow_one_another_outlast_closing_between_them(
    project_file: Path, network: Squares, make: MakeWindow, qtbot: QtBot, pictures: Path
) -> None:
    nothing = SoftMask.empty()
    with Project.open(project_file) as project:
        note_open_points(project, [OpenPoints.over(point(3, x).prompt, nothing) for x in (20, 40)])
    window = make(lambda: network)
    window.parts.on_canvas.clicks.kept.connect(lambda *_: network.go.clear())
    opened(window, qtbot, pictures)
    qtbot.waitUntil(lambda: kept(window, 3) == SQUARE)
    window.session.close()
    assert [one.prompt for one in left(project_file)] == [point(3, 40).prompt]
    network.go.set()
    opened(window, qtbot, pictures)
    qtbot.waitUntil(lambda: kept(window, 3) == 2 * SQUARE)


@pytest.mark.parametrize("locks", [True, False])
def test_a_mask_that_comes_while_nothing_may_be_drawn_is_kept_when_it_may(
    window: MainWindow, qtbot: QtBot, network: Squares, locks: bool
) -> None:
    session, on_canvas = window.session, window.parts.on_canvas
    told: list[str] = []
    on_canvas.notified.connect(told.append)
    network.go.clear()
    for x in (20, 40):
        click(window, x, 20)
        QTest.keyClick(window.parts.canvas, KEEP)
    session.flush()
    if locks:
        session.lock(1, True)
    else:
        on_canvas.compare(Wipe(session.annotation.copy(), session.annotation.copy(), 0.5))
    network.go.set()
    qtbot.waitUntil(lambda: not on_canvas.clicks.pending)
    assert any("locked" in one or "comparison" in one for one in told)
    qtbot.waitUntil(lambda: noted(window) == [1, 1])
    assert kept(window) == 0 and not (locks and on_canvas.open_points.pending)
    if locks:
        session.lock(1, False)
    else:
        on_canvas.compare(None)
    qtbot.waitUntil(lambda: kept(window) == 2 * SQUARE)
    qtbot.waitUntil(lambda: noted(window) == [])


def test_points_that_wait_for_a_network_are_never_of_another_instance(
    project_file: Path, make: MakeWindow, qtbot: QtBot, pictures: Path
) -> None:
    with Project.open(project_file) as project:
        note_open_points(project, [point(3, 20)])
    window = make()
    told: list[str] = []
    window.parts.on_canvas.notified.connect(told.append)
    opened(window, qtbot, pictures)
    qtbot.waitUntil(lambda: bool(told))
    session = window.session
    session.add_instance()
    session.delete(1)
    session.flush()
    assert session.add_instance("another") == 1
    session.select(2)
    window.parts.on_canvas.clicks.unfinished_changed.emit()
    session.close()
    assert left(project_file) == []


def test_a_box_is_kept_like_points(
    project_file: Path, network: Squares, make: MakeWindow, qtbot: QtBot, pictures: Path
) -> None:
    box = Box(4, 4, 14, 12)
    with Project.open(project_file) as project:
        note_open_points(project, [OpenPoints(Prompt(CellKey(1, 1), (), box), "")])
    window = opened(make(lambda: network), qtbot, pictures)
    qtbot.waitUntil(lambda: kept(window, 1) == box.area)
