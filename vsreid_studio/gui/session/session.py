"""The document that is open, and everything a person can do to its masks and instances."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from PySide6.QtCore import QObject, Signal

from ...engine.events import Change, Proposal, Retrieval
from ...engine.store.annotation import Annotation
from ...engine.types import CellKey
from ...engine.video import ReadOptions, Video
from ...project import Adaptation, Instance, Project, StoredProposal, absolute_path
from ...project.same_video import VideoChanged, Way
from .. import edits
from ..edits import Edit
from ..opening import Document, VideoMissing
from .edit_stack import EditStack
from .instance_edits import InstanceEdits
from .mask_edits import MaskEdits
from .opener import Opened, Opener, Recent, config_folder, data_folder
from .shown import Position
from .step_edits import StepEdits
from .thread import DocumentThread
from .turns import Turns
from .writer import ProjectWriter

log = logging.getLogger(__name__)
T = TypeVar("T")


class Session(QObject):
    """One document or none; everything that shows it listens here.

    Edits are methods of the parts `edits`, `step_edits`, `mask_edits` and `instance_edits`; those that a
    script needs are here, too. An edit is shown at once, and put on disk by the document's thread in the
    order of asking. If that fails, it is taken back and `failed` says why; `saved` comes when all is on disk.

    Attributes:
        recent: the projects opened last.
        position: where the person is.
        turns: those who show the document connect its followers.
        edits: applies changes.
        step_edits: undoes and redoes them, and goes back to a round.
        mask_edits: draws, approves, removes and imports masks.
        instance_edits: adds, names, merges and removes instances and classes.

    Signals:
        opening(path): something is being opened; `opened`, `failed`, `video_changed` or `video_missing`
            follows.
        opened, closed: another document is there, or none.
        leaving: the document is to close; edit it by what is unfinished before the signal returns. It stays
            open if that cannot be saved.
        kept_open: it stays open, as something could not be saved; `failed` has said why.
        closing: the document closes now; drop references to it before the signal returns.
        video_changed(error): a project's video has changed, and a person decides what becomes of the masks; a
            `VideoChanged`.
        video_missing(error): a project's video was not found; a `VideoMissing`.
        frame_changed, selection_changed, range_changed, proposal_changed, retrievals_changed: see `Position`.
        changed, edited, instances_changed, undo_changed, saved, cells_dropped, proposals_changed,
            taken_back, failed, refused: see `EditStack`.
        importing, imported: see `MaskEdits`.
    """

    opening = Signal(object)
    opened = Signal()
    leaving = Signal()
    kept_open = Signal()
    closing = Signal()
    closed = Signal()
    video_changed = Signal(object)
    video_missing = Signal(object)

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        config: Path | None = None,
        data: Path | None = None,
        waits: bool = True,
    ) -> None:
        """Nothing is open yet.

        Args:
            config, data: folders for the person's settings and data, None for the system's places.
            waits: each method returns when its work is done and on disk, with whether it succeeded, for
                scripts, which have no event loop. The window does not wait.
        """
        super().__init__(parent)
        self._waits = waits
        self._thread = DocumentThread(self)
        self._settings: dict[str, Any] = {}
        self._open_failed = False
        self._told_unsaved = 0
        self.recent = Recent(config or config_folder())
        self._opener = Opener(self._thread, self.recent, data or data_folder(), self._arrive, self._fail_open)
        self.position = Position(self)
        self.frame_changed = self.position.frame_changed
        self.selection_changed = self.position.selection_changed
        self.range_changed = self.position.range_changed
        self.proposal_changed = self.position.proposal_changed
        self.retrievals_changed = self.position.retrievals_changed
        self.turns = Turns(self)
        self.edits = EditStack(self.position, self._thread, self.turns, waits, self)
        self.changed = self.edits.changed
        self.edited = self.edits.edited
        self.instances_changed = self.edits.instances_changed
        self.undo_changed = self.edits.undo_changed
        self.saved = self.edits.saved
        self.cells_dropped = self.edits.cells_dropped
        self.proposals_changed = self.edits.proposals_changed
        self.taken_back = self.edits.taken_back
        self.failed = self.edits.failed
        self.refused = self.edits.refused
        self.mask_edits = MaskEdits(self.edits, self.position, self)
        self.importing = self.mask_edits.importing
        self.imported = self.mask_edits.imported
        self.step_edits = StepEdits(self.edits)
        self.instance_edits = InstanceEdits(
            self.edits, self.step_edits, self.position, lambda: self.mask_edits.is_importing
        )
        # Scripts work with one object.
        self.undo, self.redo, self.apply = self.step_edits.undo, self.step_edits.redo, self.edits.apply
        self.edit_mask, self.import_masks = self.mask_edits.edit_mask, self.mask_edits.import_masks
        self.mark_absent, self.approve = self.mask_edits.mark_absent, self.mask_edits.approve
        self.clear_range = self.mask_edits.clear_range
        self.add_instance, self.rename = self.instance_edits.add_instance, self.instance_edits.rename
        self.recolour, self.set_class = self.instance_edits.recolour, self.instance_edits.set_class
        self.hide, self.lock = self.instance_edits.hide, self.instance_edits.lock
        self.delete, self.merge = self.instance_edits.delete, self.instance_edits.merge
        self.reorder = self.instance_edits.reorder

    # --- what is open

    @property
    def document(self) -> Document | None:
        """What is open."""
        return self.edits.writer.document if self.edits.is_open else None

    @property
    def writer(self) -> ProjectWriter:
        """Changes what is open; ask only while there is something."""
        return self.edits.writer

    @property
    def project(self) -> Project:
        """The open project, for what serves any thread; ask only while there is one."""
        return self.writer.project

    @property
    def video(self) -> Video:
        """The open video; ask only while there is one."""
        return self.writer.document.video

    @property
    def annotation(self) -> Annotation:
        """The cells as they are shown; changed only by this class. Ask only while a document is open."""
        assert self.edits.shown is not None
        return self.edits.shown.annotation

    @property
    def instances(self) -> Mapping[int, Instance]:
        """By number, in the person's order."""
        return self.edits.shown.instances if self.edits.shown is not None else {}

    @property
    def categories(self) -> Mapping[int, str]:
        """The names of the classes by number."""
        return self.edits.shown.categories if self.edits.shown is not None else {}

    @property
    def adaptation(self) -> Adaptation | None:
        """What the network has learnt of the video."""
        return self.edits.shown.adaptation if self.edits.shown is not None else None

    @property
    def proposals(self) -> Mapping[CellKey, StoredProposal]:
        """What runs found again, by cell: waiting, answered and not offered."""
        return self.edits.shown.proposals if self.edits.shown is not None else {}

    @property
    def reviewed(self) -> frozenset[CellKey]:
        """The cells whose present masks a person has looked at and left."""
        return self.edits.shown.reviewed if self.edits.shown is not None else frozenset()

    @property
    def undo_label(self) -> str | None:
        """The step that undo would take back."""
        return self.edits.shown.undo_label if self.edits.shown is not None else None

    @property
    def redo_label(self) -> str | None:
        """The step that redo would do again."""
        return self.edits.shown.redo_label if self.edits.shown is not None else None

    @property
    def settled(self) -> bool:
        """Whether nothing is left to put on disk; an edit that failed was taken back."""
        return self.edits.settled

    @property
    def exchanging(self) -> bool:
        """Whether an undo or a redo is not done yet, so that the labels may be of what has gone."""
        return self.step_edits.exchanging

    @property
    def frame(self) -> int:
        """The present frame."""
        return self.position.frame

    @property
    def selected(self) -> int | None:
        """The selected instance."""
        return self.position.selected

    @property
    def range(self) -> tuple[int, int] | None:
        """The chosen frames, first and last."""
        return self.position.range

    @property
    def proposal(self) -> Proposal | None:
        """The one that waits for the person."""
        return self.position.proposal

    @property
    def retrievals(self) -> tuple[Retrieval, ...]:
        """The best candidates as a run last saw them, waiting and withheld, by falling similarity."""
        return self.position.retrievals

    def go(self, frame: int) -> None:
        """Make a frame the present one; beyond the ends it is the first or the last."""
        self.position.go(frame)

    def select(self, instance: int | None) -> None:
        """Select an instance; an unknown number selects none."""
        self.position.select(instance if instance in self.instances else None)

    def choose_range(self, first: int | None, last: int | None = None) -> None:
        """Choose frames, or with None none."""
        self.position.choose_range(first, last)

    def set_proposal(self, proposal: Proposal | None) -> None:
        """Show what waits; None when it was answered or its run has ended."""
        self.position.set_proposal(proposal)

    def set_retrievals(self, retrievals: Sequence[Retrieval]) -> None:
        """List these candidates."""
        self.position.set_retrievals(retrievals)

    def work_out(self, make: Callable[[], T], done: Callable[[T], object]) -> None:
        """Have something worked out on the document's thread, and handed over on the window's.

        What cannot be worked out is left: it is nothing that a person did.
        """
        self.writer.ask(make, done, _log)

    def setting(self, key: str) -> Any:
        """What was kept in the project under a key; None where nothing was."""
        return self._settings.get(key)

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that was kept in the project, by key, also what is still on its way to the disk."""
        return self._settings

    def keep_setting(self, key: str, value: Any) -> None:
        """Keep a JSON value in the project."""
        self._settings[key] = value
        project = self.project
        self.writer.post(lambda: project.settings.set(key, value), self.edits.report)

    # --- opening and closing

    def open(
        self,
        path: Path,
        video: Path | None = None,
        then: Callable[[], object] | None = None,
        changed: Way | Literal["new"] | None = None,
        options: ReadOptions | None = None,
        otherwise: Path | None = None,
    ) -> bool:
        """Open a project, a video or a folder of pictures in place of what is open.

        Args:
            video: where the project's video is now, if it has moved.
            then: called once it is open, after `opened`.
            changed: what becomes of the masks where the video has changed, see `open_document`.
            options: how the video is read from now on; None for how its project says.
            otherwise: a project that is opened where this fails.

        Returns:
            Whether it is open, or, where the session does not wait, whether that was begun: `opened` follows.
            What is open stays open meanwhile, where it fails, and where its last edits cannot be saved.
        """
        path = absolute_path(path)
        if self.document is not None and path in {self.project.path, absolute_path(self.video.path)}:
            if then is not None:
                then()
            return True
        if self._opener.path is not None:
            return self._opener.path == path
        self.opening.emit(path)
        before = self.document
        self._open_failed = False
        self._opener.open(path, video, changed, options, otherwise, then)
        if not self._waits:
            return True
        self.flush()
        if self.document is None:
            self._thread.stop()
        return self.document is not None and self.document is not before and not self._open_failed

    def _arrive(self, opened: Opened) -> None:
        if not self._save():
            self._open_failed = True
            self._thread.post(opened.writer.close, _log)
            self.kept_open.emit()
            return
        self._release()
        self.edits.begin(opened.writer, opened.snapshot)
        self._settings = opened.settings
        kept = opened.settings.get("selected")
        selected = kept if kept in self.instances else next(iter(self.instances), None)
        self.position.begin(self.video.length, opened.frame, selected)
        if not self.instances:
            # So that a person can paint at once; there is nothing in it that undo could bring back.
            one = edits.new_instance({}, colours=self.instance_edits.colours)
            self.edits.post(Edit(Change("add"), {one.number: one}), undoable=False)
            self.position.selected = one.number
        self.opened.emit()
        self.undo_changed.emit()
        if opened.then is not None:
            opened.then()

    def _fail_open(self, error: Exception, details: str) -> None:
        self._open_failed = True
        if isinstance(error, VideoChanged):
            self.video_changed.emit(error)
        elif isinstance(error, VideoMissing):
            self.video_missing.emit(error)
        else:
            self.edits.report(error, details)

    def close(self, *, discard: bool = False) -> bool:
        """Put on disk what is on its way there, close what is open and end the thread.

        Args:
            discard: close also where something cannot be saved.

        Returns:
            False where something could not be saved: the document stays open, and `kept_open` is emitted.
        """
        if not self.edits.is_open:
            # What is being opened arrives.
            self.edits.deliver_all()
        if not self._save() and not discard:
            self.kept_open.emit()
            return False
        self._release()
        self._thread.stop()
        return True

    def _save(self) -> bool:
        """Put on disk also what is unfinished; whether all of it is there."""
        if not self.edits.is_open:
            return True
        writer, failures = self.writer, self.edits.failures
        # What the person has not heard of yet counts, too.
        unsaved = self._told_unsaved
        self.mask_edits.cancel_import()
        self.leaving.emit()
        self.edits.deliver_all()
        return (self.edits.failures, writer.unsaved) == (failures, unsaved)

    def note_failure(self) -> None:
        """The person hears why a run could not go on: what it could not save is told."""
        self._told_unsaved = self.writer.unsaved if self.edits.is_open else 0

    def flush(self) -> bool:
        """Wait until all that was asked is done and on disk; whether none of it failed."""
        return self.edits.flush()

    def catch_up(self) -> None:
        """Wait until all edits so far are on disk; it takes milliseconds, as they were encoded already."""
        self.edits.catch_up()

    def _release(self) -> None:
        """Close what is open."""
        if not self.edits.is_open:
            return
        self.turns.finish()
        self.closing.emit()
        self.mask_edits.cancel_import()
        self.set_proposal(None)
        project = self.project
        for key, value in (("frame", self.frame), ("selected", self.selected or 0)):
            if self._settings.get(key) != value:
                # No work is lost where this fails.
                self.writer.post(partial(project.settings.set, key, value), _log)
        self.edits.end()
        self._settings = {}
        self._told_unsaved = 0
        self.position.begin(0, 0, None)
        self.closed.emit()
        self.undo_changed.emit()


def _log(error: Exception, details: str) -> None:
    """Note a failure that a person need not know of."""
    log.debug("Not done.", exc_info=error)
