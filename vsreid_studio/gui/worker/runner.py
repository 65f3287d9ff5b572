"""The window's end of the engine's thread: jobs in, events and the time left out."""

from __future__ import annotations

import logging
import math
from collections import deque
from time import monotonic

from PySide6.QtCore import QObject, QThread, QTimer, Signal

from ...engine.events import Answer, Progress, Proposal
from ...engine.runtime.run import State
from ...project import Adaptation
from .jobs import RUNS, Device, EngineFactory, Job, Notice, Outcome, Source
from .mail import CommittedChange, CommittedProposals, Failure, Letter, Order, condensed
from .worker import Worker, shipped_engine

WINDOW = 3.0
"""Seconds over which the rate is averaged: frames differ, and the person watches the figure."""
FIRST_ESTIMATE = 1.5
"""Seconds before the time left is shown: the first steps also load and compile."""
CALM = 4.0
"""Time constant, in seconds, with which the expected end follows the rate of the moment."""


class Pace:
    """Steps a second of the present stage, and a time left that does not jump."""

    def __init__(self) -> None:
        self._stage = ""
        self._seen: deque[tuple[float, int]] = deque()
        self._begun: tuple[float, int] | None = None
        self._end: float | None = None
        self._told = 0.0

    def take(self, when: float, progress: Progress) -> tuple[float, float | None]:
        """Note progress.

        Args:
            when: in seconds, of a monotonic clock.

        Returns:
            Steps a second, 0 while unknown; seconds left, None while unknown.
        """
        if progress.stage != self._stage or (self._seen and progress.done < self._seen[-1][1]):
            self.reset()
            self._stage = progress.stage
        self._seen.append((when, progress.done))
        while len(self._seen) > 2 and when - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        start, first = self._seen[0]
        if when <= start or progress.done <= first:
            return 0.0, None
        rate = (progress.done - first) / (when - start)
        return rate, self._left(when, progress)

    def reset(self) -> None:
        """Forget: a pause is not slowness."""
        self._seen.clear()
        self._begun = self._end = None

    def _left(self, when: float, progress: Progress) -> float | None:
        """Seconds left, by the rate of the whole stage after its first step; its end is smoothed."""
        if self._begun is None:
            self._begun = when, progress.done
        start, first = self._begun
        if when - start < FIRST_ESTIMATE or progress.done <= first:
            return None
        end = when + (progress.total - progress.done) * (when - start) / (progress.done - first)
        if self._end is None:
            self._end = end
        else:
            self._end += (1 - math.exp(-(when - self._told) / CALM)) * (end - self._end)
        self._told = when
        return max(0.0, self._end - when)


log = logging.getLogger(__name__)

PERIOD = 0.05
"""Seconds between two deliveries, so that the event loop stays free however fast the engine is."""
PATIENCE = 1.0
"""Seconds that a document waits for the step under way before it closes."""
GRACE = 0.12
"""Seconds in which a cancelled run may end with its step. Compiling a network takes longer, once."""


class Runner(QObject):
    """Starts jobs on the engine's thread and delivers their messages, one job at a time.

    Nothing of a job arrives after its `finished`. A run that is cancelled in a long step is given up: the
    step goes on, what comes of it is dropped, and the next job begins after it.

    Signals:
        started(job): a job is on its way.
        changed(job, let_in): the run changed the document, on disk; a `CommittedChange`.
        progress(job, progress, rate, seconds_left): at most 20 times a second; seconds_left may be None.
        proposal(job, proposal): the run waits for an answer.
        listed(job, snapshot): proposals that the run has found are on disk, in a `session.writer.Snapshot`.
        cut(job, cut): what a box-select found.
        adapted(job, adaptation): what the network has learnt of the video.
        notice(job, sentence): information that is no failure.
        device(job, name): what the engine computes on.
        failed(job, sentence, details): the run could not go on; `finished` follows.
        finished(job, outcome): always the last.
        state_changed: `state` may be another one now.
    """

    started = Signal(int)
    changed = Signal(int, object)
    progress = Signal(int, object, float, object)
    proposal = Signal(int, object)
    listed = Signal(int, object)
    cut = Signal(int, object)
    adapted = Signal(int, object)
    notice = Signal(int, str)
    device = Signal(int, str)
    failed = Signal(int, str, str)
    finished = Signal(int, object)
    state_changed = Signal()
    _ordered = Signal(object)
    _released = Signal()

    def __init__(self, factory: EngineFactory = shipped_engine, parent: QObject | None = None) -> None:
        """The thread starts with the first job.

        Args:
            factory: makes the engine; called on the engine's thread.
        """
        super().__init__(parent)
        self._thread = QThread()
        self._thread.setObjectName("engine")
        self._worker = Worker(factory)
        self._worker.moveToThread(self._thread)
        self._ordered.connect(self._worker.run)
        self._released.connect(self._worker.release)
        self._order: Order | None = None
        self._number = 0
        self._paused = False
        self._delivered = 0.0
        self._letters: deque[Letter] = deque()
        self._pace = Pace()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._deliver)
        self._grace = QTimer(self)
        self._grace.setSingleShot(True)
        self._grace.setInterval(round(GRACE * 1000))
        self._grace.timeout.connect(self._give_up)

    @property
    def order(self) -> Order | None:
        """The job under way."""
        return self._order

    @property
    def busy(self) -> bool:
        """Whether a job is under way, also one that is paused or waits for an answer."""
        return self._order is not None

    @property
    def state(self) -> State:
        """As the person sees it: a pause counts from the moment it is asked for."""
        if self._order is None:
            return State.IDLE
        if self._order.control.question is not None:
            return State.ASKING
        return State.PAUSED if self._paused else State.RUNNING

    def start(self, job: Job, source: Source) -> int | None:
        """Start a job.

        Returns:
            Its number; None, with nothing done, while another one is under way.
        """
        if self._order is not None:
            return None
        if not self._thread.isRunning():
            self._thread.start()
        self._number += 1
        self._paused = False
        self._pace.reset()
        self._order = Order(self._number, job, source)
        self._order.mailbox.arrived.connect(self._arrived)
        self._ordered.emit(self._order)
        self.started.emit(self._number)
        self.state_changed.emit()
        return self._number

    @property
    def next_step(self) -> str:
        """Names the step of undo that the run's changes belong to after the next answer."""
        return self._order.next_group if self._order is not None else ""

    def pause(self) -> None:
        """Stand still before the next step."""
        if self._order is not None and not self._paused:
            self._paused = True
            self._order.control.pause()
            self.state_changed.emit()

    def resume(self) -> None:
        """Go on after a pause."""
        if self._order is not None and self._paused:
            self._paused = False
            self._pace.reset()
            self._order.control.resume()
            self.state_changed.emit()

    def cancel(self) -> None:
        """End the job before its next step, a run also within a step that takes long; what is done stays."""
        if self._order is not None:
            self._order.control.cancel()
            self._grace.start()
            self.state_changed.emit()

    def answer(self, answer: Answer, to: Proposal | None = None) -> bool:
        """Answer the proposal that waits; this also ends a pause.

        Returns:
            False, with nothing done, when there is none, or another one than `to`.
        """
        if self._order is None or self._order.control.question is None:
            return False
        # Before the run goes on: what it changes from here is another step of undo.
        self._order.answers.append(answer)
        if not self._order.control.answer(answer, to):
            self._order.answers.pop()
            return False
        self._paused = False
        self._pace.reset()
        self.state_changed.emit()
        return True

    def end(self) -> None:
        """End the job now and deliver its last messages, or give it up when its step takes too long.

        Afterwards nothing more of it arrives. What one that was given up still asks of a closed project
        fails on the engine's thread, where nobody listens.
        """
        if (order := self._order) is not None:
            order.control.cancel()
            if not order.ended.wait(PATIENCE):
                order.source.send(order, Outcome.CANCELLED)
            order.source.wait()
            self._deliver()
        if self._order is order and order is not None:
            self._order = None
            self.finished.emit(order.number, Outcome.CANCELLED)
            self.state_changed.emit()
        self._released.emit()

    def stop(self) -> None:
        """End the thread for good; returns when it has ended."""
        self.end()
        self._timer.stop()
        self._grace.stop()
        if self._thread.isRunning():
            self._thread.quit()
            self._thread.wait()

    def _give_up(self) -> None:
        """A cancelled run is in a step that takes long: the window need not wait for it.

        Other work, such as an export, is waited for: only it knows what it has written.
        """
        order = self._order
        if order is None or not order.control.cancelled or not isinstance(order.job, RUNS):
            return
        if order.control.carries_answer:
            self._grace.start()
            return
        # In its order among the messages of the run: what was sent before is kept, what comes later is not.
        order.source.send(order, Outcome.CANCELLED)

    def _arrived(self) -> None:
        if self._timer.isActive():
            return
        rest = self._delivered + PERIOD - monotonic()
        self._timer.start(max(0, round(rest * 1000)))

    def _deliver(self) -> None:
        order = self._order
        if order is None:
            return
        self._delivered = monotonic()
        self._letters.extend(condensed(order.mailbox.take()))
        # The receiver may settle the job, which delivers the rest from here: the order stays.
        while self._letters:
            self._tell(order, self._letters.popleft())

    def _tell(self, order: Order, letter: Letter) -> None:
        when, content = letter
        number = order.number
        match content:
            case CommittedChange():
                self.changed.emit(number, content)
            case Progress():
                self.progress.emit(number, content, *self._pace.take(when, content))
            case Proposal():
                self.state_changed.emit()
                self.proposal.emit(number, content)
            case CommittedProposals(snapshot=snapshot):
                self.listed.emit(number, snapshot)
            case Adaptation():
                self.adapted.emit(number, content)
            case Notice(sentence=sentence):
                self.notice.emit(number, sentence)
            case Device(name=name):
                self.device.emit(number, name)
            case Failure(sentence=sentence, details=details):
                self.failed.emit(number, sentence, details)
            case Outcome():
                self._order = None
                # The second outcome of a run that was given up.
                self._letters.clear()
                self.finished.emit(number, content)
                self.state_changed.emit()
