"""Everything that is done to an open project, on the document's thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from threading import BoundedSemaphore, Event
from typing import Any

from ...engine.events import Change, Proposal, Queue
from ...engine.store.annotation import Annotation
from ...engine.types import Cell, CellKey
from ...engine.types.stepwise import Poll, no_collection
from ...errors import UserError
from ...project import Adaptation, Project
from ...project.history import StepKind
from .. import edits
from ..edits import Edit
from ..opening import Document
from ..worker.jobs import Message, Outcome, Propagate
from ..worker.mail import CommittedChange, CommittedProposals, ConcurrentEdits, Failure, Order
from . import merging
from .shown import CommittedEdit, Snapshot
from .thread import DocumentThread

AHEAD = 16
"""Changes of a run that wait for the disk before the run waits."""
_MANY = 1000
"""Cells beyond which a change is handed to the window without them."""


Reporter = Callable[[Exception, str], object]


class ProjectWriter:
    """Changes one document, on the document's thread and in the order of the requests.

    A run works on a copy. Its changes are let in where the person has not been meanwhile, and the person's
    changes are handed to the run, so that neither loses anything.

    Attributes:
        document: what is open.
        unsaved: how many messages of runs could not be put on disk.
    """

    def __init__(self, document: Document, thread: DocumentThread) -> None:
        self.document = document
        self.unsaved = 0
        self._thread = thread
        self._number = 0
        self._inbox: ConcurrentEdits | None = None
        self._searched: Mapping[int, int] = {}
        self._room = BoundedSemaphore(AHEAD)
        self._closed = Event()

    @property
    def project(self) -> Project:
        """The open project. What is said to serve any thread may be used from any."""
        return self.document.project

    # --- asked on the window's thread

    def post(self, run: Callable[[], object], failed: Reporter) -> None:
        """Do anything on the document's thread; `failed` is called on the window's."""
        self._thread.post(run, lambda error, text: self._thread.reply(partial(failed, error, text)))

    def ask(self, work: Callable[[], Any], done: Callable[[Any], object], failed: Reporter) -> None:
        """Have something looked up in the project; it is handed to `done`, on the window's thread."""

        def run() -> None:
            self._thread.reply(partial(done, work()))

        self.post(run, failed)

    def wait(self) -> None:
        """Wait until all that was asked and sent is done."""
        self._thread.wait_idle()

    # --- done on the document's thread

    def snapshot(self) -> Snapshot:
        """The document as it is on disk now."""
        project = self.project
        self._number += 1
        return Snapshot(
            self._number,
            project.annotation.copy(),
            project.instances,
            project.categories,
            project.adaptation,
            project.undo_label,
            project.redo_label,
            project.proposals.all,
            project.reviewed_maps,
            project.past_instances,
            project.identities,
        )

    def commit(
        self,
        edit: Edit,
        *,
        owners: Mapping[int, int] | None = None,
        seen: Mapping[CellKey, Cell | None] | None = None,
        undoable: bool = True,
        group: str | None = None,
        kind: StepKind = StepKind.EDIT,
    ) -> CommittedEdit:
        """Put a person's edit on disk; worked out again, as a run or an undo may have changed something.

        Args:
            owners: identities of the instances that the person edited, as far as they are known: an undo may
                have put others with their numbers in their place.
            seen: the reviewed cells as the person saw them: those that are others now are not reviewed.

        Raises:
            UserError: an instance was deleted before it, or it cannot be saved.
        """
        others = self._others(owners or {})
        present = {n: one for n, one in self.project.instances.items() if n not in others}
        change = edit.upon(self.project.annotation)
        instances = edit.instances_upon(present)
        instances = {n: one for n, one in instances.items() if one is not None or n not in others}
        if edit.instances and not instances:
            raise UserError(edits.no_instance(min(edit.instances)))
        edit = replace(edit, instances=instances)
        known = {**present, **instances}
        for key, cell in change.after.items():
            if key.instance in others or (cell is not None and known.get(key.instance) is None):
                raise UserError(edits.no_instance(key.instance))
        for key in change.decisions_after:
            if key.instance in others:
                raise UserError(edits.no_instance(key.instance))
        if seen is not None:
            there = self.project.annotation
            reviewed = [k for k, cell in seen.items() if change.after.get(k, there.get(*k)) is cell]
            edit = replace(edit, reviewed=reviewed)
        self.apply(change, edit, undoable=undoable, group=group, kind=kind)
        return self.kept(change, edit.lists)

    def _others(self, owners: Mapping[int, int]) -> set[int]:
        """The numbers of which another instance is there now, or none."""
        return {n for n, identity in owners.items() if self.project.identities.get(n) != identity}

    def make(self, make: Callable[[Project], Edit], owners: Mapping[int, int]) -> CommittedEdit:
        """Work an edit out and put it on disk.

        Args:
            owners: see `commit`.

        Raises:
            UserError: one of these instances is not there any more, or it cannot be saved.
        """
        for number in self._others(owners):
            raise UserError(edits.no_instance(number))
        with no_collection():
            edit = make(self.project)
            self.apply(edit.change, edit)
            return self.kept(edit.change, edit.lists)

    def apply(
        self,
        change: Change,
        edit: Edit,
        *,
        undoable: bool = True,
        group: str | None = None,
        poll: Poll | None = None,
        kind: StepKind = StepKind.EDIT,
    ) -> None:
        """Put a change on disk, with what an edit says beside it; see `Project.apply`."""
        self.project.apply(
            change,
            instances=edit.instances,
            categories=edit.categories,
            undoable=undoable,
            reviewed=edit.reviewed,
            group=group,
            poll=poll,
            kind=kind,
        )

    def exchange(self, way: Callable[[Project], Change | None]) -> CommittedEdit | None:
        """Undo or redo; None where there is no such step."""
        with no_collection():
            change = way(self.project)
            if change is None:
                return None
            return replace(self.kept(change, True), dropped_cells=self.project.dropped_cells)

    def go_back(self, number: int, label: str) -> CommittedEdit:
        """Make everything as it was after a round."""
        with no_collection():
            return self.kept(self.project.go_back(number, label), True)

    def set_adaptation(self, adaptation: Adaptation | None) -> CommittedEdit:
        """Keep what the network has learnt of the video, or forget it."""
        self.project.set_adaptation(adaptation)
        return CommittedEdit(self.snapshot(), Change("adapt"))

    def close(self) -> None:
        """Release the files. A run that was given up does no harm."""
        self._closed.set()
        self.document.close()

    def kept(self, change: Change, instances: bool, short: Change | None = None) -> CommittedEdit:
        """The message to the window of a change that is on disk; the present run gets it, too.

        Args:
            short: what `shortened` made of the change, if that was done before.
        """
        if self._inbox is not None:
            self._inbox.post(change)
            self._searched = {**self.project.identities, **self._searched}
        return CommittedEdit(self.snapshot(), short or shortened(change), instances)

    # --- runs of the engine; called on the engine's thread

    def begin(self, inbox: ConcurrentEdits) -> Annotation:
        """A copy for a run, to which from now on the person's changes are handed.

        Raises:
            UserError: the document was closed meanwhile.
        """
        answer: Future[Annotation] = Future()

        def take() -> None:
            self._inbox = inbox
            self._searched = self.project.identities
            answer.set_result(self.project.annotation.copy())

        self._ask(take, lambda error, _: answer.set_exception(error))
        return answer.result()

    def send(self, order: Order, content: Message | Failure | Outcome) -> None:
        """Pass on the messages of a job in order; its changes once they are on disk."""
        if isinstance(content, Change):
            while not self._room.acquire(timeout=0.1):
                if self._closed.is_set():
                    return
        deliver = partial(self._pass_on, order, content)
        try:
            self._ask(deliver, lambda error, text: self._break_off(order, content, error, text))
        except UserError:
            # Closed: nobody listens any more.
            order.control.cancel()

    def _ask(self, do: Callable[[], object], failed: Reporter) -> None:
        if self._closed.is_set():
            raise UserError("The document is closed.")
        self._thread.post(do, failed)

    def _pass_on(self, order: Order, content: Message | Failure | Outcome) -> None:
        if isinstance(content, Change):
            try:
                self._let_in(order, content)
            finally:
                self._room.release()
        elif isinstance(content, Queue):
            self._list(order, content)
        else:
            if isinstance(content, Outcome):
                self.end(order)
                order.over.set()
            elif isinstance(content, Proposal):
                self._list(order, content)
            order.mailbox.put(content)

    def _list(self, order: Order, found: Proposal | Queue) -> None:
        """Keep what a run has found again; not for an instance that got the number of one it searched."""
        if order.over.is_set():
            return
        job, project = order.job, self.project
        numbers, frames = (job.instances, job.frames) if isinstance(job, Propagate) else (None, None)
        same = {n for n in project.instances if project.identities.get(n) == self._searched.get(n)}
        searched = same if numbers is None else same.intersection(numbers)
        if project.proposals.take(found, project.annotation, searched, frames):
            order.mailbox.put(CommittedProposals(self.snapshot()))

    def _let_in(self, order: Order, change: Change) -> None:
        if order.over.is_set():
            return
        fit = merging.still_valid(self.project.annotation, self.project.instances, change)
        if not fit.after and not fit.decisions_after:
            return
        self.project.apply(fit, group=order.group, kind=order.kind)
        order.mailbox.put(CommittedChange(fit, self.snapshot()))

    def _break_off(self, order: Order, content: object, error: Exception, details: str) -> None:
        # A full disk, say: what cannot be kept must not be computed further.
        order.control.cancel()
        self.unsaved += 1
        order.mailbox.put(Failure(sentence_of(error), details))
        if isinstance(content, Outcome):
            order.mailbox.put(content)

    def end(self, order: Order) -> None:
        """A run has ended, or was given up: what it made from masks that were changed too late goes."""
        if self._inbox is order.inbox:
            self._inbox = None
        self.project.close_groups()
        order.mailbox.put(CommittedProposals(self.snapshot()))
        left = order.inbox.take()
        stale = merging.drop_stale(self.project.annotation, left) if left else None
        if stale is not None:
            self.project.apply(stale, undoable=False)
            order.mailbox.put(CommittedChange(stale, self.snapshot()))


def shortened(change: Change) -> Change:
    """A change as it is handed to the window: one of very many cells without them."""
    return Change.of_many(change) if len(change.after) > _MANY else change


def sentence_of(error: Exception) -> str:
    """What a person reads of something that the document's thread could not do."""
    if isinstance(error, UserError | OSError):
        return str(error)
    return f"The document's thread could not do this ({type(error).__name__}): it is not saved."


def open_settings(project: Project) -> dict[str, Any]:
    """The settings of a project, read once when it opens."""
    return {key: project.settings.get(key) for key in project.settings}
