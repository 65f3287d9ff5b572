"""The document's thread: it opens, decodes, encodes and commits, so that the window waits for no disk."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from PySide6.QtCore import QObject, QTimer, Signal

from ..server import Server

log = logging.getLogger(__name__)

Reply = Callable[[], object]
"""Something to be done on the window's thread."""
_AT_ONCE = 0.01
"""Seconds of replies that the window takes in one go."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What is to be done on the document's thread.

    Attributes:
        do: does it.
        failed: takes what it raised, and where; called on the document's thread.
    """

    do: Callable[[], object]
    failed: Callable[[Exception, str], object]


class DocumentThread(Server[Work]):
    """Does one thing after the other, in the order of asking, and replies to the window.

    It runs while there is something to do or a document is open, and never waits for the window. Replies are
    delivered by the window's event loop, or at once by `deliver`.
    """

    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("document", parent)
        # Queued, as the thread emits it.
        self._arrived.connect(self._deliver_some)
        self._asked: deque[Work] = deque()
        self._replies: deque[Reply] = deque()
        self._busy = False

    def post(self, do: Callable[[], object], failed: Callable[[Exception, str], object]) -> None:
        """Ask for something; from the window's thread, or while the thread runs from any."""
        with self._condition:
            self._asked.append(Work(do, failed))
            self._condition.notify_all()
            running = self._closing or self.isRunning()
        if not running:
            self.start()

    def reply(self, reply: Reply) -> None:
        """Have something done on the window's thread; from any thread."""
        with self._condition:
            first = not self._replies
            self._replies.append(reply)
        if first:
            self._arrived.emit()

    def deliver(self) -> None:
        """Deliver all replies that are there; on the window's thread."""
        while (reply := self._take()) is not None:
            reply()

    def _deliver_some(self) -> None:
        """Deliver replies; what takes longer goes on when the window has had its turn."""
        end = monotonic() + _AT_ONCE
        while (reply := self._take()) is not None:
            try:
                reply()
            except BaseException:
                # The rest must not wait for a reply that never comes.
                QTimer.singleShot(0, self, self._deliver_some)
                raise
            if monotonic() > end:
                QTimer.singleShot(0, self, self._deliver_some)
                return

    def _take(self) -> Reply | None:
        with self._condition:
            return self._replies.popleft() if self._replies else None

    def wait_idle(self) -> bool:
        """Wait until everything that was asked is done; whether there are replies."""
        with self._condition:
            self._condition.wait_for(lambda: not self._asked and not self._busy)
            return bool(self._replies)

    def stop(self) -> None:
        """End the thread once everything is done; it may be started again."""
        if self.isRunning():
            self.wait_idle()
            super().stop()
        self._closing = False

    def _next(self) -> Work | None:
        with self._condition:
            self._busy = False
            self._condition.notify_all()
            if not self._await(lambda: bool(self._asked)):
                return None
            self._busy = True
            return self._asked.popleft()

    def _serve(self, task: Work) -> None:
        task.do()

    def _fail(self, task: Work, error: Exception, details: str) -> None:
        task.failed(error, details)
