"""Edits of the open document: shown at once, and put on disk in the order of asking."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal

from ...engine.events import Change
from ...engine.extensions.doubtful import Doubt
from ...engine.types import Cell, CellKey
from ...errors import Refusal, UserError
from ...project import Adaptation, Instance
from ...project.history import StepKind
from .. import edits
from ..edits import Edit
from .mask_import import MaskImport
from .shown import CommittedEdit, Position, ShownDocument, Snapshot
from .thread import DocumentThread
from .turns import Turns
from .writer import ProjectWriter, Reporter, sentence_of

log = logging.getLogger(__name__)

_MANY = 200
"""Cells beyond which a change is told to one part of the window after the other."""


class EditStack(QObject):
    """Shows edits at once and has the document's thread put them on disk.

    What cannot be put there is taken back, and `failed` says why. Each method that edits returns whether
    the edit was started. Masks of locked instances cannot be edited, and no mask while two rounds are
    compared.

    Attributes:
        shown: what the window shows of the open document, None while nothing is open.
        comparing: two rounds are shown instead of the document, so that no mask can be edited.
        doubts: the stretches in which masks are likely wrong; an edit of one crosses it off.
        failures: how often something could not be done.

    Signals:
        changed(change): what is shown of cells and decisions has changed, by an edit or a run.
        edited: a person has edited the document.
        instances_changed: names, colours, order or number of instances, or the list of classes.
        undo_changed: what can be undone and redone.
        saved: all edits are on disk.
        cells_dropped(cells): the CellKeys of masks that went with what was undone, as they came from it.
        proposals_changed: the list of proposals has changed.
        taken_back: an edit could not be put on disk; `failed` follows.
        failed(sentence, details): something could not be done.
        refused(sentence): something was not done, as it makes no sense now; see `Refusal`.
    """

    changed = Signal(object)
    edited = Signal()
    instances_changed = Signal()
    undo_changed = Signal()
    saved = Signal()
    cells_dropped = Signal(object)
    proposals_changed = Signal()
    taken_back = Signal()
    failed = Signal(str, str)
    refused = Signal(str)

    def __init__(
        self,
        position: Position,
        thread: DocumentThread,
        turns: Turns,
        waits: bool,
        parent: QObject | None = None,
    ) -> None:
        """Nothing is open yet.

        Args:
            position: where the person is; an instance that goes is selected no more.
            thread: of the document.
            turns: in which a change of very many cells is told.
            waits: see `Session`.
        """
        super().__init__(parent)
        self._position = position
        self._thread = thread
        self._turns = turns
        self._waits = waits
        self._writer: ProjectWriter | None = None
        self._imports: MaskImport | None = None
        self.failures = 0
        self._unanswered = 0
        self.shown: ShownDocument | None = None
        self.doubts: Sequence[Doubt] = ()
        self.comparing = False

    @property
    def writer(self) -> ProjectWriter:
        """Changes the open document; ask only while there is one."""
        assert self._writer is not None
        return self._writer

    @property
    def imports(self) -> MaskImport:
        """Imports masks into the open document; ask only while there is one."""
        assert self._imports is not None
        return self._imports

    @property
    def is_open(self) -> bool:
        """Whether a document is open."""
        return self._writer is not None

    @property
    def settled(self) -> bool:
        """Whether all edits are on disk, or were taken back as they could not be put there."""
        return self.shown is not None and self.shown.on_disk and not self._unanswered

    def begin(self, writer: ProjectWriter, snapshot: Snapshot) -> None:
        """Edit this document from now on."""
        self._writer, self.shown = writer, ShownDocument(snapshot)
        self._imports = MaskImport(writer, self._thread)

    def end(self) -> None:
        """Close the document once all edits are on disk."""
        self.deliver_all()
        writer, self._writer, self._imports = self.writer, None, None
        self._thread.post(writer.close, lambda error, text: None)
        self._thread.wait_idle()
        self.shown = None

    def apply(
        self,
        change: Change,
        *,
        instances: Mapping[int, Instance | None] | None = None,
        group: str | None = None,
        undoable: bool = True,
        kind: StepKind = StepKind.EDIT,
    ) -> bool:
        """Show a change and have it put on disk.

        Args:
            instances, group, undoable, kind: see `Project.apply`.

        Returns:
            Whether there is a document.
        """
        if self.shown is None:
            return False
        self._show(Edit(change, instances or {}), undoable=undoable, group=group, kind=kind)
        return self.finish()

    def answer(self, change: Change, asked: Mapping[CellKey, Cell | None], group: str) -> bool:
        """Put an answer to a proposal in place, as a step that what is propagated from it joins.

        Args:
            change: see `Edit`.
            asked: the cells that the person took.
            group: see `Project.apply`.
        """
        if self.shown is None:
            return False
        self._show(Edit(change, {}, asked or None), group=group, kind=StepKind.ANSWER)
        return self.finish()

    def set_adaptation(self, adaptation: Adaptation | None) -> bool:
        """Keep what the network has learnt of the video, or forget it; a step of undo."""
        if self.shown is None:
            return False
        self.ask(partial(self.writer.set_adaptation, adaptation), self.keep, self.report)
        return self.finish()

    def take_proposals(self, snapshot: Snapshot) -> None:
        """Show what a run has found again."""
        if self.shown is not None:
            self.shown.follow(snapshot)
            self.proposals_changed.emit()
            self.undo_changed.emit()

    def edit(self, make: Callable[[edits.DocumentView], Edit], *instances: int) -> bool:
        """Work out an edit that touches the masks of these instances, show it and have it put on disk."""
        if self.shown is None:
            return False
        with self.reporting() as failure:
            self._refuse(self.shown, instances)
            edit = make(self.shown)
        if failure:
            return False
        self._show(replace(edit, reviewed=(*edit.reviewed, *self._crossed_off(edit))))
        return self.finish()

    def edit_later(self, make: Callable[[edits.DocumentView], Edit], *instances: int) -> bool:
        """Have an edit worked out on the document's thread, as it looks at many masks."""
        if self.shown is None:
            return False
        with self.reporting() as failure:
            self._refuse(self.shown, instances)
        if failure:
            return False
        owners = self.shown.identities(instances)
        self.ask(partial(self.writer.make, make, owners), self.keep, self.report)
        self.edited.emit()
        return self.finish()

    def _refuse(self, shown: ShownDocument, instances: Sequence[int]) -> None:
        if instances and self.comparing:
            raise Refusal(edits.COMPARED)
        for number in instances:
            edits.refuse_locked(shown, number)

    def ask(self, work: Callable[[], object], done: Callable[[Any], object], failed: Reporter) -> None:
        """Have something done to the project."""

        def answered(take: Callable[..., object], *answer: object) -> None:
            self._unanswered -= 1
            take(*answer)

        self._unanswered += 1
        self.writer.ask(work, partial(answered, done), partial(answered, failed))

    def _show(
        self,
        edit: Edit,
        *,
        undoable: bool = True,
        group: str | None = None,
        kind: StepKind = StepKind.EDIT,
    ) -> None:
        # What a person does is shown at once, after all that came before.
        self._turns.finish()
        self.post(edit, undoable=undoable, group=group, kind=kind)
        self._announce(edit.change, edit.lists)
        self.edited.emit()

    def post(
        self,
        edit: Edit,
        *,
        undoable: bool,
        group: str | None = None,
        kind: StepKind = StepKind.EDIT,
    ) -> None:
        """Take an edit into what is shown, and have it put on disk."""
        assert self.shown is not None
        # An undo that is under way may make others of them before the edit comes in.
        there = self.shown.instances
        edit = replace(edit, seen={n: there[n] for n in edit.instances if n in there})
        decided = (key.instance for key in edit.change.decisions_after)
        owners = self.shown.identities({*edit.change.touched, *decided, *edit.instances})
        writer, number = self.writer, self.shown.add(edit, undoable)
        seen = {key: self.shown.annotation.get(*key) for key in edit.reviewed}
        self._keep_selected()
        self.ask(
            lambda: writer.commit(edit, owners=owners, seen=seen, undoable=undoable, group=group, kind=kind),
            partial(self.keep, number=number),
            partial(self._take_back, number),
        )

    def keep(self, kept: CommittedEdit, number: int | None = None) -> None:
        """Show what is on disk now: the edit of this number, or what a run has put there."""
        if self.shown is None:
            return
        with self._turns.staggered() if len(kept.change.after) > _MANY else nullcontext():
            self._keep(self.shown, kept, number)

    def _keep(self, shown: ShownDocument, kept: CommittedEdit, number: int | None) -> None:
        before = shown.proposals
        other = shown.keep(kept, number)
        self._keep_selected()
        if shown.proposals is not before:
            self.proposals_changed.emit()
        if kept.dropped_cells:
            self.cells_dropped.emit(kept.dropped_cells)
        if other:
            self._announce(kept.change, kept.instances)
        else:
            self.undo_changed.emit()
        if self.settled:
            self.saved.emit()

    def _take_back(self, number: int, error: Exception, details: str) -> None:
        """An edit could not be put on disk."""
        assert self.shown is not None
        edit = self.shown.take_back(number)
        self._keep_selected()
        self._announce(edit.change, edit.lists)
        self.taken_back.emit()
        self.report(error, details)

    def _keep_selected(self) -> None:
        if self.shown is not None and self._position.selected not in self.shown.instances:
            self._position.select(next(iter(self.shown.instances), None))

    def _announce(self, change: Change, instances: bool) -> None:
        if instances:
            self.instances_changed.emit()
        self.changed.emit(change)
        self.undo_changed.emit()

    def _crossed_off(self, edit: Edit) -> list[CellKey]:
        """The other cells of stretches in which a person has pinned one."""
        assert self.shown is not None
        pinned = {key for key, cell in (edit.asked or {}).items() if cell is not None and cell.pinned}
        return [
            CellKey(frame, one.instance)
            for one in self.doubts
            if any(key.instance == one.instance and one.first <= key.frame <= one.last for key in pinned)
            for frame in range(one.first, one.last + 1)
            if self.shown.annotation.get(frame, one.instance) is not None
        ]

    @contextmanager
    def reporting(self) -> Iterator[list[Exception]]:
        """Report failures that a person can read; the block yields a list of them."""
        failure: list[Exception] = []
        try:
            yield failure
        except (UserError, OSError) as error:
            failure.append(error)
            self.report(error, "".join(traceback.format_exception(error)))

    def report(self, error: Exception, details: str) -> None:
        """Report what could not be done, or why it was refused."""
        if isinstance(error, Refusal):
            self.refuse(str(error))
        else:
            self.fail(error, details)

    def refuse(self, sentence: str) -> None:
        """Report why something was not done; in a script it counts as a failure."""
        self.failures += 1
        self.refused.emit(sentence)

    def fail(self, error: Exception, details: str) -> None:
        """Report what could not be done as a failure, also where it was only refused."""
        log.debug("The document stays as it was.", exc_info=error)
        self.failures += 1
        self.failed.emit(sentence_of(error), details)

    def finish(self) -> bool:
        """Whether what was started has not failed, as far as is known: in a script it is waited for."""
        return self.flush() if self._waits else True

    def flush(self) -> bool:
        """Wait until all that was asked is done and on disk; whether none of it failed."""
        failures = self.failures
        self.deliver_all()
        return failures == self.failures

    def catch_up(self) -> None:
        """Wait until all edits so far are on disk; it takes milliseconds, as they were encoded already."""
        self._thread.wait_idle()
        self._thread.deliver()

    def deliver_all(self) -> None:
        """Wait until the document's thread is idle, take all its replies, and have all of it shown."""
        while self._flush() or self._turns.waiting:
            self._thread.deliver()
            self._turns.finish()

    def _flush(self) -> bool:
        if self._imports is not None:
            self._imports.wait()
        return self._thread.wait_idle()
