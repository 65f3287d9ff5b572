"""What is seen beside the instance, in a frame where that is seen for certain, is something else."""

from dataclasses import replace
from typing import Any

import pytest
from fakes import (
    CONFIG,
    FakePropagation,
    absent,
    drawn,
    first_masks,
    found,
    grid,
    patch,
    proposals,
    run,
    story,
    vsreid,
)

from vsreid_studio.engine.algorithm.plan import Plan
from vsreid_studio.engine.events import Accept, Passed, Progress, Proposal, Reason
from vsreid_studio.engine.extensions.filters import Recovered
from vsreid_studio.engine.extensions.verification import Verification
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Cell, CellKey, SoftMask

PLACE, ELSEWHERE = patch(0, 1, 1), patch(5, 5, 1)


def lost(last: int, confidence: float = 0.9, length: int = 10) -> Annotation:
    """Instance 1, drawn in frame 0 and carried to frame `last`, then lost."""
    cells = [(0, 1, drawn(0, 1))]
    for frame in range(1, length):
        mask = PLACE if frame <= last else SoftMask.empty()
        cells.append((frame, 1, Cell(mask, 0, confidence=confidence)))
    return grid(length, *cells)


def asked(
    annotation: Annotation, mask: SoftMask, sure: float = 0.8, frame: int = 7, **chosen: Any
) -> tuple[int | None, list[int]]:
    """The frame of the alibi, and the frames that the mask was carried to."""
    propagation = FakePropagation(**chosen)
    step = Progress("retrieving", 0, 1, frame, 1)
    proposal = Proposal(frame, 1, mask.box, 0.9, 0.0, (frame,), mask, 0.85)
    steps = Verification(sure).seen_beside(Recovered(annotation, propagation, proposal, step))
    try:
        while True:
            event = next(steps)
            assert event is step or isinstance(event, Plan)
    except StopIteration as end:
        return end.value, [target for _, target, _ in propagation.calls]


def test_a_look_alike_is_found_out_where_the_instance_is_certain() -> None:
    annotation = lost(4)
    before = story(annotation)
    assert asked(annotation, ELSEWHERE) == (4, [6, 5, 4])
    assert story(annotation) == before


def test_what_meets_its_own_mask_has_none() -> None:
    assert asked(lost(4), PLACE) == (None, [6, 5, 4, 8, 9])


def test_uncertain_masks_say_nothing_but_what_was_drawn_does() -> None:
    assert asked(lost(4, confidence=0.5), ELSEWHERE) == (0, [6, 5, 4, 3, 2, 1, 0])


def test_what_arrives_in_doubt_says_nothing() -> None:
    assert asked(lost(4), ELSEWHERE, sure=0.95)[0] is None


def test_nothing_is_said_behind_a_frame_in_which_it_is_lost() -> None:
    assert asked(lost(4), ELSEWHERE, gone=[CellKey(5, 1)]) == (None, [6, 5, 8, 9])


def test_it_is_carried_forward_too() -> None:
    annotation = lost(0)
    annotation.apply(annotation.set_cells("not here", {CellKey(0, 1): None, CellKey(6, 1): absent(6)}))
    annotation.apply(annotation.set_cells("draw", {CellKey(9, 1): drawn(9, 1)}))
    assert asked(annotation, ELSEWHERE) == (9, [6, 8, 9])


@pytest.mark.parametrize(("config", "expected"), [(True, []), (False, [(5, 1)])])
def test_what_has_an_alibi_is_not_offered(config: bool, expected: list[tuple[int, int]]) -> None:
    settings = replace(CONFIG, reid=replace(CONFIG.reid, verification=config))
    events = run(vsreid(first_masks(6), FakePropagation(), found(f5=0.9), settings), default=Accept())
    assert proposals(events) == expected
    passed = [it.reason for it in events if isinstance(it, Passed)]
    assert passed == ([] if expected else [Reason.ELSEWHERE])
