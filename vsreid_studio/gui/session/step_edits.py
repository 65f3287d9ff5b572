"""Steps of the open document: taken back, done again and looked into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from ...engine.store.annotation import Annotation
from ...project import Project
from ...project.undo import RoundRecord
from .edit_stack import EditStack
from .shown import CommittedEdit
from .writer import ProjectWriter

T = TypeVar("T")


class StepEdits:
    """Undo, redo and going back to a round.

    The document's thread works them out, as many masks may come back. The window shows the document as it
    was until they are done, and each may be asked for again meanwhile.
    """

    def __init__(self, stack: EditStack) -> None:
        self._edits = stack
        self._unanswered = 0

    @property
    def exchanging(self) -> bool:
        """Whether one of them is not done yet."""
        return self._unanswered > 0

    def undo(self) -> bool:
        """Take the last step back, also one of an earlier session; whether that was begun."""
        return self._exchange(lambda writer: writer.exchange(Project.undo))

    def redo(self) -> bool:
        """Do the step again that was taken back last; whether that was begun."""
        return self._exchange(lambda writer: writer.exchange(Project.redo))

    def go_back(self, one: RoundRecord) -> bool:
        """Make everything as it was after a round; a step of undo."""
        label = f"go back to '{one.label}'"
        return self._exchange(lambda writer: writer.go_back(one.number, label))

    def ask_rounds(self, done: Callable[[list[RoundRecord]], object]) -> None:
        """Have `done` called with what each run, answer and edit changed, the oldest first."""
        self._ask(lambda project: project.rounds(), done)

    def ask_states(self, numbers: Sequence[int], done: Callable[[Mapping[int, Annotation]], object]) -> None:
        """Have `done` called with the annotations after some rounds, by number; 0 is before the first."""

        def states(project: Project) -> dict[int, Annotation]:
            return {number: project.annotation_after(number) for number in numbers}

        self._ask(states, done)

    def _ask(self, look: Callable[[Project], T], done: Callable[[T], object]) -> None:
        """Look something up on the document's thread; nobody hears of it once the document is closed."""
        stack, writer = self._edits, self._edits.writer

        def hand_over(found: T) -> None:
            if stack.is_open and stack.writer is writer:
                done(found)

        writer.ask(lambda: look(writer.project), hand_over, stack.report)

    def _exchange(self, work: Callable[[ProjectWriter], CommittedEdit | None]) -> bool:
        stack = self._edits
        if stack.shown is None:
            return False
        self._unanswered += 1
        stack.ask(partial(work, stack.writer), self._exchanged, self._not_exchanged)
        stack.edited.emit()
        stack.undo_changed.emit()
        return stack.finish()

    def _exchanged(self, kept: CommittedEdit | None) -> None:
        self._unanswered -= 1
        if kept is not None:
            self._edits.keep(kept)
            return
        self._edits.undo_changed.emit()
        if self._edits.settled:
            self._edits.saved.emit()

    def _not_exchanged(self, error: Exception, details: str) -> None:
        self._unanswered -= 1
        self._edits.undo_changed.emit()
        self._edits.report(error, details)
