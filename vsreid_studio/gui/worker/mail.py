"""What goes between the window's thread and the engine's while a job runs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock
from time import monotonic
from typing import TypeAlias

from PySide6.QtCore import QObject, Signal

from ...engine.events import Change
from ...engine.runtime.run import Control
from ...engine.store.annotation import Annotation, edit
from ...engine.types import Cell, CellKey
from .jobs import Job, Outcome, Source, Told


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """Why a job could not go on.

    Attributes:
        sentence: for a person.
        details: where it arose.
    """

    sentence: str
    details: str


Letter: TypeAlias = tuple[float, Told | Failure | Outcome]
"""When it happened, and what. An `Outcome` is always the last one of a job."""


class Mailbox(QObject):
    """Letters from the engine's thread, in order; the window takes them when it has time.

    So a fast engine cannot flood the event loop: there is one signal for any number of letters.

    Signals:
        arrived: there are letters, and before there were none.
    """

    arrived = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._letters: deque[Letter] = deque()

    def put(self, content: Told | Failure | Outcome) -> None:
        """Leave a letter; from any thread."""
        with self._lock:
            first = not self._letters
            self._letters.append((monotonic(), content))
        if first:
            self.arrived.emit()

    def take(self) -> list[Letter]:
        """All letters so far."""
        with self._lock:
            letters = list(self._letters)
            self._letters.clear()
        return letters


class Inbox:
    """What a person did to the document while a run works on its own copy."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._changes: deque[Change] = deque()

    def post(self, change: Change) -> None:
        """Hand over a change that the document has taken; from any thread."""
        with self._lock:
            self._changes.append(change)

    def left(self) -> list[Change]:
        """What no step has taken notice of."""
        with self._lock:
            return list(self._changes)

    def drain(self, annotation: Annotation) -> list[Change]:
        """Put what was posted into the run's copy; on the engine's thread, between two steps.

        Returns:
            What the document does not know yet: cells that the run made meanwhile from a mask which the
            person has changed, and which therefore go.
        """
        with self._lock:
            posted, self._changes = list(self._changes), deque()
        dropped = []
        for change in posted:
            whole = edit(annotation, change.label, change.after)
            annotation.apply(annotation.decide(whole, change.decisions_after))
            stale: dict[CellKey, Cell | None] = {
                key: cell
                for key, cell in whole.before.items()
                if key not in change.after and cell is not None
            }
            if stale:
                dropped.append(Change("propagate", stale, dict.fromkeys(stale)))
        return dropped


@dataclass(frozen=True, eq=False)
class Order:
    """One job on its way.

    Attributes:
        number: tells it from those before.
        job: what is to be done.
        source: the document it is for.
        control: pauses, cancels and answers it.
        inbox: takes the person's changes.
        mailbox: brings what it tells.
        ended: set once the engine's thread has let go of it.
    """

    number: int
    job: Job
    source: Source
    control: Control = field(default_factory=Control)
    inbox: Inbox = field(default_factory=Inbox)
    mailbox: Mailbox = field(default_factory=Mailbox)
    ended: Flag = field(default_factory=Flag)
