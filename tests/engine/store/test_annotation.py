from dataclasses import replace

import pytest
from fakes import absent, drawn, first_masks, grid, inverse, patch, story

from vsreid_studio.engine.events import Change, Decision, Redraw, Verdict
from vsreid_studio.engine.store.annotation import closer, overwritten
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker

REJECTED = Decision(Verdict.REJECTED, Box(1, 1, 3, 3), 0.7, Maker.PERSON)


def derived(origin: int) -> Cell:
    return Cell(patch(0, 0, 1), origin)


def test_a_change_and_its_inverse_leave_nothing() -> None:
    annotation = first_masks(4, 2)
    start = story(annotation)
    change = annotation.set_cells("try", {CellKey(0, 1): None, CellKey(2, 2): drawn(2, 2)})
    change = annotation.decide(change, {CellKey(3, 1): REJECTED})
    assert story(annotation) == start, "a change is applied only when told"
    annotation.apply(change)
    assert annotation.instances == (2,)
    assert annotation.decisions == {CellKey(3, 1): REJECTED}
    assert len(annotation) == 2
    annotation.apply(inverse(change))
    assert story(annotation) == start


def test_a_change_names_the_same_cells_before_and_after() -> None:
    with pytest.raises(ValueError, match="same cells"):
        Change("odd", {CellKey(0, 1): None}, {})


def test_a_copy_is_independent() -> None:
    annotation = first_masks(3)
    copy = annotation.copy()
    copy.apply(copy.set_cells("remove", {CellKey(0, 1): None}))
    assert annotation.get(0, 1) is not None
    assert copy.get(0, 1) is None


def test_a_missing_cell_has_an_empty_map_and_no_origin() -> None:
    annotation = first_masks(3)
    assert annotation.mask(2, 1).box.area == 0
    assert annotation.origin(2, 1) is None
    assert not annotation.anchored(2, 1)
    assert annotation.frame_masks(2) == {}


def test_checkpoints_and_anchors() -> None:
    annotation = grid(5, (0, 1, drawn(0, 1)), (1, 1, derived(0)), (3, 1, absent(3)))
    assert annotation.checkpoints(1) == (0,)
    assert [annotation.anchored(i, 1) for i in range(5)] == [True, False, False, True, False]
    assert list(annotation.frame_masks(3)) == []


def test_the_nearest_drawn_mask_is_a_persons_and_not_empty() -> None:
    annotation = grid(
        12,
        (1, 1, drawn(1, 1)),
        (3, 1, absent(3)),
        (4, 1, replace(drawn(4, 1), pinned=False, made_by=Maker.RECOVERY)),
        (9, 1, drawn(9, 1)),
    )
    nearest = [annotation.nearest_drawn(1, frame) for frame in range(12)]
    assert nearest == [1, 9, 1, 1, 1, 1, 9, 9, 9, 1, 9, 9]
    assert annotation.nearest_drawn(2, 0) is None


def test_what_a_person_has_drawn_of_others_in_a_frame() -> None:
    annotation = grid(
        3,
        (0, 1, drawn(0, 1)),
        (0, 2, drawn(0, 2)),
        (0, 3, absent(0)),
        (0, 4, derived(0)),
        (1, 2, drawn(1, 2)),
    )
    assert annotation.drawn_beside(0, 1) == (annotation.get(0, 2),)
    assert annotation.drawn_beside(2, 1) == ()


def test_checkpoints_follow_every_change() -> None:
    annotation = grid(6, (0, 1, drawn(0, 1)))
    assert annotation.checkpoints(1) == (0,)
    more = annotation.set_cells("draw", {CellKey(4, 1): drawn(4, 1), CellKey(2, 1): derived(0)})
    annotation.apply(more)
    assert annotation.checkpoints(1) == (0, 4)
    annotation.apply(annotation.set_cells("overwrite", {CellKey(4, 1): derived(0), CellKey(0, 1): absent(0)}))
    assert annotation.checkpoints(1) == ()
    annotation.apply(annotation.set_cells("draw", {CellKey(2, 1): drawn(2, 1)}))
    assert annotation.checkpoints(1) == (2,)
    assert annotation.checkpoints(2) == ()


# Fig. 3 of the paper, and the tie: odd distances share out evenly, even ones leave the middle as it is.
@pytest.mark.parametrize(
    ("length", "taken"),
    [(2, (1,)), (3, (2,)), (4, (2, 3)), (5, (3, 4)), (6, (3, 4, 5)), (7, (4, 5, 6))],
)
def test_a_retrieval_in_the_last_frame_takes_the_nearer_half(length: int, taken: tuple[int, ...]) -> None:
    cells = [(i, 1, derived(0)) for i in range(1, length)]
    annotation = grid(length, (0, 1, drawn(0, 1)), *cells)
    assert overwritten(annotation, 1, length - 1) == taken


def test_missing_cells_are_infinitely_far() -> None:
    annotation = grid(9, (0, 1, drawn(0, 1)), (1, 1, derived(0)))
    assert closer(annotation, 1, 7, range(6, -1, -1)) == [6, 5, 4, 3, 2]


def test_an_anchor_stops_though_more_would_be_closer_behind_it() -> None:
    cells = [(i, 1, derived(0)) for i in range(1, 10) if i != 7]
    annotation = grid(10, (0, 1, drawn(0, 1)), (7, 1, absent(7)), *cells)
    assert closer(annotation, 1, 5, range(6, 10)) == [6]


def test_nothing_can_be_redrawn_as_an_empty_box() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Redraw(Box(3, 3, 3, 5))
