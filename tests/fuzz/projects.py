"""A project file with something in every table, ways to spoil it, and everything that is read of one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.random import Generator

from vsreid_studio.engine.events import Decision, Verdict
from vsreid_studio.engine.types import Box, Candidates, Cell, CellKey, Maker, SoftMask
from vsreid_studio.errors import UserError
from vsreid_studio.project import Adaptation, Instance, Project, VideoRef, read_options

from . import mutators

VALUES = (
    *(None, 0, -1, 2**31 - 1, 2**31, 2**62, -(2**63), 0.5, -0.0, 1e308, float("inf"), float("-inf")),
    *("", "x", b"", b"\xff\x00", "\ud800".encode("utf-8", "surrogatepass"), "9" * 5000, "[" * 5000),
    *("../../x", "\u202e\x00", '{"a": NaN}', '{"track": 1e400}', "1979-05-27", "#gggggg", b"x" * 5000),
)
"""Of columns. SQLite keeps any of them in nearly any."""
STATEMENTS = (
    *("CREATE VIEW more AS SELECT 1", "CREATE TABLE more (id)", "DROP TABLE decisions", "DROP TABLE maps"),
    "CREATE TRIGGER more AFTER INSERT ON settings BEGIN DELETE FROM cells; END",
    *("PRAGMA user_version = 99", "PRAGMA user_version = 1", "PRAGMA user_version = -1"),
    *("PRAGMA application_id = 7", "DELETE FROM video", "DELETE FROM maps", "DELETE FROM steps"),
    "INSERT INTO video SELECT * FROM video",
    "UPDATE video SET length = 2",
    "UPDATE video SET path = 'more', relative = NULL",
    "UPDATE step_cells SET instance = instance + 300",
    "UPDATE cells SET map = map + 1",
    "UPDATE steps SET done = 1 - done",
)
SUMMED = {"cells": "record", "step_cells": "record", "maps": "data", "adaptation": "data"} | {
    "step_adaptation": "data",
    "candidates": "data",
}
"""The column that a table's checksum is of."""


def project_bytes(folder: Path) -> bytes:
    """The file of a project.

    Args:
        folder: to make it in.
    """
    path = folder / "seed.vsreid"
    random = np.random.default_rng(7)
    key = CellKey(3, 1)

    def cell(frame: int) -> Cell:
        return Cell(SoftMask(Box(5, 6, 25, 36), random.integers(1, 256, (30, 20), np.uint8)), frame)

    with Project.create(path, VideoRef(folder / "clip", "3 a b", length=20, height=48, width=64)) as project:
        change = project.annotation.set_cells("Draw", {key: cell(3), CellKey(4, 1): cell(3)})
        decision = Decision(Verdict.ACCEPTED, Box(0, 0, 9, 9), 0.5, Maker.PERSON)
        project.apply(
            project.annotation.decide(change, {key: decision}), instances={1: Instance(1, "rider", "#4477aa")}
        )
        project.apply(project.annotation.set_cells("Redraw", {key: cell(3)}))
        project.set_adaptation(Adaptation("base", b"data"))
        project.apply(project.annotation.set_cells("Clear", {CellKey(4, 1): None}))
        project.undo()
        project.settings.set("frame", 3)
        project.record_run({"reid": "abc"}, {})
        boxes = np.array([[0, 0, 9, 9]], np.int32)
        found = Candidates(boxes, np.ones(1, np.float32), np.zeros(1, bool), np.ones((1, 1), np.float32))
        project.candidates("abc").put(3, found)
    # Memory, in which mutators open it, has no log beside the file.
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return path.read_bytes()


def use_project(path: Path) -> None:
    """Read, change and undo what is in a project.

    Raises:
        UserError: it cannot be opened. What else cannot be read is answered by one, too, and the rest is
            still tried.
    """
    for beside in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    with Project.open(path) as project:
        for key, cell in project.annotation.cells():
            with suppress(UserError):
                _ = cell.mask.values, cell.mask.hard_box, project.annotation.mask(*key)
        _ = project.instances, project.adaptation, project.annotation.decisions
        _ = [project.settings.get(name) for name in project.settings]
        for read in (lambda: project.last_weights, lambda: read_options(project.settings)):
            with suppress(UserError):
                read()
        with suppress(UserError):
            _ = project.candidates("abc").get(3)
        with suppress(UserError):
            project.locate_video()
        for again in (project.undo, project.redo):
            with suppress(UserError):
                while again() is not None:
                    pass
        with suppress(UserError):
            project.apply(project.annotation.set_cells("Draw", {CellKey(0, 2): Cell(SoftMask.empty(), 0)}))


def value(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Put a hostile value into a column, of one row or of all, and give the row a valid checksum."""

    def change(connection: sqlite3.Connection) -> None:
        table, columns = _table(random, connection)
        column = columns[int(random.integers(len(columns)))]
        odd = VALUES[int(random.integers(len(VALUES)))]
        where = "" if random.random() < 0.5 else _one_row(random, connection, table)
        connection.execute(f'UPDATE OR REPLACE "{table}" SET "{column}" = ? {where}', (odd,))
        _sum(connection, table)

    return _changed(data, change)


def blob(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Damage the content of a row that has a checksum, and give it a valid one."""

    def change(connection: sqlite3.Connection) -> None:
        tables = sorted(SUMMED)
        table = tables[int(random.integers(len(tables)))]
        column = SUMMED[table]
        rows = connection.execute(f"SELECT {column} FROM {table} WHERE {column} NOT NULL").fetchall()
        if not rows:
            return
        (content,) = rows[int(random.integers(len(rows)))]
        harm = (mutators.flip, mutators.cut, mutators.number, mutators.noise, mutators.chunk)
        if isinstance(content, bytes) and content:
            new = harm[int(random.integers(len(harm)))](random, content, seeds)
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, content))
            _sum(connection, table)

    return _changed(data, change)


def statement(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Run a statement that nobody expects: another schema, another version, rows that lack others."""
    return _changed(data, lambda it: it.execute(STATEMENTS[int(random.integers(len(STATEMENTS)))]))


MUTATORS = (mutators.flip, mutators.cut, mutators.number, value, value, value, blob, blob, statement)


def _changed(data: bytes, change: Callable[[sqlite3.Connection], object]) -> bytes:
    """A file after a change through SQLite; as it was where SQLite does not want it."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.deserialize(data)
            connection.execute("PRAGMA ignore_check_constraints = ON")
            with connection:
                change(connection)
            return connection.serialize()
        except (sqlite3.Error, UnicodeDecodeError, TypeError, OverflowError):
            return data


def _table(random: Generator, connection: sqlite3.Connection) -> tuple[str, list[str]]:
    """A table with rows, and its columns."""
    listed = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    names = [name for (name,) in listed if connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone()]
    if not names:
        raise sqlite3.DataError("no rows are left")
    name = names[int(random.integers(len(names)))]
    return name, [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')]


def _one_row(random: Generator, connection: sqlite3.Connection, table: str) -> str:
    """A condition that picks one row by its key."""
    keys = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")') if row[5]]
    if not keys:
        return ""
    ((count,),) = connection.execute(f'SELECT count(*) FROM "{table}"')
    picked = f'SELECT {", ".join(keys)} FROM "{table}" LIMIT 1 OFFSET {int(random.integers(count))}'
    return f"WHERE ({', '.join(keys)}) = ({picked})"


def _sum(connection: sqlite3.Connection, table: str) -> None:
    """Give all rows of a table their checksum."""
    column = SUMMED.get(table)
    if column is not None:
        connection.create_function("crc", 1, lambda it: crc32(it if isinstance(it, bytes) else b""))
        connection.execute(f"UPDATE {table} SET checksum = crc({column}) WHERE {column} NOT NULL")
