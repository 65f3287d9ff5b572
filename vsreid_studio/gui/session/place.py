"""Where the person is in the document, and what was found again there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ...engine.events import Proposal, Retrieval
from .holder import Holder


class Place(Holder):
    """A document with a present frame, a selected instance, chosen frames and a proposal.

    Signals (beside those of `Holder`):
        frame_changed(frame): the present frame.
        selection_changed(instance): the selected instance, None for none.
        range_changed(range): the chosen frames, (first, last), None for none.
        proposal_changed(proposal): the one that waits, None for none.
        retrievals_changed: the list of candidates.
    """

    frame_changed = Signal(int)
    selection_changed = Signal(object)
    range_changed = Signal(object)
    proposal_changed = Signal(object)
    retrievals_changed = Signal()

    def __init__(
        self, parent: QObject | None = None, *, config: Path | None = None, data: Path | None = None
    ) -> None:
        super().__init__(parent, config=config, data=data)
        self._frame = 0
        self._selected: int | None = None
        self._range: tuple[int, int] | None = None
        self._proposal: Proposal | None = None
        self._retrievals: tuple[Retrieval, ...] = ()
        self.instances_changed.connect(self._keep_selected)

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

    def _arrive(self) -> None:
        """Go where the person was when the document was closed."""
        self._frame = min(self._kept("frame"), self.video.length - 1)
        instances = self.instances
        kept = self._kept("selected")
        self._selected = kept if kept in instances else next(iter(instances), None)
        with self._reporting():
            self.recent.note(self.project.path, self.video.path.absolute(), self.video.frame(self._frame))

    def _leave(self) -> None:
        with self._reporting():
            self.project.settings.set("frame", self._frame)
            self.project.settings.set("selected", self._selected or 0)
        self.set_proposal(None)
        self._frame, self._selected, self._range, self._retrievals = 0, None, None, ()

    def _kept(self, key: str) -> int:
        value = self.project.settings.get(key, 0)
        return value if isinstance(value, int) and value >= 0 else 0

    def _keep_selected(self) -> None:
        if self._document is not None and self._selected not in self.instances:
            self.select(next(iter(self.instances), None))
