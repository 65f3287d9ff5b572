"""A session and an engine's thread for tests of the window, none of which may leave a thread behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from fake_engine import COLOURS, FakeEngine, Script
from PIL import Image
from PySide6.QtCore import QThread
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import isValid
from small_clip import LENGTH, picture, true_mask

from vsreid_studio.engine.runtime.clicker import Clicker
from vsreid_studio.gui.application import application
from vsreid_studio.gui.conductor import Conductor
from vsreid_studio.gui.main_window import MainWindow
from vsreid_studio.gui.session import Session
from vsreid_studio.gui.theme import Theme
from vsreid_studio.gui.worker import Runner

# Qt draws into memory unless someone wants to look on.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


PATIENCE = 60_000
"""Milliseconds to wait for something that must happen: a busy machine may be ten times slower than usual."""


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    bot = QtBot(request)
    for name in ("waitUntil", "waitSignal", "waitSignals", "waitExposed"):
        setattr(bot, name, partial(getattr(bot, name), timeout=PATIENCE))
    return bot


@pytest.fixture(autouse=True)
def no_thread_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    started: list[QThread] = []
    start = QThread.start

    def note(thread: QThread, *how: QThread.Priority) -> None:
        started.append(thread)
        start(thread, *how)

    monkeypatch.setattr(QThread, "start", note)
    yield
    assert [thread.objectName() for thread in started if isValid(thread) and thread.isRunning()] == []


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(LENGTH):
        Image.fromarray(picture(index)).save(folder / f"{index:05d}.png")
    return folder


@pytest.fixture
def script() -> Script:
    return Script()


@dataclass
class Heard:
    """Collects what signals brought, in order."""

    names: list[str] = field(default_factory=list)
    values: list[tuple[object, ...]] = field(default_factory=list)

    def listen(self, name: str) -> Callable[..., None]:
        def take(*values: object) -> None:
            self.names.append(name)
            self.values.append(values)

        return take


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def session(qtbot: QtBot, tmp_path: Path) -> Iterator[Session]:
    session = Session(config=tmp_path / "config", data=tmp_path / "data", waits=False)
    yield session
    session.close()


@pytest.fixture
def runner(qtbot: QtBot, script: Script) -> Iterator[Runner]:
    runner = Runner(lambda: FakeEngine(script))
    yield runner
    if script.gate is not None:
        script.gate.release(1000)
    runner.stop()


@pytest.fixture
def conductor(session: Session, runner: Runner) -> Conductor:
    return Conductor(session, runner)


@pytest.fixture
def drawn(session: Session, pictures: Path) -> Session:
    """A clip is open, and its two instances are drawn in frame 0."""
    assert session.open(pictures)
    session.flush()
    session.instance_edits.add_instance("green")
    session.instance_edits.rename(1, "red")
    for number in COLOURS:
        session.mask_edits.edit_mask(0, number, true_mask(0, number), "Paint")
    session.select(1)
    session.flush()
    return session


MakeWindow: TypeAlias = Callable[..., MainWindow]
"""Makes a window without a document; it is closed when the test ends."""


@pytest.fixture
def make(qtbot: QtBot, tmp_path: Path, script: Script) -> Iterator[MakeWindow]:
    theme = Theme(application())
    windows: list[MainWindow] = []

    def open_gate(_: object) -> None:
        if script.gate is not None:
            script.gate.release(1000)

    def window(clicker: Callable[[], Clicker] | None = None) -> MainWindow:
        made = MainWindow(
            theme,
            engine=lambda: FakeEngine(script),
            clicker=clicker,
            config=tmp_path / "config",
            data=tmp_path / "data",
        )
        windows.append(made)
        # Closed before any fixture ends; a run that stands at the gate would never end.
        qtbot.addWidget(made, before_close_func=open_gate)
        made.resize(1200, 800)
        made.show()
        return made

    yield window
    for made in windows:
        made.close()
    theme.deleteLater()


@pytest.fixture
def window(make: MakeWindow, qtbot: QtBot, pictures: Path) -> MainWindow:
    made = make()
    assert made.files.open(pictures)
    made.session.flush()
    qtbot.waitUntil(lambda: made.parts.canvas.index == 0)
    return made
