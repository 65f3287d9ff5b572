"""Proposals: a retrieval is offered to a person, who answers before anything is overwritten.

The paper accepts whatever exceeds ρ_reid and ρ_occ; a run without a window does the same by answering
`Accept`. A mask that a person draws meanwhile is pinned: a checkpoint that nothing but a person changes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..algorithm.plan import Plan
from ..algorithm.protocols import MaskPropagation
from ..algorithm.vsreid import OfferResult
from ..events import (
    Accept,
    Answer,
    Change,
    Correct,
    Decision,
    Event,
    Passed,
    Progress,
    Proposal,
    Queue,
    Reason,
    Reassign,
    Redraw,
    Reject,
    Retrieval,
    Skip,
    Stop,
    Verdict,
)
from ..store.annotation import Annotation, edit, overwritten
from ..types import NOWHERE, Box, Cell, CellKey, Maker, Prediction, SoftMask
from .filters import NothingRecovered, OfferFilter, Recovered, Withheld
from .gallery import Gallery

FAILED = -1.0
"""Similarity where nothing was recovered (Algorithm 2, line 10)."""


class RecoveryJudge(Protocol):
    """Judges recovered maps by more than the predicted IoU, see `trust.Trust`."""

    def recovered(self, annotation: Annotation, key: CellKey, found: Prediction) -> Prediction:
        """The same map, with the expected J as its confidence."""
        ...


Deciding = Generator[Change, None, OfferResult]


@dataclass
class ProposalHandling:
    """Offers retrievals one by one, and carries the answers out.

    Attributes:
        annotation: to be changed; every Change is applied before it is yielded.
        propagation: recovers.
        gallery: judges boxes that a person drew.
        filters: whatever one of these withholds is passed over in this run, as if it had been skipped.
        judge: judges recovered maps; None leaves the predicted IoU as their confidence.
        rounds: retrievals so far.
    """

    annotation: Annotation
    propagation: MaskPropagation
    gallery: Gallery
    filters: Sequence[OfferFilter] = field(default=(NothingRecovered(),))
    judge: RecoveryJudge | None = None
    rounds: int = 0

    def __call__(
        self, retrieval: Retrieval, found: Prediction, queue: Callable[[], Queue]
    ) -> Generator[Event | Plan, Answer | None, OfferResult]:
        """Ask until the retrieval is decided.

        Raises:
            ValueError: the answer does not fit the proposal.
        """
        self.rounds += 1
        proposal = self._proposal(retrieval, self._judged(retrieval.key, found))
        reason = yield from self._withheld(proposal)
        if reason is not None:
            yield Passed(*proposal.key, reason)
            return OfferResult(reason=reason)
        yield queue()
        while isinstance(answer := (yield proposal), Redraw):
            yield self._progress(retrieval.key)
            if not self.annotation.checkpoints(retrieval.instance):
                return OfferResult(reason=Reason.OUTDATED)
            proposal = self._redraw(proposal, answer.box)
        result = OfferResult()
        match answer:
            case Stop():
                result = OfferResult(stop=True)
            case Skip():
                pass  # The run remembers what it has asked; the next run may ask again.
            case Reject():
                result = yield from self._reject(proposal)
            case Accept(by=by):
                result = yield from self._accept(proposal, by)
            case Correct(mask=mask):
                result = yield from self._correct(proposal, mask)
            case Reassign(instance=instance):
                result = yield from self._reassign(proposal, instance)
            case _:
                raise ValueError(f"{answer} does not answer a proposal")
        return result

    def _withheld(self, proposal: Proposal) -> Withheld:
        recovered = Recovered(self.annotation, self.propagation, proposal, self._progress(proposal.key))
        for one in self.filters:
            reason = yield from one.withholds(recovered)
            if reason is not None:
                return reason
        return None

    def _progress(self, key: CellKey) -> Progress:
        return Progress("retrieving", self.rounds, self.rounds + 1, *key)

    def _proposal(self, retrieval: Retrieval, found: Prediction) -> Proposal:
        """What accepting it would do; until then the cell keeps its map."""
        frame, instance = retrieval.key
        return Proposal(
            frame,
            instance,
            retrieval.box,
            retrieval.similarity,
            retrieval.iou,
            overwritten(self.annotation, instance, frame),
            found.mask,
            found.confidence,
        )

    def _redraw(self, proposal: Proposal, box: Box) -> Proposal:
        """The same cell, recovered in a person's box; proposed even when nothing is found there."""
        frame, instance = proposal.key
        present = self.annotation.mask(frame, instance).hard_box or NOWHERE
        found = self._recover(CellKey(frame, instance), box)
        drawn = self._proposal(Retrieval(frame, instance, box, FAILED, box.iou(present)), found)
        if not drawn.recovered.area:
            return drawn
        similarity = self.gallery.similarity(self.annotation, instance, frame, drawn.recovered)
        return replace(drawn, similarity=similarity)

    def _recover(self, key: CellKey, box: Box) -> Prediction:
        return self._judged(key, self.propagation.recover(self.annotation, key.frame, box, key.instance))

    def _judged(self, key: CellKey, found: Prediction) -> Prediction:
        return found if self.judge is None else self.judge.recovered(self.annotation, key, found)

    def _accept(self, proposal: Proposal, by: Maker) -> Deciding:
        if not proposal.recovered.area:
            return (yield from self._reject(proposal))  # Of a box that a person drew: nothing is in it.
        if self.annotation.anchored(*proposal.key):
            return OfferResult()  # A person drew here while it waited.
        cell = _recovered(proposal)
        decisions = {proposal.key: _decision(proposal, Verdict.ACCEPTED, by)}
        return (yield from self._put("accept retrieval", proposal.key, cell, decisions))

    def _reject(self, proposal: Proposal) -> Deciding:
        decisions = {proposal.key: _decision(proposal, Verdict.REJECTED, Maker.PERSON)}
        return (yield from self._decide("reject retrieval", decisions))

    def _correct(self, proposal: Proposal, mask: SoftMask) -> Deciding:
        """A person's mask; an empty one says that the instance is not in this frame."""
        cell = Cell(mask, proposal.frame, pinned=True, made_by=Maker.PERSON)
        verdict = Verdict.ACCEPTED if mask.box.area else Verdict.REJECTED
        decisions = {proposal.key: _decision(proposal, verdict, Maker.PERSON)}
        return (yield from self._put("correct retrieval", proposal.key, cell, decisions))

    def _reassign(self, proposal: Proposal, other: int) -> Deciding:
        """Recover for the instance that it is and accept that, unless a person drew it there already."""
        key = CellKey(proposal.frame, other)
        if other == proposal.instance or not self.annotation.checkpoints(other):
            raise ValueError(f"a retrieval of {proposal.instance} cannot be given to {other}")
        given = replace(_decision(proposal, Verdict.REASSIGNED, Maker.PERSON), given_to=other)
        old = self.annotation.get(*key)
        found = self._recover(key, proposal.box)
        if (old is not None and old.pinned) or not found.mask.area:
            return (yield from self._decide("reassign retrieval", {proposal.key: given}))
        similarity = self.gallery.similarity(self.annotation, other, proposal.frame, found.mask)
        taken = Decision(Verdict.ACCEPTED, proposal.box, similarity, Maker.PERSON)
        cell = _checkpoint(proposal.frame, found.mask, found.confidence, similarity)
        return (yield from self._put("reassign retrieval", key, cell, {proposal.key: given, key: taken}))

    def _decide(self, label: str, decisions: Mapping[CellKey, Decision]) -> Deciding:
        change = self.annotation.decide(self.annotation.set_cells(label, {}), decisions)
        self.annotation.apply(change)
        yield change
        return OfferResult()

    def _put(self, label: str, key: CellKey, cell: Cell, decisions: Mapping[CellKey, Decision]) -> Deciding:
        """Make the cell a checkpoint, together with its decisions in one Change."""
        change = self.annotation.decide(edit(self.annotation, label, {key: cell}), decisions)
        self.annotation.apply(change)
        yield change
        return OfferResult(checkpoint=key if cell.mask.box.area else None)


def _recovered(proposal: Proposal) -> Cell:
    return _checkpoint(proposal.frame, proposal.recovered, proposal.confidence, proposal.similarity)


def _checkpoint(frame: int, mask: SoftMask, confidence: float, similarity: float) -> Cell:
    """A checkpoint, but not pinned: no propagation overwrites it (c = i), an edit may."""
    return Cell(mask, frame, False, Maker.RECOVERY, confidence, similarity)


def _decision(proposal: Proposal, verdict: Verdict, by: Maker) -> Decision:
    return Decision(verdict, proposal.box, proposal.similarity, by)
