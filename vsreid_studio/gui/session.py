"""The document that is open: everything that shows it listens here, everything that changes it asks here."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ..engine.annotation import Annotation
from ..engine.retrieval import Retrieval
from ..engine.types import Change, Proposal, SoftMask
from ..engine.video import Video
from ..errors import UserError
from ..formats.masks import read_first_masks
from ..project import Instance, Project
from . import edits
from .edits import Edit
from .opening import Document, VideoMissing, open_document
from .recent import Recent, config_folder, data_folder

log = logging.getLogger(__name__)


class Session(QObject):
    """One document or none. Whatever fails is told by `failed` and leaves the document as it was.

    Attributes:
        recent: the projects opened last.

    Signals:
        opened, closed: another document is there, or none.
        closing: the document is about to close; let go of it before the signal returns.
        changed(change): of cells and decisions, whoever made it; on disk already.
        instances_changed: names, looks, order or number of instances.
        frame_changed(frame): the present frame.
        selection_changed(instance): the selected instance, None for none.
        range_changed(range): the chosen frames, (first, last), None for none.
        proposal_changed(proposal): the one that waits, None for none.
        retrievals_changed: the list of candidates.
        undo_changed: what can be undone and redone.
        saved: a change is on disk.
        video_missing(project, sentence): a project's video has to be looked for.
        failed(sentence, details): something could not be done.
    """

    opened = Signal()
    closing = Signal()
    closed = Signal()
    changed = Signal(object)
    instances_changed = Signal()
    frame_changed = Signal(int)
    selection_changed = Signal(object)
    range_changed = Signal(object)
    proposal_changed = Signal(object)
    retrievals_changed = Signal()
    undo_changed = Signal()
    saved = Signal()
    video_missing = Signal(object, str)
    failed = Signal(str, str)

    def __init__(
        self, parent: QObject | None = None, *, config: Path | None = None, data: Path | None = None
    ) -> None:
        """Nothing is open yet.

        Args:
            config, data: folders for the person's settings and data, None for the system's places.
        """
        super().__init__(parent)
        self.recent = Recent(config or config_folder())
        self._data = data or data_folder()
        self._document: Document | None = None
        self._frame = 0
        self._selected: int | None = None
        self._range: tuple[int, int] | None = None
        self._proposal: Proposal | None = None
        self._retrievals: tuple[Retrieval, ...] = ()

    # --- what is open

    @property
    def document(self) -> Document | None:
        """What is open."""
        return self._document

    @property
    def project(self) -> Project:
        """The open project; ask only while there is one."""
        assert self._document is not None
        return self._document.project

    @property
    def video(self) -> Video:
        """The open video; ask only while there is one."""
        assert self._document is not None
        return self._document.video

    @property
    def annotation(self) -> Annotation:
        """The cells; changed only by this class."""
        return self.project.annotation

    @property
    def instances(self) -> Mapping[int, Instance]:
        """By number, in the person's order."""
        return self.project.instances if self._document is not None else {}

    def open(self, path: Path, video: Path | None = None) -> bool:
        """Open a project, a video or a folder of pictures in place of what is open.

        Args:
            video: where the project's video is now, if it has moved.

        Returns:
            False, with what was open still open, when it failed.
        """
        if self._document is not None and path.absolute() in {self.project.path, self.video.path.absolute()}:
            return True
        try:
            document = open_document(path, self._data, video)
        except VideoMissing as error:
            self.video_missing.emit(error.project, str(error))
            return False
        except (UserError, OSError) as error:
            self._tell(error)
            return False
        self.close()
        self._document = document
        if not self.instances:
            # So that a person can paint at once; there is nothing in it that undo could bring back.
            with self._reporting():
                self.project.set_instance(edits.new_instance({}), undoable=False)
        self._frame = min(self._kept("frame", 0), document.video.length - 1)
        instances = self.instances
        kept = self._kept("selected", 0)
        self._selected = kept if kept in instances else next(iter(instances), None)
        with self._reporting():
            self.recent.note(self.project.path, self.video.path.absolute(), self.video.frame(self._frame))
        self.opened.emit()
        self.undo_changed.emit()
        return True

    def close(self) -> None:
        """Close what is open."""
        if self._document is None:
            return
        self.closing.emit()
        with self._reporting():
            self.project.settings.set("frame", self._frame)
            self.project.settings.set("selected", self._selected or 0)
        self.set_proposal(None)
        document, self._document = self._document, None
        document.close()
        self._frame, self._selected, self._range, self._retrievals = 0, None, None, ()
        self.closed.emit()
        self.undo_changed.emit()

    def _kept(self, key: str, default: int) -> int:
        value = self.project.settings.get(key, default)
        return value if isinstance(value, int) and value >= 0 else default

    # --- where the person is

    @property
    def frame(self) -> int:
        """The present frame."""
        return self._frame

    @property
    def selected(self) -> int | None:
        """The selected instance."""
        return self._selected

    @property
    def range(self) -> tuple[int, int] | None:
        """The chosen frames, first and last."""
        return self._range

    def go(self, frame: int) -> None:
        """Make a frame the present one; beyond the ends it is the first or the last."""
        if self._document is None:
            return
        frame = min(max(frame, 0), self.video.length - 1)
        if frame != self._frame:
            self._frame = frame
            self.frame_changed.emit(frame)

    def select(self, instance: int | None) -> None:
        """Select an instance; an unknown number selects none."""
        chosen = instance if instance in self.instances else None
        if chosen != self._selected:
            self._selected = chosen
            self.selection_changed.emit(chosen)

    def choose_range(self, first: int | None, last: int | None = None) -> None:
        """Choose frames, or with None none."""
        chosen = None
        if first is not None and self._document is not None:
            end = self.video.length - 1
            low, high = sorted((first, first if last is None else last))
            chosen = max(0, low), min(high, end)
        if chosen != self._range:
            self._range = chosen
            self.range_changed.emit(chosen)

    # --- what was found again

    @property
    def proposal(self) -> Proposal | None:
        """The one that waits for the person."""
        return self._proposal

    @property
    def retrievals(self) -> tuple[Retrieval, ...]:
        """The best candidates as a run last saw them, waiting and withheld, by falling similarity."""
        return self._retrievals

    def set_proposal(self, proposal: Proposal | None) -> None:
        """Show what waits; None when it was answered or its run has ended."""
        if proposal is not self._proposal:
            self._proposal = proposal
            self.proposal_changed.emit(proposal)

    def set_retrievals(self, retrievals: Sequence[Retrieval]) -> None:
        """List these candidates."""
        self._retrievals = tuple(retrievals)
        self.retrievals_changed.emit()

    # --- changes

    def apply(
        self,
        change: Change,
        *,
        instances: Mapping[int, Instance | None] | None = None,
        group: str | None = None,
        undoable: bool = True,
    ) -> bool:
        """Put a change on disk and into the document.

        Args:
            instances, group, undoable: see `Project.apply`.

        Returns:
            Whether it was done; if not, nothing has changed.
        """
        if self._document is None:
            return False
        with self._reporting() as failure:
            self.project.apply(change, instances=instances, group=group, undoable=undoable)
        if failure:
            return False
        self._announce(change, bool(instances))
        return True

    def undo(self) -> Change | None:
        """Take the last step back, also one of an earlier session."""
        return self._exchange(Project.undo)

    def redo(self) -> Change | None:
        """Do the step again that was taken back last."""
        return self._exchange(Project.redo)

    @property
    def undo_label(self) -> str | None:
        """The step that undo would take back."""
        return self.project.undo_label if self._document is not None else None

    @property
    def redo_label(self) -> str | None:
        """The step that redo would do again."""
        return self.project.redo_label if self._document is not None else None

    def edit_mask(self, frame: int, instance: int, mask: SoftMask, label: str) -> bool:
        """Put a person's mask in place: pinned."""
        return self._edit(lambda: edits.draw(self.project, frame, instance, mask, label), instance)

    def mark_absent(self, instance: int, frames: Iterable[int]) -> bool:
        """'Not in this frame', for each of these frames."""
        return self._edit(lambda: edits.mark_absent(self.project, instance, frames), instance)

    def approve(self, frame: int, instances: Sequence[int]) -> bool:
        """Pin masks as they are."""
        return self._edit(lambda: edits.approve(self.project, frame, instances), *instances)

    def clear_range(self, instances: Sequence[int], first: int, last: int) -> bool:
        """Remove the masks of some instances from a range of frames."""
        return self._edit(lambda: edits.clear(self.project, instances, first, last), *instances)

    def import_masks(self, path: Path) -> bool:
        """Take masks from a picture, for the present frame, or from a folder of numbered pictures."""

        def read() -> Edit:
            video = self.video
            masks = read_first_masks(path, video.height, video.width, video.length)
            if not path.is_dir():
                masks = {self._frame: masks[0]}
            return edits.import_masks(self.project, masks)

        done = self._edit(read)
        if done and self._selected is None:
            self.select(next(iter(self.instances), None))
        return done

    # --- instances

    def add_instance(self, name: str | None = None) -> int | None:
        """Add an instance and select it.

        Returns:
            Its number, None when it could not be added.
        """
        if self._document is None:
            return None
        with self._reporting() as failure:
            one = edits.new_instance(self.instances, name=name)
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

    def hide(self, instance: int, hidden: bool) -> bool:
        """Hide or show; no step of undo."""
        return self._alter(instance, "hide", lambda one: replace(one, hidden=hidden), undoable=False)

    def lock(self, instance: int, locked: bool) -> bool:
        """Lock against edits, or unlock; no step of undo."""
        return self._alter(instance, "lock", lambda one: replace(one, locked=locked), undoable=False)

    def reorder(self, numbers: Sequence[int]) -> bool:
        """Put the instances into another order."""
        return self._edit(lambda: edits.reorder(self.instances, numbers))

    def delete(self, instance: int) -> bool:
        """Remove an instance with all its masks."""
        return self._edit(lambda: edits.delete(self.project, instance), instance)

    def merge(self, source: int, target: int) -> bool:
        """Let one instance become part of another."""
        done = self._edit(lambda: edits.merge_into(self.project, source, target), source, target)
        if done:
            self.select(target)
        return done

    # --- how it is done

    def _edit(self, make: Callable[[], Edit], *instances: int) -> bool:
        """Work out an edit that touches the masks of these instances, and apply it."""
        if self._document is None:
            return False
        with self._reporting() as failure:
            for number in instances:
                self._refuse_locked(number)
            edit = make()
        return not failure and self.apply(edit.change, instances=edit.instances)

    def _refuse_locked(self, number: int) -> None:
        one = self.instances.get(number)
        if one is None:
            raise UserError(f"There is no instance {number} any more.")
        if one.locked:
            raise UserError(f"{one.name} is locked: unlock it to change its masks.")

    def _alter(
        self, instance: int, label: str, how: Callable[[Instance], Instance], undoable: bool = True
    ) -> bool:
        old = self.instances.get(instance)
        if old is None or (new := how(old)) == old:
            return False
        step = Change(f"{label} {old.name}")
        return self.apply(step, instances={instance: new}, undoable=undoable)

    def _exchange(self, way: Callable[[Project], Change | None]) -> Change | None:
        if self._document is None:
            return None
        change = None
        with self._reporting():
            change = way(self.project)
        if change is not None:
            self._announce(change, True)
        return change

    def _announce(self, change: Change, instances: bool) -> None:
        if instances:
            self.instances_changed.emit()
            if self._selected not in self.instances:
                self.select(next(iter(self.instances), None))
        self.changed.emit(change)
        self.undo_changed.emit()
        self.saved.emit()

    @contextmanager
    def _reporting(self) -> Iterator[list[Exception]]:
        """Tell of what fails for a reason that a person can read; the block yields a list of it."""
        failure: list[Exception] = []
        try:
            yield failure
        except (UserError, OSError) as error:
            failure.append(error)
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        log.debug("The document stays as it was.", exc_info=error)
        self.failed.emit(str(error), "".join(traceback.format_exception(error)))
