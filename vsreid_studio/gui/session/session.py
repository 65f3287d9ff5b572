"""Everything a person can do to the masks and instances of the document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import Signal

from ...engine.events import Change
from ...engine.types import SoftMask
from ...formats.given_masks import read_given_masks
from ...formats.mask_reading import Reading
from ...project import Instance
from .. import edits
from ..edits import Edit
from .place import Place


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


class Session(Place):
    """The document: everything that shows it listens here, everything that changes it asks here.

    What is done to a locked instance's masks is refused. Each method says whether it was done.

    Signals (beside those of `Place`):
        imported(Imported): masks were taken from files.
    """

    imported = Signal(object)

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

    def import_masks(self, path: Path, reading: Reading | None = None, *, machine: bool = False) -> bool:
        """Take masks from a picture, for the present frame, or from a folder, by the frames' names.

        Args:
            reading: how pictures are taken, None to guess; `imported` tells what was guessed.
            machine: they were made by some program and are not pinned: corrections propagate over them.
        """
        found: list[Imported] = []

        def read() -> Edit:
            given = read_given_masks(path, self.video, reading, frame=self._frame)
            for number in given.numbers:
                if number in self.instances:
                    self._refuse_locked(number)
            found.append(Imported(path, self._frame, machine, given.reading, given.text))
            return edits.import_masks(self.project, given, machine=machine)

        done = self._edit(read)
        if done:
            self.imported.emit(found[0])
        if done and self._selected is None:
            self.select(next(iter(self.instances), None))
        return done

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

    def _alter(
        self, instance: int, label: str, how: Callable[[Instance], Instance], undoable: bool = True
    ) -> bool:
        old = self.instances.get(instance)
        if old is None or (new := how(old)) == old:
            return False
        step = Change(f"{label} {old.name}")
        return self.apply(step, instances={instance: new}, undoable=undoable)
