"""Proposals that wait in the document: kept up to date while masks change, and answered without a run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from PySide6.QtCore import QObject, QTimer

from ..config import ReidConfig
from ..engine.events import (
    Accept,
    Answer,
    Change,
    Correct,
    Decision,
    Proposal,
    Reason,
    Reassign,
    Redraw,
    Reject,
    Retrieval,
    Verdict,
)
from ..engine.runtime.matching import decided
from ..engine.store.annotation import edit
from ..engine.types import Cell, CellKey, Maker, SoftMask
from ..project import StoredProposal
from ..project.proposals import waiting
from ..project.tracks import track_of
from .session import Session
from .worker import PropagateFrom, Propose

_PERIOD = 100
"""Milliseconds between two updates while a run changes masks."""


class WaitingProposals(QObject):
    """Gives the session the waiting proposals, and computes what is shown of one.

    Attributes:
        waiting: by falling similarity.
    """

    def __init__(self, session: Session, thresholds: ReidConfig, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._thresholds = session, thresholds
        self.waiting: list[StoredProposal] = []
        self._later = QTimer(self, interval=_PERIOD, singleShot=True)
        self._later.timeout.connect(self.refresh)
        # Once everybody who shows it knows the document.
        session.opened.connect(lambda: QTimer.singleShot(0, self, self.refresh))
        session.proposals_changed.connect(self.refresh)
        session.instances_changed.connect(self.refresh)
        session.changed.connect(self._follow)
        session.closing.connect(self._later.stop)

    def refresh(self) -> None:
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

    def get(self, key: CellKey) -> StoredProposal | None:
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
        """All that belongs to the same object as a cell, see `track_of`; none that is decided already."""
        settled = set(decided(self._session.annotation)) - {key}
        return track_of(key, [it for it in self._session.retrievals if it.key not in settled])

    def following(self, key: CellKey, answered: Sequence[CellKey] = ()) -> CellKey | None:
        """The best waiting proposal of another track, None where nothing else waits."""
        own = {one.key for one in self.find(key)} | {key, *answered}
        return next((one.key for one in self.waiting if one.key not in own), None)

    def _follow(self, change: Change) -> None:
        if change.decisions_after:
            self.refresh()
        elif self._session.proposals and not self._later.isActive():
            self._later.start()


def _withheld(kept: StoredProposal, session: Session) -> Retrieval:
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


Ready = Callable[[], PropagateFrom | Propose | None]
"""What is left to the engine of an answer, looked up when its turn comes; None where nothing is."""


class Answers(QObject):
    """Puts answers into the document at once, and lines up what the engine has to do for them.

    Attributes:
        waiting: the proposals.
    """

    def __init__(self, session: Session, waiting: WaitingProposals, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.waiting = waiting
        self._session = session
        self._number = 0
        self._lined_up: deque[Ready] = deque()

    def next(self) -> PropagateFrom | Propose | None:
        """What the engine is to do next; None for nothing."""
        while self._lined_up:
            job = self._lined_up.popleft()()
            if job is not None:
                return job
        return None

    def drop(self) -> None:
        """Let the engine do no more for the answers that were given."""
        self._lined_up.clear()

    def give(self, answer: Answer, to: Proposal) -> bool:
        """Answer a proposal; whether it could be. What was painted counts, also where it waits no more."""
        if isinstance(answer, Correct) and to.instance in self._session.instances:
            cell = Cell(answer.mask, to.frame, pinned=True, made_by=Maker.PERSON)
            return self._put("correct retrieval", to, cell)
        # What was drawn just now is not known to the list yet.
        self.waiting.refresh()
        kept = self.waiting.get(to.key)
        if kept is None:
            return False
        match answer:
            case Reject():
                return self.reject([kept.retrieval])
            case Accept() if to.recovered.area:
                cell = Cell(to.recovered, to.frame, False, Maker.RECOVERY, to.confidence, to.similarity)
                return self._put("accept retrieval", to, cell)
            case Accept() | Redraw() | Reassign():
                group, retrieval = self._group(), kept.retrieval
                self._lined_up.append(lambda: self._propose(retrieval, answer, group))
                return True
        return False

    def reject(self, retrievals: Iterable[Retrieval]) -> bool:
        """None of these is the instance: one step of undo."""
        verdicts = {
            it.key: Decision(Verdict.REJECTED, it.box, it.similarity, Maker.PERSON) for it in retrievals
        }
        known = self._session.annotation.decisions
        change = Change("reject retrieval", {}, {}, {key: known.get(key) for key in verdicts}, verdicts)
        return self._session.edits.answer(change, {}, self._group())

    def accept_from(self, similarity: float) -> int:
        """Accept all that wait and are at least as similar, one after the other; how many there are now.

        What is propagated from one may show that another is there already: that one is then passed over.
        """
        keys = [one.key for one in self.waiting.waiting if one.retrieval.similarity >= similarity]
        self._lined_up.extend(partial(self._accept_now, key) for key in keys)
        return len(keys)

    def _accept_now(self, key: CellKey) -> PropagateFrom | Propose | None:
        self.waiting.refresh()
        shown = self.waiting.shown(key)
        if shown is None or self._session.instances[key.instance].locked:
            return None
        rest, self._lined_up = self._lined_up, deque()
        self.give(Accept(), shown)
        job = self.next()
        self._lined_up.extend(rest)
        return job

    def _put(self, label: str, to: Proposal, cell: Cell) -> bool:
        """Make a cell a checkpoint, and let the engine propagate it."""
        annotation, group = self._session.annotation, self._group()
        verdict = Verdict.ACCEPTED if cell.mask.box.area else Verdict.REJECTED
        decision = Decision(verdict, to.box, to.similarity, Maker.PERSON)
        asked = {to.key: cell}
        change = annotation.decide(edit(annotation, label, asked), {to.key: decision})
        done = self._session.edits.answer(change, asked, group)
        if done and cell.mask.box.area:
            self._lined_up.append(lambda: self._propagate_from(to.key, group))
        return done

    def _propagate_from(self, key: CellKey, group: str) -> PropagateFrom | None:
        # It may have been undone meanwhile.
        there = self._session.document is not None and key.frame in self._session.annotation.checkpoints(
            key.instance
        )
        return PropagateFrom(key, group) if there else None

    def _propose(self, retrieval: Retrieval, answer: Answer, group: str) -> Propose | None:
        self.waiting.refresh()
        return Propose(retrieval, answer, group) if self.waiting.get(retrieval.key) is not None else None

    def _group(self) -> str:
        self._number += 1
        return f"answer {self._number}"
