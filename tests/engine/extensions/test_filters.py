"""What was recovered is withheld where another instance certainly is."""

from dataclasses import replace

import pytest
from fakes import (
    CONFIG,
    FakePropagation,
    FakeReid,
    absent,
    direction,
    drawn,
    grid,
    modules,
    patch,
    proposals,
    run,
)

from vsreid_studio.engine.events import Passed, Progress, Proposal, Reason, Skip
from vsreid_studio.engine.extensions.filters import Recovered, Taken
from vsreid_studio.engine.store.view import Cells
from vsreid_studio.engine.types import Box, Cell, CellKey, Prediction, SoftMask


def reason(other: Cell | None, mask: SoftMask, sure: float = 0.8, same: float = 0.4) -> Reason | None:
    """Why a mask recovered for instance 1 in frame 3 is withheld beside what is there of instance 2."""
    cells = [(0, 1, drawn(0, 1)), (0, 2, drawn(0, 2))]
    annotation = grid(5, *cells, *([(3, 2, other)] if other is not None else []))
    proposal = Proposal(3, 1, mask.box, 0.9, 0.0, (3,), mask, 0.85)
    recovered = Recovered(annotation, FakePropagation(), proposal, Progress("retrieving", 0, 1, 3, 1))
    steps = Taken(sure, same).withholds(recovered)
    with pytest.raises(StopIteration) as end:
        next(steps)
    found: Reason | None = end.value.value
    return found


PLACE = patch(5, 5, 1)


def test_what_lies_on_a_certain_map_of_another_instance_is_withheld() -> None:
    there = Cell(patch(5, 5, 2), 0, confidence=0.9)
    assert reason(there, PLACE) is Reason.RIVAL
    assert reason(replace(there, confidence=0.7), PLACE) is None
    assert reason(replace(there, confidence=0.7), PLACE, sure=0.7) is Reason.RIVAL


def test_an_anchor_is_certain_whatever_its_confidence() -> None:
    assert reason(Cell(patch(5, 5, 2), 3, confidence=0.1), PLACE) is Reason.RIVAL
    assert reason(absent(3), PLACE) is None


def test_what_lies_beside_another_instance_is_offered() -> None:
    assert reason(None, PLACE) is None
    assert reason(Cell(patch(0, 0, 2), 0, confidence=0.9), PLACE) is None
    half = Cell(patch(6, 5, 2), 0, confidence=0.9)
    assert reason(half, PLACE) is None
    assert reason(half, PLACE, same=1 / 3) is Reason.RIVAL


class Beside(FakePropagation):
    """Finds what lies a pixel to the right of the box."""

    def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
        found = super().recover(cells, frame, box, instance)
        return replace(found, mask=patch(box.x0 + 1, box.y0, instance))


def asked(*cells: tuple[int, int, Cell]) -> tuple[list[CellKey], list[Passed]]:
    """What a run offers, and what it passes over, where a candidate of instance 1 is in frame 4."""
    config = replace(CONFIG, reid=replace(CONFIG.reid, competition=True))
    annotation = grid(5, (0, 1, drawn(0, 1)), (0, 2, drawn(0, 2)), *cells)
    world = FakeReid({4: [(4, 5, direction(1, 0.9))]})
    events = run(modules(Beside(), config).run(annotation, world), default=Skip())
    return proposals(events), [event for event in events if isinstance(event, Passed)]


def test_a_run_gives_no_object_to_two_instances() -> None:
    """The box of the candidate says too little, but what is recovered of it lies on the other instance."""
    assert asked() == ([CellKey(4, 1)], [])
    assert asked((4, 2, drawn(4, 2, 5, 5))) == ([], [Passed(4, 1, Reason.RIVAL)])
