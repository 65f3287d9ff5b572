import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fakes import (
    CONFIG,
    FakePropagation,
    FakeReid,
    absent,
    assert_settled,
    assert_whole,
    changes,
    direction,
    drawn,
    first_masks,
    found,
    grid,
    inverse,
    origins,
    patch,
    propagate_only,
    proposals,
    run,
    story,
    vsreid,
)

from vsreid_studio.engine.events import (
    Accept,
    Answer,
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
    Skip,
    Steps,
    Stop,
    Verdict,
)
from vsreid_studio.engine.runtime.run import answer_all
from vsreid_studio.engine.store.annotation import Annotation, edit
from vsreid_studio.engine.store.view import Cells
from vsreid_studio.engine.types import Box, CellKey, Maker, Prediction, SoftMask

BOTH = (direction(1, 0.7) + direction(2, 0.6)).astype(np.float32)


def steps(
    annotation: Annotation, reid: FakeReid, propagation: FakePropagation | None = None, **more: object
) -> Steps:
    return vsreid(annotation, propagation or FakePropagation(), reid, CONFIG, **more)


def asked(events: list[Event]) -> list[Proposal]:
    return [event for event in events if isinstance(event, Proposal)]


def test_the_origins_of_figure_3() -> None:
    annotation = first_masks(6)
    events = run(steps(annotation, found(f5=0.9)), Accept())
    assert origins(annotation) == [0, 0, 0, 5, 5, 5]
    (proposal,) = asked(events)
    assert proposal.overwrites == (3, 4, 5)
    assert proposal.similarity == pytest.approx(0.9)
    assert proposal.recovered.same(patch(5, 5, 1))
    cell = annotation.get(5, 1)
    assert cell is not None
    assert (cell.made_by, cell.pinned, cell.confidence) == (Maker.RECOVERY, False, 0.8)
    assert cell.similarity == proposal.similarity
    assert_whole(annotation)
    assert_settled(annotation, 1)


def test_what_is_worth_no_more_than_the_present_map_is_not_offered() -> None:
    # Recovered maps are worth 0.8 here, propagated ones 0.9; in frame 5 there is none.
    config = replace(CONFIG, reid=replace(CONFIG.reid, only_better=True))
    module = FakePropagation(gone=[CellKey(5, 1)])
    events = run(vsreid(first_masks(6), module, found(f3=0.9, f5=0.8), config), Accept())
    assert proposals(events) == [(5, 1)]
    assert [frame for frame, _, _ in module.recovered] == [3, 5]
    assert [(it.key, it.reason) for it in events if isinstance(it, Passed)] == [(CellKey(3, 1), Reason.WORSE)]


def test_what_is_not_sure_enough_is_passed_over_and_said_to_be() -> None:
    config = replace(CONFIG, reid=replace(CONFIG.reid, least_confidence=0.85))
    events = run(vsreid(first_masks(6), FakePropagation(), found(f5=0.9), config))
    assert proposals(events) == []
    assert [it for it in events if isinstance(it, Passed)] == [Passed(5, 1, Reason.UNSURE)]


@pytest.mark.parametrize("length", range(2, 9))
def test_a_tie_keeps_the_old_map(length: int) -> None:
    annotation = first_masks(length)
    run(steps(annotation, found(**{f"f{length - 1}": 0.9})), Accept())
    last = length - 1
    assert origins(annotation) == [0 if i <= last - i else last for i in range(length)]


def test_nearer_checkpoints_interrupt() -> None:
    annotation = first_masks(13)
    places = {4: (5, 5, 0.9), 12: (2, 5, 0.8), 8: (5, 2, 0.7)}
    reid = FakeReid({i: [(x, y, direction(1, s))] for i, (x, y, s) in places.items()})
    events = run(steps(annotation, reid), default=Accept())
    assert proposals(events) == [(4, 1), (12, 1), (8, 1)]
    assert origins(annotation) == [0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 12, 12, 12]
    assert [p.overwrites for p in asked(events)] == [(3, *range(4, 13)), (9, 10, 11, 12), (7, 8, 9)]


def test_what_was_announced_is_what_changes() -> None:
    annotation = first_masks(11, 2)
    reid = FakeReid({i: [(5, 5, BOTH)] for i in (3, 6, 9)})
    before, waiting = annotation.copy(), None
    generator = steps(annotation, reid)
    answer: Answer | None = None
    while (event := next(generator, None) if answer is None else generator.send(answer)) is not None:
        answer = None
        if isinstance(event, Proposal):
            _assert_announced(before, annotation, waiting)
            before, waiting, answer = annotation.copy(), event, Accept()
    _assert_announced(before, annotation, waiting)


def _assert_announced(before: Annotation, after: Annotation, proposal: Proposal | None) -> None:
    if proposal is not None:
        changed = [key for key, cell in after.cells() if before.get(*key) is not cell]
        assert changed == [CellKey(i, proposal.instance) for i in proposal.overwrites]


def test_a_recovery_and_its_decision_are_one_change_and_come_first() -> None:
    annotation = first_masks(4)
    generator = steps(annotation, found(f3=0.9))
    event = next(e for e in generator if isinstance(e, Proposal))
    change = generator.send(Accept(Maker.RECOVERY))
    (change,) = changes([change])
    assert list(change.after) == [event.key]
    assert change.decisions_after[event.key] is annotation.decisions[event.key]
    decision = annotation.decisions[event.key]
    assert (decision.verdict, decision.by, decision.box) == (Verdict.ACCEPTED, Maker.RECOVERY, event.box)


def test_headless_is_accepting_everything() -> None:
    world = {i: [(5, 5, BOTH), (0, 5, direction(2, 0.8))] for i in range(2, 9, 2)}
    by_hand, alone = first_masks(9, 2), first_masks(9, 2)
    run(steps(by_hand, FakeReid(world)), default=Accept(Maker.RECOVERY))
    answer_all(steps(alone, FakeReid(world)))
    assert story(by_hand) == story(alone)


def test_without_reidentification_nothing_is_looked_for() -> None:
    annotation, reid = first_masks(4), found(f3=0.9)
    run(propagate_only(annotation, FakePropagation(), CONFIG))
    assert reid.looked == []
    assert origins(annotation) == [0] * 4


def test_detection_skips_frames_where_nothing_is_to_be_found() -> None:
    annotation, reid = first_masks(4), found()
    annotation.apply(edit(annotation, "absent", {CellKey(2, 1): absent(2)}))
    events = run(steps(annotation, reid))
    assert reid.looked == [1, 3]
    stages = [e for e in events if isinstance(e, Progress) and e.stage == "detecting"]
    assert [(e.done, e.total, e.frame) for e in stages] == [(0, 2, 1), (1, 2, 3), (2, 2, None)]
    assert not any(isinstance(e, Progress) and e.stage == "detecting" for e in run(steps(annotation, reid)))


def test_find_again_one_instance_in_a_range() -> None:
    annotation = first_masks(9, 2)
    run(propagate_only(annotation, FakePropagation(), CONFIG))
    reid = FakeReid({i: [(5, 5, direction(1, 0.9)), (5, 0, direction(2, 0.9))] for i in range(1, 9)})
    events = run(steps(annotation, reid, instances=[2], frames=range(4, 6)), default=Accept())
    assert proposals(events) == [(4, 2)], "frame 5 then follows from frame 4"
    assert reid.looked == [4, 5]
    assert origins(annotation, 2) == [0, 0, 0, 4, 4, 4, 4, 4, 4], "what it overwrites is not cut"
    assert origins(annotation, 1) == [0] * 9


def test_the_template_may_stay_the_papers() -> None:
    reid = found(f4=0.9)
    run(steps(first_masks(6), reid, grow=False), default=Accept())
    assert reid.described == [(0, 1)]
    reid = found(f4=0.9)
    run(steps(first_masks(6), reid), default=Accept())
    assert reid.described == [(0, 1), (4, 1)]


def test_a_rejection_is_remembered_by_the_next_run() -> None:
    annotation = first_masks(6)
    events = run(steps(annotation, found(f5=0.9, f3=0.8)), Reject(), Reject())
    assert proposals(events) == [(5, 1), (3, 1)]
    assert origins(annotation) == [0] * 6
    assert annotation.decisions[CellKey(5, 1)].by is Maker.PERSON
    reloaded = Annotation(6, dict(annotation.cells()), annotation.decisions)
    assert run(steps(reloaded, found(f5=0.9, f3=0.8)), default=None)
    assert len(changes(events)) == 5 + 2


def test_a_skip_lasts_for_one_run() -> None:
    annotation = first_masks(6)
    for _ in range(2):
        events = run(steps(annotation, found(f5=0.9)), Skip())
        assert proposals(events) == [(5, 1)]
    assert annotation.decisions == {}


def test_stop_ends_at_once() -> None:
    annotation = first_masks(6)
    events = run(steps(annotation, found(f5=0.9, f3=0.8)), Stop())
    assert [type(event) for event in events[-2:]] == [Proposal, Queue]
    assert annotation.decisions == {}


def test_an_empty_recovery_is_passed_over_and_tried_again_in_the_next_run() -> None:
    annotation, key = first_masks(6), CellKey(5, 1)
    for _ in range(2):
        events = run(steps(annotation, found(f5=0.9), FakePropagation(hollow={key})))
        assert proposals(events) == []
        assert [it for it in events if isinstance(it, Passed)] == [Passed(5, 1, Reason.EMPTY)]
    assert annotation.decisions == {}
    assert proposals(run(steps(annotation, found(f5=0.9)), Accept())) == [key]


def test_what_earlier_versions_rejected_unasked_is_tried_again() -> None:
    annotation, key = first_masks(6), CellKey(5, 1)
    empty = Decision(Verdict.REJECTED, Box(5, 5, 7, 6), 0.9, Maker.RECOVERY)
    annotation.apply(annotation.decide(annotation.set_cells("reject retrieval", {}), {key: empty}))
    assert proposals(run(steps(annotation, found(f5=0.9)), Accept())) == [key]


def test_the_queue_is_told_before_each_proposal_and_at_the_end() -> None:
    reid = FakeReid({i: [(5, 5, direction(1, s))] for i, s in {2: 0.3, 3: 0.8, 5: 0.9}.items()})
    module = FakePropagation(hollow={CellKey(3, 1)})
    events = run(steps(first_masks(6), reid, module), Skip())
    told = [event for event in events if isinstance(event, Queue)]
    assert [[(it.frame, it.reason) for it in queue.retrievals] for queue in told] == [
        [(5, None), (3, None), (2, Reason.BELOW)],
        [(5, Reason.SKIPPED), (3, Reason.EMPTY), (2, Reason.BELOW)],
    ]
    assert events.index(told[0]) + 1 == events.index(asked(events)[0])


def test_reassign_recovers_and_accepts_for_the_other_instance() -> None:
    annotation, propagation = first_masks(6, 2), FakePropagation()
    run(steps(annotation, found(f5=0.9), propagation), Reassign(2))
    assert propagation.recovered == [(5, 1, Box(5, 5, 7, 6)), (5, 2, Box(5, 5, 7, 6))]
    assert origins(annotation, 1) == [0] * 6
    assert origins(annotation, 2) == [0, 0, 0, 5, 5, 5]
    given = annotation.decisions[CellKey(5, 1)]
    assert (given.verdict, given.given_to) == (Verdict.REASSIGNED, 2)
    assert annotation.decisions[CellKey(5, 2)].verdict is Verdict.ACCEPTED
    assert annotation.decisions[CellKey(5, 2)].similarity == pytest.approx(1)
    assert_whole(annotation)


def test_reassign_respects_what_a_person_drew() -> None:
    annotation = first_masks(6, 2)
    annotation.apply(edit(annotation, "draw", {CellKey(5, 2): drawn(5, 2)}))
    mine = annotation.get(5, 2)
    run(steps(annotation, found(f5=0.9)), Reassign(2))
    assert annotation.get(5, 2) is mine
    assert annotation.decisions[CellKey(5, 1)].given_to == 2
    assert CellKey(5, 2) not in annotation.decisions


def test_reassign_replaces_an_earlier_recovery_and_what_came_from_it() -> None:
    annotation = first_masks(6, 2)
    reid = FakeReid({5: [(0, 5, direction(2, 0.9)), (5, 5, direction(1, 0.8))]})
    run(steps(annotation, reid), Accept(), Reassign(2))
    assert origins(annotation, 2) == [0, 0, 0, 5, 5, 5]
    assert annotation.mask(4, 2).box.x0 == 5
    assert_whole(annotation)


@pytest.mark.parametrize("other", [1, 9])
def test_a_retrieval_cannot_be_given_to(other: int) -> None:
    annotation = first_masks(4)
    with pytest.raises(ValueError, match=f"given to {other}"):
        run(steps(annotation, found(f3=0.9)), Reassign(other))
    assert_whole(annotation)


def test_redraw_recovers_in_the_new_box_and_asks_again() -> None:
    annotation, propagation = first_masks(6), FakePropagation()
    drawn_box = Box(0, 0, 2, 2)
    events = run(
        steps(annotation, found(f5=0.9), propagation), Redraw(drawn_box), Redraw(Box(1, 1, 4, 3)), Accept()
    )
    first, second, third = asked(events)
    assert (first.key, second.key, third.key) == ((5, 1),) * 3
    assert (second.box, second.similarity) == (drawn_box, pytest.approx(1))
    # The present map, carried from (0, 1), has its upper row set.
    assert second.iou == pytest.approx(0.5)
    assert annotation.mask(5, 1).same(third.recovered)
    assert annotation.decisions[CellKey(5, 1)].box == Box(1, 1, 4, 3)


def test_redraw_where_nothing_is_found_asks_again_and_cannot_be_accepted() -> None:
    class Once(FakePropagation):
        def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
            self.hollow = {CellKey(frame, instance)} if self.recovered else ()
            return super().recover(cells, frame, box, instance)

    annotation = first_masks(6)
    events = run(steps(annotation, found(f5=0.9), Once()), Redraw(Box(0, 0, 2, 2)), Accept())
    assert [p.recovered.area for p in asked(events)] == [2, 0]
    assert asked(events)[1].similarity == -1
    assert annotation.decisions[CellKey(5, 1)].verdict is Verdict.REJECTED
    assert origins(annotation) == [0] * 6


def test_correct_pins_the_persons_mask_and_walks() -> None:
    annotation = first_masks(6)
    run(steps(annotation, found(f5=0.9)), Correct(patch(3, 3, 1)))
    cell = annotation.get(5, 1)
    assert cell is not None
    assert (cell.pinned, cell.made_by, cell.origin) == (True, Maker.PERSON, 5)
    assert origins(annotation) == [0, 0, 0, 5, 5, 5]
    assert annotation.mask(4, 1).same(patch(3, 3, 1, steps=1))
    assert annotation.decisions[CellKey(5, 1)].verdict is Verdict.ACCEPTED


def test_correct_to_nothing_says_that_it_is_not_there() -> None:
    annotation = first_masks(6)
    run(steps(annotation, found(f4=0.9)), Correct(SoftMask.empty()))
    assert origins(annotation) == [0, 0, 0, 0, 4, 0]
    assert annotation.mask(4, 1).box.area == 0
    assert annotation.decisions[CellKey(4, 1)].verdict is Verdict.REJECTED


def test_what_a_person_drew_while_it_waited_stays() -> None:
    annotation = first_masks(6)
    generator = steps(annotation, found(f5=0.9))
    assert any(isinstance(event, Proposal) for event in generator)
    mine = drawn(5, 1, x=2)
    annotation.apply(edit(annotation, "draw", {CellKey(5, 1): mine}))
    assert changes([generator.send(Accept()), *generator]) == []
    assert annotation.get(5, 1) is mine


def test_a_mask_that_goes_before_it_is_described_is_left_out() -> None:
    class Strict(FakeReid):
        def appearance(self, frame: int, mask: SoftMask) -> np.ndarray:
            assert mask.area
            return super().appearance(frame, mask)

    annotation = grid(4, (0, 1, drawn(0, 1)), (2, 1, drawn(2, 1)))
    cleared = False
    for event in steps(annotation, Strict()):
        if isinstance(event, Progress) and event.stage == "describing" and not cleared:
            annotation.apply(edit(annotation, "clear", {CellKey(2, 1): None}))
            cleared = True
    assert cleared


class Recovering(FakePropagation):
    """Recovers from a template, as M_mp does."""

    def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
        assert cells.checkpoints(instance)
        return super().recover(cells, frame, box, instance)


def test_an_instance_that_is_deleted_before_its_recovery_is_left_out() -> None:
    annotation = first_masks(6, 2)
    going = steps(annotation, found(f5=0.9), Recovering())
    for event in going:
        assert not isinstance(event, Proposal)
        if isinstance(event, Progress) and event.stage == "retrieving":
            gone = dict.fromkeys(CellKey(n, 1) for n in annotation.row(1))
            annotation.apply(edit(annotation, "delete", gone))
    assert annotation.instances == (2,)


def test_another_box_for_an_instance_that_was_deleted_is_not_looked_into() -> None:
    annotation = first_masks(6, 2)
    going = steps(annotation, found(f5=0.9), Recovering())
    assert any(isinstance(event, Proposal) for event in going)
    gone = dict.fromkeys(CellKey(n, 1) for n in annotation.row(1))
    annotation.apply(edit(annotation, "delete", gone))
    assert not any(isinstance(event, Proposal) for event in [going.send(Redraw(Box(0, 0, 2, 2))), *going])


def test_answers_must_be_due() -> None:
    generator = steps(first_masks(4), found(f3=0.9))
    next(generator)
    with pytest.raises(ValueError, match="does not answer a Progress"):
        generator.send(Accept())
    generator = steps(first_masks(4), found(f3=0.9))
    with pytest.raises(ValueError, match="None does not answer a Proposal"):
        list(generator)


def adversary(seed: int) -> Callable[[Proposal], Answer]:
    dice = random.Random(seed)
    redrawn: set[CellKey] = set()

    def answer(proposal: Proposal) -> Answer:
        x, y = dice.randrange(6), dice.randrange(6)
        other = 3 - proposal.instance
        choices: list[Answer] = [
            Accept(),
            Accept(),
            Reject(),
            Skip(),
            Reassign(other),
            Correct(patch(x, y, proposal.instance)),
            Correct(SoftMask.empty()),
        ]
        if proposal.key not in redrawn:
            redrawn.add(proposal.key)
            choices += [Redraw(Box(x, y, x + 2, y + 2))] * 2
        return dice.choice(choices)

    return answer


def answered(generator: Steps, answer: Callable[[Proposal], Answer], limit: int | None = None) -> list[Event]:
    """Pull a number of events, answering each proposal."""
    events: list[Event] = []
    reply: Answer | None = None
    while limit is None or len(events) < limit:
        try:
            events.append(generator.send(reply))
        except StopIteration:
            break
        event = events[-1]
        reply = answer(event) if isinstance(event, Proposal) else None
    generator.close()
    return events


def random_world(seed: int) -> tuple[Annotation, FakeReid, FakePropagation]:
    dice = random.Random(seed)
    length = dice.randint(3, 10)
    later = dice.randrange(length)
    annotation = grid(length, (0, 1, drawn(0, 1)), (later, 2, drawn(later, 2)))
    if dice.random() < 0.3:
        annotation.apply(annotation.set_cells("absent", {CellKey(length - 1, 1): absent(length - 1)}))
    world = {
        i: [
            (dice.randrange(6), dice.randrange(6), direction(dice.randint(1, 2), dice.random()))
            for _ in range(dice.randint(0, 4))
        ]
        for i in range(length)
    }
    keys = [CellKey(i, k) for i in range(length) for k in (1, 2)]
    lost = FakePropagation(gone=set(dice.sample(keys, 2)), hollow=set(dice.sample(keys, 2)))
    return annotation, FakeReid(world), lost


@pytest.mark.parametrize("seed", range(40))
def test_any_answers_end_and_leave_a_whole_annotation(seed: int) -> None:
    annotation, reid, propagation = random_world(seed)
    pinned = {key: cell for key, cell in annotation.cells() if cell.pinned}
    start = story(annotation)
    events = answered(steps(annotation, reid, propagation), adversary(seed))
    assert_whole(annotation)
    keys = [e.key for e in events if isinstance(e, Proposal)]
    distinct = [key for n, key in enumerate(keys) if keys[n - 1 : n] != [key]]
    assert len(distinct) == len(set(distinct)) <= 2 * annotation.length
    assert all(annotation.get(*key) is cell for key, cell in pinned.items())
    # A new run on the same annotation asks for none of what is settled.
    settled = set(annotation.decisions)
    again = answered(steps(annotation, reid, propagation), lambda _: Reject())
    assert settled.isdisjoint(proposals(again))
    assert proposals(answered(steps(annotation, reid, propagation), lambda _: Reject())) == []
    for change in reversed(changes(events + again)):
        annotation.apply(inverse(change))
    assert story(annotation) == start


@pytest.mark.parametrize("seed", range(1, 6))
def test_cancelled_anywhere_and_resumed_it_comes_to_the_same(seed: int) -> None:
    annotation, reid, propagation = random_world(seed)
    whole = annotation.copy()
    total = len(answered(steps(whole, reid, propagation), lambda _: Accept()))
    for length in range(total + 1):
        cut = annotation.copy()
        events = answered(steps(cut, reid, propagation), lambda _: Accept(), length)
        assert_whole(cut)
        undone = cut.copy()
        for change in reversed(changes(events)):
            undone.apply(inverse(change))
        assert story(undone) == story(annotation)
        answered(steps(cut, reid, propagation), lambda _: Accept())
        assert story(cut) == story(whole)


def test_cancelled_in_the_walk_of_a_retrieval() -> None:
    whole = first_masks(9)
    run(steps(whole, found(f8=0.9, f4=0.8)), default=Accept())
    for count in range(60):
        cut = first_masks(9)
        answered(steps(cut, found(f8=0.9, f4=0.8)), lambda _: Accept(), count)
        # Propagating alone completes the walk that was cut.
        run(propagate_only(cut, FakePropagation(), CONFIG))
        assert_settled(cut, 1)
        run(steps(cut, found(f8=0.9, f4=0.8)), default=Accept())
        assert story(cut) == story(whole)


def test_many_interruptions_in_a_row() -> None:
    annotation, reid, propagation = random_world(3)
    whole = annotation.copy()
    answered(steps(whole, reid, propagation), lambda _: Accept())
    # What a run prepares before its first change is not kept: each has to get a little further.
    for length in (9, 12) * 50:
        answered(steps(annotation, reid, propagation), lambda _: Accept(), length)
    assert story(annotation) == story(whole)


def test_the_cells_of_a_run_are_independent_of_its_instances_order() -> None:
    annotation = first_masks(5, 2)
    run(propagate_only(annotation, FakePropagation(), CONFIG, instances=[2]))
    run(propagate_only(annotation, FakePropagation(), CONFIG, instances=[1]))
    together = first_masks(5, 2)
    run(propagate_only(together, FakePropagation(), CONFIG))
    assert story(annotation) == story(together)
