"""Edits of masks: drawn, approved, removed and imported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from PySide6.QtCore import QObject, Signal

from ...engine.events import Change
from ...engine.types import CellKey, SoftMask
from ...formats.mask_coding import Reading
from ...project.sources import note_source
from .. import edits
from ..edits import Edit
from .edit_stack import EditStack
from .mask_import import ImportListener, ImportTarget
from .shown import CommittedEdit, Position


@dataclass(frozen=True, slots=True)
class Imported:
    """Masks that were imported.

    Attributes:
        path: of the file or folder.
        frame: the one that a single picture went to.
        instance: the one that pictures of one object without a number went to.
        machine: whether they were taken as some program's.
        reading: how pictures were taken, None for files of annotations.
        text: what was taken for what.
        left: how many masks that a person drew meanwhile were left as they are.
        step: of undo.
    """

    path: Path
    frame: int
    instance: int
    machine: bool
    reading: Reading | None
    text: str
    left: int
    step: int | None


class MaskEdits(QObject):
    """What a person can do to the masks of the open document; see `EditStack` for what is refused.

    Signals:
        importing(done, total): files of an import that are read; 0 of 0 at its end.
        imported(Imported): masks were taken from files.
        import_stopped: an import was left off; nothing of it is kept.
    """

    importing = Signal(int, int)
    imported = Signal(object)
    import_stopped = Signal()

    def __init__(self, stack: EditStack, position: Position, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._edits = stack
        self._position = position
        self._import: Event | None = None

    def edit_mask(self, frame: int, instance: int, mask: SoftMask, label: str) -> bool:
        """Put a person's mask in place: pinned."""
        return self._edits.edit(lambda held: edits.draw(held, frame, instance, mask, label), instance)

    def mark_absent(self, instance: int, frames: Iterable[int]) -> bool:
        """'Not in this frame', for each of these frames."""
        return self._edits.edit(lambda held: edits.mark_absent(held, instance, frames), instance)

    def approve(self, frame: int, instances: Sequence[int]) -> bool:
        """Pin masks as they are."""
        return self._edits.edit(lambda held: edits.approve(held, frame, instances), *instances)

    def clear_range(self, instances: Sequence[int], first: int, last: int) -> bool:
        """Remove the masks of some instances from a range of frames."""
        return self._edits.edit(lambda held: edits.clear(held, instances, first, last), *instances)

    def mark_right(self, instance: int, first: int, last: int) -> bool:
        """Note that a person has looked at masks and leaves them; they are not pinned."""
        keys = [CellKey(frame, instance) for frame in range(first, last + 1)]
        return self._edits.edit(lambda held: Edit(Change("mark as right"), reviewed=keys), instance)

    def import_masks(
        self,
        path: Path,
        reading: Reading | None = None,
        *,
        machine: bool = False,
        replaces: int | None = None,
    ) -> bool:
        """Take masks from a picture, for the present frame, or from a folder, by the frames' names.

        What shows one object and no number is of the selected instance. `importing` reports the progress.

        Args:
            reading: how pictures are taken, None to guess; `imported` reports the guess.
            machine: they were made by some program and are not pinned: corrections propagate over them.
            replaces: in place of the import of this step; where something was done since, or nothing is
                imported, that one stays.
        """
        if self._edits.shown is None:
            return False
        if self._import is not None:
            self._edits.refuse("Masks are being imported: wait for them, or press Esc.")
            return False
        stop = self._import = Event()
        over = False
        target = ImportTarget(self._position.frame, self._position.selected or 1)

        def done(
            kept: CommittedEdit, reading: Reading | None, text: str, left: int, step: int | None
        ) -> None:
            nonlocal over
            over = True
            self._edits.keep(kept)
            project = self._edits.writer.project
            self._edits.writer.post(lambda: note_source(project, path), self._edits.report)
            if self._position.selected is None and self._edits.shown is not None:
                self._position.select(next(iter(self._edits.shown.instances), None))
            where = path, target.frame, target.instance
            self.imported.emit(Imported(*where, machine, reading, text, left, step))

        def failed(error: Exception, details: str) -> None:
            nonlocal over
            over = True
            self._edits.fail(error, details)

        def ended() -> None:
            self._import = None
            self.importing.emit(0, 0)
            if stop.is_set() and not over:
                self.import_stopped.emit()

        self.importing.emit(0, 1)
        listener = ImportListener(stop, self.importing.emit, self._exchanged, done, failed, ended)
        self._edits.imports.start(path, reading, machine, target, listener, replaces=replaces)
        return self._edits.finish()

    def _exchanged(self, kept: CommittedEdit | None) -> None:
        if kept is not None:
            self._edits.keep(kept)

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
