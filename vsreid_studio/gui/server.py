"""A thread that serves requests until it is stopped; an exception of one does not end it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from threading import Condition
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, QThread

from ..errors import UserError

log = logging.getLogger(__name__)

T = TypeVar("T")


class Server(QThread, Generic[T]):
    """The base of threads that sleep until something is asked of them.

    A subclass keeps what is asked under `_condition`, notifies it, and implements `_next`, `_serve` and
    `_fail`. A request that raises is reported by `_fail`; the thread goes on with the next one.
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

    def run(self) -> None:
        """Serve until stopped."""
        while (task := self._next()) is not None:
            try:
                self._serve(task)
            except Exception as error:  # a thread that ends would leave the window waiting for ever
                if not isinstance(error, UserError):
                    log.debug("A request to the thread '%s' failed.", self.objectName(), exc_info=True)
                self._fail(task, error, traceback.format_exc())

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self.wait()

    def _next(self) -> T | None:
        """Sleep until there is a request; None when the thread is to end."""
        raise NotImplementedError

    def _serve(self, task: T) -> None:
        """Do what is asked, on this thread."""
        raise NotImplementedError

    def _fail(self, task: T, error: Exception, details: str) -> None:
        """Report that a request raised; called on this thread."""
        raise NotImplementedError

    def _await(self, asked: Callable[[], bool]) -> bool:
        """Sleep until something is asked; False when the thread is to end. Call it holding `_condition`."""
        self._condition.wait_for(lambda: self._closing or asked())
        return not self._closing


class NewestServer(Server[T]):
    """Serves the newest request only, behind the window and the engine; begins with the first one."""

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(name, parent)
        self._wanted: T | None = None

    def ask(self, task: T | None) -> None:
        """Serve this next; what waits is dropped. None asks for nothing."""
        with self._condition:
            self._wanted = task
            self._condition.notify()
        if task is not None and not self.isRunning():
            self.start(QThread.Priority.LowPriority)

    def _next(self) -> T | None:
        with self._condition:
            if not self._await(lambda: self._wanted is not None):
                return None
            task, self._wanted = self._wanted, None
            return task
