"""Brings document and engine together: starts runs on the one, and lets their results into the other."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from ..config import ReidConfig
from ..engine.events import (
    Progress,
)
from ..engine.runtime.run import State
from ..engine.types import CellKey
from ..project import Adaptation
from ..project.same_video import refuse_changed
from .proposal_review import ProposalReview
from .session import Session
from .session.shown import CommittedEdit, Snapshot
from .worker import Adapt, Outcome, Propagate, Runner, Source
from .worker.jobs import RUNS, BackgroundTask, Job
from .worker.mail import CommittedChange

CAREFUL = "careful"
"""Setting of a project: whether corrected instances are propagated more carefully (the default)."""


class Conductor(QObject):
    """Everything that a person can ask of the engine.

    A run works on a copy of the annotation; how both stay together, see `session.writer.ProjectWriter`.

    Attributes:
        session: the document.
        runner: the engine's thread.
        review: shows proposals and takes the answers.

    Signals:
        notified(sentence): information that is no failure, such as why something cannot be done now.
        failed(sentence, details): a run could not go on.
        progress(progress, rate, seconds_left): of the run under way; seconds_left may be None.
        finished(outcome): of a run; its last change is in the document.
        searched(instance): a search for one instance alone begins, or with None one for all.
        device_known(name): what the engine computes on.
        state_changed: `state` may be another one.
    """

    notified = Signal(str)
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
        self.review = ProposalReview(session, runner, self._start, thresholds or ReidConfig(), self)
        self.review.notified.connect(self.notified)
        self._next: Callable[[], object] | None = None
        self._found_nothing = False
        self._importing = False
        session.importing.connect(self._follow_import)
        stopped = "The import was stopped; nothing of it was kept."
        session.mask_edits.import_stopped.connect(lambda: self.notified.emit(stopped))
        session.leaving.connect(self.end_job)
        runner.changed.connect(self._let_in)
        runner.progress.connect(lambda _, *what: self.progress.emit(*what))
        runner.listed.connect(lambda _, snapshot: session.edits.take_proposals(snapshot))
        runner.adapted.connect(lambda _, adaptation: self._keep(adaptation))
        runner.notice.connect(self._tell_notice)
        runner.proposal.connect(self._note_proposal)
        runner.device.connect(lambda _, name: self.device_known.emit(name))
        runner.failed.connect(lambda *_: session.note_failure())
        runner.failed.connect(lambda _, sentence, details: self.failed.emit(sentence, details))
        runner.finished.connect(self._finish)
        runner.state_changed.connect(self.state_changed)
        session.cells_dropped.connect(self._tell_dropped)

    @property
    def state(self) -> State:
        """What goes on, as the person sees it; an import counts as a run."""
        if self.runner.state is State.IDLE and self.session.mask_edits.is_importing:
            return State.RUNNING
        return self.runner.state

    @property
    def in_run(self) -> bool:
        """Whether a run is under way, also one that is paused or waits; an import or an export is none."""
        return self.runner.order is not None and isinstance(self.runner.order.job, RUNS)

    @property
    def careful(self) -> bool:
        """Whether corrected objects are propagated more carefully, and slower; a setting of the project."""
        return self.session.setting(CAREFUL) is not False

    def set_careful(self, careful: bool) -> None:
        """Choose that for the runs to come."""
        if self.session.document is None or careful == self.careful:
            return
        self.session.keep_setting(CAREFUL, careful)
        now = " from the next run on" if self.runner.busy else ""
        self.notified.emit(
            f"Corrected objects are carried carefully{now}: better outlines, several times slower."
            if careful
            else f"Corrected objects are carried fast{now}, like all others: outlines are less exact."
        )
        self.state_changed.emit()

    # --- runs

    def propagate(
        self,
        instances: Collection[int] | None = None,
        *,
        find: bool = True,
        frames: range | None = None,
    ) -> bool:
        """Propagate masks and find lost instances again; in the chosen range, if there is one.

        Pressing it again goes on after a pause. In a run it only shows a notice; after a box-select,
        an adaptation or an export it begins when that is done.

        Args:
            instances: None for all that are not locked.
            find: whether to search for lost ones.
            frames: instead of the chosen range.
        """
        if self.state is State.PAUSED:
            self.resume()
            return False
        if self.session.document is None:
            return False
        if self.runner.order is not None:
            again = partial(self.propagate, instances, find=find, frames=frames)
            self._begin_later(self.runner.order.job, again)
            return False
        known = self.session.instances
        chosen = {k for k in known if not known[k].locked and (instances is None or k in instances)}
        annotation = self.session.annotation
        if not any(annotation.checkpoints(k) for k in chosen):
            locked = [k for k in known if known[k].locked and (instances is None or k in instances)]
            self.notified.emit(
                "What is drawn is locked: unlock it first."
                if any(annotation.checkpoints(k) for k in locked)
                else "Draw an object in some frame first; then its mask can be propagated."
            )
            return False
        if frames is None and (span := self.session.range) is not None:
            frames = range(span[0], span[1] + 1)
        self.review.begin_run()
        if find:
            self.searched.emit(next(iter(chosen)) if instances is not None and len(chosen) == 1 else None)
        self._found_nothing = find
        return self._start(Propagate(sorted(chosen), frames, find))

    def find_again(self) -> bool:
        """Search for the selected instance, in the chosen range or everywhere."""
        if self.session.selected is None:
            self.notified.emit("Select the instance to look for first.")
            return False
        return self.propagate({self.session.selected})

    def adapt(self) -> bool:
        """Adapt N_mp to this video, by the masks that were drawn or approved."""
        if self.session.document is None or self.runner.busy:
            return False
        annotation = self.session.annotation
        if not any(annotation.pinned(i, k) for k in annotation.instances for i in annotation.checkpoints(k)):
            self.notified.emit("Draw or approve a mask first: it is what the network learns from.")
            return False
        return self._start(Adapt())

    def forget_adaptation(self) -> bool:
        """Go back to the network as it came."""
        if self.session.document is None or self.session.adaptation is None:
            self.notified.emit("The network has learnt nothing of this video.")
            return False
        return self.session.edits.set_adaptation(None)

    def start(self, task: BackgroundTask) -> bool:
        """Do other work on the engine's thread."""
        if self.runner.busy:
            self.notified.emit("The engine is busy: let the run end, or cancel it.")
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
        if not self.in_run:
            return
        if self.state is State.RUNNING:
            self.pause()
        elif self.state is State.PAUSED:
            self.resume()

    def cancel(self) -> None:
        """End the run before its next step; what is done stays. Of an import nothing is kept."""
        self._next = None
        self.review.drop_jobs()
        if not self.session.mask_edits.cancel_import():
            self.runner.cancel()

    def end_job(self) -> None:
        """Stop the running job and apply its results: the document is to close."""
        self._next = None
        self.review.drop_jobs()
        self.runner.end()

    # --- undo

    def undo(self) -> None:
        """Take the last step back; while a run goes on, the person's own. A run is one when it has ended."""
        if self.session.undo_label is None and self.runner.busy:
            self.notified.emit(
                "There is no step of yours to undo. The run can be undone once it has ended (Esc)."
            )
            return
        self.session.step_edits.undo()

    def redo(self) -> None:
        """Do the step again that was undone last."""
        self.session.step_edits.redo()

    # --- how it is done

    def _begin_later(self, job: Job, run: Callable[[], object]) -> None:
        """Start a run when the job under way has ended, or report why it cannot be started."""
        if isinstance(job, Propagate):
            waits = self.state is State.ASKING
            self.notified.emit(
                "The run waits for your answer: accept, reject or skip, or press Esc to end it."
                if waits
                else "A run is under way: Space pauses it, Esc ends it."
            )
            return
        self._next = run
        self.notified.emit("Propagation begins as soon as the engine is done with this.")

    def _keep(self, adaptation: Adaptation) -> None:
        if self.session.edits.set_adaptation(adaptation):
            self.notified.emit("The network has learnt how the objects look: propagate to make use of it.")

    def _start(self, job: Job) -> bool:
        if self.session.document is None:
            return False
        project, writer, video = self.session.project, self.session.writer, self.session.video
        source = Source(
            video.path,
            project.candidates,
            project.record_run,
            writer.begin,
            writer.send,
            writer.wait,
            self.session.adaptation,
            video.options,
            careful=self.careful,
            order=video.order,
            check=partial(refuse_changed, project),
        )
        return self.runner.start(job, source) is not None

    def _tell_dropped(self, cells: Collection[CellKey]) -> None:
        names = {
            self.session.instances[it.instance].name for it in cells if it.instance in self.session.instances
        }
        count = "1 mask" if len(cells) == 1 else f"{len(cells)} masks"
        self.notified.emit(
            f"{count} of {', '.join(sorted(names))} came from what was undone and went with it: "
            "propagate to compute what is missing."
        )

    def _follow_import(self, done: int, total: int) -> None:
        if total:
            self.progress.emit(Progress("importing", done, total), 0.0, None)
        # Not at each report: a dozen parts of the window look at what can be done now.
        if bool(total) is not self._importing:
            self._importing = bool(total)
            self.state_changed.emit()

    def _let_in(self, number: int, let_in: CommittedChange) -> None:
        assert isinstance(let_in.snapshot, Snapshot)
        self.session.edits.keep(CommittedEdit(let_in.snapshot, let_in.change))

    def _tell_notice(self, _: int, sentence: str) -> None:
        # What explains a run is not to be replaced by its end.
        self._found_nothing = False
        self.notified.emit(sentence)

    def _note_proposal(self, *_: object) -> None:
        self._found_nothing = False

    def _tell_end(self, outcome: Outcome) -> None:
        """A run that asks nothing would end unseen."""
        nothing, self._found_nothing = self._found_nothing, False
        if nothing and outcome is Outcome.DONE and not self._waits():
            self.notified.emit(
                "The run is done. Nothing was found again that needs an answer; doubtful frames and gaps are "
                "listed in 'Where to look'."
            )

    def _waits(self) -> bool:
        self.review.waiting.refresh()
        return bool(self.review.waiting.waiting)

    def _finish(self, number: int, outcome: Outcome) -> None:
        self.review.run_ended()
        self.finished.emit(outcome)
        self._tell_end(outcome)
        if outcome is Outcome.CANCELLED:
            self._next = None
        else:
            # Later: the job counts as ended once everybody has heard of it.
            QTimer.singleShot(0, self, self._go_on)

    def _go_on(self) -> None:
        """Start what the answers given need, else the run that waits, unless something else has begun."""
        if self.runner.busy:
            return
        run, self._next = self._next, None
        if (job := self.review.next_job()) is not None:
            self._next = run
            self._start(job)
        elif run is not None:
            run()
