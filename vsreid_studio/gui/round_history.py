"""Keeps the list of rounds true to the document, scores them, and shows two of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from ..engine.runtime.run import State
from ..engine.store.annotation import Annotation
from ..engine.video import Video
from ..evaluation.comparison import Truth
from ..project.undo import RoundRecord
from .bind import CanvasBinder, TimelineBinder
from .bind.canvas import Wipe
from .compare import Comparison
from .conductor import Conductor
from .rounds_panel import RoundPanel
from .server import NewestServer

_SOON = 300


@dataclass(frozen=True, slots=True, eq=False)
class _ScoreTask:
    """Rounds to be scored.

    Attributes:
        truth: that the window compares with. Its masks are read anew, as one thread may use them.
        states: the annotation after each round, by number.
        known: scores of a frame by what is in it, of this truth alone; grows.
    """

    truth: Truth
    video: Video
    states: Mapping[int, Annotation]
    known: dict[tuple[int, ...], NDArray[np.float64]] = field(default_factory=dict)


class RoundScorer(NewestServer[_ScoreTask]):
    """Scores rounds on a thread of its own; a frame that two of them share is scored once.

    What is under way is left off when something else is asked.

    Signals:
        scored(task, scores): J&F by number of the round.
        failed(task, sentence): the truth, or a mask, cannot be read.
    """

    scored = Signal(object, object)
    failed = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("rounds", parent)
        self._read: tuple[Truth, Truth] | None = None

    def _serve(self, task: _ScoreTask) -> None:
        if self._read is None or self._read[0] is not task.truth:
            self._read = task.truth, Truth.read(task.truth.folder, task.video)
        truth, scores = self._read[1], {}
        for number in sorted(task.states, reverse=True):
            frames = []
            for frame in truth.files:
                if self._wanted is not None or self._closing:
                    return
                frames.append(self._score(task, truth, task.states[number], frame))
            scores[number] = float(np.mean(frames))
            self.scored.emit(task, dict(scores))

    @staticmethod
    def _score(task: _ScoreTask, truth: Truth, state: Annotation, frame: int) -> NDArray[np.float64]:
        maps = [int(state.records(k)["map"][frame]) for k in state.instances]
        name = (frame, *(value for pair in zip(state.instances, maps, strict=True) for value in pair))
        if name not in task.known:
            task.known[name] = truth.score(frame, state.frame_masks(frame))
        return task.known[name]

    def _fail(self, task: _ScoreTask, error: Exception, details: str) -> None:
        self.failed.emit(task, f"Rounds cannot be scored: {error}")


class RoundHistory(QObject):
    """The list, the comparison, and the way back.

    Attributes:
        panel: the widget.
        states: the annotations that are compared, before and after; None while nothing is.
    """

    def __init__(
        self,
        panel: RoundPanel,
        conductor: Conductor,
        comparison: Comparison,
        canvas: CanvasBinder,
        timeline: TimelineBinder,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.panel = panel
        self.states: tuple[Annotation, Annotation] | None = None
        self._conductor, self._session, self._comparison = conductor, conductor.session, comparison
        self._canvas, self._timeline = canvas, timeline
        self._task: _ScoreTask | None = None
        self._scorer = RoundScorer(self)
        self._scorer.scored.connect(self._take_scores)
        self._scorer.failed.connect(self._report)
        self._soon = QTimer(self, interval=_SOON, singleShot=True)
        self._soon.timeout.connect(self.refresh)
        session = self._session
        for signal in (session.undo_changed, session.instances_changed, conductor.finished):
            signal.connect(self._look_soon)
        session.opened.connect(self._begin)
        session.closing.connect(self._begin)
        comparison.truth_changed.connect(self._look_soon)
        panel.compare_requested.connect(self._compare)
        panel.compare_left.connect(self.leave)
        panel.wiped.connect(lambda _: self._show())
        panel.back_requested.connect(self._go_back)

    def refresh(self) -> None:
        """List the rounds as they are now, and score those that are new."""
        if self._session.document is not None:
            self._session.step_edits.ask_rounds(self._take)

    def leave(self) -> None:
        """Show what is in the document again."""
        if self.states is None:
            return
        self.states = None
        self.panel.leave()
        self._canvas.compare(None)
        self._timeline.compare(None)

    def stop(self) -> None:
        """End the thread."""
        self._soon.stop()
        self._scorer.ask(None)
        self._scorer.stop()

    def _begin(self) -> None:
        self.leave()
        self._scorer.ask(None)
        self._task = None
        self.panel.put([], {})
        self.panel.put_scores({})

    def _look_soon(self, *_: object) -> None:
        # A run makes one round; it is listed when it has ended.
        if self._conductor.state is not State.RUNNING and not self._soon.isActive():
            self._soon.start()

    def _take(self, rounds: Sequence[RoundRecord]) -> None:
        self.panel.put(rounds, self._session.instances)
        truth = self._comparison.truth
        if truth is None:
            self.panel.put_scores({})
        else:
            numbers = [0, *(one.number for one in rounds)]
            self._session.step_edits.ask_states(numbers, lambda states: self._score(truth, states))

    def _score(self, truth: Truth, states: Mapping[int, Annotation]) -> None:
        known = self._task.known if self._task is not None and self._task.truth is truth else {}
        self._task = _ScoreTask(truth, self._session.video, states, known)
        self._scorer.ask(self._task)

    def _take_scores(self, task: _ScoreTask, scores: Mapping[int, float]) -> None:
        if task is self._task:
            self.panel.put_scores(scores)

    def _report(self, task: _ScoreTask, sentence: str) -> None:
        # Of a project that was closed meanwhile nothing can be scored any more.
        if task is self._task:
            self._conductor.notified.emit(sentence)

    def _compare(self, before: int, after: int) -> None:
        def show(states: Mapping[int, Annotation]) -> None:
            if not self.panel.compare.isChecked():
                return  # It was left before it was there.
            self.states = states[before], states[after]
            changed = {k: _changed(*self.states, k) for k in self._session.instances}
            self._timeline.hatch({k: frames for k, frames in changed.items() if frames})
            self._show()

        self._session.step_edits.ask_states([before, after], show)

    def _show(self) -> None:
        if self.states is None:
            return
        share = self.panel.wipe.value()
        before, after = self.states
        self._canvas.compare(Wipe(before, after, share / 100))
        self._timeline.compare(before if share == 100 else after)

    def _go_back(self, one: RoundRecord) -> None:
        self.leave()
        if self._conductor.runner.busy:
            self._conductor.notified.emit("Let the run end, or end it with Esc, before you go back.")
            return
        self._session.step_edits.go_back(one)


def _changed(before: Annotation, after: Annotation, instance: int) -> list[int]:
    """The frames in which an instance has another map."""
    one, other = before.records(instance)["map"], after.records(instance)["map"]
    found: list[int] = np.flatnonzero(one != other).tolist()
    return found
