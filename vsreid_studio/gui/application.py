"""The application: Qt's set-up, the window, and what happens when something of ours is wrong."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

from ..errors import UserError
from .main_window import MainWindow
from .theme import Theme, program_icon

log = logging.getLogger(__name__)


def run(path: Path | None, *, demo: bool = False) -> int:
    """Show the window until it is closed.

    Args:
        path: opened as soon as the window is there, None for the start page.
        demo: open the demo instead.

    Returns:
        the exit code.

    Raises:
        UserError: there is no screen.
    """
    _refuse_blindness()
    app = application()
    window = MainWindow(Theme(app))
    window.show()
    # After the first picture, so that the window is there at once whatever has to be read.
    if demo:
        QTimer.singleShot(0, window.files.open_demo)
    elif path is not None:
        QTimer.singleShot(0, lambda: window.files.open(path))
    with _interruptible(window.close), _mistakes_told_by(window.bar.fail):
        return app.exec()


def application() -> QApplication:
    """The one of this process, made when there is none."""
    known = QApplication.instance()
    if isinstance(known, QApplication):
        return known
    app = QApplication(["vsreid-studio"])
    app.setApplicationName("vsreid-studio")
    app.setDesktopFileName("vsreid-studio")
    app.setWindowIcon(program_icon())
    return app


def _refuse_blindness() -> None:
    """Qt ends the process where it finds no screen; this tells first."""
    told = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"} & os.environ.keys()
    if sys.platform == "linux" and not told:
        raise UserError(
            "There is no screen to open a window on: see vsreid-studio --help for the headless commands."
        )


@contextmanager
def _interruptible(close: Callable[[], object]) -> Iterator[None]:
    """Let Ctrl-C in the terminal close the window. Qt's loop would not let Python notice it."""
    ours, pythons = socket.socketpair()
    pythons.setblocking(False)
    notifier = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda: close() if ours.recv(64) else None)
    old_wakeup = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
    old_handler = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old_handler)
        signal.set_wakeup_fd(old_wakeup)
        notifier.setEnabled(False)
        ours.close()
        pythons.close()


@contextmanager
def _mistakes_told_by(tell: Callable[[str, str], None]) -> Iterator[None]:
    """Show what a slot raises, a mistake of ours, instead of losing it on the terminal."""
    old = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.error("Unexpected.", exc_info=(kind, error, trace))
        details = "".join(traceback.format_exception(kind, error, trace))
        tell(f"Something went wrong inside ({kind.__name__}). What you did so far is saved.", details)

    sys.excepthook = hook
    try:
        yield
    finally:
        sys.excepthook = old
