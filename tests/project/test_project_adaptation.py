"""What N_mp has learnt of a video lies in its project, and takes part in undo."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from older import make_older

from vsreid_studio.engine.types import Cell, CellKey
from vsreid_studio.errors import UserError
from vsreid_studio.project import Adaptation, Project

FIRST, SECOND = Adaptation("base", b"one" * 50), Adaptation("base", b"two" * 50)


def test_it_is_kept(project: Project, path: Path) -> None:
    assert project.adaptation is None
    project.set_adaptation(FIRST)
    assert project.adaptation == FIRST
    project.close()
    with Project.open(path) as reopened:
        assert reopened.adaptation == FIRST


def test_undo_brings_the_old_one_back(project: Project, path: Path) -> None:
    project.set_adaptation(FIRST)
    project.set_adaptation(SECOND)
    project.set_adaptation(None)
    assert project.undo_label == "forget the adaptation"
    project.close()
    with Project.open(path) as reopened:
        seen = [reopened.adaptation]
        while reopened.undo() is not None:
            seen.append(reopened.adaptation)
        assert seen == [None, SECOND, FIRST, None]
        assert reopened.redo_label == "adapt to this video"
        reopened.redo()
        assert reopened.adaptation == FIRST


def test_other_steps_leave_it(project: Project, make_cell: Callable[..., Cell]) -> None:
    project.set_adaptation(FIRST)
    project.apply(project.annotation.set_cells("draw", {CellKey(0, 1): make_cell()}))
    assert project.adaptation == FIRST
    project.undo()
    assert project.adaptation == FIRST
    assert not list(project.annotation.cells())


def test_a_project_of_the_first_version_gets_its_place(project: Project, path: Path) -> None:
    project.close()
    make_older(path, 1)
    with Project.open(path) as older:
        older.set_adaptation(FIRST)
    with Project.open(path) as newer:
        assert newer.adaptation == FIRST


def test_a_damaged_one_is_told(project: Project, path: Path) -> None:
    project.set_adaptation(FIRST)
    project.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE adaptation SET data = ?", (b"other",))
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match="damaged"):
        Project.open(path)
