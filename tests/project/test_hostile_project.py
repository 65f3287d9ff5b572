"""A project file from an enemy is refused in one sentence: no traceback, no hang, no code of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import pytest
from older import make_older

from vsreid_studio.engine.events import Decision, Verdict
from vsreid_studio.engine.store.index import RECORD
from vsreid_studio.engine.types import Box, Candidates, Cell, CellKey, Maker
from vsreid_studio.errors import UserError
from vsreid_studio.project import Adaptation, Instance, Project

ODD = (-1, 2**62, "[" * 100_000, b"\xff\x00")


@pytest.fixture
def closed(project: Project, make_cell: Callable[..., Cell]) -> Path:
    """A project with something in every table; closed."""
    key = CellKey(3, 1)
    change = project.annotation.set_cells("Draw", {key: make_cell(3), CellKey(4, 1): make_cell(3)})
    decision = Decision(Verdict.ACCEPTED, Box(0, 0, 9, 9), 0.5, Maker.PERSON)
    project.apply(
        project.annotation.decide(change, {key: decision}), instances={1: Instance(1, "rider", "#4477aa")}
    )
    project.apply(project.annotation.set_cells("Redraw", {key: make_cell(3)}))
    project.set_adaptation(Adaptation("base", b"data"))
    project.settings.set("frame", 3)
    project.record_run({"reid": "abc"}, {})
    boxes = np.array([[0, 0, 9, 9]], np.int32)
    found = Candidates(boxes, np.ones(1, np.float32), np.zeros(1, bool), np.ones((1, 1), np.float32))
    project.candidates("abc").put(3, found)
    project.close()
    return project.path


def alter(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def use(path: Path) -> None:
    """Everything that the program reads of a project."""
    with Project.open(path) as project:
        for _, cell in project.annotation.cells():
            _ = cell.mask.values, cell.mask.hard_box
        _ = project.runs, project.last_weights, project.instances, project.adaptation
        _ = project.settings.get("frame"), project.candidates("abc").get(3)
        with suppress(UserError):
            project.locate_video()
        while project.undo() is not None:
            pass
        while project.redo() is not None:
            pass


def only_sentences(path: Path, do: Callable[[], None]) -> None:
    with suppress(UserError):
        do()
        use(path)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER more AFTER INSERT ON settings BEGIN DELETE FROM cells; END",
        "CREATE TABLE more (id)",
        "CREATE VIRTUAL TABLE more USING fts5(text)",
        "CREATE INDEX more ON settings (abs(value))",
        "ALTER TABLE settings ADD COLUMN more INT GENERATED ALWAYS AS (1) VIRTUAL",
        "ALTER TABLE settings RENAME COLUMN value TO other",
        "DROP TABLE decisions",
    ],
)
@pytest.mark.parametrize("version", [4, 5, 8])
def test_another_schema_is_refused(closed: Path, statement: str, version: int) -> None:
    if version < 6:
        make_older(closed, version)
    alter(closed, statement)
    before = closed.read_bytes()
    with pytest.raises(UserError, match="damaged"):
        Project.open(closed)
    assert closed.read_bytes() == before


def test_an_endless_view_is_not_read(closed: Path) -> None:
    endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT c2.* FROM c2, n"
    alter(closed, "ALTER TABLE cells RENAME TO c2", f"CREATE VIEW cells AS {endless}")
    with pytest.raises(UserError, match="damaged"):
        Project.open(closed)


def test_odd_values_in_any_column_are_told_in_a_sentence(closed: Path) -> None:
    sound = closed.read_bytes()
    with closing(sqlite3.connect(closed)) as connection:
        tables = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [(t, row[1]) for t in tables for row in connection.execute(f"PRAGMA table_info({t})")]
    for n, (table, column) in enumerate(columns):
        odd = ODD[n % len(ODD)]
        closed.write_bytes(sound)
        with closing(sqlite3.connect(closed)) as connection, suppress(sqlite3.Error):
            connection.execute(f"UPDATE {table} SET {column} = ?", (odd,))
            if (table, column) in {("maps", "data"), ("adaptation", "data"), ("candidates", "data")}:
                checksum = crc32(odd if isinstance(odd, bytes) else b"")
                connection.execute(f"UPDATE {table} SET checksum = ?", (checksum,))
            connection.commit()
        only_sentences(closed, lambda: None)


@pytest.mark.parametrize("table", ["cells", "step_cells"])
def test_odd_values_in_a_record_with_a_valid_checksum(closed: Path, table: str) -> None:
    sound = closed.read_bytes()
    for name in RECORD.names or ():
        for odd in (-1, 2**31 - 1, float("inf")):
            closed.write_bytes(sound)
            with closing(sqlite3.connect(closed)) as connection:
                frame, data = connection.execute(
                    f"SELECT frame, record FROM {table} WHERE record NOT NULL"
                ).fetchone()
                record = np.frombuffer(data, RECORD).copy()
                with np.errstate(all="ignore"), suppress(OverflowError):
                    record[name] = np.float64(odd).astype(RECORD[name])
                data = record.tobytes()
                row = (data, crc32(data), frame)
                connection.execute(f"UPDATE {table} SET record = ?, checksum = ? WHERE frame = ?", row)
                connection.commit()
            only_sentences(closed, lambda: None)


def test_odd_values_in_an_older_project(closed: Path) -> None:
    sound = closed.read_bytes()
    for place in range(11):
        for odd in (-1, 2**62, "x"):
            closed.write_bytes(sound)
            only_sentences(
                closed,
                lambda: make_older(closed, 4, lambda row: (*row[:place], odd, *row[place + 1 :])),  # noqa: B023
            )


def test_a_map_that_is_another_picture_is_not_decoded(closed: Path) -> None:
    for picture in (
        np.zeros((30, 20, 3), np.uint8),
        np.zeros((31, 20), np.uint8),
        np.ones((30, 20), np.uint16),
    ):
        data = cv2.imencode(".png", picture)[1].tobytes()
        with closing(sqlite3.connect(closed)) as connection:
            connection.execute("UPDATE maps SET data = ?, checksum = ?", (data, crc32(data)))
            connection.commit()
        with Project.open(closed) as project, pytest.raises(UserError, match="damaged"):
            _ = project.annotation.mask(3, 1).values


def test_a_schema_that_is_not_utf8_is_told_without_quoting_it(closed: Path) -> None:
    data = closed.read_bytes()
    text = b"data BLOB NOT NULL,           -- probability"
    assert text in data
    closed.write_bytes(data.replace(text, b"\xff" + text[1:]))
    with pytest.raises(UserError, match="is damaged on disk and was left as it is"):
        Project.open(closed)


def test_more_cells_than_the_video_has_are_refused(closed: Path) -> None:
    alter(closed, "UPDATE video SET length = 3")
    with pytest.raises(UserError, match="damaged"):
        Project.open(closed)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cells SET checksum = checksum + 1",
        "UPDATE cells SET record = CAST(hex(record) AS TEXT)",
        "UPDATE cells SET record = substr(record, 2)",
        "UPDATE cells SET frame = 'x' WHERE frame = 3",
        "UPDATE cells SET frame = -1 WHERE frame = 3",
        "UPDATE cells SET frame = frame + 1 WHERE frame = (SELECT MAX(frame) FROM cells)",
        "UPDATE cells SET instance = 1.5 WHERE frame = 3",
        "UPDATE cells SET map = map + 1",
        "UPDATE cells SET map = 'x'",
        "UPDATE cells SET map = map + .5",
        "UPDATE cells SET instance = x'31' WHERE frame = 3",
        "UPDATE cells SET checksum = CAST(checksum AS TEXT) || 'x'",
        "UPDATE cells SET checksum = checksum + .5",
    ],
)
def test_a_damaged_row_of_the_index_is_found(closed: Path, statement: str) -> None:
    alter(closed, statement)
    with pytest.raises(UserError, match="damaged"):
        Project.open(closed)
