"""What is committed is where the project's name says, or the change is told as not saved."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vsreid_studio.engine.types import Cell, CellKey
from vsreid_studio.errors import UserError
from vsreid_studio.project import Project, VideoRef


@pytest.fixture
def apart(tmp_path: Path, video: VideoRef) -> Iterator[Project]:
    """A project in a folder of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    with Project.create(folder / "street.vsreid", video) as project:
        yield project


def draw(project: Project, make_cell: Callable[..., Cell], frame: int = 3) -> None:
    project.apply(project.annotation.set_cells("Draw", {CellKey(frame, 1): make_cell(frame)}))


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_change_to_a_file_that_is_gone_is_told_as_not_saved(
    apart: Project, make_cell: Callable[..., Cell], how: str
) -> None:
    draw(apart, make_cell)
    if how == "deleted":
        shutil.rmtree(apart.path.parent)
    else:
        apart.path.rename(apart.path.with_name("other.vsreid"))
    if how == "replaced":
        apart.path.touch()
    with pytest.raises(UserError, match="moved or deleted while it was open"):
        draw(apart, make_cell, 4)
    with pytest.raises(UserError, match="not saved"):
        apart.settings.set("frame", 3)
    with pytest.raises(UserError, match="not saved"):
        apart.undo()
    with pytest.raises(UserError, match="not saved"):
        apart.check_place()
    assert apart.annotation.get(4, 1) is None
    assert apart.annotation.get(3, 1) is not None


def test_a_file_that_goes_while_a_change_is_written(apart: Project, make_cell: Callable[..., Cell]) -> None:
    with (
        pytest.raises(UserError, match="not saved"),
        apart._database.transaction() as connection,
    ):
        connection.execute("INSERT INTO settings VALUES ('a', '1')")
        shutil.rmtree(apart.path.parent)


def test_another_process_gets_one_sentence_and_changes_nothing(
    apart: Project, make_cell: Callable[..., Cell], tmp_path: Path
) -> None:
    draw(apart, make_cell)
    options = ["export", apart.path, "--output", tmp_path / "set"]
    command = [sys.executable, "-m", "vsreid_studio", *map(str, options)]
    other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert other.returncode == 2
    assert "is open in another window." in other.stderr
    assert "Traceback" not in other.stderr
    assert len(other.stderr.splitlines()) == 1
    draw(apart, make_cell, 4)
    assert not (tmp_path / "set").exists()
