"""Points whose masks are not computed yet, in the project file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vsreid_studio.engine.events import Change
from vsreid_studio.engine.types import Box, Cell, CellKey, Click, SoftMask
from vsreid_studio.formats.points import Clicked, Prompt, checksum
from vsreid_studio.project import Instance, Project
from vsreid_studio.project.open_points import OpenPoints, note_open_points, open_points_of
from vsreid_studio.project.sources import note_points

NOTHING = checksum(SoftMask.empty())
RECORD: dict[str, Any] = {
    **{"frame": 3, "instance": 1, "identity": 1},
    **{"points": [[4.0, 5.0, 1], [6.5, 5.0, 0]], "box": [1, 2, 30, 40], "before": ""},
}


def point(frame: int, instance: int = 1, before: str = NOTHING) -> OpenPoints:
    return OpenPoints(Prompt(CellKey(frame, instance), (Click(4.0, 5.0, True),), None), before)


@pytest.fixture
def two(project: Project) -> Project:
    for number in (1, 2):
        project.apply(Change("add"), instances={number: Instance(number, f"a {number}", "#4477aa")})
    return project


def test_they_are_there_after_reopening(two: Project) -> None:
    boxed = OpenPoints(Prompt(CellKey(5, 2), (), Box(1, 2, 30, 40)), "ab")
    kept = [point(9), boxed, point(3), point(9, before="cd")]
    note_open_points(two, kept)
    two.close()
    with Project.open(two.path) as again:
        assert open_points_of(again) == kept
        note_open_points(again, [])
        assert open_points_of(again) == []


def test_they_are_of_the_instance_they_were_made_for(two: Project) -> None:
    note_open_points(two, [point(3), point(4, 2), point(5, 7)])
    assert open_points_of(two) == [point(3), point(4, 2)]
    two.apply(Change("delete"), instances={2: None})
    two.apply(Change("add"), instances={2: Instance(2, "another", "#4477aa")})
    assert open_points_of(two) == [point(3)]
    two.undo()
    two.undo()
    assert open_points_of(two) == [point(3), point(4, 2)]


def test_those_whose_mask_is_there_are_not_asked_for_again(
    two: Project, make_cell: Callable[..., Cell]
) -> None:
    """The program was killed between the mask and the end of the note."""
    note_open_points(two, [point(3), point(4)])
    mask = make_cell(3).mask
    two.apply(two.annotation.set_cells("Click", {CellKey(3, 1): Cell(mask, 3, pinned=True)}))
    assert [one.outdated(two.annotation) for one in open_points_of(two)] == [True, False]
    note_points(two.settings, Clicked(point(3).prompt, False, "w", checksum(mask)))
    assert open_points_of(two) == [point(4)]
    # Clicked in the same place once more, it is a correction of that mask.
    again = point(3, before=checksum(mask))
    note_open_points(two, [again])
    assert open_points_of(two) == [again]
    assert not again.outdated(two.annotation)


def test_what_was_clicked_later_is_over_the_mask_that_was_made_before_the_program_was_killed(
    two: Project, make_cell: Callable[..., Cell]
) -> None:
    later = OpenPoints(Prompt(CellKey(3, 1), (Click(20.0, 5.0, True),), None), NOTHING)
    note_open_points(two, [point(3), later])
    mask = make_cell(3).mask
    two.apply(two.annotation.set_cells("Click", {CellKey(3, 1): Cell(mask, 3, pinned=True)}))
    note_points(two.settings, Clicked(point(3).prompt, False, "w", checksum(mask)))
    (one,) = open_points_of(two)
    assert one.prompt == later.prompt and not one.outdated(two.annotation)


def test_a_mask_that_nobody_pinned_may_be_another_one(two: Project, make_cell: Callable[..., Cell]) -> None:
    note_open_points(two, [point(3)])
    two.apply(two.annotation.set_cells("propagate", {CellKey(3, 1): make_cell(0)}))
    (one,) = open_points_of(two)
    assert not one.outdated(two.annotation)


@pytest.mark.parametrize(
    "changed",
    [
        {"frame": 200},
        {"frame": -1},
        {"instance": 9},
        {"identity": 2},
        {"points": [[4.0, 5.0]]},
        {"points": [[900.0, 5.0, 1]]},
        {"points": [[float("nan"), 5.0, 1]]},
        {"points": 7},
        {"box": [1, 2, 3]},
        {"box": [1, 2, 9000, 40]},
        {"box": [30, 2, 1, 40]},
        {"points": [], "box": None},
        {"before": None, "frame": "x"},
    ],
)
def test_what_makes_no_sense_is_left_out(two: Project, changed: dict[str, Any]) -> None:
    two.settings.set("open_points", [{**RECORD, **changed}, RECORD, 3, None, {}])
    (one,) = open_points_of(two)
    assert one.prompt.box == Box(1, 2, 30, 40)
    two.settings.set("open_points", {"frame": 3})
    assert open_points_of(two) == []
