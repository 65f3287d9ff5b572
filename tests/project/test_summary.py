"""Summaries of projects that nobody opens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from older import make_older

from vsreid_studio.engine.events import Queue, Retrieval
from vsreid_studio.engine.types import Box, Cell, CellKey, SoftMask
from vsreid_studio.errors import UserError
from vsreid_studio.project import Instance, Project
from vsreid_studio.project.schema import SCHEMA_VERSION
from vsreid_studio.project.summary import ClipState, read_summary, summary_of

MASK = SoftMask.from_dense(np.ones((20, 20), np.float32), (10, 10))


def put(project: Project, **how: Any) -> None:
    cells = {CellKey(frame, 1): Cell(MASK, 0, confidence=0.95) for frame in range(project.video.length)}
    cells[CellKey(0, 1)] = Cell(MASK, 0, pinned=True)
    for frame, cell in how.get("cells", {}).items():
        cells[CellKey(frame, 1)] = cell
    instances = {1: Instance(1, "rider", "#4477aa")}
    project.apply(project.annotation.set_cells("propagate", cells), instances=instances)


def test_states(project: Project) -> None:
    assert summary_of(project).state is ClipState.NOTHING
    first = {CellKey(0, 1): Cell(MASK, 0, pinned=True)}
    project.apply(project.annotation.set_cells("draw", first))
    assert summary_of(project).state is ClipState.DRAWN
    put(project)
    found = summary_of(project)
    assert (found.state, found.share, found.open) == (ClipState.PROPAGATED, 1, ())
    everything = {
        key: replace(cell, pinned=True, origin=key.frame) for key, cell in project.annotation.cells()
    }
    project.apply(project.annotation.set_cells("approve", everything))
    assert summary_of(project).state is ClipState.APPROVED


def test_doubtful_masks_are_listed_by_stretches(project: Project) -> None:
    small = SoftMask.from_dense(np.ones((4, 20), np.float32), (10, 10))
    put(
        project,
        cells={2: Cell(MASK, 0, confidence=0.5), 3: Cell(MASK, 0, confidence=0.4), 30: Cell(small, 0)},
    )
    found = summary_of(project)
    assert (found.state, found.doubtful, found.waiting) == (ClipState.DOUBTFUL, 2, 0)
    assert [(one.frame, one.name, one.text) for one in found.open] == [
        (3, "rider", "The network expects an overlap of 40 %."),
        (30, "rider", "The mask suddenly shrinks to 20 % of its area around."),
    ]


def test_masks_that_a_person_marked_as_right_are_not_doubtful(project: Project) -> None:
    put(project, cells={2: Cell(MASK, 0, confidence=0.5), 3: Cell(MASK, 0, confidence=0.4)})
    nothing = project.annotation.set_cells("mark as right", {})
    project.apply(nothing, reviewed=[CellKey(2, 1), CellKey(3, 1)])
    assert summary_of(project).state is ClipState.PROPAGATED
    # Another map than the one that was looked at is doubtful again.
    other = SoftMask.from_dense(np.ones((20, 20), np.float32), (11, 10))
    project.apply(project.annotation.set_cells("propagate", {CellKey(3, 1): Cell(other, 0, confidence=0.3)}))
    assert [one.frame for one in summary_of(project).open] == [3]


def test_proposals_wait_before_doubts(project: Project) -> None:
    put(project, cells={30: Cell(SoftMask.empty(), 0)})
    box = Box(40, 30, 60, 50)
    project.proposals.take(Queue((Retrieval(30, 1, box, 0.92, 0.0),)), project.annotation)
    found = summary_of(project)
    assert (found.state, found.waiting) == (ClipState.WAITING, 1)
    assert found.open[0].text == "Found again? Similarity 92 %."


@pytest.mark.parametrize("version", [7, SCHEMA_VERSION])
def test_looking_changes_nothing(project: Project, version: int) -> None:
    put(project)
    project.close()
    if version < SCHEMA_VERSION:
        make_older(project.path, version)
    before = project.path.read_bytes(), sorted(project.path.parent.iterdir())
    assert read_summary(project.path).state is ClipState.PROPAGATED
    assert (project.path.read_bytes(), sorted(project.path.parent.iterdir())) == before


def test_what_is_in_use_or_of_another_version_is_not_read(project: Project) -> None:
    put(project)
    with pytest.raises(UserError, match="in use"):
        read_summary(project.path)
    project.close()
    make_older(project.path, 6)
    with pytest.raises(UserError, match="older version"):
        read_summary(project.path)
    project.path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"not a vsreid-studio project|damaged"):
        read_summary(project.path)
    with pytest.raises(UserError, match="does not exist"):
        read_summary(project.path.with_name("none.vsreid"))
