"""A person's review of proposals: of the one that a run asks about, and of those that wait."""

from __future__ import annotations

from collections.abc import Callable, Collection

from PySide6.QtCore import QObject, Signal

from ..config import ReidConfig
from ..engine.events import (
    Accept,
    Answer,
    Change,
    Correct,
    Decision,
    Proposal,
    Reassign,
    Redraw,
    Reject,
    Skip,
    Verdict,
)
from ..engine.runtime.run import State
from ..engine.types import Box, CellKey, Maker, SoftMask
from ..project.history import StepKind
from .answers import Answers, WaitingProposals
from .edits import refuse_locked
from .session import Session
from .worker import Runner
from .worker.jobs import Job


class ProposalReview(QObject):
    """Shows proposals one after the other and takes the answers.

    An answer to the proposal that a run asks about goes to the run. Any other is put into the document at
    once, and the engine computes what follows from it when it is free.

    Attributes:
        waiting: the proposals that wait in the document.
        following: whether the present frame goes along with the shown proposal: until the person moves on.
        correcting: whether the person paints on the shown proposal, so that no other takes its place.
        drawing: tells whether the person is drawing something just now, so that the frame stays.
        painted: what the person has painted on the shown proposal; None where there is no stroke.

    Signals:
        notified(sentence): what was asked cannot be done now.
    """

    notified = Signal(str)

    def __init__(
        self,
        session: Session,
        runner: Runner,
        start: Callable[[Job], object],
        thresholds: ReidConfig,
        parent: QObject | None = None,
    ) -> None:
        """No proposal is shown yet.

        Args:
            start: starts a job of the engine.
            thresholds: which proposals wait.
        """
        super().__init__(parent)
        self._session = session
        self._runner = runner
        self._start = start
        self.following = self.correcting = False
        self.drawing: Callable[[], bool] = lambda: False
        self.painted: Callable[[], SoftMask | None] = lambda: None
        self.waiting = WaitingProposals(session, thresholds, self)
        self._answers = Answers(session, self.waiting, self)
        self._live: Proposal | None = None
        self._accepted_from: float | None = None
        session.edited.connect(self._stop_following)
        session.retrievals_changed.connect(self._look_again)
        runner.proposal.connect(self._propose)

    def show_proposal(self, key: CellKey) -> bool:
        """Let the review show a proposal that waits, whether a run asks about it or not.

        What was painted on another one is the answer to that one, as points of another instance are kept.
        """
        before, mask = self._session.proposal, self.painted()
        if mask is not None and before is not None and before.key != key:
            self.correct(mask)
            self.following = False
            self._session.select(key.instance)
            self._session.go(key.frame)
        shown = self._live if self._live is not None and self._live.key == key else self.waiting.shown(key)
        if shown is not None:
            self._session.set_proposal(shown)
        return shown is not None

    def accept(self) -> bool:
        """Take what waits."""
        return self._answer(Accept())

    def accept_all(self) -> bool:
        """Take what waits and, in this run, all that is at least as similar."""
        proposal = self._session.proposal
        if proposal is None:
            return False
        if proposal is not self._live:
            count = self._answers.accept_from(proposal.similarity)
            self._carry_on()
            return count > 0
        if not self._answer(Accept()):
            return False
        self._accepted_from = proposal.similarity
        return True

    def reject(self) -> bool:
        """It is not this instance."""
        return self._answer(Reject())

    def reject_track(self) -> bool:
        """It is not this instance, in none of the frames that its track covers: one step of undo."""
        proposal = self._session.proposal
        if proposal is None:
            return False
        find = self.waiting.find(proposal.key)
        if proposal is not self._live:
            return self._after(proposal, lambda: self._answers.reject(find))
        if self._runner.state is not State.ASKING:
            return False
        rest = [it for it in find if it.key != proposal.key]
        known = self._session.annotation.decisions
        keys = [it.key for it in rest]
        verdicts = {it.key: Decision(Verdict.REJECTED, it.box, it.similarity, Maker.PERSON) for it in rest}
        change = Change("reject retrieval", {}, {}, {key: known.get(key) for key in keys}, verdicts)
        # Before the answer, so that the run does not ask about the next frame of the same track.
        group = self._runner.next_step
        if keys and not self._session.edits.apply(change, group=group, kind=StepKind.ANSWER):
            return False
        self._session.catch_up()
        return self._answer(Reject())

    def take_back(self, keys: Collection[CellKey]) -> bool:
        """Forget that cells were rejected: the next run may propose them again. Other answers stay."""
        known = self._session.annotation.decisions if self._session.document is not None else {}
        before = {k: known[k] for k in keys if k in known and known[k].verdict is Verdict.REJECTED}
        if not before:
            return False
        change = Change("take rejection back", {}, {}, before, dict.fromkeys(before))
        return self._session.edits.apply(change)

    def skip(self) -> bool:
        """Not now."""
        proposal = self._session.proposal
        if proposal is not None and proposal is not self._live:
            return self._after(proposal, lambda: True)
        return self._answer(Skip())

    def give_to(self, instance: int) -> bool:
        """It is that instance."""
        proposal = self._session.proposal
        if proposal is not None and instance == proposal.instance:
            return self.accept()
        if not self._session.annotation.checkpoints(instance):
            self.notified.emit("It can only be given to an instance that has a mask in some frame.")
            return False
        return self._answer(Reassign(instance))

    def redraw(self, box: Box) -> bool:
        """It is this instance, but in that box; it will be proposed again."""
        video = self._session.video
        clipped = box.clip(video.height, video.width)
        return bool(clipped.area) and self._answer(Redraw(clipped))

    def correct(self, mask: SoftMask) -> bool:
        """It is this instance, with this mask."""
        return self._answer(Correct(mask))

    def keep_painted(self) -> bool:
        """Answer with what was painted; the document closes, so the engine computes nothing of it.

        Call it when the run has ended.

        Returns:
            Whether something was painted and is on disk.
        """
        proposal, mask = self._session.proposal, self.painted()
        if proposal is None or mask is None:
            return False
        given = self._answers.give(Correct(mask), proposal)
        self._answers.drop()
        return given and self._session.flush()

    def _answer(self, answer: Answer) -> bool:
        proposal = self._session.proposal
        if proposal is None or self._is_locked(answer, proposal):
            return False
        if proposal is self._live:
            if self._runner.answer(answer, proposal):
                self.following, self._live = True, None
                self._session.set_proposal(None)
                return True
            if not isinstance(answer, Correct):
                return False
            # The run is just ending; what was painted needs none.
            self._live = None
        return self._after(proposal, lambda: self._answers.give(answer, proposal))

    def _is_locked(self, answer: Answer, proposal: Proposal) -> bool:
        """Whether an answer would change masks of a locked instance, which is reported; painted ones may."""
        edits = self._session.edits
        if edits.shown is None or not isinstance(answer, Accept | Reassign | Redraw):
            return False
        with edits.reporting() as failure:
            refuse_locked(edits.shown, answer.instance if isinstance(answer, Reassign) else proposal.instance)
        return bool(failure)

    def _after(self, proposal: Proposal, answer: Callable[[], bool]) -> bool:
        """Answer a proposal that waits in the document, go on to the next one, and let the engine work."""
        following = self.waiting.following(proposal.key)
        if not answer():
            return False
        self.following = True
        self.waiting.refresh()
        self._session.set_proposal(None)
        if self._live is not None:
            self._show(self._live)
        elif following is not None and (shown := self.waiting.shown(following)) is not None:
            self._show(shown)
        self._carry_on()
        return True

    def _carry_on(self) -> None:
        """Start what the engine has to do for answers, if it is free; else that comes when it is."""
        if self._runner.order is None and (job := self._answers.next()) is not None:
            self._start(job)

    def next_job(self) -> Job | None:
        """What the engine has to do next for the answers given; None for nothing."""
        return self._answers.next()

    def drop_jobs(self) -> None:
        """Let the engine do no more for the answers given."""
        self._answers.drop()

    def begin_run(self) -> None:
        """A new run may ask about anything, and the person follows it."""
        self._accepted_from = None
        self.following = True

    def run_ended(self) -> None:
        """Keep showing the proposal that the run asked about: it waits on, in the document."""
        self._accepted_from = None
        live, self._live = self._live, None
        if live is not None and self._session.proposal is live:
            self.waiting.refresh()
            if not self.correcting:
                self._session.set_proposal(self.waiting.shown(live.key))

    def end_correction(self) -> None:
        """The person paints no more: show what came meanwhile."""
        self.correcting = False
        if self._live is not None and self._session.proposal is not self._live:
            self._show(self._live)
        else:
            self._look_again()

    def _look_again(self) -> None:
        """What is shown of a proposal that no run asks about goes when it does not wait any more."""
        proposal = self._session.proposal
        if proposal is None or proposal is self._live or self.correcting:
            return
        kept = self.waiting.get(proposal.key)
        if kept is None:
            self._session.set_proposal(None)
        elif kept.data and not proposal.recovered.area:
            self.show_proposal(proposal.key)

    def _propose(self, number: int, proposal: Proposal) -> None:
        one = self._session.instances.get(proposal.instance)
        free = one is not None and not one.locked
        if free and self._accepted_from is not None and proposal.similarity >= self._accepted_from:
            self._runner.answer(Accept(), proposal)
            return
        self._accepted_from = None
        self._live = proposal
        shown = self._session.proposal
        if not self.correcting or shown is None or shown.key == proposal.key:
            self._show(proposal)

    def _show(self, proposal: Proposal) -> None:
        self._session.set_proposal(proposal)
        if self.following and not self.drawing():
            self._session.select(proposal.instance)
            self._session.go(proposal.frame)

    def _stop_following(self) -> None:
        self.following = False
