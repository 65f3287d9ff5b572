"""Undo steps in the project file.

A step holds one side of what it changed. While it is done, these are the rows from before; undoing it
exchanges them for the present ones, and redoing exchanges them back. Nothing is stored twice, and what
a first propagation changed ('there was no cell') takes next to no room.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from .database import Database
from .schema import ADAPTATION, CELLS, DECISIONS, INSTANCES, Key, Rows, Table

TABLES = (CELLS, DECISIONS, INSTANCES, ADAPTATION)


def read(database: Database) -> dict[Table, Rows]:
    """All rows in place, by table."""
    return {
        table: {
            row[: len(table.keys)]: row[len(table.keys) :]
            for row in database.rows(f"SELECT {table.columns} FROM {table.name}")
        }
        for table in TABLES
    }


def write(connection: sqlite3.Connection, table: Table, rows: Rows) -> None:
    """Put rows in place; None deletes."""
    places = ", ".join("?" * len(table.keys + table.values))
    gone = " AND ".join(f"{key} = ?" for key in table.keys)
    connection.executemany(
        f"INSERT OR REPLACE INTO {table.name} ({table.columns}) VALUES ({places})",
        ((*key, *row) for key, row in rows.items() if row is not None),
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

    def last(self) -> tuple[int, str] | None:
        """Number and label of the step that undo would take back."""
        found = self._database.rows("SELECT id, label FROM steps WHERE done = 1 ORDER BY id DESC LIMIT 1")
        return (found[0][0], found[0][1]) if found else None

    def next(self) -> tuple[int, str] | None:
        """Number and label of the step that redo would do again."""
        found = self._database.rows("SELECT id, label FROM steps WHERE done = 0 ORDER BY id LIMIT 1")
        return (found[0][0], found[0][1]) if found else None

    def begin(self, connection: sqlite3.Connection, label: str) -> int:
        """Open a new step, after which nothing can be redone; drop the oldest beyond the limit."""
        connection.execute("DELETE FROM steps WHERE done = 0")
        step = connection.execute("INSERT INTO steps (label) VALUES (?)", (label,)).lastrowid
        connection.execute(
            "DELETE FROM steps WHERE id <= (SELECT id FROM steps ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (self.limit,),
        )
        assert step is not None
        return step

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
        for table in TABLES:
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
