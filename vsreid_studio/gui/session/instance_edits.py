"""Edits of instances and of the list of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...engine.events import Change
from ...errors import Refusal
from ...formats.classes import plain, read_classes, write_classes
from ...project import Instance
from ...project.sources import refuse_own, sources_of
from .. import edits
from ..theme import DEFAULT_COLOURS
from .edit_stack import EditStack
from .shown import Position
from .step_edits import StepEdits


class InstanceEdits:
    """What a person can do to the instances and classes of the open document.

    Attributes:
        colours: '#rrggbb' of new instances, in turn.
    """

    def __init__(
        self, stack: EditStack, steps: StepEdits, position: Position, importing: Callable[[], bool]
    ) -> None:
        """Args:
        steps: may bring instances and classes back.
        importing: tells whether masks are being imported, which may bring instances.
        """
        self._edits = stack
        self._steps = steps
        self._importing = importing
        self._position = position
        self.colours: Sequence[str] = DEFAULT_COLOURS

    def add_instance(self, name: str | None = None) -> int | None:
        """Add an instance and select it.

        Returns:
            Its number, None when it could not be added.
        """
        shown = self._edits.shown
        if shown is None:
            return None
        with self._edits.reporting() as failure:
            if self._importing():
                raise Refusal("Masks are being imported: add an object when they are there, or press Esc.")
            # What comes back keeps its number.
            reserved = shown.past_instances if self._steps.exchanging else ()
            one = edits.new_instance(shown.instances, None, name, self.colours, reserved)
        if failure or not self._edits.apply(Change(f"add {one.name}"), instances={one.number: one}):
            return None
        self._position.select(one.number)
        return one.number

    def rename(self, instance: int, name: str) -> bool:
        """Give another name, in one line (see `formats.classes.plain`); an empty one is refused."""
        name = plain(name)
        if not name:
            self._edits.refuse("An instance needs a name.")
            return False
        return self._alter(instance, "rename", lambda one: replace(one, name=name))

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
        if self._edits.shown is None:
            return False
        project = self._edits.writer.project

        def make(held: edits.DocumentView) -> edits.Edit:
            refuse_own(project, path)
            return edits.add_classes(held, read_classes(path))

        return self._edits.edit_later(make)

    def export_classes(self, path: Path, done: Callable[[], object]) -> None:
        """Write the list of classes to a file, on the document's thread; `done` is called afterwards."""
        shown = self._edits.shown
        listed = dict(shown.categories) if shown is not None else {}
        writer = self._edits.writer

        def write() -> None:
            sources_of(writer.project).refuse(path)
            write_classes(path, listed)

        writer.ask(write, lambda _: done(), self._edits.report)

    def rename_class(self, number: int, name: str) -> bool:
        """Give a class another name."""
        old = self._class(number)
        return self._edit(lambda held: edits.rename_class(held, number, old, name))

    def remove_class(self, number: int) -> bool:
        """Take a class off the list, and from the instances that have it."""
        name = self._class(number)
        return self._edit(lambda held: edits.remove_class(held, number, name))

    def _alter(
        self, instance: int, label: str, how: Callable[[Instance], Instance], undoable: bool = True
    ) -> bool:
        """Put something else into an instance's record; whether it was not there before."""
        old = self._edits.shown.instances.get(instance) if self._edits.shown is not None else None
        if old is None or (new := how(old)) == old:
            return False
        change = Change(f"{label} {old.name}")
        return self._edits.apply(change, instances={instance: new}, undoable=undoable)

    def _edit(self, make: Callable[[edits.DocumentView], edits.Edit]) -> bool:
        """Edit the classes: at once, or after an undo under way, as that may bring classes back."""
        edit = self._edits.edit_later if self._steps.exchanging else self._edits.edit
        return edit(make)

    def _class(self, number: int) -> str:
        """The name of a class, as it is shown."""
        return self._edits.shown.categories.get(number, "") if self._edits.shown is not None else ""

    def hide(self, instance: int, hidden: bool) -> bool:
        """Hide or show; no step of undo."""
        return self._alter(instance, "hide", lambda one: replace(one, hidden=hidden), undoable=False)

    def lock(self, instance: int, locked: bool) -> bool:
        """Lock against edits, or unlock; no step of undo."""
        return self._alter(instance, "lock", lambda one: replace(one, locked=locked), undoable=False)

    def reorder(self, numbers: Sequence[int]) -> bool:
        """Put the instances into another order."""
        return self._edits.edit(lambda held: edits.reorder(held.instances, numbers))

    def delete(self, instance: int) -> bool:
        """Remove an instance with all its masks."""
        return self._edits.edit_later(lambda held: edits.delete(held, instance), instance)

    def merge(self, source: int, target: int) -> bool:
        """Let one instance become part of another."""
        done = self._edits.edit_later(lambda held: edits.merge_into(held, source, target), source, target)
        if done:
            self._position.select(target)
        return done
