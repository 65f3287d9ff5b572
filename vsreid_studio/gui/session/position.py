"""Where the person is in the document, and what was found again there."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from ...engine.events import Proposal, Retrieval


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
