"""Pulls a run from one thread while others pause, cancel and answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from threading import Condition

from ..events import Accept, Answer, Event, Proposal, Steps
from ..types import Maker


class State(StrEnum):
    """What a run is doing."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    ASKING = "asking"


class Control:
    """Controls one run; every method may be called from any thread and returns at once.

    A run reads them between its steps: the step under way is finished and its event yielded first.
    """

    def __init__(self) -> None:
        self._condition = Condition()
        self._driven = False
        self._asleep = False
        self._pause = False
        self._cancel = False
        self._question: Proposal | None = None
        self._answer: Answer | None = None
        self._carries_answer = False

    @property
    def state(self) -> State:
        """What the run is doing now; paused once it stands still between two steps."""
        with self._condition:
            if not self._driven:
                return State.IDLE
            if self._question is not None:
                return State.ASKING
            return State.PAUSED if self._asleep else State.RUNNING

    @property
    def question(self) -> Proposal | None:
        """The proposal that waits for an answer."""
        with self._condition:
            return self._question

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        with self._condition:
            return self._cancel

    @property
    def carries_answer(self) -> bool:
        """Whether an answer was given whose step is not done: a cancelled run does that step, too."""
        with self._condition:
            return self._answer is not None or self._carries_answer

    def pause(self) -> None:
        """Stand still before the next step; a proposal that waits or is just coming can be answered."""
        with self._condition:
            self._pause = True

    def resume(self) -> None:
        """Go on after a pause."""
        with self._condition:
            self._pause = False
            self._condition.notify_all()

    def cancel(self) -> None:
        """End the run before its next step, also one that has not begun; this cannot be taken back."""
        with self._condition:
            self._cancel = True
            self._condition.notify_all()

    def answer(self, answer: Answer, to: Proposal | None = None) -> bool:
        """Answer the proposal that waits, and resume.

        Args:
            to: the proposal that the answer is meant for, None for whichever waits.

        Returns:
            False, with nothing done, when no proposal waits, another one does, or the run is being cancelled.
        """
        with self._condition:
            if self._question is None or self._cancel or (to is not None and to is not self._question):
                return False
            self._question, self._answer, self._pause = None, answer, False
            self._condition.notify_all()
            return True

    @contextmanager
    def _driving(self) -> Iterator[None]:
        """While the run is pulled the state is not idle."""
        with self._condition:
            if self._driven:
                raise RuntimeError("this control drives another run")
            self._driven = True
        try:
            yield
        finally:
            with self._condition:
                self._driven, self._question, self._answer = False, None, None
                self._carries_answer = False

    def _proceed(self) -> bool:
        """Sleep through a pause; False when cancelled."""
        with self._condition:
            self._asleep = True
            self._condition.wait_for(lambda: self._cancel or not self._pause)
            self._asleep = False
            return not self._cancel

    def _ask(self, proposal: Proposal) -> None:
        with self._condition:
            self._question = proposal

    def _await(self) -> Answer | None:
        """Sleep until the proposal is answered; None when cancelled before it was."""
        with self._condition:
            self._condition.wait_for(lambda: self._cancel or self._answer is not None)
            answer, self._question, self._answer = self._answer, None, None
            self._carries_answer = answer is not None
            return answer

    def _answered(self) -> None:
        """What came of an answer was emitted."""
        with self._condition:
            self._carries_answer = False


def drive(steps: Steps, control: Control, emit: Callable[[Event], None]) -> bool:
    """Pull a run to its end, on this thread.

    Args:
        steps: a generator not yet begun; closed afterwards, whatever happens.
        control: of this run alone; before the start it may be paused or cancelled already.
        emit: receives every event, also the Change of a step during which the run was cancelled. A proposal
            may be answered from within.

    Returns:
        whether the run came to its own end, False when it was cancelled.

    Raises:
        Exception: what the run or `emit` raised, after closing.
    """
    # The inner one closes before the state becomes idle, the outer one also where the control is taken.
    with closing(steps), control._driving(), closing(steps):
        return _pull(steps, control, emit)


def _pull(steps: Steps, control: Control, emit: Callable[[Event], None]) -> bool:
    answer: Answer | None = None
    # A step that carries an answer is not cancelled or paused away: the answer was acknowledged.
    while answer is not None or control._proceed():
        try:
            event = steps.send(answer)
        except StopIteration:
            return True
        if isinstance(event, Proposal):
            control._ask(event)
            emit(event)
            answer = control._await()
        else:
            emit(event)
            answer = None
            control._answered()
    return False


_ACCEPTED = Accept(Maker.RECOVERY)


def answer_all(steps: Steps, emit: Callable[[Event], None] | None = None, always: Answer = _ACCEPTED) -> None:
    """Pull a run without anyone looking, with the same answer to every proposal.

    Args:
        steps: a generator not yet begun; closed afterwards, whatever happens.
        emit: receives every event.
        always: by default everything above ρ_reid is accepted, as Algorithm 3 does.
    """
    try:
        answer: Answer | None = None
        while True:
            try:
                event = steps.send(answer)
            except StopIteration:
                return
            if emit is not None:
                emit(event)
            answer = always if isinstance(event, Proposal) else None
    finally:
        steps.close()
