from __future__ import annotations

from pathlib import Path

import numpy as np

from vsreid_studio.engine.events import Change
from vsreid_studio.engine.types import Box, CellKey, Click, SoftMask
from vsreid_studio.formats.annotations import GivenMasks
from vsreid_studio.formats.mask_coding import Reading
from vsreid_studio.formats.points import Clicked, Prompt, checksum
from vsreid_studio.project import Instance, Project
from vsreid_studio.project.notes import Settings
from vsreid_studio.project.sources import (
    note_points,
    note_values,
    numbered_as_before,
    points_of,
    setting_of,
)

KEY = CellKey(12, 3)


class Kept(dict[str, object]):
    """Settings without a file."""

    def set(self, key: str, value: object) -> None:
        self[key] = value


def settings() -> Settings:
    return Kept()  # type: ignore[return-value]


def clicked(side: int, box: Box | None = None) -> tuple[SoftMask, Clicked]:
    mask = SoftMask.from_dense(np.ones((side, side), np.bool_))
    return mask, Clicked(Prompt(KEY, (Click(1.0, 2.0, True),), box), False, "ab12", checksum(mask))


def test_each_mask_finds_its_own_points() -> None:
    kept = settings()
    small, first = clicked(3)
    large, second = clicked(5, Box(0, 0, 5, 5))
    note_points(kept, first)
    note_points(kept, second)
    note_points(kept, second)
    assert points_of(kept) == {KEY: (first, second)}
    assert first.made(small) and second.made(large) and not first.made(large)
    shifted = SoftMask(small.box.shifted(1, 0), small.values)
    assert not first.made(shifted)


def test_few_masks_of_a_cell_are_remembered() -> None:
    kept = settings()
    for side in range(1, 40):
        note_points(kept, clicked(side)[1])
    found = points_of(kept)[KEY]
    assert len(found) == 20 and found[-1] == clicked(39)[1]


def test_a_colour_is_that_of_the_instance_it_became_and_of_no_other(project: Project) -> None:
    mask = SoftMask.from_dense(np.ones((3, 3), np.bool_))

    def add(number: int) -> None:
        project.apply(Change("add"), instances={number: Instance(number, f"a {number}", "#123456")})

    def became() -> int:
        given = GivenMasks({0: {1: mask}}, Reading.COLOURS, "", values={99: 1})
        return int(numbered_as_before(project, given).values[99])

    add(1)
    add(2)
    note_values(project, GivenMasks({0: {2: mask}}, Reading.COLOURS, "", values={99: 2}))
    assert became() == 2
    project.apply(Change("delete"), instances={2: None})
    add(2)
    assert became() == 1, "as nothing is known of it"
    add(3)
    note_values(project, GivenMasks({0: {3: mask}}, Reading.COLOURS, "", values={99: 3}))
    assert became() == 3
    for _ in range(3):
        project.undo()
    assert became() == 2
    project.settings.set("mask_values", {str(Reading.COLOURS): [[99, 2], [98, 1, None], [97]]})
    assert became() == 2, "as earlier versions kept it"


def test_what_a_step_that_is_forgotten_has_added_is_not_the_next_instance(project: Project) -> None:
    """The import was undone, and something else done since: nothing is left of what it added."""
    mask = SoftMask.from_dense(np.ones((3, 3), np.bool_))

    def given(number: int) -> GivenMasks:
        return GivenMasks({0: {number: mask}}, Reading.COLOURS, "", values={99: number})

    project.apply(Change("add"), instances={1: Instance(1, "a horse", "#4477aa")})
    project.apply(Change("import"), instances={2: Instance(2, "a cat", "#4477aa")})
    note_values(project, given(2))
    project.undo()
    project.apply(Change("rename"), instances={1: Instance(1, "a mare", "#4477aa")})
    with Project.open(closed(project)) as again:
        again.apply(Change("add"), instances={2: Instance(2, "a dog", "#4477aa")})
        assert numbered_as_before(again, given(1)).values[99] == 1, "as nothing is known of it"


def closed(project: Project) -> Path:
    project.close()
    return project.path


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    kept = settings()
    note_points(kept, clicked(3)[1])
    kept.set(setting_of(CellKey(1, 1)), [{"mask": "x", "points": [[1, 2]], "box": None}])
    kept.set("points/a/b", [])
    kept.set("points/1/2", 7)
    kept.set("frame", 4)
    assert list(points_of(kept)) == [KEY]
