"""A document whose last work cannot be saved does not close unless a person insists."""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from driving import LEFT, at, correct, draw_both, press, until_proposal, wait_idle
from fake_engine import Script
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from small_clip import true_mask
from window_fixtures import MakeWindow

from vsreid_studio.engine.events import Proposal
from vsreid_studio.engine.runtime.run import State
from vsreid_studio.errors import UserError
from vsreid_studio.gui.actions import Act
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.session import Session
from vsreid_studio.project import Project

FullDisk = Callable[[], AbstractContextManager[None]]


@pytest.fixture(params=[UserError("The disk is full."), OSError(errno.ENOSPC, "No space left on device")])
def full_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    """In its block nothing can be saved."""

    def full(*_: object, **__: object) -> None:
        raise request.param

    @contextmanager
    def block() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(Project, "apply", full)
            yield

    return block


@pytest.fixture
def left(qtbot: QtBot, window: MainWindow) -> Proposal:
    """A run was left with Esc while it asked."""
    asked = until_proposal(qtbot, window)
    press(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, window)
    return asked


@pytest.fixture
def other(pictures: Path, tmp_path: Path) -> Path:
    """Another clip."""
    return shutil.copytree(pictures, tmp_path / "other")


def stays_open(window: MainWindow, path: Path) -> bool:
    """Whether the document is still there, and the person is told why and how it would close."""
    bar = window.bar
    told = bar.isVisible() and ("full" in bar.sentence.text() or "No space" in bar.sentence.text())
    offered = bar.offer.isVisible() and bar.offer.text() == "Close anyway"
    there = window.session.document is not None and window.session.project.path == path
    return window.isVisible() and there and told and offered


def reopened(make: MakeWindow, pictures: Path) -> Session:
    session = make().session
    session.open(pictures)
    session.flush()
    return session


@pytest.mark.parametrize("asking", [False, True])
@pytest.mark.parametrize("quits", [MainWindow.close, lambda window: window.actions_[Act.QUIT].trigger()])
def test_a_correction_that_cannot_be_saved_keeps_the_window_open(
    qtbot: QtBot,
    make: MakeWindow,
    window: MainWindow,
    pictures: Path,
    full_disk: FullDisk,
    asking: bool,
    quits: Callable[[MainWindow], object],
) -> None:
    asked, path = until_proposal(qtbot, window), window.session.project.path
    if not asking:
        press(window, Qt.Key.Key_Escape)
        wait_idle(qtbot, window)
    painted = correct(qtbot, window, asked)
    with full_disk():
        for _ in range(2):
            quits(window)
            assert stays_open(window, path)
            correction = window.parts.on_canvas.correction
            assert correction is not None and correction.mask.area == painted
    quits(window)
    assert not window.isVisible()
    cell = reopened(make, pictures).annotation.get(*asked.key)
    assert cell is not None and cell.pinned and cell.mask.area == painted


def test_a_person_may_close_without_what_cannot_be_saved(
    qtbot: QtBot, make: MakeWindow, window: MainWindow, pictures: Path, full_disk: FullDisk, left: Proposal
) -> None:
    correct(qtbot, window, left)
    with full_disk():
        window.close()
        assert window.isVisible()
        window.bar.offer.click()
        assert not window.isVisible() and window.session.document is None
    session = reopened(make, pictures)
    assert left.key in session.proposals and session.annotation.get(0, 1) is not None


def test_a_stroke_under_way_that_cannot_be_saved_keeps_the_window_open(
    window: MainWindow, full_disk: FullDisk
) -> None:
    session, canvas = window.session, window.parts.canvas
    QTest.mousePress(canvas, LEFT, pos=at(window, 6, 16))
    QTest.mouseMove(canvas, at(window, 18, 16))
    with full_disk():
        assert not window.close()
        assert stays_open(window, session.project.path)
    assert session.annotation.get(0, 1) is None
    assert window.close()


@pytest.mark.parametrize("settings", [False, True])
def test_a_disk_that_is_full_harms_nothing_where_all_is_saved(
    window: MainWindow, full_disk: FullDisk, monkeypatch: pytest.MonkeyPatch, settings: bool
) -> None:
    window.session.mask_edits.edit_mask(3, 1, true_mask(3, 1), "Paint")
    window.session.flush()
    window.session.go(3)

    def full(*_: object) -> None:
        raise UserError("The disk is full.")

    if settings:
        # The frame shown last is no work of a person.
        monkeypatch.setattr(type(window.session.project.settings), "set", full)
    with full_disk():
        window.actions_[Act.START_PAGE].trigger()
    assert window.session.document is None
    assert not window.bar.isVisible()


@pytest.mark.parametrize("way", ["other clip", "start page", "demo", "other track"])
def test_nothing_else_opens_in_place_of_unsaved_work(
    qtbot: QtBot, window: MainWindow, other: Path, full_disk: FullDisk, left: Proposal, way: str
) -> None:
    session, path = window.session, window.session.project.path
    painted = correct(qtbot, window, left)
    act: dict[str, Callable[[], object]] = {
        "other clip": lambda: window.files.open(other),
        "start page": window.actions_[Act.START_PAGE].trigger,
        "demo": window.files.open_demo,
        "other track": lambda: window.files.read_as(session.video.options),
    }
    with full_disk():
        act[way]()
        session.flush()
        assert stays_open(window, path)
        correction = window.parts.on_canvas.correction
        assert correction is not None and correction.mask.area == painted
    # What was about to be opened was closed again, and can be.
    act[way]()
    session.flush()
    assert way == "other track" or session.document is None or session.project.path != path
    assert window.parts.on_canvas.correction is None


def test_a_script_is_told_that_its_document_stays_open(
    pictures: Path, other: Path, tmp_path: Path, full_disk: FullDisk
) -> None:
    session = Session(config=tmp_path / "config", data=tmp_path / "data")
    assert session.open(pictures)
    # As a stroke that is under way.
    session.leaving.connect(lambda: session.edit_mask(0, 1, true_mask(0, 1), "Paint"))
    with full_disk():
        assert not session.open(other)
        assert not session.close()
        assert session.video.path == pictures
        assert session.close(discard=True)
    assert session.document is None


def test_what_a_run_did_last_and_cannot_be_saved_keeps_the_window_open(
    qtbot: QtBot, window: MainWindow, script: Script, full_disk: FullDisk
) -> None:
    draw_both(qtbot, window)
    script.gate = threading.Semaphore(0)
    window.conductor.propagate(find=False)
    qtbot.waitUntil(lambda: len(script.targets) == 1)
    assert window.conductor.state is State.RUNNING
    with full_disk():
        script.gate.release()
        # The window hears nothing of the change of this step before it closes.
        # That it could not be saved may be known to the document's thread by then, but not to the person.
        while not window.session.writer.unsaved:
            time.sleep(0.001)
        script.gate.release(1000)
        assert not window.close()
        assert stays_open(window, window.session.project.path)
    assert window.conductor.state is State.IDLE
    assert window.close()
