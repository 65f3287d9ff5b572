"""Between two masks of a person both checkpoints have a say; elsewhere the paper's rule stays."""

import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
from fakes import (
    CONFIG,
    FakePropagation,
    absent,
    algorithm,
    assert_whole,
    changes,
    drawn,
    grid,
    origins,
    patch,
    propagate_only,
    run,
    story,
)

from vsreid_studio.engine.algorithm.plan import Plan
from vsreid_studio.engine.extensions.bidirectional_fusion import BidirectionalFusion, fuse, is_fused
from vsreid_studio.engine.store.annotation import Annotation, edit
from vsreid_studio.engine.store.view import Cells
from vsreid_studio.engine.types import Cell, CellKey, Maker, Prediction, SoftMask

FUSING = replace(CONFIG, propagation=replace(CONFIG.propagation, bidirectional_fusion=True))
SMOOTHING = replace(FUSING, propagation=replace(FUSING.propagation, temporal_smoothing=True))


def propagate(annotation: Annotation, **chosen: object) -> FakePropagation:
    propagation = FakePropagation()
    run(propagate_only(annotation, propagation, FUSING, **chosen))
    assert_whole(annotation)
    return propagation


def seconds(annotation: Annotation) -> list[int | None]:
    cells = [annotation.get(frame, 1) for frame in range(annotation.length)]
    return [None if cell is None else cell.second for cell in cells]


def carried(probability: list[list[float]], origin: int, confidence: float = 0.9) -> Cell:
    return Cell(SoftMask.from_dense(np.array(probability, np.float32)), origin, confidence=confidence)


def test_a_run_that_ends_within_a_gap_leaves_no_farther_map_in_place_of_a_nearer_one() -> None:
    annotation = grid(9, (8, 1, drawn(8, 1)))
    propagate(annotation)
    assert origins(annotation) == [8] * 9
    annotation.apply(edit(annotation, "draw", {CellKey(0, 1): drawn(0, 1)}))
    whole = annotation.copy()
    propagate(whole)
    assert origins(whole) == [0, 0, 0, 0, 0, 8, 8, 8, 8]
    assert seconds(whole) == [None, 8, 8, 8, 8, 0, 0, 0, None]
    for steps in range(40):
        part = annotation.copy()
        run_part = propagate_only(part, FakePropagation(), FUSING)
        for _ in islice(run_part, steps):
            pass
        run_part.close()
        assert origins(part)[4:] in ([8] * 5, [0, 8, 8, 8, 8])
        propagate(part)
        assert origins(part) == origins(whole) and seconds(part) == seconds(whole)
        for frame in range(9):
            assert part.mask(frame, 1).same(whole.mask(frame, 1))


def test_a_gap_is_walked_forward_then_back_and_both_checkpoints_are_told() -> None:
    annotation = grid(6, (0, 1, drawn(0, 1)), (4, 1, drawn(4, 1)))
    propagation = propagate(annotation)
    steps = [(source, target) for source, target, _ in propagation.calls]
    assert steps == [(0, 1), (1, 2), (2, 3), (4, 5), (4, 3), (3, 2), (2, 1)]
    assert origins(annotation) == [0, 0, 0, 4, 4, 4]
    assert seconds(annotation) == [None, 4, 4, 0, None, None]
    assert propagate(annotation).calls == []


def test_maps_are_averaged_the_nearer_checkpoint_counting_more() -> None:
    cell = fuse(1, carried([[1.0, 0.8, 0.8]], 0, 0.8), carried([[1.0, 0.8, 0.4]], 4, 0.4))
    assert (cell.origin, cell.second) == (0, 4)
    assert cell.confidence == pytest.approx(0.7)
    # Logits: 1.39 and -0.41 make 0.94.
    assert cell.mask.dense(1, 3)[0] == pytest.approx([1.0, 0.8, 0.72], abs=0.01)


def test_a_map_that_is_sure_outweighs_one_that_is_not() -> None:
    cell = fuse(1, carried([[1.0, 1.0, 0.3]], 0), carried([[1.0, 1.0, 1.0]], 2))
    assert cell.mask.dense(1, 3)[0][2] > 0.9


def test_what_both_are_sure_is_outside_stays_outside() -> None:
    cell = fuse(1, carried([[1.0, 1.0, 0.0, 0.0]], 0), carried([[1.0, 1.0, 1.0, 0.0]], 2))
    assert (cell.mask.box.x0, cell.mask.box.x1) == (0, 3)


def test_maps_that_disagree_are_not_averaged_and_not_trusted() -> None:
    near, far = carried([[1, 1, 1, 0, 0]], 0), carried([[0, 0, 1, 1, 1]], 9)
    cell = fuse(4, near, far)
    assert cell.mask.same(near.mask)
    assert cell.confidence == pytest.approx(0.2)
    assert fuse(5, near, far).mask.same(far.mask)
    lost = fuse(4, near, Cell(SoftMask.empty(), 9, confidence=0.9))
    # What was lost on its way tells nothing of this frame.
    assert (lost.mask.same(near.mask), lost.confidence) == (True, 0.9)
    gone = fuse(4, Cell(SoftMask.empty(), 0, confidence=0.9), far)
    assert (gone.mask.box.area, gone.confidence) == (0, pytest.approx(0.1))


def test_where_both_find_nothing_there_is_nothing() -> None:
    cell = fuse(2, Cell(SoftMask.empty(), 0, confidence=0.8), Cell(SoftMask.empty(), 4, confidence=0.6))
    assert (cell.mask.box.area, cell.origin, cell.second) == (0, 0, 4)
    assert cell.confidence == pytest.approx(0.7)


def test_only_what_a_person_made_has_a_say_beyond_its_own_frames() -> None:
    annotation = grid(
        9, (0, 1, drawn(0, 1)), (4, 1, Cell(patch(0, 1, 1), 4, made_by=Maker.RECOVERY)), (8, 1, drawn(8, 1))
    )
    propagate(annotation)
    assert origins(annotation) == [0, 0, 0, 4, 4, 4, 4, 8, 8]
    assert seconds(annotation) == [None] * 9


def test_nobody_has_a_say_behind_a_barrier() -> None:
    annotation = grid(6, (0, 1, drawn(0, 1)), (2, 1, absent(2)), (5, 1, drawn(5, 1)))
    propagate(annotation)
    assert seconds(annotation) == [None] * 6


def test_a_new_mask_in_a_gap_parts_it_and_a_removed_one_joins_both_parts() -> None:
    annotation = grid(9, (0, 1, drawn(0, 1)), (8, 1, drawn(8, 1)))
    propagate(annotation)
    annotation.apply(edit(annotation, "draw", {CellKey(4, 1): drawn(4, 1)}))
    propagate(annotation)
    assert origins(annotation) == [0, 0, 0, 4, 4, 4, 4, 8, 8]
    assert seconds(annotation) == [None, 4, 4, 0, None, 8, 8, 4, None]
    annotation.apply(edit(annotation, "clear", {CellKey(4, 1): None}))
    assert origins(annotation) == [0, None, None, None, None, None, None, None, 8]
    propagate(annotation)
    assert seconds(annotation) == [None, 8, 8, 8, 8, 0, 0, 0, None]


def test_frames_not_wanted_are_left_out_unless_the_gap_holds_one_that_is() -> None:
    annotation = grid(9, (0, 1, drawn(0, 1)), (4, 1, drawn(4, 1)), (8, 1, drawn(8, 1)))
    propagate(annotation, frames=[6])
    assert seconds(annotation) == [None] * 5 + [8, 8, 4, None]


# After the last, only smoothing was left to be done.
@pytest.mark.parametrize("events", [9, 11, 12, 13])
def test_a_way_back_cut_short_begins_anew_and_ends_the_same(events: int) -> None:
    whole, annotation = (grid(6, (0, 1, drawn(0, 1)), (5, 1, drawn(5, 1))) for _ in range(2))
    run(propagate_only(whole, FakePropagation(), SMOOTHING))
    steps = propagate_only(annotation, FakePropagation(), SMOOTHING)
    taken = changes(list(islice(steps, events)))
    steps.close()
    assert [list(change.after) for change in taken] == [[CellKey(frame, 1)] for frame in (1, 2, 3, 4)]
    assert_whole(annotation)
    module = FakePropagation()
    run(propagate_only(annotation, module, SMOOTHING))
    rest = module.calls
    assert [(source, target) for source, target, _ in rest] == [(5, 4), (4, 3), (3, 2), (2, 1)]
    assert story(annotation) == story(whole)


def test_the_frames_of_a_gap_are_joined_and_smoothed_in_one_change() -> None:
    annotation = grid(5, (0, 1, drawn(0, 1)), (4, 1, drawn(4, 1)))
    smoothed = patch(5, 5, 1)

    class Smooth(FakePropagation):
        def smooth(
            self, maps: Mapping[int, SoftMask], frames: Sequence[int], step: int
        ) -> Generator[None, None, dict[int, SoftMask]]:
            assert (sorted(maps), list(frames)) == ([0, 1, 2, 3, 4], [1, 2, 3])
            yield
            return {2: smoothed, 1: maps[1], 3: maps[3]}

    *_, last = changes(run(propagate_only(annotation, Smooth(), SMOOTHING)))
    assert sorted(last.after) == [CellKey(frame, 1) for frame in (1, 2, 3)]
    assert annotation.mask(2, 1) is smoothed


def test_what_a_person_draws_into_a_gap_meanwhile_stays() -> None:
    annotation = grid(6, (0, 1, drawn(0, 1)), (5, 1, drawn(5, 1)))
    steps = propagate_only(annotation, FakePropagation(), FUSING)
    list(islice(steps, 11))
    by_hand = drawn(3, 1, 4)
    annotation.apply(edit(annotation, "draw", {CellKey(3, 1): by_hand}))
    list(steps)
    assert annotation.get(3, 1) is by_hand
    assert_whole(annotation)
    propagate(annotation)
    assert seconds(annotation) == [None, 3, 0, None, 5, None]


def test_what_came_of_a_checkpoint_that_was_drawn_anew_meanwhile_is_not_joined() -> None:
    annotation = grid(6, (0, 1, drawn(0, 1)), (5, 1, drawn(5, 1)))
    steps = propagate_only(annotation, FakePropagation(), FUSING)
    list(islice(steps, 11))
    annotation.apply(edit(annotation, "draw", {CellKey(5, 1): drawn(5, 1, 3)}))
    list(steps)
    assert seconds(annotation) == [None] * 6
    assert_whole(annotation)
    propagate(annotation)
    assert seconds(annotation) == [None, 5, 5, 0, 0, None]


def test_on_the_way_back_each_map_comes_from_the_later_checkpoint_alone() -> None:
    annotation = grid(6, (0, 1, drawn(0, 1)), (4, 1, drawn(4, 1)))
    seen: list[tuple[int, int]] = []

    class Watched(FakePropagation):
        def propagate(
            self, cells: Cells, source: int, target: int, instances: Sequence[int]
        ) -> dict[int, Prediction]:
            if target < source:
                seen.append((source, int(cells.mask(source, 1).values[1, 1])))
            return super().propagate(cells, source, target, instances)

    run(propagate_only(annotation, Watched(), FUSING))
    assert seen == [(4, 0), (3, 1), (2, 2)]


def test_a_correction_of_a_retrieval_has_its_say_as_far_as_the_next_anchors() -> None:
    annotation = grid(9, (0, 1, drawn(0, 1)))
    propagate(annotation)
    annotation.apply(edit(annotation, "correct", {CellKey(6, 1): drawn(6, 1)}))
    steps = algorithm(annotation, FakePropagation(), FUSING)
    events = list(steps.propagate(steps.planner.from_checkpoint(annotation, 1, 6)))
    assert [len(change.after) for change in changes([e for e in events if not isinstance(e, Plan)])] == [
        1,
        1,
        5,
    ]
    assert seconds(annotation) == [None, 6, 6, 6, 0, 0, None, None, None]


@pytest.mark.parametrize("seed", range(30))
def test_any_edits_and_cancels_end_in_the_same_rule(seed: int) -> None:
    dice = random.Random(seed)
    annotation = grid(dice.randint(3, 14))
    for _ in range(12):
        frame = dice.randrange(annotation.length)
        choices = (None, absent(frame), Cell(patch(0, 1, 1), frame, made_by=Maker.RECOVERY))
        cell = dice.choice(choices) if dice.random() < 0.4 else drawn(frame, 1, dice.randrange(6))
        annotation.apply(edit(annotation, "edit", {CellKey(frame, 1): cell}))
        steps = propagate_only(annotation, FakePropagation(), FUSING)
        list(islice(steps, dice.randint(0, 20)))
        steps.close()
        assert_whole(annotation, gaps=True)
    propagate(annotation)
    assert not BidirectionalFusion().initial(annotation, [1], None).steps
    row = annotation.row(1)
    anchors = sorted(frame for frame, cell in row.items() if cell.origin == frame)
    for left, right in pairwise(anchors):
        trusted = all(row[end].pinned and row[end].mask.box.area for end in (left, right))
        if trusted:
            assert all(is_fused(row[i], left, right) for i in range(left + 1, right))
