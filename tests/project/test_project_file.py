import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from older import make_older

from vsreid_studio.engine.events import Change
from vsreid_studio.engine.store.maps import MapCache
from vsreid_studio.engine.types import Cell, CellKey, Maker, SoftMask
from vsreid_studio.errors import UserError
from vsreid_studio.project import Instance, Project, VideoRef


@pytest.fixture
def closed(project: Project, make_cell: Callable[..., Cell]) -> Path:
    """A project of some cells, of which one was drawn twice; closed."""
    for frame in (0, 1, 2, 3, 0):
        project.apply(project.annotation.set_cells("Draw", {CellKey(frame, 1): make_cell(frame)}))
    project.apply(Change("Add"), instances={1: Instance(1, "rider", "#4477aa")})
    project.close()
    return project.path


def refused(path: Path, message: str) -> None:
    before = path.read_bytes()
    with pytest.raises(UserError, match=message) as caught:
        Project.open(path)
    assert path.read_bytes() == before
    assert not list(path.parent.glob(f"{path.name}-*"))
    assert str(caught.value).endswith(".")


def test_closing_leaves_one_file(closed: Path) -> None:
    assert [p.name for p in closed.parent.iterdir() if p.is_file()] == [closed.name]


def test_closing_waits_for_maps_that_other_threads_read(
    project: Project, make_cell: Callable[..., Cell]
) -> None:
    cells = {CellKey(frame, 1): make_cell(frame, pinned=True) for frame in range(50)}
    project.apply(project.annotation.set_cells("Import", cells))
    path = project.path
    project.close()
    for _ in range(10):
        with Project.open(path) as reopened:
            told: list[str] = []
            reading = [Thread(target=read_until_closed, args=(reopened, told)) for _ in range(2)]
            for thread in reading:
                thread.start()
            while not told:
                time.sleep(0.001)
        for thread in reading:
            thread.join()
        assert told[-1] == f"The project {path} is closed."


def read_until_closed(project: Project, told: list[str]) -> None:
    """Read maps past the cache and tell of each; then why no more can be read."""
    try:
        masks = [project.annotation.mask(frame, 1) for frame in range(50)]
        while True:
            for mask in masks:
                number = project.maps.number(mask)
                assert number is not None
                MapCache(project._committer._file).values(number, mask.box)
                told.append("read")
    except UserError as error:
        told.append(str(error))


def test_nothing_is_overwritten(closed: Path, video: VideoRef) -> None:
    before = closed.read_bytes()
    with pytest.raises(UserError, match="exists already"):
        Project.create(closed, video)
    assert closed.read_bytes() == before


def test_a_project_that_cannot_be_created(tmp_path: Path, video: VideoRef) -> None:
    with pytest.raises(UserError, match="cannot be created"):
        Project.create(tmp_path / "missing" / "a.vsreid", video)


def test_the_header_tells_what_it_is(closed: Path) -> None:
    with closed.open("rb") as file:
        header = file.read(100)
    assert header[68:72] == b"VSRe"
    assert int.from_bytes(header[60:64]) == 8


def test_a_newer_project_is_refused(closed: Path) -> None:
    connection = sqlite3.connect(closed)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    refused(closed, "made by a newer version")


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 7])
def test_a_project_of_an_older_version_keeps_its_cells(
    project: Project, make_cell: Callable[..., Cell], version: int
) -> None:
    cells = {
        CellKey(3, 1): make_cell(3, pinned=True, made_by=Maker.PERSON),
        CellKey(4, 1): make_cell(3, confidence=0.25),
        CellKey(5, 1): Cell(SoftMask.empty(), 5, pinned=True),
    }
    project.apply(project.annotation.set_cells("draw", cells))
    project.apply(project.annotation.set_cells("draw", {CellKey(4, 1): make_cell(3)}))
    project.undo()
    project.close()
    make_older(project.path, version)
    with Project.open(project.path) as older:
        found = dict(older.annotation.cells())
        assert all(found[key].mask.same(cell.mask) for key, cell in cells.items())
        assert all(found[key].mask.area == cell.mask.area for key, cell in cells.items())
        assert [found[key].pinned for key in cells] == [True, False, True]
        assert older.redo() is not None
        older.undo()
        older.redo()
        voted = make_cell(3, second=9, smoothed=True)
        older.apply(older.annotation.set_cells("propagate", {CellKey(4, 1): voted}))
    with Project.open(project.path) as newer:
        cell = newer.annotation.get(4, 1)
        assert cell is not None
        assert (cell.second, cell.smoothed, cell.mask.same(voted.mask)) == (9, True, True)


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.vsreid"
    text.write_text("This is a text of some length. " * 100)
    refused(text, "is not a vsreid-studio project")
    empty = tmp_path / "empty.vsreid"
    empty.touch()
    refused(empty, "is not a vsreid-studio project")
    other = tmp_path / "other.vsreid"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE things (id)")
    connection.close()
    refused(other, "is not a vsreid-studio project")
    with pytest.raises(UserError, match="does not exist"):
        Project.open(tmp_path / "nothing.vsreid")
    with pytest.raises(UserError, match="does not exist"):
        Project.open(tmp_path)


def test_a_damaged_map_is_told_when_it_is_read(closed: Path) -> None:
    connection = sqlite3.connect(closed)
    connection.execute("UPDATE maps SET data = zeroblob(length(data)) WHERE id = 2")
    connection.commit()
    connection.close()
    with Project.open(closed) as project:
        cells = dict(project.annotation.cells())
        assert cells[CellKey(1, 1)].mask.area
        with pytest.raises(UserError, match="is damaged on disk"):
            _ = cells[CellKey(1, 1)].mask.values


def test_a_damaged_cell_is_refused(closed: Path) -> None:
    connection = sqlite3.connect(closed)
    connection.execute("UPDATE cells SET record = zeroblob(length(record)) WHERE frame = 2")
    connection.commit()
    connection.close()
    refused(closed, "is damaged on disk")


@pytest.mark.parametrize(
    "sql", ["DELETE FROM video", "DROP TABLE decisions", "UPDATE instances SET colour = 1"]
)
def test_a_project_with_parts_missing_is_refused(closed: Path, sql: str) -> None:
    connection = sqlite3.connect(closed)
    connection.execute(sql)
    connection.commit()
    connection.close()
    refused(closed, "damaged|cannot be used")


def test_damage_anywhere_is_noticed_or_harmless(closed: Path) -> None:
    sound = closed.read_bytes()
    with Project.open(closed) as project:
        cells = {key: (c.origin, c.pinned, c.mask.values.tobytes()) for key, c in project.annotation.cells()}
    noticed = 0
    for offset in range(100, len(sound) - 64, 1777):
        closed.write_bytes(sound[:offset] + b"\xa5" * 64 + sound[offset + 64 :])
        try:
            with Project.open(closed) as project:
                found = {
                    k: (c.origin, c.pinned, c.mask.values.tobytes()) for k, c in project.annotation.cells()
                }
            assert found == cells, offset
        except UserError:
            noticed += 1
    assert noticed > 3
    closed.write_bytes(sound[: len(sound) // 2])
    refused(closed, "damaged")


def test_a_second_window_is_refused(project: Project, closed: Path, make_cell: Callable[..., Cell]) -> None:
    with Project.open(closed) as first:
        with pytest.raises(UserError, match="open in another window"):
            Project.open(closed)
        script = f"import sqlite3; sqlite3.connect({str(closed)!r}, timeout=0).execute('SELECT * FROM video')"
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "database is locked" in other.stderr
        first.apply(first.annotation.set_cells("Draw", {CellKey(9, 1): make_cell(9)}))
    Project.open(closed).close()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_project_is_refused(closed: Path) -> None:
    closed.chmod(0o444)
    closed.parent.chmod(0o555)
    try:
        refused(closed, "read-only|not accessible")
    finally:
        closed.parent.chmod(0o755)


def test_a_read_only_disk_leaves_the_annotation(closed: Path, make_cell: Callable[..., Cell]) -> None:
    with Project.open(closed) as project:
        project._database.pragma("query_only = 1")
        with pytest.raises(UserError, match="cannot be written"):
            project.apply(project.annotation.set_cells("Draw", {CellKey(9, 1): make_cell(9)}))
        with pytest.raises(UserError, match="cannot be written"):
            project.undo()
        assert project.annotation.get(9, 1) is None
        assert 1 in project.instances


def test_a_moved_video_is_found(closed: Path, video: VideoRef, tmp_path: Path) -> None:
    with Project.open(closed) as project:
        assert project.locate_video() == video.path
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / "videos").mkdir()
    shutil.move(closed, moved)
    shutil.move(video.path, moved / "videos")
    with Project.open(moved / closed.name) as project:
        assert project.locate_video() == moved / "videos" / "street.mp4"
        shutil.move(moved / "videos" / "street.mp4", moved)
        assert project.locate_video() == moved / "street.mp4"
        far = tmp_path / "far.mp4"
        (moved / "street.mp4").rename(far)
        with pytest.raises(UserError, match="not there any more"):
            project.locate_video()
        with pytest.raises(ValueError, match="other frames"):
            project.adopt_video(replace(video, path=far, length=video.length + 1))
        assert project.video == video
        project.adopt_video(replace(video, path=far))
        assert project.video == replace(video, path=far)
    with Project.open(moved / closed.name) as project:
        assert project.locate_video() == far
