import random
import threading
import time
from collections.abc import Callable, Generator, Iterator

import pytest
from fakes import (
    CONFIG,
    FakePropagation,
    assert_whole,
    changes,
    first_masks,
    found,
    origins,
    patch,
    story,
    vsreid,
)

from vsreid_studio.engine.events import Accept, Answer, Event, Progress, Proposal, Reject, Skip, Steps, Stop
from vsreid_studio.engine.runtime import pipeline
from vsreid_studio.engine.runtime.run import Control, State, answer_all, drive
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Box

PATIENCE = 60.0


def whole(annotation: Annotation) -> Steps:
    return vsreid(annotation, FakePropagation(), found(f5=0.9, f2=0.8), CONFIG)


def question(frame: int = 1) -> Proposal:
    return Proposal(frame, 1, Box(0, 0, 2, 2), 0.9, 0.0, (frame,), patch(0, 0, 1), 1.0)


def script(*events: Event, closed: list[bool] | None = None) -> Steps:
    """Yields these; checks that exactly proposals are answered."""
    try:
        for event in events:
            answer = yield event
            assert isinstance(event, Proposal) == (answer is not None)
    finally:
        if closed is not None:
            closed.append(True)


class Driven:
    """A run on a thread of its own."""

    def __init__(self, steps: Steps, emit: Callable[[Event], None] | None = None) -> None:
        self.control = Control()
        self.events: list[Event] = []
        self.ended: bool | None = None
        self.error: BaseException | None = None
        self._also = emit
        self._thread = threading.Thread(target=self._run, args=(steps,))

    def _run(self, steps: Steps) -> None:
        try:
            self.ended = drive(steps, self.control, self._emit)
        except Exception as error:
            self.error = error

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        if self._also is not None:
            self._also(event)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the run hangs"

    def until(self, state: State) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.control.state is not state:
            assert time.monotonic() < deadline, f"never {state}"
            time.sleep(0.001)


@pytest.fixture
def driven() -> Iterator[Callable[..., Driven]]:
    started: list[Driven] = []

    def make(*args: object, **more: object) -> Driven:
        started.append(Driven(*args, **more))  # type: ignore[arg-type]
        return started[-1]

    yield make
    for run in started:
        run.control.cancel()
        run.join()


def test_drives_to_the_end_on_this_thread() -> None:
    closed: list[bool] = []
    seen: list[Event] = []
    control = Control()
    assert drive(script(Progress("a", 0, 2), Progress("a", 1, 2), closed=closed), control, seen.append)
    assert [event.done for event in seen if isinstance(event, Progress)] == [0, 1]
    assert closed == [True]
    assert control.state is State.IDLE


def test_states(driven: Callable[..., Driven]) -> None:
    gate = threading.Event()
    run = driven(script(Progress("a", 0, 1), question()), lambda event: gate.wait(PATIENCE) and None)
    assert run.control.state is State.IDLE
    run.start()
    run.until(State.RUNNING)
    run.control.pause()
    assert run.control.state is State.RUNNING, "the step is not over yet"
    gate.set()
    run.until(State.PAUSED)
    run.control.resume()
    run.until(State.ASKING)
    assert run.control.question is run.events[-1]
    assert run.control.answer(Stop())
    run.join()
    assert run.control.state is State.IDLE
    assert run.ended is True


def test_a_pause_before_the_start_holds_the_first_step(driven: Callable[..., Driven]) -> None:
    run = driven(script(Progress("a", 0, 1)))
    run.control.pause()
    run.start()
    run.until(State.PAUSED)
    assert run.events == []
    run.control.resume()
    run.join()
    assert len(run.events) == 1


def test_cancel_before_the_start() -> None:
    control, seen = Control(), list[Event]()
    control.cancel()
    assert not drive(script(Progress("a", 0, 1)), control, seen.append)
    assert seen == []
    assert control.cancelled


@pytest.mark.parametrize("state", [State.PAUSED, State.ASKING])
def test_cancel_wakes(driven: Callable[..., Driven], state: State) -> None:
    closed: list[bool] = []
    event = question() if state is State.ASKING else Progress("a", 0, 2)
    run = driven(script(event, Progress("a", 1, 2), closed=closed), lambda _: run.control.pause())  # type: ignore[has-type]
    run.start()
    run.until(state)
    run.control.cancel()
    run.join()
    assert run.ended is False
    assert closed == [True]
    assert not run.control.answer(Accept())


def test_a_proposal_is_answered_once(driven: Callable[..., Driven]) -> None:
    run = driven(script(question(1), question(2)))
    assert not run.control.answer(Accept()), "nothing runs"
    run.start()
    run.until(State.ASKING)
    first = run.control.question
    assert first is not None
    assert not run.control.answer(Accept(), to=question(1)), "meant for another"
    assert run.control.answer(Accept(), to=first)
    run.until(State.ASKING)
    assert not run.control.answer(Reject(), to=first), "too late"
    assert run.control.answer(Reject())
    run.join()
    assert run.ended is True


def test_a_pause_does_not_keep_a_proposal_from_being_answered(driven: Callable[..., Driven]) -> None:
    """The pause races the proposal: it is set while the step that proposes is under way."""
    steps = script(question(), Progress("a", 0, 1))
    run = driven(steps, lambda event: isinstance(event, Proposal) and run.control.pause())  # type: ignore[has-type]
    run.start()
    run.until(State.ASKING)
    run.control.pause()
    assert run.control.answer(Accept()), "which also resumes"
    run.join()
    assert run.ended is True
    assert len(run.events) == 2


def test_answered_from_within_emit() -> None:
    control = Control()

    def emit(event: Event) -> None:
        if isinstance(event, Proposal):
            assert control.answer(Accept())

    annotation = first_masks(6)
    assert drive(whole(annotation), control, emit)
    assert 5 in annotation.checkpoints(1)


def test_an_acknowledged_answer_is_acted_on_even_when_cancelled_at_once() -> None:
    control, annotation = Control(), first_masks(6)
    seen: list[Event] = []

    def emit(event: Event) -> None:
        seen.append(event)
        if isinstance(event, Proposal):
            assert control.answer(Accept())
            control.cancel()

    assert not drive(whole(annotation), control, emit)
    assert annotation.checkpoints(1) == (0, 5)
    assert changes(seen)[-1].label == "accept retrieval"
    assert_whole(annotation)


def test_every_applied_change_is_handed_out() -> None:
    for stop in range(12):
        annotation, control, seen = first_masks(6), Control(), list[Event]()
        mirror = annotation.copy()

        def emit(
            event: Event, control: Control = control, seen: list[Event] = seen, stop: int = stop
        ) -> None:
            seen.append(event)
            if len(seen) == stop:
                control.cancel()
            if isinstance(event, Proposal):
                control.answer(Accept())

        drive(whole(annotation), control, emit)
        for change in changes(seen):
            mirror.apply(change)
        assert story(mirror) == story(annotation)


def test_errors_come_out_after_closing() -> None:
    def failing() -> Generator[Event, Answer | None, None]:
        yield Progress("a", 0, 1)
        raise OSError("disk full")

    control = Control()
    with pytest.raises(OSError, match="disk full"):
        drive(failing(), control, lambda _: None)
    assert control.state is State.IDLE

    def broken(event: Event) -> None:
        raise LookupError("window gone")

    closed: list[bool] = []
    with pytest.raises(LookupError):
        drive(script(question(), closed=closed), control, broken)
    assert closed == [True]
    assert control.state is State.IDLE
    assert control.question is None


def test_one_control_drives_one_run_at_a_time() -> None:
    control, closed = Control(), list[bool]()

    def emit(event: Event) -> None:
        second = script(Progress("b", 0, 1), closed=closed)
        next(second)
        with pytest.raises(RuntimeError, match="another run"):
            drive(second, control, lambda _: None)

    assert drive(script(Progress("a", 0, 1)), control, emit)
    assert closed == [True]


def test_answer_all_closes_and_emits() -> None:
    annotation, seen = first_masks(6), list[Event]()
    answer_all(whole(annotation), seen.append)
    assert origins(annotation) == [0, 0, 2, 2, 5, 5]
    assert any(isinstance(event, Proposal) for event in seen)

    def broken(event: Event) -> None:
        raise LookupError

    closed: list[bool] = []
    with pytest.raises(LookupError):
        answer_all(script(question(), closed=closed), broken)
    assert closed == [True]


@pytest.mark.parametrize("seed", range(8))
def test_levers_pulled_at_random_from_several_threads(driven: Callable[..., Driven], seed: int) -> None:
    annotation = first_masks(12, 3)
    run = driven(whole(annotation))
    accepted = []

    def pull(number: int) -> None:
        dice = random.Random(100 * seed + number)
        for _ in range(200):
            lever = dice.randrange(4)
            if lever == 0:
                run.control.pause()
            elif lever == 1:
                run.control.resume()
            elif run.control.answer(dice.choice([Accept(), Reject(), Skip()])):  # type: ignore[arg-type]
                accepted.append(number)
            if dice.random() < 0.1:
                time.sleep(0.0005)

    threads = [threading.Thread(target=pull, args=(n,)) for n in range(3)]
    run.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    if seed % 2:
        run.control.cancel()
    run.control.resume()
    while run.control.state is not State.IDLE:
        if run.control.answer(Accept()):
            accepted.append(-1)
        run.control.resume()
        time.sleep(0.0005)
    run.join()
    assert run.error is None
    assert run.ended is not None
    proposed = sum(isinstance(event, Proposal) for event in run.events)
    assert proposed - len(accepted) in ((0, 1) if seed % 2 else (0,))
    assert_whole(annotation)


@pytest.mark.parametrize(("period", "often"), [(-1.0, True), (1e9, False)])
def test_a_long_run_returns_freed_memory_now_and_then(
    monkeypatch: pytest.MonkeyPatch, period: float, often: bool
) -> None:
    returned: list[None] = []
    monkeypatch.setattr(pipeline, "TRIM_PERIOD", period)
    monkeypatch.setattr(pipeline, "return_freed_memory", lambda: returned.append(None))
    answer_all(whole(first_masks(12)))
    assert (len(returned) > 12) == often and bool(returned) == often


def test_a_control_knows_of_a_step_that_carries_an_answer() -> None:
    begun, gate = threading.Event(), threading.Event()

    def steps() -> Steps:
        yield question()
        begun.set()
        gate.wait(PATIENCE)
        yield Progress("propagating", 0, 1)
        yield Progress("propagating", 1, 1)

    carried: list[bool] = []
    run = Driven(steps(), lambda event: carried.append(run.control.carries_answer))
    run.start()
    run.until(State.ASKING)
    assert not run.control.carries_answer
    assert run.control.answer(Accept())
    run.control.cancel()
    assert begun.wait(PATIENCE)
    assert run.control.carries_answer
    gate.set()
    run.join()
    # Until what came of it was emitted; after that the run is cancelled.
    assert carried == [False, True]
    assert not run.control.carries_answer
    assert run.ended is False
