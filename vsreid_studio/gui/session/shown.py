"""What the window shows of a document, and where the person is in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from PySide6.QtCore import QObject, Signal

from ...engine.events import Change, Proposal, Retrieval
from ...engine.store.annotation import Annotation
from ...engine.types import CellKey
from ...project import Adaptation, Instance, StoredProposal
from ...project.contents import still_reviewed
from ..edits import Edit


class Position(QObject):
    """The present frame, the selected instance, the chosen frames, and the proposal that waits.

    Attributes:
        length: frames of the video; 0 while nothing is open.
        frame: the present one.
        selected: the selected instance, None for none.
        range: the chosen frames, first and last, None for none.
        proposal: the one that waits for the person, None for none.
        retrievals: the best candidates as a run last saw them, by falling similarity.

    Signals:
        frame_changed(frame), selection_changed(instance), range_changed(range),
        proposal_changed(proposal), retrievals_changed: something of it is another one.
    """

    frame_changed = Signal(int)
    selection_changed = Signal(object)
    range_changed = Signal(object)
    proposal_changed = Signal(object)
    retrievals_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.begin(0, 0, None)

    def begin(self, length: int, frame: int, selected: int | None) -> None:
        """Switch to another document, or to none, without signals."""
        self.length = length
        self.frame = min(max(frame, 0), max(length - 1, 0))
        self.selected = selected
        self.range: tuple[int, int] | None = None
        self.proposal: Proposal | None = None
        self.retrievals: tuple[Retrieval, ...] = ()

    def go(self, frame: int) -> None:
        """Make a frame the present one; beyond the ends it is the first or the last."""
        frame = min(max(frame, 0), self.length - 1)
        if self.length and frame != self.frame:
            self.frame = frame
            self.frame_changed.emit(frame)

    def select(self, instance: int | None) -> None:
        """Select an instance."""
        if instance != self.selected:
            self.selected = instance
            self.selection_changed.emit(instance)

    def choose_range(self, first: int | None, last: int | None = None) -> None:
        """Choose frames, or with None none."""
        chosen = None
        if first is not None and self.length:
            low, high = sorted((first, first if last is None else last))
            chosen = max(0, low), min(high, self.length - 1)
        if chosen != self.range:
            self.range = chosen
            self.range_changed.emit(chosen)

    def set_proposal(self, proposal: Proposal | None) -> None:
        """Show what waits; None when it was answered or its run has ended."""
        if proposal is not self.proposal:
            self.proposal = proposal
            self.proposal_changed.emit(proposal)

    def set_retrievals(self, retrievals: Sequence[Retrieval]) -> None:
        """List these candidates."""
        self.retrievals = tuple(retrievals)
        self.retrievals_changed.emit()


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A document as it is on disk; never changed.

    Attributes:
        number: counts up.
        annotation, instances, categories, adaptation: see `Project`.
        undo_label, redo_label: the steps that can be taken back and done again.
        proposals: what runs found again, by cell.
        reviewed: see `Project.reviewed_maps`.
        past_instances, identities: see `Project`.
    """

    number: int
    annotation: Annotation
    instances: Mapping[int, Instance]
    categories: Mapping[int, str]
    adaptation: Adaptation | None
    undo_label: str | None
    redo_label: str | None
    proposals: Mapping[CellKey, StoredProposal]
    reviewed: Mapping[CellKey, int]
    past_instances: frozenset[int]
    identities: Mapping[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class CommittedEdit:
    """A change that is on disk.

    Attributes:
        snapshot: the document with it.
        change: of cells and decisions; of very many cells see `Change.of_many`.
        instances: whether instances or classes have changed.
        dropped_cells: those that an undo or redo removed beside its own, as it changed their checkpoint.
    """

    snapshot: Snapshot
    change: Change
    instances: bool = False
    dropped_cells: tuple[CellKey, ...] = ()


class ShownDocument:
    """Belongs to the window's thread, as an `edits.DocumentView`.

    Attributes:
        annotation: the window's own; the same object as long as the document is open.
        instances: by number, in the person's order.
        categories: the names of the classes by number.
        adaptation: what the network has learnt of the video.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """Show what is on disk."""
        self._base = snapshot
        self._pending: dict[int, tuple[Edit, bool]] = {}
        self._last = 0
        self.annotation: Annotation = snapshot.annotation.copy()
        self.instances: Mapping[int, Instance] = snapshot.instances
        self.categories: Mapping[int, str] = snapshot.categories

    @property
    def adaptation(self) -> Adaptation | None:
        """What the network has learnt of the video."""
        return self._base.adaptation

    @property
    def proposals(self) -> Mapping[CellKey, StoredProposal]:
        """What runs found again, by cell."""
        return self._base.proposals

    @property
    def reviewed(self) -> frozenset[CellKey]:
        """The cells whose present masks a person has looked at and left, as far as it is on disk."""
        return still_reviewed(self._base.reviewed, self._base.annotation)

    @property
    def past_instances(self) -> frozenset[int]:
        """Numbers that an undo, a redo or going back may bring back."""
        return self._base.past_instances

    def identities(self, numbers: Iterable[int]) -> dict[int, int]:
        """What tells these instances from others of the same number; without those not on disk yet."""
        new = {n for edit, _ in self._pending.values() for n in edit.instances if n not in edit.seen}
        known = self._base.identities
        return {n: known[n] for n in numbers if n in known and n in self.instances and n not in new}

    @property
    def undo_label(self) -> str | None:
        """The step that undo would take back."""
        coming = [edit.change.label for edit, undoable in self._pending.values() if undoable]
        return coming[-1] if coming else self._base.undo_label

    @property
    def redo_label(self) -> str | None:
        """The step that redo would do again."""
        return None if any(undoable for _, undoable in self._pending.values()) else self._base.redo_label

    @property
    def on_disk(self) -> bool:
        """Whether all that is shown is."""
        return not self._pending

    def add(self, edit: Edit, undoable: bool) -> int:
        """Show an edit; its number."""
        self._last += 1
        self._pending[self._last] = edit, undoable
        self.annotation.apply(edit.change)
        self._arrange({**self.instances, **edit.instances}, {**self.categories, **edit.categories})
        return self._last

    def keep(self, kept: CommittedEdit, number: int | None = None) -> bool:
        """Update to what is on disk now.

        Args:
            number: of the edit that has come there, None for what others did.

        Returns:
            Whether something is shown otherwise now than before.
        """
        if kept.snapshot.number > self._base.number:
            self._base = kept.snapshot
        edit = self._pending.pop(number)[0] if number is not None else None
        self._rebase()
        return edit is None or not _same_keys(edit.change, kept.change)

    def follow(self, snapshot: Snapshot) -> None:
        """Update the proposals to those on disk; cells are as reported before."""
        if snapshot.number > self._base.number:
            self._base = snapshot

    def take_back(self, number: int) -> Edit:
        """Show no more what could not be put on disk."""
        edit, _ = self._pending.pop(number)
        self._rebase()
        return edit

    def _rebase(self) -> None:
        self.annotation.replace_with(self._base.annotation)
        instances: dict[int, Instance] = dict(self._base.instances)
        categories: dict[int, str | None] = dict(self._base.categories)
        for edit, _ in self._pending.values():
            self.annotation.apply(edit.upon(self.annotation))
            for n, one in edit.instances_upon(instances).items():
                if one is None:
                    instances.pop(n, None)
                else:
                    instances[n] = one
            categories.update(edit.categories)
        self._arrange(instances, categories)

    def _arrange(
        self, instances: Mapping[int, Instance | None], categories: Mapping[int, str | None]
    ) -> None:
        there = (one for one in instances.values() if one is not None)
        ordered = sorted(there, key=lambda one: (one.order, one.number))
        self.instances = MappingProxyType({one.number: one for one in ordered})
        named = {number: name for number, name in sorted(categories.items()) if name is not None}
        self.categories = MappingProxyType(named)


def _same_keys(one: Change, other: Change) -> bool:
    decided = one.decisions_after.keys() == other.decisions_after.keys()
    return decided and one.after.keys() == other.after.keys()
