"""The proposals that wait in the document, kept up to date while masks change."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer

from ..config import ReidConfig
from ..engine.events import Change, Proposal, Reason, Retrieval, Verdict
from ..engine.types import CellKey, SoftMask
from ..project import KeptProposal
from ..project.finds import find_of
from ..project.proposals import waiting
from .session import Session

_PERIOD = 100
"""Milliseconds between two looks while a run changes masks."""


class WaitingProposals(QObject):
    """Tells the session which proposals wait, and makes what is shown of one of them.

    Attributes:
        waiting: by falling similarity.
    """

    def __init__(self, session: Session, thresholds: ReidConfig, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._thresholds = session, thresholds
        self.waiting: list[KeptProposal] = []
        self._later = QTimer(self, interval=_PERIOD, singleShot=True)
        self._later.timeout.connect(self.look)
        # Once everybody who shows it knows the document.
        session.opened.connect(lambda: QTimer.singleShot(0, self, self.look))
        session.proposals_changed.connect(self.look)
        session.instances_changed.connect(self.look)
        session.changed.connect(self._follow)
        session.closing.connect(self._later.stop)

    def look(self) -> None:
        """Find out what waits now, and let the session list it."""
        self._later.stop()
        session = self._session
        if session.document is None:
            return
        annotation, kept = session.annotation, session.proposals
        self.waiting = waiting(kept, annotation, session.instances, self._thresholds.rho_occ)
        open_ = {one.key for one in self.waiting}
        listed = [one.retrieval if one.key in open_ else _withheld(one, session) for one in kept.values()]
        present = [one for one in listed if one.instance in session.instances]
        session.set_retrievals(sorted(present, key=lambda one: -one.similarity))

    def get(self, key: CellKey) -> KeptProposal | None:
        """The waiting proposal of a cell."""
        return next((one for one in self.waiting if one.key == key), None)

    def shown(self, key: CellKey) -> Proposal | None:
        """What the review shows of a waiting one; its map is empty where no run has recovered it yet."""
        kept = self.get(key)
        if kept is None:
            return None
        annotation, one = self._session.annotation, kept.retrieval
        known = kept.proposal(annotation)
        if known is not None:
            return known
        iou = kept.iou(annotation)
        return Proposal(*key, one.box, one.similarity, iou, (key.frame,), SoftMask.empty(), 0.0)

    def find(self, key: CellKey) -> tuple[Retrieval, ...]:
        """All that belongs to the same object as a cell, see `find_of`."""
        return find_of(key, self._session.retrievals)

    def following(self, key: CellKey, answered: Sequence[CellKey] = ()) -> CellKey | None:
        """The best waiting proposal of another find, None where nothing else waits."""
        own = {one.key for one in self.find(key)} | {key, *answered}
        return next((one.key for one in self.waiting if one.key not in own), None)

    def _follow(self, change: Change) -> None:
        if change.decisions_after:
            self.look()
        elif self._session.proposals and not self._later.isActive():
            self._later.start()


def _withheld(kept: KeptProposal, session: Session) -> Retrieval:
    """A retrieval that does not wait, with the reason."""
    one = kept.retrieval
    if one.reason is not None:
        return one
    decision = session.annotation.decisions.get(one.key)
    if decision is not None and decision.verdict is not Verdict.SKIPPED:
        reason = Reason.SETTLED
    elif session.annotation.anchored(*one.key):
        reason = Reason.PRESENT
    elif not set(kept.checkpoints) & set(session.annotation.checkpoints(one.instance)):
        reason = Reason.OUTDATED
    else:
        reason = Reason.CONSISTENT
    return Retrieval(one.frame, one.instance, one.box, one.similarity, one.iou, reason)
