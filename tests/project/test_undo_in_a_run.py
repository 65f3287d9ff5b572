"""While a run goes on, undo takes a person's own steps back, and what the run made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from vsreid_studio.engine.store.annotation import edit
from vsreid_studio.engine.types import Box, Cell, CellKey, SoftMask
from vsreid_studio.project import Project
from vsreid_studio.project.history import StepKind

RUN = "run 1.0"


def cell(origin: int, value: int = 200, pinned: bool = False) -> Cell:
    return Cell(SoftMask(Box(0, 0, 8, 8), np.full((8, 8), value, np.uint8)), origin, pinned=pinned)


def draw(project: Project, frame: int, value: int = 200, label: str = "Paint") -> None:
    project.apply(edit(project.annotation, label, {CellKey(frame, 1): cell(frame, value, pinned=True)}))


def carry(
    project: Project,
    origin: int,
    frames: Iterable[int],
    value: int = 150,
    group: str = RUN,
    kind: StepKind = StepKind.RUN,
) -> None:
    """As a run does it, frame by frame."""
    for frame in frames:
        change = project.annotation.set_cells("propagate", {CellKey(frame, 1): cell(origin, value)})
        project.apply(change, group=group, kind=kind)


def state(project: Project) -> dict[int, tuple[int, int]]:
    """Origin and value of each cell of instance 1, by frame."""
    return {f: (one.origin, int(one.mask.values[0, 0])) for f, one in project.annotation.row(1).items()}


def reopened(project: Project) -> Project:
    project.close()
    return Project.open(project.path)


def test_the_person_goes_first_and_a_run_is_one_step(project: Project) -> None:
    draw(project, 0)
    carry(project, 0, range(1, 4))
    draw(project, 50, label="Paint more")
    carry(project, 0, range(4, 8))
    whole = state(project)
    assert project.undo_label == "Paint more"
    project.undo()
    assert state(project) == {f: one for f, one in whole.items() if f != 50}
    project.redo()
    assert state(project) == whole
    project.close_groups()
    project.undo()
    assert project.undo_label == "propagate"
    project.undo()
    assert state(project) == {0: (0, 200)}
    project.undo()
    assert state(project) == {}
    for _ in range(3):
        project.redo()
    assert state(project) == whole
    assert project.redo() is None


def test_a_stroke_from_before_the_run_takes_what_came_of_it_along(project: Project) -> None:
    draw(project, 0)
    draw(project, 50, label="Paint 50")
    carry(project, 0, range(1, 4))
    carry(project, 50, range(49, 45, -1))
    project.undo()
    assert state(project) == {f: (0, 200 if f == 0 else 150) for f in range(4)}
    assert sorted(key.frame for key in project.dropped_cells) == [46, 47, 48, 49]
    # The run learns of it, and what is on its way from there does not join.
    carry(project, 0, range(4, 6))
    project.redo()
    assert state(project)[50] == (50, 200)
    assert project.dropped_cells == ()
    project.close_groups()
    # What was redone while the run went on comes after it.
    assert project.undo_label == "Paint 50"
    project.undo()
    assert set(state(project)) == {*range(6)}
    project = reopened(project)
    project.undo()
    assert state(project) == {0: (0, 200)}
    project.redo()
    project.redo()
    assert set(state(project)) == {*range(6), 50}
    project.close()


def test_what_a_run_made_of_a_stroke_goes_with_it_after_the_run_too(project: Project) -> None:
    draw(project, 0)
    carry(project, 0, range(1, 4))
    before = state(project)
    draw(project, 50, label="Paint 50")
    carry(project, 50, range(49, 46, -1))
    project.close_groups()
    whole = state(project)
    project.undo()
    assert state(project) == before
    assert sorted(key.frame for key in project.dropped_cells) == [47, 48, 49]
    project.redo()
    assert state(project) == {**before, 50: whole[50]}


def test_going_back_to_a_run_leaves_nothing_of_a_stroke_made_meanwhile(project: Project) -> None:
    draw(project, 0)
    carry(project, 0, range(1, 4))
    before = state(project)
    draw(project, 50, label="Paint 50")
    carry(project, 50, range(49, 46, -1))
    project.close_groups()
    whole = state(project)
    run = next(one for one in project.rounds() if one.kind is StepKind.RUN)
    project.go_back(run.number, "go back")
    assert state(project) == before
    project.undo()
    assert state(project) == whole


def test_a_stroke_that_is_redone_after_a_run_lies_over_what_the_run_made(project: Project) -> None:
    draw(project, 0)
    draw(project, 9, 77, label="Paint 9")
    project.undo()
    carry(project, 0, range(1, 13))
    project.close_groups()
    before = state(project)
    assert project.redo_label == "Paint 9"
    project.redo()
    assert state(project) == {**before, 9: (9, 77)}
    project = reopened(project)
    assert project.undo_label == "Paint 9"
    project.undo()
    assert state(project) == before
    project.undo()
    assert state(project) == {0: (0, 200)}
    project.close()


def test_an_acceptance_that_is_redone_after_a_run_brings_its_masks_back(project: Project) -> None:
    draw(project, 0)
    answer: Any = {"group": "answer 1", "kind": StepKind.ANSWER}
    project.apply(project.annotation.set_cells("accept retrieval", {CellKey(20, 1): cell(20)}), **answer)
    carry(project, 20, (21, 22), **answer)
    accepted = state(project)
    project.undo()
    carry(project, 0, range(1, 30))
    project.close_groups()
    project.redo()
    assert {frame: state(project)[frame] for frame in accepted} == accepted


def test_what_a_stroke_dropped_and_the_run_made_anew_comes_back_as_it_was(project: Project) -> None:
    draw(project, 0, 100)
    carry(project, 0, range(1, 6), 110, "run 0.0")
    project.close_groups()
    before = state(project)
    draw(project, 0, 200, "Paint anew")
    assert set(state(project)) == {0}
    carry(project, 0, range(1, 4), 210)
    project.undo()
    assert state(project) == before
    project.redo()
    assert state(project) == {0: (0, 200)}
    project.undo()
    project.close_groups()
    assert state(project) == before
    # The run has nothing left that it could take back.
    project.undo()
    assert state(project) == before
    project.undo()
    assert state(project) == {0: (0, 100)}


def test_a_range_that_was_cleared_during_the_run_comes_back(project: Project) -> None:
    draw(project, 0)
    carry(project, 0, range(1, 6))
    whole = state(project)
    cleared = edit(project.annotation, "clear", {CellKey(f, 1): None for f in (2, 3)})
    project.apply(cleared)
    carry(project, 0, (2, 3), 99)
    project.undo()
    assert state(project) == whole
    project.close_groups()
    project.undo()
    assert state(project) == {0: (0, 200)}


def test_an_answer_is_undone_while_its_masks_are_computed(project: Project) -> None:
    draw(project, 0)
    carry(project, 0, range(1, 4))
    answer: Any = {"group": "run 1.1", "kind": StepKind.ANSWER}
    accepted = project.annotation.set_cells("accept retrieval", {CellKey(20, 1): cell(20)})
    project.apply(accepted, **answer)
    carry(project, 20, (21, 22), **answer)
    assert project.undo_label == "accept retrieval"
    project.undo()
    assert set(state(project)) == {0, 1, 2, 3}
    assert project.undo_label == "Paint"
    project.redo()
    assert set(state(project)) == {0, 1, 2, 3, 20, 21, 22}


def test_a_run_takes_nothing_from_redo_but_a_person_does(project: Project) -> None:
    draw(project, 0)
    draw(project, 9)
    project.undo()
    carry(project, 0, (1, 2))
    assert project.redo_label == "Paint"
    draw(project, 30)
    assert project.redo_label is None


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_undone_and_redone_leads_back(project: Project, seed: int) -> None:
    """Edits, a run between them, undo and redo at random: nothing is left of a step that is undone."""
    rng = np.random.default_rng(seed)
    draw(project, 0)
    project.close_groups()
    for turn in range(40):
        frame = int(rng.integers(1, 20))
        match int(rng.integers(0, 6)):
            case 0:
                draw(project, frame, int(rng.integers(1, 255)))
            case 1 | 2:
                near = max(f for f in project.annotation.checkpoints(1) if f <= frame)
                if not project.annotation.pinned(frame, 1):
                    carry(project, near, (frame,), int(rng.integers(1, 255)))
            case 3:
                if project.undo_label != "Paint" or len(project.annotation.checkpoints(1)) > 1:
                    project.undo()
                    if not project.annotation.checkpoints(1):
                        project.redo()
            case 4:
                project.redo()
            case 5 if turn % 3 == 0:
                project.close_groups()
        for key, one in project.annotation.cells():
            assert project.annotation.anchored(one.origin, key.instance)
    project.close_groups()
    while project.undo() is not None:
        pass
    assert state(project) == {}
