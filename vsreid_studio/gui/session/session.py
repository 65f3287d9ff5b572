"""The document that is open, and everything a person can do to its masks and instances."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Literal, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from ...engine.events import Change, Proposal, Retrieval
from ...engine.extensions.doubtful import Doubt
from ...engine.store.annotation import Annotation
from ...engine.types import Cell, CellKey, SoftMask
from ...engine.video import ReadOptions, Video
from ...errors import UserError
from ...formats.classes import read_classes, write_classes
from ...formats.mask_reading import Reading
from ...project import Adaptation, Instance, KeptProposal, Project
from ...project.history import StepKind
from ...project.rounds import RoundRecord
from ...project.same_video import VideoChanged, Way
from ...project.sources import note_source
from .. import edits
from ..edits import Edit
from ..opening import Document, VideoMissing, open_document
from ..recent import Recent, config_folder, data_folder
from ..theme import DEFAULT_COLOURS
from .position import Position
from .shown import Shown
from .thread import DocumentThread
from .writer import ImportListener, KeptMap, ProjectWriter, Snapshot, open_settings, sentence_of

log = logging.getLogger(__name__)
T = TypeVar("T")

_AT_ONCE = 0.01
"""Seconds of replies of the document's thread that the window takes in one go."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Masks that were imported.

    Attributes:
        path: of the file or folder.
        frame: the one that a single picture went to.
        machine: whether they were taken as some program's.
        reading: how pictures were taken, None for files of annotations.
        text: what was taken for what.
    """

    path: Path
    frame: int
    machine: bool
    reading: Reading | None
    text: str


class Session(QObject):
    """One document or none: everything that shows it listens here, everything that changes it asks here.

    An edit is shown at once and put on disk by the document's thread, in the order of asking. What it could
    not put there is taken back and told by `failed`; `saved` comes when all is on disk. Each method that
    edits says whether it was begun. What is done to a locked instance's masks is refused,
    and so is what is done to any mask while two rounds are compared.

    Attributes:
        recent: the projects opened last.
        position: where the person is.
        colours: '#rrggbb' of new instances, in turn.
        comparing: two rounds are shown instead of the document, so that no mask can be edited.
        doubts: the stretches in which masks are likely wrong; an edit of one crosses it off.

    Signals:
        opening(path): something is being opened; `opened`, `failed`, `video_changed` or `video_missing`
            follows.
        opened, closed: another document is there, or none.
        closing: the document is about to close; let go of it before the signal returns.
        changed(change): what is shown of cells and decisions has changed, whoever did it.
        edited: a person has changed it.
        instances_changed: names, looks, order or number of instances, or the list of classes.
        undo_changed: what can be undone and redone.
        saved: all that was done is on disk.
        importing(done, total): files of an import that are read; 0 of 0 at its end.
        imported(Imported): masks were taken from files.
        loosened(cells): the CellKeys of masks that went with what was undone, as they came from it.
        proposals_changed: what runs have found again is another.
        video_changed(error): a project's video is not as it was, and a person has to tell what becomes of the
            masks; a `VideoChanged`.
        video_missing(error): a project's video has to be looked for; a `VideoMissing`.
        failed(sentence, details): something could not be done.
        frame_changed, selection_changed, range_changed, proposal_changed, retrievals_changed: see `Position`.
    """

    opening = Signal(object)
    opened = Signal()
    closing = Signal()
    closed = Signal()
    changed = Signal(object)
    edited = Signal()
    instances_changed = Signal()
    undo_changed = Signal()
    saved = Signal()
    importing = Signal(int, int)
    imported = Signal(object)
    loosened = Signal(object)
    proposals_changed = Signal()
    video_changed = Signal(object)
    video_missing = Signal(object)
    failed = Signal(str, str)

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
            waits: each method returns when what it began is done and on disk, and tells whether it succeeded,
                as scripts expect it, which have no event loop. The window does not wait.
        """
        super().__init__(parent)
        self._waits = waits
        self.recent = Recent(config or config_folder())
        self.position = Position(self)
        self.colours: Sequence[str] = DEFAULT_COLOURS
        self.frame_changed = self.position.frame_changed
        self.selection_changed = self.position.selection_changed
        self.range_changed = self.position.range_changed
        self.proposal_changed = self.position.proposal_changed
        self.retrievals_changed = self.position.retrievals_changed
        self._data = data or data_folder()
        self._thread = DocumentThread(self)
        # Queued, as the thread emits it.
        self._thread.arrived.connect(self._deliver)
        self._writer: ProjectWriter | None = None
        self._opening: Path | None = None
        self._then: Callable[[], object] | None = None
        self._failed = False
        self._shown: Shown | None = None
        self._settings: dict[str, Any] = {}
        self._import: Event | None = None
        self._told = 0
        self.doubts: Sequence[Doubt] = ()
        self.comparing = False

    # --- what is open

    @property
    def document(self) -> Document | None:
        """What is open."""
        return self._writer.document if self._writer is not None else None

    @property
    def writer(self) -> ProjectWriter:
        """Changes what is open; ask only while there is something."""
        assert self._writer is not None
        return self._writer

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
        assert self._shown is not None
        return self._shown.annotation

    @property
    def instances(self) -> Mapping[int, Instance]:
        """By number, in the person's order."""
        return self._shown.instances if self._shown is not None else {}

    @property
    def categories(self) -> Mapping[int, str]:
        """The names of the classes by number."""
        return self._shown.categories if self._shown is not None else {}

    @property
    def adaptation(self) -> Adaptation | None:
        """What the network has learnt of the video."""
        return self._shown.adaptation if self._shown is not None else None

    @property
    def proposals(self) -> Mapping[CellKey, KeptProposal]:
        """What runs found again, by cell: waiting, answered and not offered."""
        return self._shown.proposals if self._shown is not None else {}

    @property
    def reviewed(self) -> frozenset[CellKey]:
        """The cells whose present masks a person has looked at and left."""
        return self._shown.reviewed if self._shown is not None else frozenset()

    @property
    def undo_label(self) -> str | None:
        """The step that undo would take back."""
        return self._shown.undo_label if self._shown is not None else None

    @property
    def redo_label(self) -> str | None:
        """The step that redo would do again."""
        return self._shown.redo_label if self._shown is not None else None

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

        def run() -> None:
            result = make()
            self._thread.reply(lambda: done(result))

        self.writer.post(run, lambda error, _: log.debug("Not worked out.", exc_info=error))

    def setting(self, key: str) -> Any:
        """What was kept in the project under a key; None where nothing was."""
        return self._settings.get(key)

    def keep_setting(self, key: str, value: Any) -> None:
        """Keep a JSON value in the project."""
        self._settings[key] = value
        project = self.project
        self.writer.post(lambda: project.settings.set(key, value), self._tell)

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
            What is open stays open meanwhile, and where it fails.
        """
        path = path.absolute()
        if self._writer is not None and path in {self.project.path, self.video.path.absolute()}:
            if then is not None:
                then()
            return True
        if self._opening is not None:
            return self._opening == path
        self._opening, self._then = path, then
        self.opening.emit(path)
        before = self._writer
        self._failed = False
        failed = partial(self._fail_open, otherwise)
        self._thread.post(partial(self._open, path, video, changed, options), failed)
        if not self._waits:
            return True
        self.flush()
        if self._writer is None:
            self._thread.stop()
        return self._writer is not None and self._writer is not before and not self._failed

    def _open(
        self,
        path: Path,
        moved: Path | None,
        changed: Way | Literal["new"] | None,
        options: ReadOptions | None,
    ) -> None:
        """On the document's thread."""
        document = open_document(path, self._data, moved, options, changed)
        try:
            writer = ProjectWriter(document, self._thread)
            settings = open_settings(document.project)
            snapshot = writer.snapshot()
            frame = _whole(settings.get("frame"), document.video.length - 1)
            video = document.video
            self.recent.note(document.project.path, video.path.absolute(), video.frame(frame))
        except BaseException:
            document.close()
            raise
        self._thread.reply(partial(self._arrive, writer, snapshot, settings))

    def _fail_open(self, otherwise: Path | None, error: Exception, details: str) -> None:
        """On the document's thread."""

        def tell() -> None:
            self._opening = self._then = None
            self._failed = True
            if isinstance(error, VideoChanged):
                self.video_changed.emit(error)
            elif isinstance(error, VideoMissing):
                self.video_missing.emit(error)
            else:
                self._tell(error, details)

        if otherwise is None:
            self._thread.reply(tell)
            return

        def fail(second: Exception, text: str) -> None:
            log.warning("%s cannot be opened again: %s\n%s", otherwise, second, text)

        def forget() -> None:
            self._then = None

        self._thread.reply(forget)
        self._thread.post(partial(self._open, otherwise, None, None, None), fail)
        # Last, as a document that arrives clears the bar.
        self._thread.post(partial(self._thread.reply, tell), self._tell)

    def _arrive(self, writer: ProjectWriter, snapshot: Snapshot, settings: dict[str, Any]) -> None:
        self._opening, then, self._then = None, self._then, None
        self._release()
        self._writer, self._shown, self._settings = writer, Shown(snapshot), settings
        length = writer.document.video.length
        kept = settings.get("selected")
        selected = kept if kept in self.instances else next(iter(self.instances), None)
        self.position.begin(length, _whole(settings.get("frame"), length - 1), selected)
        if not self.instances:
            # So that a person can paint at once; there is nothing in it that undo could bring back.
            one = edits.new_instance({}, colours=self.colours)
            self._post(Edit(Change("add"), {one.number: one}), undoable=False)
            self.position.selected = one.number
        self.opened.emit()
        self.undo_changed.emit()
        if then is not None:
            then()

    def close(self) -> None:
        """Put on disk what is on its way there, close what is open and end the thread."""
        self.cancel_import()
        self._deliver_all()
        self._release()
        self._thread.stop()

    def flush(self) -> bool:
        """Wait until all that was asked is done and on disk; whether none of it failed."""
        told = self._told
        self._deliver_all()
        return told == self._told

    def _done(self) -> bool:
        """Whether what was begun has not failed, as far as is known: in a script it is waited for."""
        return self.flush() if self._waits else True

    def catch_up(self) -> None:
        """Wait until all edits so far are on disk; it takes milliseconds, as they were encoded already."""
        self._thread.settle()
        while (reply := self._thread.take()) is not None:
            reply()

    def _release(self) -> None:
        """Close what is open."""
        if self._writer is None:
            return
        self.closing.emit()
        self.cancel_import()
        self.set_proposal(None)
        for key, value in (("frame", self.frame), ("selected", self.selected or 0)):
            if self._settings.get(key) != value:
                self.keep_setting(key, value)
        self._deliver_all()
        writer, self._writer = self._writer, None
        self._thread.post(writer.close, lambda error, text: None)
        self._thread.settle()
        self._shown, self._settings = None, {}
        self.position.begin(0, 0, None)
        self.closed.emit()
        self.undo_changed.emit()

    def _deliver(self) -> None:
        """Take replies; what takes longer goes on when the window has had its turn."""
        end = monotonic() + _AT_ONCE
        while (reply := self._thread.take()) is not None:
            reply()
            if monotonic() > end:
                QTimer.singleShot(0, self, self._deliver)
                return

    def _deliver_all(self) -> None:
        while self._settle():
            while (reply := self._thread.take()) is not None:
                reply()

    def _settle(self) -> bool:
        if self._writer is not None:
            self._writer.wait()
        return self._thread.settle()

    # --- edits

    def edit_mask(self, frame: int, instance: int, mask: SoftMask, label: str) -> bool:
        """Put a person's mask in place: pinned."""
        return self._edit(lambda held: edits.draw(held, frame, instance, mask, label), instance)

    def mark_absent(self, instance: int, frames: Iterable[int]) -> bool:
        """'Not in this frame', for each of these frames."""
        return self._edit(lambda held: edits.mark_absent(held, instance, frames), instance)

    def approve(self, frame: int, instances: Sequence[int]) -> bool:
        """Pin masks as they are."""
        return self._edit(lambda held: edits.approve(held, frame, instances), *instances)

    def clear_range(self, instances: Sequence[int], first: int, last: int) -> bool:
        """Remove the masks of some instances from a range of frames."""
        return self._edit(lambda held: edits.clear(held, instances, first, last), *instances)

    def import_masks(
        self,
        path: Path,
        reading: Reading | None = None,
        *,
        machine: bool = False,
        otherwise: Callable[[], object] | None = None,
    ) -> bool:
        """Take masks from a picture, for the present frame, or from a folder, by the frames' names.

        `importing` tells how far it is.

        Args:
            reading: how pictures are taken, None to guess; `imported` tells what was guessed.
            machine: they were made by some program and are not pinned: corrections propagate over them.
            otherwise: called where nothing was imported.
        """
        if self._writer is None:
            return False
        if self._import is not None:
            self.failed.emit("Masks are being imported: wait for them, or press Esc.", "")
            return False
        self._import = Event()

        frame = self.frame

        def done(kept: KeptMap, reading: Reading | None, text: str) -> None:
            nonlocal otherwise
            otherwise = None
            self._keep(kept)
            project = self.project
            self.writer.post(lambda: note_source(project, path), self._tell)
            if self.selected is None:
                self.select(next(iter(self.instances), None))
            self.imported.emit(Imported(path, frame, machine, reading, text))

        def ended() -> None:
            self._import = None
            if otherwise is not None:
                otherwise()
            self.importing.emit(0, 0)

        self.importing.emit(0, 1)
        listener = ImportListener(self._import, self.importing.emit, done, self._tell, ended)
        self.writer.import_masks(path, reading, machine, frame, listener)
        return self._done()

    @property
    def is_importing(self) -> bool:
        """Whether masks are being imported."""
        return self._import is not None

    def cancel_import(self) -> bool:
        """Leave off what is being imported; nothing of it is kept. Whether there was something."""
        if self._import is None:
            return False
        self._import.set()
        return True

    def add_instance(self, name: str | None = None) -> int | None:
        """Add an instance and select it.

        Returns:
            Its number, None when it could not be added.
        """
        if self._writer is None:
            return None
        with self._reporting() as failure:
            one = edits.new_instance(self.instances, name=name, colours=self.colours)
        if failure or not self.apply(Change(f"add {one.name}"), instances={one.number: one}):
            return None
        self.select(one.number)
        return one.number

    def rename(self, instance: int, name: str) -> bool:
        """Give another name; blanks at its ends go, and an empty one is refused."""
        if not name.strip():
            self.failed.emit("An instance needs a name.", "")
            return False
        return self._alter(instance, "rename", lambda one: replace(one, name=name.strip()))

    def recolour(self, instance: int, colour: str) -> bool:
        """Give another colour, '#rrggbb'."""
        return self._alter(instance, "recolour", lambda one: replace(one, colour=colour.lower()))

    def set_class(self, instance: int, name: str | None) -> bool:
        """Give an instance a class, by its name; None for no class."""
        return self._edit(lambda held: edits.set_class(held, instance, name))

    def add_classes(self, given: Mapping[int, str]) -> bool:
        """Add classes to the list."""
        return self._edit(lambda held: edits.add_classes(held, given))

    def import_classes(self, path: Path) -> bool:
        """Add the classes of a file to the list, see `formats.classes.read_classes`."""
        return self._have_made(lambda held: edits.add_classes(held, read_classes(path)))

    def export_classes(self, path: Path, done: Callable[[], object]) -> None:
        """Write the list of classes to a file, on the document's thread; `done` is called afterwards."""
        listed = dict(self.categories)

        def write() -> None:
            write_classes(path, listed)
            self._thread.reply(done)

        self.writer.post(write, self._tell)

    def rename_class(self, number: int, name: str) -> bool:
        """Give a class another name."""
        return self._edit(lambda held: edits.rename_class(held, number, name))

    def remove_class(self, number: int) -> bool:
        """Take a class off the list, and from the instances that have it."""
        return self._edit(lambda held: edits.remove_class(held, number))

    def hide(self, instance: int, hidden: bool) -> bool:
        """Hide or show; no step of undo."""
        return self._alter(instance, "hide", lambda one: replace(one, hidden=hidden), undoable=False)

    def lock(self, instance: int, locked: bool) -> bool:
        """Lock against edits, or unlock; no step of undo."""
        return self._alter(instance, "lock", lambda one: replace(one, locked=locked), undoable=False)

    def reorder(self, numbers: Sequence[int]) -> bool:
        """Put the instances into another order."""
        return self._edit(lambda held: edits.reorder(held.instances, numbers))

    def delete(self, instance: int) -> bool:
        """Remove an instance with all its masks."""
        return self._have_made(lambda held: edits.delete(held, instance), instance)

    def merge(self, source: int, target: int) -> bool:
        """Let one instance become part of another."""
        done = self._have_made(lambda held: edits.merge_into(held, source, target), source, target)
        if done:
            self.select(target)
        return done

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
        if self._writer is None:
            return False
        self._show(Edit(change, instances or {}), undoable=undoable, group=group, kind=kind)
        return self._done()

    def answer(self, change: Change, asked: Mapping[CellKey, Cell | None], group: str) -> bool:
        """Put an answer to a proposal in place, as a step that what is propagated from it joins.

        Args:
            change: see `Edit`.
            asked: the cells that the person took.
            group: see `Project.apply`.
        """
        if self._writer is None:
            return False
        self._show(Edit(change, {}, asked or None), group=group, kind=StepKind.ANSWER)
        return self._done()

    def set_adaptation(self, adaptation: Adaptation | None) -> bool:
        """Keep what the network has learnt of the video, or forget it; a step of undo."""
        if self._writer is None:
            return False
        self.writer.do(partial(self.writer.set_adaptation, adaptation), self._keep, self._tell)
        return self._done()

    def undo(self) -> bool:
        """Take the last step back, also one of an earlier session; whether there was one."""
        return self._exchange(Project.undo)

    def redo(self) -> bool:
        """Do the step again that was taken back last; whether there was one."""
        return self._exchange(Project.redo)

    def take(self, kept: KeptMap) -> None:
        """Show what a run has put into the document."""
        self._keep(kept)

    def take_proposals(self, snapshot: Snapshot) -> None:
        """Show what a run has found again."""
        if self._shown is not None:
            self._shown.follow(snapshot)
            self.proposals_changed.emit()
            self.undo_changed.emit()

    def mark_right(self, instance: int, first: int, last: int) -> bool:
        """Note that a person has looked at masks and leaves them; they are not pinned."""
        keys = [CellKey(frame, instance) for frame in range(first, last + 1)]
        return self._edit(lambda held: Edit(Change("mark as right"), reviewed=keys), instance)

    def ask_rounds(self, done: Callable[[list[RoundRecord]], object]) -> None:
        """Have `done` called with what each run, answer and edit changed, the oldest first."""
        writer = self.writer
        writer.ask(writer.project.rounds, lambda found: self._if_open(writer, done, found), self._tell)

    def ask_states(self, numbers: Sequence[int], done: Callable[[Mapping[int, Annotation]], object]) -> None:
        """Have `done` called with the annotations after some rounds, by number; 0 is before the first."""
        writer = self.writer

        def states() -> dict[int, Annotation]:
            return {number: writer.project.annotation_after(number) for number in numbers}

        writer.ask(states, lambda found: self._if_open(writer, done, found), self._tell)

    def go_back(self, one: RoundRecord) -> bool:
        """Make everything as it was after a round; a step of undo."""
        if self._writer is None:
            return False
        label = f"go back to '{one.label}'"
        self.writer.do(partial(self.writer.go_back, one.number, label), self._keep, self._tell)
        self.edited.emit()
        return self._done()

    # --- how edits are done

    def _if_open(self, writer: ProjectWriter, done: Callable[[Any], object], found: object) -> None:
        if self._writer is writer:
            done(found)

    def _crossed_off(self, edit: Edit) -> list[CellKey]:
        """The other cells of stretches in which a person has pinned one."""
        pinned = {key for key, cell in (edit.asked or {}).items() if cell is not None and cell.pinned}
        return [
            CellKey(frame, one.instance)
            for one in self.doubts
            if any(key.instance == one.instance and one.first <= key.frame <= one.last for key in pinned)
            for frame in range(one.first, one.last + 1)
            if self.annotation.get(frame, one.instance) is not None
        ]

    def _edit(self, make: Callable[[edits.Held], Edit], *instances: int) -> bool:
        """Work out an edit that touches the masks of these instances, show it and have it put on disk."""
        if self._shown is None:
            return False
        with self._reporting() as failure:
            if instances and self.comparing:
                raise UserError(edits.COMPARED)
            for number in instances:
                edits.refuse_locked(self._shown, number)
            edit = make(self._shown)
        if failure:
            return False
        self._show(replace(edit, reviewed=(*edit.reviewed, *self._crossed_off(edit))))
        return self._done()

    def _have_made(self, make: Callable[[edits.Held], Edit], *instances: int) -> bool:
        """Have an edit worked out on the document's thread, as it looks at many masks."""
        if self._shown is None:
            return False
        with self._reporting() as failure:
            if instances and self.comparing:
                raise UserError(edits.COMPARED)
            for number in instances:
                edits.refuse_locked(self._shown, number)
        if failure:
            return False
        self.writer.do(partial(self.writer.make, make), self._keep, self._tell)
        self.edited.emit()
        return self._done()

    def _alter(
        self, instance: int, label: str, how: Callable[[Instance], Instance], undoable: bool = True
    ) -> bool:
        old = self.instances.get(instance)
        if old is None or (new := how(old)) == old:
            return False
        self._show(Edit(Change(f"{label} {old.name}"), {instance: new}), undoable=undoable)
        return self._done()

    def _exchange(self, way: Callable[[Project], Change | None]) -> bool:
        if self._writer is None:
            return False
        self.writer.do(partial(self.writer.exchange, way), self._keep, self._tell)
        self.edited.emit()
        return self._done()

    def _show(
        self,
        edit: Edit,
        *,
        undoable: bool = True,
        group: str | None = None,
        kind: StepKind = StepKind.EDIT,
    ) -> None:
        self._post(edit, undoable=undoable, group=group, kind=kind)
        self._announce(edit.change, edit.lists)
        self.edited.emit()

    def _post(
        self,
        edit: Edit,
        *,
        undoable: bool,
        group: str | None = None,
        kind: StepKind = StepKind.EDIT,
    ) -> None:
        """Take an edit into what is shown, and have it put on disk."""
        assert self._shown is not None
        writer, number = self.writer, self._shown.add(edit, undoable)
        self._keep_selected()
        writer.do(
            lambda: writer.commit(edit, undoable=undoable, group=group, kind=kind),
            partial(self._keep, number=number),
            partial(self._take_back, number),
        )

    def _keep(self, kept: KeptMap, number: int | None = None) -> None:
        """Something is on disk."""
        if self._shown is None:
            return
        before = self._shown.proposals
        other = self._shown.keep(kept, number)
        self._keep_selected()
        if self._shown.proposals is not before:
            self.proposals_changed.emit()
        if kept.loosened:
            self.loosened.emit(kept.loosened)
        if other:
            self._announce(kept.change, kept.instances)
        else:
            self.undo_changed.emit()
        if self._shown.on_disk:
            self.saved.emit()

    def _take_back(self, number: int, error: Exception, details: str) -> None:
        """An edit could not be put on disk."""
        assert self._shown is not None
        edit = self._shown.take_back(number)
        self._keep_selected()
        self._announce(edit.change, edit.lists)
        self._tell(error, details)

    def _keep_selected(self) -> None:
        if self.selected not in self.instances:
            self.position.select(next(iter(self.instances), None))

    def _announce(self, change: Change, instances: bool) -> None:
        if instances:
            self.instances_changed.emit()
        self.changed.emit(change)
        self.undo_changed.emit()

    @contextmanager
    def _reporting(self) -> Iterator[list[Exception]]:
        """Tell of what fails for a reason that a person can read; the block yields a list of it."""
        failure: list[Exception] = []
        try:
            yield failure
        except (UserError, OSError) as error:
            failure.append(error)
            self._tell(error, "".join(traceback.format_exception(error)))

    def _tell(self, error: Exception, details: str) -> None:
        log.debug("The document stays as it was.", exc_info=error)
        self._told += 1
        self.failed.emit(sentence_of(error), details)


def _whole(value: object, most: int) -> int:
    return min(value, most) if isinstance(value, int) and value >= 0 else 0
