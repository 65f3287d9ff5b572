"""The real program, from the command line to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from vsreid_studio.gui.application import _mistakes_told_by


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_it_opens_a_path_and_ctrl_c_closes_it(pictures: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_DATA_HOME": str(tmp_path / "d")}
    command = [sys.executable, "-m", "vsreid_studio", str(pictures)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as program:
        recent = tmp_path / "c" / "vsreid-studio" / "recent.json"
        until = time.monotonic() + 60
        while not recent.is_file() and program.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert recent.is_file(), program.stderr.read() if program.stderr else ""
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=60) == 0
    assert (tmp_path / "clip.vsreid").is_file()
    assert not (tmp_path / "clip.vsreid-wal").exists()


def test_a_mistake_of_ours_is_told_and_not_lost(caplog: pytest.LogCaptureFixture, qtbot: QtBot) -> None:
    told: list[tuple[str, str]] = []
    with _mistakes_told_by(lambda sentence, details: told.append((sentence, details))):
        try:
            raise KeyError("x")
        except KeyError:
            sys.excepthook(*sys.exc_info())
        qtbot.waitUntil(lambda: bool(told))
    ((sentence, details),) = told
    assert "KeyError" in sentence
    assert "Traceback" in details
    assert "Unexpected" in caplog.text


@pytest.mark.parametrize("kind", ["python", "qt"])
def test_what_another_thread_raises_is_told_on_the_thread_of_the_window(qtbot: QtBot, kind: str) -> None:
    told: list[tuple[str, int]] = []

    class Falling(QThread):
        def run(self) -> None:
            raise KeyError("x")

    with _mistakes_told_by(lambda sentence, _: told.append((sentence, threading.get_ident()))):
        thread = Falling() if kind == "qt" else threading.Thread(target=lambda: dict[str, int]()["x"])
        thread.start()
        thread.wait() if isinstance(thread, QThread) else thread.join()
        assert not told
        qtbot.waitUntil(lambda: bool(told))
    ((sentence, where),) = told
    assert "KeyError" in sentence
    assert where == threading.get_ident()


def test_opencv_leaves_the_window_its_core() -> None:
    lines = (
        "import sys, cv2",
        "from vsreid_studio.gui.application import application",
        "app = application()",
        "print(cv2.getNumThreads(), 'torch' in sys.modules)",
    )
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]
