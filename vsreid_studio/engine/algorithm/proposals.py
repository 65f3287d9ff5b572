"""What becomes of one retrieval: recover a preview, ask, and act on the answer."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

from ...config import ReidConfig
from ..events import (
    Accept,
    Answer,
    Correct,
    Decision,
    Event,
    Passed,
    Progress,
    Proposal,
    Reason,
    Reassign,
    Redraw,
    Reject,
    Skip,
    Stop,
    Verdict,
)
from ..extensions.verification import alibi
from ..store.annotation import overwritten
from ..types import NOWHERE, Box, Cell, CellKey, Maker, SoftMask
from .gallery import Gallery
from .retrieve import Retrieval
from .walk import Walker, Work, edit

FAILED = -1.0
"""Similarity where nothing was recovered (Algorithm 2, line 10)."""


@dataclass
class Settler:
    """Settles retrievals one by one (Algorithm 3, lines 20 to 30).

    Attributes:
        walker: carries what was accepted; its annotation is the one to be changed.
        gallery: judges boxes that a person drew.
        config: what is passed over in this run, as if it had been skipped.
        rounds: retrievals so far.
    """

    walker: Walker
    gallery: Gallery
    config: ReidConfig
    rounds: int = 0

    def __post_init__(self) -> None:
        self._annotation = self.walker.annotation
        self._propagation = self.walker.propagation

    def settle(self, retrieval: Retrieval) -> Generator[Event, Answer | None, bool]:
        """Ask until the retrieval is settled; an empty recovery is rejected unasked: nothing to accept.

        Returns:
            whether the run goes on.

        Raises:
            ValueError: the answer does not fit the proposal.
        """
        yield self._progress(retrieval.key)
        self.rounds += 1
        proposal = self._propose(retrieval)
        if not proposal.recovered.area:
            yield from self._reject(proposal, Maker.RECOVERY)
            return True
        reason = yield from self._not_worth_asking(proposal)
        if reason is not None:
            yield Passed(*proposal.key, reason)
            return True
        while isinstance(answer := (yield proposal), Redraw):
            yield self._progress(retrieval.key)
            proposal = self._redraw(proposal, answer.box)
        match answer:
            case Stop():
                return False
            case Skip():
                pass  # The run remembers what it has asked; the next run may ask again.
            case Reject():
                yield from self._reject(proposal, Maker.PERSON)
            case Accept(by=by):
                yield from self._accept(proposal, by)
            case Correct(mask=mask):
                yield from self._correct(proposal, mask)
            case Reassign(instance=instance):
                yield from self._reassign(proposal, instance)
            case _:
                raise ValueError(f"{answer} does not answer a proposal")
        return True

    def _not_worth_asking(self, proposal: Proposal) -> Generator[Event, Answer | None, Reason | None]:
        config = self.config
        if proposal.confidence < config.least_confidence:
            return Reason.UNSURE
        if config.only_better and not self._better(proposal):
            return Reason.WORSE
        if not config.verification:
            return None
        cell, progress = _recovered(proposal), self._progress(proposal.key)
        seen = alibi(self._annotation, self._propagation, proposal.key, cell, config.sure, progress)
        return None if (yield from seen) is None else Reason.ALIBI

    def _better(self, proposal: Proposal) -> bool:
        """Whether the recovered map is worth more than the one in its cell; an empty one is worth nothing."""
        cell = self._annotation.get(*proposal.key)
        return cell is None or not cell.mask.area or cell.confidence < proposal.confidence

    def _progress(self, key: CellKey) -> Progress:
        return Progress("retrieving", self.rounds, self.rounds + 1, *key)

    def _propose(self, retrieval: Retrieval) -> Proposal:
        """P[î, k̂] ← 0 and N_mp in the box (lines 20 to 22); until accepted, the cell keeps its map."""
        frame, instance = retrieval.key
        found = self._propagation.recover(self._annotation, frame, retrieval.box, instance)
        return Proposal(
            frame,
            instance,
            retrieval.box,
            retrieval.similarity,
            retrieval.iou,
            overwritten(self._annotation, instance, frame),
            found.mask,
            found.confidence,
        )

    def _redraw(self, proposal: Proposal, box: Box) -> Proposal:
        """The same cell, recovered in a person's box; proposed even when nothing is found there."""
        frame, instance = proposal.key
        present = self._annotation.mask(frame, instance).hard_box or NOWHERE
        drawn = self._propose(Retrieval(frame, instance, box, FAILED, box.iou(present)))
        if not drawn.recovered.area:
            return drawn
        similarity = self.gallery.similarity(self._annotation, instance, frame, drawn.recovered)
        return replace(drawn, similarity=similarity)

    def _accept(self, proposal: Proposal, by: Maker) -> Work:
        if not proposal.recovered.area:
            yield from self._reject(proposal, Maker.RECOVERY)
        elif not self._annotation.anchored(*proposal.key):  # else a person drew here while it waited
            cell = _recovered(proposal)
            decisions = {proposal.key: _decision(proposal, Verdict.ACCEPTED, by)}
            yield from self._put("accept retrieval", proposal.key, cell, decisions)

    def _reject(self, proposal: Proposal, by: Maker) -> Work:
        yield from self._decide("reject retrieval", {proposal.key: _decision(proposal, Verdict.REJECTED, by)})

    def _correct(self, proposal: Proposal, mask: SoftMask) -> Work:
        """A person's mask; an empty one says that the instance is not in this frame."""
        cell = Cell(mask, proposal.frame, pinned=True, made_by=Maker.PERSON)
        verdict = Verdict.ACCEPTED if mask.box.area else Verdict.REJECTED
        decisions = {proposal.key: _decision(proposal, verdict, Maker.PERSON)}
        yield from self._put("correct retrieval", proposal.key, cell, decisions)

    def _reassign(self, proposal: Proposal, other: int) -> Work:
        """Recover for the instance that it is and accept that, unless a person drew it there already."""
        key = CellKey(proposal.frame, other)
        if other == proposal.instance or not self._annotation.checkpoints(other):
            raise ValueError(f"a retrieval of {proposal.instance} cannot be given to {other}")
        given = replace(_decision(proposal, Verdict.REASSIGNED, Maker.PERSON), given_to=other)
        old = self._annotation.get(*key)
        found = self._propagation.recover(self._annotation, proposal.frame, proposal.box, other)
        if (old is not None and old.pinned) or not found.mask.area:
            yield from self._decide("reassign retrieval", {proposal.key: given})
            return
        similarity = self.gallery.similarity(self._annotation, other, proposal.frame, found.mask)
        taken = Decision(Verdict.ACCEPTED, proposal.box, similarity, Maker.PERSON)
        cell = _checkpoint(proposal.frame, found.mask, found.confidence, similarity)
        yield from self._put("reassign retrieval", key, cell, {proposal.key: given, key: taken})

    def _decide(self, label: str, decisions: Mapping[CellKey, Decision]) -> Work:
        change = self._annotation.decide(self._annotation.set_cells(label, {}), decisions)
        self._annotation.apply(change)
        yield change

    def _put(self, label: str, key: CellKey, cell: Cell, decisions: Mapping[CellKey, Decision]) -> Work:
        """Make the cell a checkpoint, together with its decisions in one Change, and propagate from it."""
        change = self._annotation.decide(edit(self._annotation, label, {key: cell}), decisions)
        self._annotation.apply(change)
        yield change
        if cell.mask.box.area:
            yield from self.walker.walk(key.instance, key.frame)


def _recovered(proposal: Proposal) -> Cell:
    return _checkpoint(proposal.frame, proposal.recovered, proposal.confidence, proposal.similarity)


def _checkpoint(frame: int, mask: SoftMask, confidence: float, similarity: float) -> Cell:
    """A checkpoint, but not pinned: no propagation overwrites it (c = i), an edit may."""
    return Cell(mask, frame, False, Maker.RECOVERY, confidence, similarity)


def _decision(proposal: Proposal, verdict: Verdict, by: Maker) -> Decision:
    return Decision(verdict, proposal.box, proposal.similarity, by)
