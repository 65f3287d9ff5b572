"""A thread that serves requests until it is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition

from PySide6.QtCore import QObject, QThread


class Server(QThread):
    """The base of threads that sleep until something is asked of them.

    A subclass keeps what is asked under `_condition`, notifies it, and in `run` serves as long as
    `_await` says so.
    """

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        """Nothing runs yet.

        Args:
            name: for people who look at the threads of the process.
        """
        super().__init__(parent)
        self.setObjectName(name)
        self._condition = Condition()
        self._closing = False

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self.wait()

    def _await(self, asked: Callable[[], bool]) -> bool:
        """Sleep until something is asked; False when the thread is to end. Call it holding `_condition`."""
        self._condition.wait_for(lambda: self._closing or asked())
        return not self._closing
