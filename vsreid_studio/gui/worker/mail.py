"""What goes between the window's thread and the engine's while a job runs.

Messages that a person cannot perceive separately are joined, see `condensed`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock
from time import monotonic
from typing import TypeAlias

from PySide6.QtCore import QObject, Signal

from ...engine.events import Change, Progress
from ...engine.runtime.run import Control
from ...engine.store.annotation import Annotation, edit
from ...engine.types import Cell, CellKey
from ...project.history import StepKind
from .jobs import Job, Message, Outcome, Propagate, PropagateFrom, Propose, Source


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """Why a job could not go on.

    Attributes:
        sentence: for a person.
        details: where it arose.
    """

    sentence: str
    details: str


@dataclass(frozen=True, slots=True, eq=False)
class CommittedChange:
    """A run's change that is in the document and on disk.

    Attributes:
        change: as much of it as was let in.
        snapshot: of the document, a `session.writer.Snapshot`.
    """

    change: Change
    snapshot: object


@dataclass(frozen=True, slots=True, eq=False)
class CommittedProposals:
    """Proposals that a run has found are in the document and on disk.

    Attributes:
        snapshot: of the document, a `session.writer.Snapshot`.
    """

    snapshot: object


Letter: TypeAlias = tuple[float, Message | Failure | CommittedChange | CommittedProposals | Outcome]
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

    def put(self, content: Message | Failure | CommittedChange | CommittedProposals | Outcome) -> None:
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


class ConcurrentEdits:
    """What a person did to the document while a run works on its own copy."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._changes: deque[Change] = deque()

    def post(self, change: Change) -> None:
        """Hand over a change that the document has taken; from any thread."""
        with self._lock:
            self._changes.append(change)

    def take(self) -> list[Change]:
        """What no step has taken notice of; it is handed out once."""
        with self._lock:
            posted, self._changes = list(self._changes), deque()
        return posted

    def drain(self, annotation: Annotation) -> list[Change]:
        """Put what was posted into the run's copy; on the engine's thread, between two steps.

        Returns:
            What the document does not know yet: cells that the run made meanwhile from a mask which the
            person has changed, and which therefore go.
        """
        dropped = []
        for change in self.take():
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
        number: identifies it.
        job: what is to be done.
        source: the document it is for.
        control: pauses, cancels and answers it.
        inbox: takes the person's changes.
        mailbox: receives its messages.
        ended: set once the engine's thread has finished with it.
        over: set once its outcome was passed on; what it still brings is dropped.
        answers: how many proposals were answered; the changes between two answers are one step of undo.
    """

    number: int
    job: Job
    source: Source
    control: Control = field(default_factory=Control)
    inbox: ConcurrentEdits = field(default_factory=ConcurrentEdits)
    mailbox: Mailbox = field(default_factory=Mailbox)
    ended: Flag = field(default_factory=Flag)
    over: Flag = field(default_factory=Flag)
    answers: list[object] = field(default_factory=list)

    @property
    def group(self) -> str:
        """Names the step of undo that the job is at: what it does between two answers."""
        if isinstance(self.job, PropagateFrom | Propose):
            return self.job.group
        return f"run {self.number}.{len(self.answers)}"

    @property
    def next_group(self) -> str:
        """Names the step of undo after the next answer."""
        return f"run {self.number}.{len(self.answers) + 1}"

    @property
    def kind(self) -> StepKind:
        """Who makes the step: the run by itself, or a person's answer."""
        if isinstance(self.job, PropagateFrom | Propose) or self.answers:
            return StepKind.ANSWER
        return StepKind.RUN if isinstance(self.job, Propagate) else StepKind.EDIT

    def send(self, content: Message | Failure | Outcome) -> None:
        """Send a message, by way of the document's thread; on the engine's thread."""
        self.source.send(self, content)


def condensed(letters: Sequence[Letter]) -> list[Letter]:
    """The same story with neighbouring changes as one, and of progress only the newest.

    Progress between two changes does not keep them apart, anything else does. So do different labels: an
    accepted retrieval is a step with a name of its own.
    """
    short: list[Letter] = []
    last = max((n for n, (_, content) in enumerate(letters) if isinstance(content, Progress)), default=-1)
    pending: list[tuple[float, CommittedChange]] = []
    for n, (when, content) in enumerate(letters):
        if isinstance(content, CommittedChange):
            if pending and pending[-1][1].change.label != content.change.label:
                short.append(_joined(pending))
                pending = []
            pending.append((when, content))
        elif not isinstance(content, Progress) or n == last:
            if pending:
                short.append(_joined(pending))
                pending = []
            short.append((when, content))
    if pending:
        short.append(_joined(pending))
    return short


def _joined(parts: Sequence[tuple[float, CommittedChange]]) -> Letter:
    when, last = parts[-1]
    return when, CommittedChange(join([part.change for _, part in parts]), last.snapshot)


def join(changes: Iterable[Change]) -> Change:
    """Changes one after the other as one: the earliest `before` and the latest `after` of each cell."""
    first, *others = changes
    if not others:
        return first
    before, after = dict(first.before), dict(first.after)
    decisions_before, decisions_after = dict(first.decisions_before), dict(first.decisions_after)
    for change in others:
        before = {**change.before, **before}
        after.update(change.after)
        decisions_before = {**change.decisions_before, **decisions_before}
        decisions_after.update(change.decisions_after)
    return Change(first.label, before, after, decisions_before, decisions_after)
