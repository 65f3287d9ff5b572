"""The application: Qt's set-up, the window, and what happens when something of ours is wrong."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication

from ..engine.parallel import load_torch, prepare_process
from ..errors import UserError
from .main_window import MainWindow
from .theme import Theme, program_icon

if TYPE_CHECKING:
    from ..engine.runtime.clicker import Clicker

log = logging.getLogger(__name__)

_SWITCH = 0.0001
"""Seconds after which a thread that computes in Python lets the window's have its turn; usually 5 ms."""


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
    window = MainWindow(Theme(app), clicker=_clicker)
    window.show()
    # After the first picture, so that the window is there at once whatever has to be read.
    if demo:
        QTimer.singleShot(0, window.files.open_demo)
    elif path is not None:
        QTimer.singleShot(0, lambda: window.files.open(path))
    with _interruptible(window.close), _mistakes_told_by(window.bar.fail):
        return app.exec()


def _clicker() -> Clicker:
    """The click network with the shipped weights; called on a thread of its own."""
    load_torch()
    from ..engine.runtime.clicker import Clicker  # noqa: PLC0415  (torch)

    return Clicker()


def application() -> QApplication:
    """The one of this process, made when there is none."""
    known = QApplication.instance()
    if isinstance(known, QApplication):
        return known
    # Frames and composed masks would otherwise leave gaps in a heap of each thread, and OpenCV's threads
    # would take the window's core.
    prepare_process()
    # The window waits for Python's lock after each call of Qt, of which a repaint has many.
    sys.setswitchinterval(_SWITCH)
    app = QApplication(["vsreid-studio"])
    app.setApplicationName("vsreid-studio")
    app.setDesktopFileName("vsreid-studio")
    app.setWindowIcon(program_icon())
    return app


def _refuse_blindness() -> None:
    """Qt ends the process where it finds no screen; this reports it first."""
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


class _Mistakes(QObject):
    """Hands what went wrong on any thread to the window's thread, as widgets belong to that one.

    Signals:
        happened(sentence, details): something raised where nothing caught it.
    """

    happened = Signal(str, str)

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        super().__init__()
        self._tell = tell
        # Queued for the window's own thread, too: a slot that raised is not done yet.
        self.happened.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def take(
        self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log an exception and hand it over; from any thread."""
        error = kind() if error is None else error
        log.error("Unexpected.", exc_info=(kind, error, trace))
        details = "".join(traceback.format_exception(kind, error, trace))
        name = kind.__name__
        self.happened.emit(f"Something went wrong inside ({name}). What you did so far is saved.", details)

    @Slot(str, str)
    def _show(self, sentence: str, details: str) -> None:
        self._tell(sentence, details)


@contextmanager
def _mistakes_told_by(tell: Callable[[str, str], None]) -> Iterator[None]:
    """Show what nothing catches, a mistake of ours, instead of losing it on the terminal.

    Args:
        tell: takes a sentence and details; called on the thread that enters the block.
    """
    mistakes = _Mistakes(tell)
    old, old_of_threads = sys.excepthook, threading.excepthook

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            mistakes.take(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook, threading.excepthook = mistakes.take, of_thread
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = old, old_of_threads
