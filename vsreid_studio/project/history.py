"""Undo steps in the project file.

A step holds one side of what it changed. While it is done, these are the rows from before; undoing it
exchanges them for the present ones, and redoing exchanges them back. Nothing is stored twice, and what
a first propagation changed ('there was no cell') takes next to no room.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from ..engine.store.bulk import Between, now_and_then
from .database import Database
from .schema import CELLS, UNDOABLE, Key, Row, Rows, Table


def read(database: Database, table: Table, most: int) -> dict[Key, Row]:
    """All rows of a table in place, by key.

    Raises:
        ValueError: there are more than `most`.
    """
    found = database.rows(f"SELECT {table.columns} FROM {table.name} LIMIT {most + 1}")
    if len(found) > most:
        raise ValueError(f"the table {table.name} has more than {most} rows")
    size = len(table.keys)
    return {row[:size]: row[size:] for row in found}


def write(connection: sqlite3.Connection, table: Table, rows: Rows, between: Between | None = None) -> None:
    """Put rows in place; None deletes.

    Args:
        between: see `bulk.now_and_then`.
    """
    if table is CELLS:
        # What these cells refer to now may be in no step of undo: `tidy` looks.
        connection.executemany(
            "INSERT OR IGNORE INTO loose SELECT map FROM cells WHERE frame = ? AND instance = ? "
            "AND map IS NOT NULL AND NOT EXISTS (SELECT 1 FROM step_cells WHERE map = cells.map)",
            now_and_then(rows, between),
        )
    places = ", ".join("?" * len(table.keys + table.values))
    gone = " AND ".join(f"{key} = ?" for key in table.keys)
    connection.executemany(
        f"INSERT OR REPLACE INTO {table.name} ({table.columns}) VALUES ({places})",
        ((*key, *row) for key in now_and_then(rows, between) if (row := rows[key]) is not None),
    )
    connection.executemany(
        f"DELETE FROM {table.name} WHERE {gone}", (key for key, row in rows.items() if row is None)
    )


class History:
    """The steps that can be undone and redone.

    Everything that takes a connection works inside the caller's transaction.

    Attributes:
        limit: steps kept; the oldest go first.
    """

    def __init__(self, database: Database, limit: int) -> None:
        self._database = database
        self.limit = limit
        self._tidy = False

    def tidy(self, connection: sqlite3.Connection) -> None:
        """Remove, with the first change of a session, the maps that earlier sessions left without a use.

        Not those of this session, as somebody may still hold them.
        """
        if not self._tidy:
            connection.execute(
                "DELETE FROM maps WHERE id IN (SELECT map FROM loose) "
                "AND NOT EXISTS (SELECT 1 FROM cells WHERE map = id) "
                "AND NOT EXISTS (SELECT 1 FROM step_cells WHERE map = id)"
            )
            connection.execute("DELETE FROM loose")
            self._tidy = True

    def last(self) -> tuple[int, str] | None:
        """Number and label of the step that undo would take back."""
        return _step(
            self._database.rows("SELECT id, label FROM steps WHERE done = 1 ORDER BY id DESC LIMIT 1")
        )

    def next(self) -> tuple[int, str] | None:
        """Number and label of the step that redo would do again."""
        return _step(self._database.rows("SELECT id, label FROM steps WHERE done = 0 ORDER BY id LIMIT 1"))

    def begin(self, connection: sqlite3.Connection, label: str) -> int:
        """Open a new step, after which nothing can be redone; drop the oldest beyond the limit."""
        self._drop(connection, "done = 0")
        step = connection.execute("INSERT INTO steps (label) VALUES (?)", (label,)).lastrowid
        oldest = "SELECT id FROM steps ORDER BY id DESC LIMIT 1 OFFSET ?"
        self._drop(connection, f"id <= ({oldest})", self.limit)
        assert step is not None
        return step

    @staticmethod
    def _drop(connection: sqlite3.Connection, which: str, *parameters: int) -> None:
        """Forget steps. The maps that they alone refer to go with the next `tidy`."""
        gone = f"SELECT id FROM steps WHERE {which}"
        connection.execute(
            "INSERT OR IGNORE INTO loose SELECT map FROM step_cells "
            f"WHERE step IN ({gone}) AND map IS NOT NULL",
            parameters,
        )
        connection.execute(f"DELETE FROM steps WHERE {which}", parameters)

    def keep(self, connection: sqlite3.Connection, step: int, table: Table, keys: Iterable[Key]) -> None:
        """Let the step hold the present rows of `keys`, save those of which it holds an earlier one."""
        named = ", ".join(f"? AS {key}" for key in table.keys)
        connection.executemany(
            f"INSERT OR IGNORE INTO step_{table.name} (step, {table.columns}) SELECT ?, {table.columns} "
            f"FROM (SELECT {named}) LEFT JOIN {table.name} USING ({', '.join(table.keys)})",
            ((step, *key) for key in keys),
        )

    def exchange(self, connection: sqlite3.Connection, step: int) -> dict[Table, Rows]:
        """Undo a step that is done, or redo one that is not.

        Returns:
            What is now in place, by table.
        """
        placed: dict[Table, Rows] = {}
        for table in UNDOABLE:
            size = len(table.keys)
            held = connection.execute(
                f"SELECT {table.columns} FROM step_{table.name} WHERE step = ?", (step,)
            )
            rows = {row[:size]: None if row[size] is None else row[size:] for row in held}
            connection.execute(f"DELETE FROM step_{table.name} WHERE step = ?", (step,))
            self.keep(connection, step, table, rows)
            write(connection, table, rows)
            placed[table] = rows
        connection.execute("UPDATE steps SET done = 1 - done WHERE id = ?", (step,))
        return placed


def _step(found: Sequence[Row]) -> tuple[int, str] | None:
    return (int(found[0][0]), str(found[0][1])) if found else None
