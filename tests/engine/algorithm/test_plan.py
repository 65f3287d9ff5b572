import random
from itertools import islice

import pytest
from fakes import (
    CONFIG,
    FakePropagation,
    absent,
    assert_settled,
    assert_whole,
    changes,
    drawn,
    first_masks,
    grid,
    inverse,
    origins,
    patch,
    propagate_only,
    run,
    story,
)

from vsreid_studio.engine.algorithm.plan import pending_frames
from vsreid_studio.engine.events import Event, Progress
from vsreid_studio.engine.store.annotation import Annotation, edit
from vsreid_studio.engine.types import Cell, CellKey, Maker


def propagate(
    annotation: Annotation, propagation: FakePropagation | None = None, **chosen: object
) -> list[Event]:
    events = run(propagate_only(annotation, propagation or FakePropagation(), CONFIG, **chosen))
    assert_whole(annotation)
    return events


def test_initial_propagation_is_lockstep_one_change_a_frame() -> None:
    annotation, propagation = first_masks(4, 3), FakePropagation()
    events = propagate(annotation, propagation)
    assert propagation.calls == [(0, 1, (1, 2, 3)), (1, 2, (1, 2, 3)), (2, 3, (1, 2, 3))]
    assert [sorted(change.after) for change in changes(events)] == [
        [CellKey(i, k) for k in (1, 2, 3)] for i in (1, 2, 3)
    ]
    assert origins(annotation, 2) == [0, 0, 0, 0]
    cell = annotation.get(2, 3)
    assert cell is not None
    assert (cell.made_by, cell.confidence, cell.pinned) == (Maker.PROPAGATION, 0.9, False)
    assert cell.mask.same(patch(0, 3, 3, steps=2))


def test_progress_comes_before_each_step_and_at_the_end() -> None:
    seen = [event for event in propagate(first_masks(3)) if isinstance(event, Progress)]
    assert seen == [
        Progress("propagating", 0, 2, 1, 1),
        Progress("propagating", 1, 2, 2, 1),
        Progress("propagating", 2, 2),
    ]


def test_again_there_is_nothing_to_do() -> None:
    annotation = first_masks(5, 2)
    propagate(annotation)
    start = story(annotation)
    assert propagate(annotation) == []
    assert story(annotation) == start


def test_frames_go_to_the_nearest_checkpoint_and_ties_to_the_earlier() -> None:
    annotation = grid(9, (2, 1, drawn(2, 1)), (6, 1, drawn(6, 1)))
    propagate(annotation)
    assert origins(annotation) == [2, 2, 2, 2, 2, 6, 6, 6, 6]


def test_a_tie_keeps_the_map_that_is_there() -> None:
    annotation = grid(5, (4, 1, drawn(4, 1)))
    propagate(annotation)
    assert origins(annotation) == [4] * 5
    annotation.apply(edit(annotation, "draw", {CellKey(0, 1): drawn(0, 1)}))
    propagate(annotation)
    assert origins(annotation) == [0, 0, 4, 4, 4]


def test_a_later_instance_is_filled_backward_too() -> None:
    annotation = grid(5, (0, 1, drawn(0, 1)), (3, 2, drawn(3, 2)))
    propagation = FakePropagation()
    propagate(annotation, propagation)
    assert origins(annotation, 1) == [0] * 5
    assert origins(annotation, 2) == [3] * 5
    assert propagation.calls[-4:] == [(3, 4, (1, 2)), (3, 2, (2,)), (2, 1, (2,)), (1, 0, (2,))]


def test_nothing_passes_a_barrier() -> None:
    annotation = grid(8, (1, 1, drawn(1, 1)), (3, 1, absent(3)))
    propagate(annotation)
    assert origins(annotation) == [1, 1, 1, 3, None, None, None, None]
    annotation.apply(edit(annotation, "draw", {CellKey(6, 1): drawn(6, 1)}))
    propagate(annotation)
    assert origins(annotation) == [1, 1, 1, 3, 6, 6, 6, 6]


def test_maps_behind_a_new_barrier_stay_until_their_checkpoint_changes() -> None:
    annotation = first_masks(6)
    propagate(annotation)
    annotation.apply(edit(annotation, "not here", {CellKey(3, 1): absent(3)}))
    assert propagate(annotation) == []
    assert origins(annotation) == [0, 0, 0, 3, 0, 0]
    annotation.apply(edit(annotation, "redraw", {CellKey(0, 1): drawn(0, 1, x=4)}))
    propagate(annotation)
    assert origins(annotation) == [0, 0, 0, 3, None, None]


def test_an_empty_map_stays_empty_and_costs_nothing() -> None:
    annotation, propagation = first_masks(5, 2), FakePropagation(gone={CellKey(2, 1)})
    propagate(annotation, propagation)
    assert propagation.calls[2:] == [(2, 3, (2,)), (3, 4, (2,))]
    assert [annotation.mask(i, 1).box.area for i in range(5)] == [4, 4, 0, 0, 0]
    assert origins(annotation) == [0] * 5


def test_chosen_instances_and_frames_get_the_chain_that_leads_there() -> None:
    annotation = grid(10, (2, 1, drawn(2, 1)), (9, 1, drawn(9, 1)), (0, 2, drawn(0, 2)))
    propagate(annotation, instances=[1], frames=range(4, 5))
    assert origins(annotation, 1) == [None, None, 2, 2, 2, None, None, None, None, 9]
    assert origins(annotation, 2) == [0, *[None] * 9]
    propagate(annotation, instances=[1], frames=[7, 0])
    assert origins(annotation, 1) == [2, 2, 2, 2, 2, None, None, 9, 9, 9]
    propagate(annotation)
    assert origins(annotation, 1) == [2, 2, 2, 2, 2, 2, 9, 9, 9, 9]


def test_a_cleared_gap_alone_is_filled() -> None:
    annotation, propagation = first_masks(7), FakePropagation()
    propagate(annotation)
    whole = story(annotation)
    annotation.apply(edit(annotation, "clear", {CellKey(2, 1): None, CellKey(3, 1): None}))
    propagate(annotation, propagation)
    assert propagation.calls == [(1, 2, (1,)), (2, 3, (1,))]
    assert story(annotation) == whole


def test_an_unknown_origin_counts_as_not_computed() -> None:
    annotation = first_masks(4)
    annotation.apply(annotation.set_cells("import", {CellKey(2, 1): Cell(patch(0, 0, 1), 3)}))
    assert pending_frames(annotation, 1).forward == {1: 0, 2: 0, 3: 0}


def test_drawing_a_checkpoint_anew_drops_what_came_from_it() -> None:
    annotation = grid(9, (0, 1, drawn(0, 1)), (6, 1, drawn(6, 1)), (6, 2, drawn(6, 2)))
    propagate(annotation)
    change = edit(annotation, "redraw", {CellKey(6, 1): drawn(6, 1, x=4)})
    annotation.apply(change)
    assert origins(annotation) == [0, 0, 0, 0, None, None, 6, None, None]
    assert origins(annotation, 2) == [6] * 9
    propagate(annotation)
    assert annotation.mask(8, 1).box.x0 == 4
    assert_settled(annotation, 1)


def test_approving_a_checkpoint_drops_nothing() -> None:
    annotation = grid(5, (2, 1, Cell(patch(0, 1, 1), 2, made_by=Maker.RECOVERY)))
    propagate(annotation)
    mask = annotation.mask(2, 1)
    change = edit(annotation, "approve", {CellKey(2, 1): Cell(mask, 2, True, Maker.PERSON)})
    assert list(change.after) == [CellKey(2, 1)]


def test_deleting_a_checkpoint_gives_its_frames_to_the_others() -> None:
    annotation = grid(9, (0, 1, drawn(0, 1)), (6, 1, drawn(6, 1)))
    propagate(annotation)
    annotation.apply(edit(annotation, "delete", {CellKey(6, 1): None}))
    propagate(annotation)
    assert origins(annotation) == [0] * 9


def test_what_a_person_draws_meanwhile_ends_the_chain() -> None:
    annotation = first_masks(8)
    steps = propagate_only(annotation, FakePropagation(), CONFIG)
    for event in steps:
        if isinstance(event, Progress) and event.frame == 3:
            annotation.apply(edit(annotation, "draw", {CellKey(4, 1): drawn(4, 1, x=5)}))
    assert origins(annotation) == [0, 0, 0, 0, 4, None, None, None]
    propagate(annotation)
    assert origins(annotation) == [0, 0, 0, 4, 4, 4, 4, 4]


@pytest.mark.parametrize("seed", range(30))
def test_any_edits_and_cancels_end_in_the_same_rule(seed: int) -> None:
    """Pinned frames never change, each cell has its nearest checkpoint's map, and undo restores the start."""
    dice = random.Random(seed)
    annotation = grid(dice.randint(3, 14))
    done = []
    pinned: dict[CellKey, Cell] = {}
    for _ in range(12):
        frame, instance = dice.randrange(annotation.length), dice.randint(1, 2)
        key = CellKey(frame, instance)
        cell = None if dice.random() < 0.2 else drawn(frame, instance, dice.randrange(6))
        pinned.pop(key, None)
        if cell is not None:
            pinned[key] = cell
        done.append(edit(annotation, "edit", {key: cell}))
        annotation.apply(done[-1])
        steps = propagate_only(annotation, FakePropagation(), CONFIG)
        events = list(islice(steps, dice.randint(0, 20)))
        steps.close()
        done += changes(events)
        assert_whole(annotation, gaps=True)
        assert all(annotation.get(*key) is cell for key, cell in pinned.items())
    done += changes(propagate(annotation))
    for instance in annotation.instances:
        assert_settled(annotation, instance)
    for change in reversed(done):
        annotation.apply(inverse(change))
    assert len(annotation) == 0
