"""Brings document and engine together: starts runs on the one, and lets their results into the other."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from ..config import ReidConfig
from ..engine.events import (
    Accept,
    Answer,
    Change,
    Correct,
    Decision,
    Progress,
    Proposal,
    Reassign,
    Redraw,
    Reject,
    Skip,
    Verdict,
)
from ..engine.runtime.run import State
from ..engine.types import Box, CellKey, Maker, SoftMask
from ..project import Adaptation
from ..project.history import StepKind
from .answers import Answers, WaitingProposals
from .session import Session
from .session.shown import KeptMap, Snapshot
from .worker import Adapt, Outcome, Propagate, Runner, Source
from .worker.jobs import Job, OtherWork
from .worker.mail import LetIn

CAREFUL = "careful"
"""Where a project keeps whether corrected instances are carried more carefully; they are where nothing is."""


class Conductor(QObject):
    """Everything that a person can ask of the engine.

    A run works on a copy of the annotation; how both stay together, see `session.writer.ProjectWriter`.

    Attributes:
        session: the document.
        runner: the engine's thread.
        following: whether the present frame shall go along with what waits: until the person moves on.
        waiting: the proposals that wait in the document.

    Signals:
        told(sentence): something worth knowing that is no failure.
        failed(sentence, details): a run could not go on, or what was asked cannot be done now.
        progress(progress, rate, seconds_left): of the run under way; seconds_left may be None.
        finished(outcome): of a run; its last change is in the document.
        searched(instance): a search for one instance alone begins, or with None one for all.
        device_known(name): what the engine computes on.
        state_changed: `state` may be another one.
    """

    told = Signal(str)
    failed = Signal(str, str)
    progress = Signal(object, float, object)
    finished = Signal(object)
    device_known = Signal(str)
    searched = Signal(object)
    state_changed = Signal()

    def __init__(
        self,
        session: Session,
        runner: Runner,
        parent: QObject | None = None,
        thresholds: ReidConfig | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.runner = runner
        self.following = False
        self.waiting = WaitingProposals(session, thresholds or ReidConfig(), self)
        self._answers = Answers(session, self.waiting, self)
        self._live: Proposal | None = None
        self._accepted_from: float | None = None
        self._next: Callable[[], object] | None = None
        session.edited.connect(self._stop_following)
        session.importing.connect(self._follow_import)
        session.closing.connect(self.settle)
        runner.changed.connect(self._let_in)
        runner.progress.connect(lambda _, *what: self.progress.emit(*what))
        runner.proposal.connect(self._propose)
        runner.listed.connect(lambda _, snapshot: session.edits.take_proposals(snapshot))
        runner.adapted.connect(lambda _, adaptation: self._keep(adaptation))
        runner.notice.connect(lambda _, sentence: self.told.emit(sentence))
        runner.device.connect(lambda _, name: self.device_known.emit(name))
        runner.failed.connect(lambda _, sentence, details: self.failed.emit(sentence, details))
        runner.finished.connect(self._finish)
        runner.state_changed.connect(self.state_changed)
        session.retrievals_changed.connect(self._look_again)
        session.loosened.connect(self._tell_loosened)

    @property
    def state(self) -> State:
        """What goes on, as the person sees it; an import counts as a run."""
        if self.runner.state is State.IDLE and self.session.mask_edits.is_importing:
            return State.RUNNING
        return self.runner.state

    @property
    def careful(self) -> bool:
        """Whether corrected objects are carried more carefully, and slower; a preference of the project."""
        return self.session.setting(CAREFUL) is not False

    def set_careful(self, careful: bool) -> None:
        """Choose that for the runs to come."""
        if self.session.document is None or careful == self.careful:
            return
        self.session.keep_setting(CAREFUL, careful)
        now = " from the next run on" if self.runner.busy else ""
        self.told.emit(
            f"Corrected objects are carried carefully{now}: better outlines, several times slower."
            if careful
            else f"Corrected objects are carried fast{now}, like all others: outlines are less exact."
        )
        self.state_changed.emit()

    # --- runs

    def propagate(self, instances: Collection[int] | None = None, *, find: bool = True) -> bool:
        """Carry masks along and find lost instances again; in the chosen range, if there is one.

        Pressing it again goes on after a pause. In a run it only tells so; after a box-select,
        an adaptation or an export it begins when that is done.

        Args:
            instances: None for all that are not locked.
            find: whether to look for lost ones.
        """
        if self.state is State.PAUSED:
            self.resume()
            return False
        if self.session.document is None:
            return False
        if self.runner.order is not None:
            self._begin_later(self.runner.order.job, partial(self.propagate, instances, find=find))
            return False
        known = self.session.instances
        chosen = {k for k in known if not known[k].locked and (instances is None or k in instances)}
        annotation = self.session.annotation
        if not any(annotation.checkpoints(k) for k in chosen):
            self.failed.emit("Draw an object in some frame first; then its mask can be carried along.", "")
            return False
        span = self.session.range
        frames = range(span[0], span[1] + 1) if span is not None else None
        self._accepted_from = None
        self.following = True
        if find:
            self.searched.emit(next(iter(chosen)) if instances is not None and len(chosen) == 1 else None)
        return self._start(Propagate(sorted(chosen), frames, find))

    def find_again(self) -> bool:
        """Look for the selected instance, in the chosen range or everywhere."""
        if self.session.selected is None:
            self.failed.emit("Select the instance to look for first.", "")
            return False
        return self.propagate({self.session.selected})

    def adapt(self) -> bool:
        """Learn how the objects of this video look, from the masks that were drawn or approved."""
        if self.session.document is None or self.runner.busy:
            return False
        annotation = self.session.annotation
        if not any(annotation.pinned(i, k) for k in annotation.instances for i in annotation.checkpoints(k)):
            self.failed.emit("Draw or approve a mask first: it is what the network learns from.", "")
            return False
        return self._start(Adapt())

    def forget_adaptation(self) -> bool:
        """Go back to the network as it came."""
        if self.session.document is None or self.session.adaptation is None:
            self.told.emit("The network has learnt nothing of this video.")
            return False
        return self.session.edits.set_adaptation(None)

    def start(self, task: OtherWork) -> bool:
        """Do other work on the engine's thread."""
        if self.runner.busy:
            self.failed.emit("The engine is busy: let the run end, or cancel it.", "")
            return False
        return self._start(task)

    def pause(self) -> None:
        """Stand still before the next step."""
        self.runner.pause()

    def resume(self) -> None:
        """Go on."""
        self.runner.resume()

    def toggle_pause(self) -> None:
        """Pause a run, or go on."""
        if self.state is State.RUNNING:
            self.pause()
        elif self.state is State.PAUSED:
            self.resume()

    def cancel(self) -> None:
        """End the run before its next step; what is done stays. Of an import nothing is kept."""
        self._next = None
        self._answers.drop()
        if not self.session.mask_edits.cancel_import():
            self.runner.cancel()

    def settle(self) -> None:
        """End whatever runs and let its results in; before the document closes."""
        self._next = None
        self._answers.drop()
        self.runner.settle()

    # --- answers

    def show_proposal(self, key: CellKey) -> bool:
        """Let the review show a proposal that waits, whether a run asks about it or not."""
        shown = self._live if self._live is not None and self._live.key == key else self.waiting.shown(key)
        if shown is not None:
            self.session.set_proposal(shown)
        return shown is not None

    def accept(self) -> bool:
        """Take what waits."""
        return self._answer(Accept())

    def accept_all(self) -> bool:
        """Take what waits and, in this run, all that is at least as similar."""
        proposal = self.session.proposal
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
        """It is not this instance, in none of the frames through which the find goes: one step of undo."""
        proposal = self.session.proposal
        if proposal is None:
            return False
        find = self.waiting.find(proposal.key)
        if proposal is not self._live:
            return self._after(proposal, lambda: self._answers.reject(find))
        if self.state is not State.ASKING:
            return False
        rest = [it for it in find if it.key != proposal.key]
        known = self.session.annotation.decisions
        keys = [it.key for it in rest]
        verdicts = {it.key: Decision(Verdict.REJECTED, it.box, it.similarity, Maker.PERSON) for it in rest}
        change = Change("reject retrieval", {}, {}, {key: known.get(key) for key in keys}, verdicts)
        # Before the answer, so that the run does not ask about the next frame of the same find.
        group = self.runner.next_step
        if keys and not self.session.edits.apply(change, group=group, kind=StepKind.ANSWER):
            return False
        self.session.catch_up()
        return self._answer(Reject())

    def take_back(self, keys: Collection[CellKey]) -> bool:
        """Forget that cells were rejected: the next run may propose them again."""
        known = self.session.annotation.decisions if self.session.document is not None else {}
        before = {key: known[key] for key in keys if key in known}
        if not before:
            return False
        change = Change("take rejection back", {}, {}, before, dict.fromkeys(before))
        return self.session.edits.apply(change)

    def skip(self) -> bool:
        """Not now."""
        proposal = self.session.proposal
        if proposal is not None and proposal is not self._live:
            return self._after(proposal, lambda: True)
        return self._answer(Skip())

    def give_to(self, instance: int) -> bool:
        """It is that instance."""
        proposal = self.session.proposal
        if proposal is not None and instance == proposal.instance:
            return self.accept()
        if not self.session.annotation.checkpoints(instance):
            self.failed.emit("It can be given to an instance only that has a mask somewhere.", "")
            return False
        return self._answer(Reassign(instance))

    def redraw(self, box: Box) -> bool:
        """It is this instance, but in that box; it will be proposed anew."""
        video = self.session.video
        clipped = box.clip(video.height, video.width)
        return bool(clipped.area) and self._answer(Redraw(clipped))

    def correct(self, mask: SoftMask) -> bool:
        """It is this instance, with this mask."""
        return self._answer(Correct(mask))

    def undo(self) -> None:
        """Take the last step back; while a run goes on, the person's own. A run is one when it has ended."""
        if self.session.undo_label is None and self.runner.busy:
            self.told.emit(
                "There is no step of yours to undo. The run can be undone once it has ended (Esc)."
            )
            return
        self.session.edits.undo()

    def redo(self) -> None:
        """Do the step again that was undone last."""
        self.session.edits.redo()

    # --- how it is done

    def _begin_later(self, job: Job, run: Callable[[], object]) -> None:
        """Start a run when the job under way has ended, or tell why it cannot be started."""
        if isinstance(job, Propagate):
            waits = self.state is State.ASKING
            self.told.emit(
                "The run waits for your answer: accept, reject or skip, or press Esc to end it."
                if waits
                else "A run is under way: Space pauses it, Esc ends it."
            )
            return
        self._next = run
        self.told.emit("Propagation begins as soon as the engine is done with this.")

    def _keep(self, adaptation: Adaptation) -> None:
        if self.session.edits.set_adaptation(adaptation):
            self.told.emit("The network has learnt how the objects look: propagate to make use of it.")

    def _start(self, job: Job) -> bool:
        if self.session.document is None:
            return False
        project, writer, video = self.session.project, self.session.writer, self.session.video
        source = Source(
            video.path,
            project.candidates,
            project.record_weights,
            writer.begin,
            writer.tell,
            writer.settle,
            self.session.adaptation,
            video.options,
            careful=self.careful,
            order=video.order,
        )
        return self.runner.start(job, source) is not None

    def _answer(self, answer: Answer) -> bool:
        proposal = self.session.proposal
        if proposal is None:
            return False
        if proposal is not self._live:
            return self._after(proposal, lambda: self._answers.give(answer, proposal))
        if not self.runner.answer(answer, proposal):
            return False
        self.following, self._live = True, None
        self.session.set_proposal(None)
        return True

    def _after(self, proposal: Proposal, answer: Callable[[], bool]) -> bool:
        """Answer a proposal that waits in the document, go on to the next one, and let the engine work."""
        following = self.waiting.following(proposal.key)
        if not answer():
            return False
        self.following = True
        self.waiting.look()
        self.session.set_proposal(None)
        if self._live is not None:
            self._show(self._live)
        elif following is not None and (shown := self.waiting.shown(following)) is not None:
            self._show(shown)
        self._carry_on()
        return True

    def _carry_on(self) -> None:
        """Start what the engine has to do for answers, if it is free; else that comes when it is."""
        if self.runner.order is None and (job := self._answers.next()) is not None:
            self._start(job)

    def _look_again(self) -> None:
        """What is shown of a proposal that no run asks about goes when it does not wait any more."""
        proposal = self.session.proposal
        if proposal is None or proposal is self._live:
            return
        kept = self.waiting.get(proposal.key)
        if kept is None:
            self.session.set_proposal(None)
        elif kept.data and not proposal.recovered.area:
            self.show_proposal(proposal.key)

    def _tell_loosened(self, cells: Collection[CellKey]) -> None:
        names = {
            self.session.instances[it.instance].name for it in cells if it.instance in self.session.instances
        }
        count = "1 mask" if len(cells) == 1 else f"{len(cells)} masks"
        self.told.emit(
            f"{count} of {', '.join(sorted(names))} came from what was undone and went with it: "
            "propagate to compute what is missing."
        )

    def _stop_following(self) -> None:
        self.following = False

    def _follow_import(self, done: int, total: int) -> None:
        if total:
            self.progress.emit(Progress("importing", done, total), 0.0, None)
        self.state_changed.emit()

    def _let_in(self, number: int, let_in: LetIn) -> None:
        assert isinstance(let_in.snapshot, Snapshot)
        self.session.edits.keep(KeptMap(let_in.snapshot, let_in.change))

    def _propose(self, number: int, proposal: Proposal) -> None:
        if self._accepted_from is not None and proposal.similarity >= self._accepted_from:
            self.runner.answer(Accept(), proposal)
            return
        self._accepted_from = None
        self._live = proposal
        self._show(proposal)

    def _show(self, proposal: Proposal) -> None:
        self.session.set_proposal(proposal)
        if self.following:
            self.session.select(proposal.instance)
            self.session.go(proposal.frame)

    def _finish(self, number: int, outcome: Outcome) -> None:
        live, self._live = self._live, None
        if live is not None and self.session.proposal is live:
            # It waits on, in the document.
            self.waiting.look()
            self.session.set_proposal(self.waiting.shown(live.key))
        self.finished.emit(outcome)
        run, self._next = self._next, None
        job = self._answers.next() if outcome is not Outcome.CANCELLED else None
        if job is not None:
            self._next = run
            # Later: the job counts as ended once everybody has heard of it.
            QTimer.singleShot(0, self, partial(self._start, job))
        elif run is not None and outcome is not Outcome.CANCELLED:
            # Later: the job counts as ended once everybody has heard of it.
            QTimer.singleShot(0, self, run)
