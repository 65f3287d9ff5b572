from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_engine import ReidByColour, Script
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from small_clip import HIDDEN, LENGTH, true_mask
from window_fixtures import Heard

from vsreid_studio.engine.events import Accept, Change, Progress, Proposal, Reason, Steps, Verdict
from vsreid_studio.engine.runtime.run import State
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, SoftMask
from vsreid_studio.gui.conductor import Conductor
from vsreid_studio.gui.session import Session
from vsreid_studio.gui.worker import Outcome, Runner
from vsreid_studio.gui.worker.mail import CommittedChange, condensed, join
from vsreid_studio.gui.worker.runner import Pace


def run(qtbot: QtBot, conductor: Conductor, **how: Any) -> Outcome:
    with qtbot.waitSignal(conductor.finished) as done:
        assert conductor.propagate(**how)
    return done.args[0]


def until_proposal(qtbot: QtBot, conductor: Conductor) -> Proposal:
    with qtbot.waitSignal(conductor.session.proposal_changed):
        conductor.propagate()
    found = conductor.session.proposal
    assert found is not None
    return found


def test_masks_are_carried_along_on_the_engines_thread(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    assert run(qtbot, conductor, find=False) is Outcome.DONE
    assert sorted(drawn.annotation.row(2)) == list(range(LENGTH))
    assert drawn.annotation.mask(7, 2).same(true_mask(7, 2))
    assert threading.main_thread().name not in script.threads
    assert drawn.undo_label == "propagate"
    drawn.step_edits.undo()
    drawn.flush()
    assert sorted(drawn.annotation.row(2)) == [0]


def test_the_last_signal_is_finished(
    qtbot: QtBot, conductor: Conductor, drawn: Session, runner: Runner, heard: Heard
) -> None:
    for name in ("started", "changed", "progress", "proposal", "listed", "failed", "finished"):
        getattr(runner, name).connect(heard.listen(name))
    run(qtbot, conductor, find=False)
    qtbot.wait(80)
    assert heard.names[0] == "started"
    assert heard.names[-1] == "finished"
    assert heard.names.count("finished") == 1


def test_a_chosen_range_and_instance(qtbot: QtBot, conductor: Conductor, drawn: Session) -> None:
    drawn.choose_range(0, 3)
    run(qtbot, conductor, instances={1}, find=False)
    assert sorted(drawn.annotation.row(1)) == [0, 1, 2, 3]
    assert sorted(drawn.annotation.row(2)) == [0]


def lose_red(drawn: Session) -> None:
    """Instance 1 is lost behind the wall: a person says so, and nothing passes a barrier."""
    drawn.mask_edits.mark_absent(1, [HIDDEN[0]])


def test_a_proposal_waits_and_is_accepted(qtbot: QtBot, conductor: Conductor, drawn: Session) -> None:
    lose_red(drawn)
    proposal = until_proposal(qtbot, conductor)
    assert proposal.instance == 1
    assert proposal.frame == HIDDEN[-1] + 1
    assert conductor.state is State.ASKING
    assert (drawn.frame, drawn.selected) == (proposal.frame, 1)
    assert any(one.key == proposal.key and one.reason is None for one in drawn.retrievals)
    with qtbot.waitSignal(conductor.finished):
        assert conductor.review.accept()
    assert drawn.proposal is None
    assert drawn.annotation.get(*proposal.key).made_by is Maker.RECOVERY
    assert drawn.annotation.origin(LENGTH - 1, 1) == proposal.frame
    assert drawn.undo_label == "accept retrieval"
    drawn.step_edits.undo()
    drawn.flush()
    assert drawn.annotation.get(LENGTH - 1, 1) is None
    assert drawn.undo_label == "propagate"


def test_what_is_passed_over_is_listed_with_its_reason(
    qtbot: QtBot, conductor: Conductor, drawn: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_red(drawn)
    colours = ReidByColour.colours

    def others(self: ReidByColour, frame: int, mask: SoftMask) -> NDArray[np.float16]:
        shown = colours(self, frame, mask)
        return np.roll(shown, 1) if frame > HIDDEN[0] else shown

    monkeypatch.setattr(ReidByColour, "colours", others)
    assert run(qtbot, conductor) is Outcome.DONE
    again = [one for one in drawn.retrievals if one.instance == 1 and one.frame == HIDDEN[-1] + 1]
    assert [one.reason for one in again] == [Reason.UNSURE]


def test_a_rejected_one_is_never_proposed_again(qtbot: QtBot, conductor: Conductor, drawn: Session) -> None:
    lose_red(drawn)
    asked = []
    conductor.session.proposal_changed.connect(lambda one: one and asked.append(one.key))
    conductor.session.proposal_changed.connect(lambda one: one and conductor.review.reject())
    assert run(qtbot, conductor) is Outcome.DONE
    assert len(asked) == len(set(asked)) > 1
    decisions = drawn.annotation.decisions
    assert {decisions[key].verdict for key in asked} == {Verdict.REJECTED}
    drawn.edits.apply(drawn.annotation.set_cells("x", {}))
    again = len(asked)
    run(qtbot, conductor)
    assert len(asked) == again


def test_accept_all_takes_what_is_at_least_as_similar(
    qtbot: QtBot, conductor: Conductor, drawn: Session
) -> None:
    lose_red(drawn)
    drawn.mask_edits.edit_mask(HIDDEN[-1] + 2, 1, SoftMask.empty(), "Erase")
    until_proposal(qtbot, conductor)
    with qtbot.waitSignal(conductor.finished):
        conductor.review.accept_all()
    made = [key.frame for key, cell in drawn.annotation.cells() if cell.made_by is Maker.RECOVERY]
    assert len(made) == 2


def test_accept_all_ends_with_its_run(qtbot: QtBot, conductor: Conductor, drawn: Session) -> None:
    lose_red(drawn)
    until_proposal(qtbot, conductor)
    with qtbot.waitSignal(conductor.finished):
        conductor.review.accept_all()
    drawn.step_edits.undo()
    drawn.flush()
    conductor.review.waiting.refresh()
    waiting = conductor.review.waiting.waiting[0]
    assert conductor.review.show_proposal(waiting.key)
    assert conductor.review.redraw(waiting.retrieval.box)
    qtbot.waitUntil(lambda: drawn.proposal is not None or not conductor.runner.busy)
    assert conductor.state is State.ASKING
    with qtbot.waitSignal(conductor.finished):
        conductor.cancel()
    assert waiting.key not in drawn.annotation.decisions


def test_a_redrawn_box_is_proposed_anew(qtbot: QtBot, conductor: Conductor, drawn: Session) -> None:
    lose_red(drawn)
    first = until_proposal(qtbot, conductor)
    with qtbot.waitSignal(drawn.proposal_changed, check_params_cb=bool):
        conductor.review.redraw(Box(0, 0, 80, 30))
    assert drawn.proposal.key == first.key
    assert drawn.proposal.box == Box(0, 0, 80, 30)
    conductor.cancel()
    qtbot.waitUntil(lambda: conductor.state is State.IDLE)


def test_it_can_be_given_to_another(qtbot: QtBot, conductor: Conductor, drawn: Session) -> None:
    lose_red(drawn)
    first = until_proposal(qtbot, conductor)
    conductor.review.give_to(2)
    qtbot.waitUntil(lambda: first.key in drawn.annotation.decisions)
    assert drawn.annotation.decisions[first.key].given_to == 2
    conductor.cancel()
    qtbot.waitUntil(lambda: conductor.state is State.IDLE)


def test_a_corrected_mask_is_pinned(qtbot: QtBot, conductor: Conductor, drawn: Session) -> None:
    lose_red(drawn)
    first = until_proposal(qtbot, conductor)
    mask = true_mask(first.frame, 1)
    with qtbot.waitSignal(conductor.finished):
        conductor.review.correct(mask)
    assert drawn.annotation.get(*first.key).pinned


def test_starting_twice_does_nothing(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    script.delay = 0.02
    with qtbot.waitSignal(conductor.finished):
        assert conductor.propagate(find=False)
        assert not conductor.propagate(find=False)
        assert not conductor.find_again()
    assert sorted(script.targets) == sorted({*script.targets})


def test_cancel_ends_with_the_step_under_way_and_keeps_what_is_done(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    script.gate = threading.Semaphore(4)
    conductor.propagate(find=False)
    qtbot.waitUntil(lambda: len(drawn.annotation.row(2)) > 2 and len(script.targets) == 5)
    with qtbot.waitSignal(conductor.finished) as done:
        conductor.cancel()
        script.gate.release(LENGTH)
    assert len(script.targets) == 5
    assert done.args == [Outcome.CANCELLED]
    kept = len(drawn.annotation.row(2))
    assert 2 < kept < LENGTH
    script.gate = None
    run(qtbot, conductor, find=False)
    assert len(drawn.annotation.row(2)) == LENGTH


def test_pause_stands_still_and_goes_on(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    script.gate = threading.Semaphore(2)
    conductor.propagate(find=False)
    qtbot.waitUntil(lambda: len(script.targets) == 3)
    conductor.toggle_pause()
    assert conductor.state is State.PAUSED
    script.gate.release(LENGTH)
    qtbot.wait(60)
    assert len(script.targets) == 3
    with qtbot.waitSignal(conductor.finished):
        conductor.propagate()
    assert len(drawn.annotation.row(2)) == LENGTH


@pytest.mark.parametrize("order", ["pause answer", "answer pause", "pause cancel answer", "cancel answer"])
def test_pause_cancel_and_answer_race(qtbot: QtBot, conductor: Conductor, drawn: Session, order: str) -> None:
    lose_red(drawn)
    until_proposal(qtbot, conductor)
    acts = {"pause": conductor.pause, "cancel": conductor.cancel, "answer": conductor.review.accept}
    for name in order.split():
        acts[name]()
    conductor.resume()
    qtbot.waitUntil(lambda: conductor.state is State.IDLE)
    # What was not answered waits on in the document.
    assert (drawn.proposal is not None) == ("cancel" in order)
    assert bool(conductor.review.waiting.waiting) == ("cancel" in order)


def test_a_persons_mask_wins_over_a_run(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    script.gate = threading.Semaphore(0)
    mine = SoftMask.from_dense(true_mask(5, 2).dense(48, 80)[::-1] > 0.5)
    conductor.propagate(find=False)
    script.gate.release(2)
    qtbot.waitUntil(lambda: len(script.targets) == 3)
    # While the engine computes frame 3, the person draws that frame and a later one.
    drawn.mask_edits.edit_mask(3, 2, mine, "Paint")
    drawn.mask_edits.edit_mask(8, 2, mine, "Paint")
    with qtbot.waitSignal(conductor.finished):
        script.gate.release(100)
    for frame in (3, 8):
        cell = drawn.annotation.get(frame, 2)
        assert cell.pinned
        assert cell.mask.same(mine)
    assert drawn.annotation.mask(3, 1).same(true_mask(3, 1))
    run(qtbot, conductor, find=False)
    row = drawn.annotation.row(2)
    assert [row[i].origin for i in range(LENGTH)] == [0, 0, 3, 3, 3, 3, 8, 8, 8, 8, 8, 8]


def test_a_checkpoint_drawn_anew_takes_what_came_from_it(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    script.gate = threading.Semaphore(0)
    mine = true_mask(1, 2)
    conductor.propagate(instances={2}, find=False)
    script.gate.release(LENGTH - 2)
    qtbot.waitUntil(lambda: len(script.targets) == LENGTH - 1)
    # The last step is under way: nothing takes notice of this any more but the end.
    drawn.mask_edits.edit_mask(0, 2, mine, "Paint")
    with qtbot.waitSignal(conductor.finished):
        script.gate.release(100)
    assert list(drawn.annotation.row(2)) == [0]
    run(qtbot, conductor, find=False)
    assert len(drawn.annotation.row(2)) == LENGTH


def test_deleting_an_instance_in_a_run(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    script.gate = threading.Semaphore(0)
    conductor.propagate(find=False)
    script.gate.release(2)
    qtbot.waitUntil(lambda: len(script.targets) == 3)
    drawn.instance_edits.delete(2)
    with qtbot.waitSignal(conductor.finished) as done:
        script.gate.release(100)
    assert done.args == [Outcome.DONE]
    assert not drawn.annotation.row(2)
    assert len(drawn.annotation.row(1)) == LENGTH


def three_steps(qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script) -> threading.Semaphore:
    """Begin a run that has taken three steps and waits for its gate, which is returned, in the fourth."""
    script.gate = threading.Semaphore(0)
    conductor.propagate(find=False)
    script.gate.release(3)
    qtbot.waitUntil(lambda: len(drawn.annotation.row(2)) == 4)
    return script.gate


def test_an_instance_that_is_locked_in_a_run_is_left_alone(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    gate = three_steps(qtbot, conductor, drawn, script)
    drawn.instance_edits.lock(2, True)
    drawn.catch_up()
    with qtbot.waitSignal(conductor.finished):
        gate.release(1000)
    drawn.flush()
    assert len(drawn.annotation.row(1)) == LENGTH
    assert len(drawn.annotation.row(2)) == 4


def test_a_proposal_for_a_locked_instance_can_be_rejected_but_not_accepted(
    qtbot: QtBot, conductor: Conductor, drawn: Session, heard: Heard
) -> None:
    asked = until_proposal(qtbot, conductor)
    drawn.instance_edits.lock(asked.instance, True)
    drawn.refused.connect(heard.listen("refused"))
    assert not conductor.review.accept()
    conductor.cancel()
    qtbot.waitUntil(lambda: conductor.state is State.IDLE)
    assert not conductor.review.accept() and not conductor.review.give_to(1)
    assert [str(sentence) for (sentence,) in heard.values] == [
        f"{drawn.instances[asked.instance].name} is locked: unlock it to change its masks."
    ] * 3
    drawn.flush()
    assert not drawn.annotation.decisions
    assert conductor.review.reject()
    drawn.flush()
    assert drawn.annotation.decisions[asked.key].verdict is Verdict.REJECTED


def test_undo_takes_a_persons_step_while_a_run_works(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    gate = three_steps(qtbot, conductor, drawn, script)
    assert drawn.undo_label == "Paint"
    with qtbot.waitSignal(drawn.cells_dropped) as told:
        conductor.undo()
    assert {key.frame for key in told.args[0]} == {1, 2, 3}
    gate.release(100)
    qtbot.waitUntil(lambda: conductor.state is State.IDLE)
    # Which of the two was drawn last is gone with all that came of it; the other one was carried on.
    left = {k: len(drawn.annotation.row(k)) for k in (1, 2)}
    assert sorted(left.values()) == [0, LENGTH]
    assert drawn.undo_label == "propagate"
    drawn.step_edits.undo()
    drawn.flush()
    assert sorted(len(drawn.annotation.row(k)) for k in (1, 2)) == [0, 1]


def test_undo_with_nothing_but_the_run_says_so(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    script.gate = threading.Semaphore(0)
    conductor.propagate(find=False)
    for _ in range(9):
        conductor.undo()
        drawn.flush()
        if drawn.undo_label is None:
            break
    with qtbot.waitSignal(conductor.notified) as told:
        conductor.undo()
    assert "once it has ended" in told.args[0]
    script.gate.release(100)
    qtbot.waitUntil(lambda: conductor.state is State.IDLE)
    assert len(drawn.annotation) == 0


def test_an_exception_leaves_the_document_whole(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    script.fails_at = 4
    with qtbot.waitSignal(conductor.failed) as told:
        assert run(qtbot, conductor) is Outcome.FAILED
    assert told.args[0].startswith("The engine stopped unexpectedly (RuntimeError)")
    assert "the network fell over" in told.args[1]
    assert sorted(drawn.annotation.row(2)) == [0, 1, 2, 3]
    script.fails_at = None
    run(qtbot, conductor, find=False)
    assert len(drawn.annotation.row(2)) == LENGTH


def test_missing_weights_are_told(qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script) -> None:
    script.missing = {"propagation"}
    with qtbot.waitSignal(conductor.failed) as told:
        assert run(qtbot, conductor) is Outcome.FAILED
    assert told.args[0] == "No weights 'propagation' are shipped."


@pytest.mark.parametrize("ran_before", [False, True])
def test_a_video_that_has_changed_since_it_was_opened_is_refused(
    qtbot: QtBot, conductor: Conductor, drawn: Session, pictures: Path, heard: Heard, ran_before: bool
) -> None:
    if ran_before:
        run(qtbot, conductor, find=False)
        drawn.step_edits.undo()
        drawn.flush()
    # All that come after it would be one frame further on.
    shutil.copy(pictures / "00000.png", pictures / "00000a.png")
    (pictures / "00005.png").write_bytes((pictures / "00001.png").read_bytes())
    conductor.failed.connect(heard.listen("failed"))
    assert run(qtbot, conductor, find=False) is Outcome.FAILED
    assert "has changed since it was opened" in str(heard.values[0][0])
    assert sorted(drawn.annotation.row(2)) == [0]
    drawn.close()
    drawn.open(pictures, changed="keep")
    drawn.flush()
    assert run(qtbot, conductor, find=False) is Outcome.DONE


def test_without_a_detector_masks_are_still_carried_along(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script
) -> None:
    script.missing = {"detector"}
    with qtbot.waitSignal(conductor.notified) as told:
        assert run(qtbot, conductor) is Outcome.DONE
    assert told.args[0].startswith("Lost objects are not searched for")
    assert len(drawn.annotation.row(1)) == LENGTH


def test_nothing_to_propagate_is_told(
    qtbot: QtBot, conductor: Conductor, session: Session, pictures: Path
) -> None:
    session.open(pictures)
    session.flush()
    with qtbot.waitSignal(conductor.notified) as told:
        assert not conductor.propagate()
    assert told.args[0].startswith("Draw an object")


def test_closing_in_a_run_ends_cleanly(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script, runner: Runner
) -> None:
    script.delay = 0.2
    conductor.propagate()
    qtbot.waitUntil(lambda: len(drawn.annotation.row(2)) > 2)
    conductor.end_job()
    kept = len(drawn.annotation.row(2))
    drawn.close()
    assert conductor.state is State.IDLE
    runner.stop()
    assert 2 < kept < LENGTH


def test_closing_while_a_proposal_waits(
    qtbot: QtBot, conductor: Conductor, drawn: Session, runner: Runner
) -> None:
    lose_red(drawn)
    until_proposal(qtbot, conductor)
    conductor.end_job()
    drawn.close()
    assert drawn.proposal is None
    runner.stop()


def test_a_full_disk_ends_the_run(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vsreid_studio.errors import UserError  # noqa: PLC0415

    def full(*_: object, **__: object) -> None:
        raise UserError("The disk is full.")

    script.delay = 0.02
    monkeypatch.setattr(type(drawn.project), "apply", full)
    assert run(qtbot, conductor) is Outcome.CANCELLED


def cell(origin: int) -> Cell:
    return Cell(SoftMask.empty(), origin)


def test_letters_are_condensed_without_changing_the_story() -> None:
    a, b, c = cell(1), cell(2), cell(3)
    key, other = CellKey(1, 1), CellKey(2, 1)
    letters = [
        (0.0, Progress("propagating", 0, 9)),
        (0.1, CommittedChange(Change("propagate", {key: None}, {key: a}), 1)),
        (0.2, Progress("propagating", 1, 9)),
        (0.3, CommittedChange(Change("propagate", {key: a, other: None}, {key: b, other: c}), 2)),
        (0.4, CommittedChange(Change("accept retrieval", {key: b}, {key: c}), 3)),
        (0.5, Progress("propagating", 2, 9)),
        (0.6, Outcome.DONE),
    ]
    (_, first), (_, second), (_, progress), (_, end) = condensed(letters)  # type: ignore[arg-type]
    assert dict(first.change.before) == {key: None, other: None}
    assert dict(first.change.after) == {key: b, other: c}
    assert first.snapshot == 2
    assert second.change.label == "accept retrieval"
    assert progress.done == 2
    assert end is Outcome.DONE
    assert join([first.change]) is first.change


def test_pace() -> None:
    pace = Pace()
    assert pace.take(0.0, Progress("propagating", 0, 100)) == (0.0, None)
    assert pace.take(2.0, Progress("propagating", 20, 100)) == (10.0, None)
    # The first steps also load and compile: the time left is told by those after them.
    assert pace.take(4.0, Progress("propagating", 40, 100)) == (10.0, pytest.approx(6.0))
    assert pace.take(4.1, Progress("detecting", 0, 100)) == (0.0, None)


def test_an_answer_to_another_proposal_is_refused(
    qtbot: QtBot, conductor: Conductor, drawn: Session, runner: Runner
) -> None:
    lose_red(drawn)
    first = until_proposal(qtbot, conductor)
    conductor.review.skip()
    assert not runner.answer(Accept(), first)
    conductor.cancel()
    qtbot.waitUntil(lambda: conductor.state is State.IDLE)


def test_a_run_ends_within_a_step_that_takes_long(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script, runner: Runner
) -> None:
    """As while a network is compiled for the first time."""
    outcomes: list[Outcome] = []
    conductor.finished.connect(outcomes.append)
    script.gate = threading.Semaphore(0)
    conductor.propagate(find=False)
    qtbot.waitUntil(lambda: bool(script.targets))
    conductor.cancel()
    qtbot.waitUntil(lambda: conductor.state is State.IDLE)
    assert outcomes == [Outcome.CANCELLED]
    # It stands in its first step still, and the person goes on.
    assert len(script.targets) == 1
    drawn.mask_edits.mark_absent(2, [5])
    assert conductor.propagate(find=False)
    script.gate.release(1000)
    qtbot.waitUntil(lambda: conductor.state is State.IDLE)
    assert outcomes == [Outcome.CANCELLED, Outcome.DONE]
    assert sorted(drawn.annotation.row(1)) == list(range(LENGTH))
    assert drawn.annotation.get(5, 2).made_by is Maker.PERSON
    assert drawn.undo_label == "propagate"
    drawn.step_edits.undo()
    drawn.flush()
    assert sorted(drawn.annotation.row(2)) == [0, 5]


def test_what_a_run_does_after_it_was_given_up_is_dropped(
    qtbot: QtBot, conductor: Conductor, drawn: Session, script: Script, runner: Runner
) -> None:
    script.gate = threading.Semaphore(0)
    conductor.propagate(find=False)
    qtbot.waitUntil(lambda: bool(script.targets))
    order = runner.order
    assert order is not None
    conductor.cancel()
    qtbot.waitUntil(lambda: conductor.state is State.IDLE)
    before = drawn.annotation
    script.gate.release(1000)
    qtbot.waitUntil(order.ended.is_set)
    drawn.flush()
    assert drawn.project.annotation.row(1).keys() == before.row(1).keys() == {0}
    assert drawn.undo_label != "propagate"


def test_an_export_that_is_cancelled_is_waited_for(
    qtbot: QtBot, conductor: Conductor, drawn: Session, runner: Runner
) -> None:
    """Only it knows what it has written."""
    begun, gate = threading.Event(), threading.Event()

    class Writing:
        def steps(self, control: object, send: object) -> Steps:
            yield Progress("exporting", 0, 1)
            begun.set()
            gate.wait()

    assert conductor.start(Writing())
    qtbot.waitUntil(begun.is_set)
    conductor.cancel()
    with qtbot.waitSignal(runner._grace.timeout):
        pass
    assert conductor.state is State.RUNNING
    with qtbot.waitSignal(conductor.finished) as done:
        gate.set()
    assert done.args == [Outcome.DONE]


def test_a_step_that_takes_too_long_is_given_up(
    qtbot: QtBot,
    conductor: Conductor,
    drawn: Session,
    script: Script,
    runner: Runner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vsreid_studio.gui.worker.runner.PATIENCE", 0.05)
    script.gate = threading.Semaphore(0)
    conductor.propagate(find=False)
    qtbot.waitUntil(lambda: bool(script.targets))
    with qtbot.waitSignal(conductor.finished) as done:
        drawn.close()
    assert done.args == [Outcome.CANCELLED]
    assert conductor.state is State.IDLE
    script.gate.release(100)
    runner.stop()
