"""A thread that answers clicks, so that whoever asks need not wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition, Thread
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..types import NO_CONTEXT, Box, Click, ClickContext, Frame, Prediction, SoftMask

if TYPE_CHECKING:
    from .clicker import Clicker  # With torch: a window imports this module on its own thread.

Task: TypeAlias = "Callable[[Clicker], Prediction | None]"
"""What is to be done with the network."""


class ClickThread:
    """A thread that answers with a `Clicker`: the newest question only, so a preview follows the mouse.

    Attributes:
        ready: done when the network is loaded and compiled, with the sha256 of its weights, or with the
            error if it cannot be.
    """

    def __init__(self, make: Callable[[], Clicker]) -> None:
        """Start, and load the network meanwhile.

        Args:
            make: makes the `Clicker`, on the thread.
        """
        self.ready: Future[str] = Future()
        self._make = make
        self._waiting: tuple[Task, Future[Prediction | None]] | None = None
        self._closed = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="clicks", daemon=True)
        self._thread.start()

    def ask(
        self,
        frame: Frame,
        clicks: Sequence[Click],
        box: Box | None = None,
        present: SoftMask | None = None,
        context: ClickContext = NO_CONTEXT,
    ) -> Future[Prediction | None]:
        """Ask for what `Clicker.segment` gives; a question that still waits is cancelled.

        Returns:
            A future whose callbacks run on the thread. It is cancelled when a newer question comes first.
        """
        clicks = tuple(clicks)
        return self._put(lambda clicker: clicker.segment(frame, clicks, box, present, context))

    def prepare(self, frame: Frame, context: ClickContext = NO_CONTEXT) -> None:
        """Encode a frame and its context ahead, when nothing else is requested."""

        def look(clicker: Clicker) -> None:
            clicker.prepare(frame, context)

        with self._changed:
            free = self._waiting is None
        if free:
            self._put(look)

    def close(self, wait: bool = True) -> None:
        """End the thread once its answer under way is done; what waits is cancelled.

        Args:
            wait: until it has ended, which may take seconds while the network is being compiled.
        """
        with self._changed:
            self._closed = True
            if self._waiting is not None:
                self._waiting[1].cancel()
                self._waiting = None
            self._changed.notify()
        if wait:
            self._thread.join()

    def _put(self, task: Task) -> Future[Prediction | None]:
        future: Future[Prediction | None] = Future()
        with self._changed:
            if self._waiting is not None:
                self._waiting[1].cancel()
            if self._closed:
                future.cancel()
            else:
                self._waiting = (task, future)
            self._changed.notify()
        return future

    def _run(self) -> None:
        answer = self._prepared()
        while (asked := self._next()) is not None:
            task, future = asked
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(answer(task))
            except Exception as error:
                future.set_exception(error)

    def _prepared(self) -> Callable[[Task], Prediction | None]:
        """What answers questions; where the network cannot be had, it raises the reason."""
        try:
            clicker = self._make()
            # Compiled on the first question, which takes seconds: ask one before a person does.
            blank = np.zeros((64, 64, 3), np.uint8)
            clicker.segment(blank, [Click(32, 32, True)])
        except Exception as error:
            self.ready.set_exception(error)
            reason = error

            def refuse(_: Task) -> None:
                raise reason

            return refuse
        self.ready.set_result(clicker.weights)
        return lambda task: task(clicker)

    def _next(self) -> tuple[Task, Future[Prediction | None]] | None:
        """The newest question, as soon as there is one; None when the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting is not None)
            asked, self._waiting = self._waiting, None
            return None if self._closed else asked
