"""What is followed through many frames is one find: one entry, one answer."""

from __future__ import annotations

import pytest

from vsreid_studio.engine.events import Reason, Retrieval
from vsreid_studio.engine.types import Box, CellKey
from vsreid_studio.project.finds import best, find_of, finds


def moving(frames, instance: int = 1, x: int = 0, reason: Reason | None = None) -> list[Retrieval]:
    return [
        Retrieval(i, instance, Box(x + 2 * i, 10, x + 2 * i + 20, 30), 0.5 + i / 100, 0.0, reason)
        for i in frames
    ]


def test_a_moving_object_is_one_find_and_another_place_another() -> None:
    near, far, other = moving(range(20)), moving(range(20, 25), x=300), moving(range(5), 2)
    grouped = finds([*far, *other, *near])
    assert grouped == [tuple(near), tuple(far), tuple(other)]
    assert best(grouped[0]).frame == 19


@pytest.mark.parametrize(("missing", "parts"), [(3, 1), (12, 2)])
def test_a_short_gap_does_not_part_a_find(missing: int, parts: int) -> None:
    assert len(finds(moving([*range(10), *range(10 + missing, 20 + missing)]))) == parts


def test_a_find_takes_weak_frames_along_but_none_that_has_a_mask() -> None:
    weak, held = moving([3], reason=Reason.BELOW), moving([4], reason=Reason.PRESENT)
    found = find_of(CellKey(2, 1), [*moving(range(3)), *weak, *held])
    assert [it.frame for it in found] == [0, 1, 2, 3]
