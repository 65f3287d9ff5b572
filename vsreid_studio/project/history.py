"""Undo steps in the project file.

A step holds one side of what it changed. While it is done, these are the rows from before; undoing it
exchanges them for the present ones, and redoing exchanges them back. Nothing is stored twice, and what
a first propagation changed ('there was no cell') takes next to no room.

While a run goes on, its step grows and a person's steps come and go above and below it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ..engine.types.stepwise import Poll, interruptible
from .database import Database
from .schema import CELLS, UNDOABLE, Key, Row, Rows, Table

# The columns of `step_cells` have no type. SQLite uses their index only where the other side has none (+).
LOOSEN = (
    "INSERT OR IGNORE INTO loose SELECT map FROM cells WHERE frame = ? AND instance = ? "
    "AND map IS NOT NULL AND NOT EXISTS (SELECT 1 FROM step_cells WHERE map = +cells.map)"
)
TIDY = (
    "DELETE FROM maps WHERE id IN (SELECT map FROM loose) "
    "AND NOT EXISTS (SELECT 1 FROM cells WHERE map = id) "
    "AND NOT EXISTS (SELECT 1 FROM step_cells WHERE map = +id)"
)

_FORGET = (
    "DELETE FROM past_proposals WHERE (instance, identity) NOT IN "
    "(SELECT number, ifnull(identity, 0) FROM step_identities)"
)


class StepKind(StrEnum):
    """Who made a step."""

    EDIT = "edit"
    """A person: drew, approved, imported and so on."""
    RUN = "run"
    """A run, without being asked."""
    ANSWER = "answer"
    """A person's answer to a proposal, with what the run made of it."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What undoing or redoing a step did to the rows, by table.

    Attributes:
        placed: rows that are now in place.
        replaced: rows that a later step holds now instead of the one that it held; in place is what was.
    """

    placed: dict[Table, dict[Key, Row | None]]
    replaced: dict[Table, dict[Key, Row | None]]


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


def write(connection: sqlite3.Connection, table: Table, rows: Rows, poll: Poll | None = None) -> None:
    """Put rows in place; None deletes.

    Args:
        poll: see `stepwise.interruptible`.
    """
    if table is CELLS:
        # What these cells refer to now may be in no step of undo: `delete_unused_maps` looks.
        connection.executemany(
            LOOSEN,
            interruptible(rows, poll),
        )
    places = ", ".join("?" * len(table.keys + table.values))
    gone = " AND ".join(f"{key} = ?" for key in table.keys)
    connection.executemany(
        f"INSERT OR REPLACE INTO {table.name} ({table.columns}) VALUES ({places})",
        ((*key, *row) for key in interruptible(rows, poll) if (row := rows[key]) is not None),
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

    def delete_unused_maps(self, connection: sqlite3.Connection) -> None:
        """Remove, with the first change of a session, the maps that earlier sessions left without a use.

        Not those of this session, as somebody may still hold them.
        """
        if not self._tidy:
            connection.execute(TIDY)
            connection.execute("DELETE FROM loose")
            self._tidy = True

    def last(self, skipped: Collection[int] = ()) -> tuple[int, str] | None:
        """Number and label of the step that undo would take back.

        Args:
            skipped: steps that are left for later: those of a run that still goes on.
        """
        others = f"AND id NOT IN ({', '.join(str(int(step)) for step in skipped)})" if skipped else ""
        sql = f"SELECT id, label FROM steps WHERE done = 1 {others} ORDER BY id DESC LIMIT 1"
        return _step(self._database.rows(sql))

    def next(self) -> tuple[int, str] | None:
        """Number and label of the step that redo would do again: the one that was undone last."""
        sql = "SELECT id, label FROM steps WHERE done < 1 ORDER BY done, id LIMIT 1"
        return _step(self._database.rows(sql))

    def begin(self, connection: sqlite3.Connection, label: str, kind: StepKind = StepKind.EDIT) -> int:
        """Open a new step; drop the oldest beyond the limit.

        After a person's step nothing can be redone. A run that makes its own takes nothing from the person.
        """
        if kind is not StepKind.RUN:
            self._drop(connection, "done < 1")
        row = (label, str(kind), _now())
        sql = "INSERT INTO steps (label, kind, made) VALUES (?, ?, ?)"
        step = connection.execute(sql, row).lastrowid
        oldest = "SELECT id FROM steps ORDER BY id DESC LIMIT 1 OFFSET ?"
        self._drop(connection, f"id <= ({oldest})", self.limit)
        assert step is not None
        return step

    def done(self, connection: sqlite3.Connection, step: int) -> bool:
        """Whether a step is there and not undone."""
        return bool(connection.execute("SELECT 1 FROM steps WHERE id = ? AND done = 1", (step,)).fetchall())

    @staticmethod
    def _drop(connection: sqlite3.Connection, which: str, *parameters: int) -> None:
        """Forget steps, and the proposals of instances that no step is left to bring back.

        The maps that they alone refer to go with the next `delete_unused_maps`.
        """
        gone = f"SELECT id FROM steps WHERE {which}"
        connection.execute(
            "INSERT OR IGNORE INTO loose SELECT map FROM step_cells "
            f"WHERE step IN ({gone}) AND map IS NOT NULL",
            parameters,
        )
        connection.execute(f"DELETE FROM steps WHERE {which}", parameters)
        connection.execute(_FORGET)

    def keep(self, connection: sqlite3.Connection, step: int, table: Table, keys: Iterable[Key]) -> None:
        """Let the step hold what it changes, save keys of which it holds an earlier row.

        That is the present row. But a run that goes on while the person edits is still the earlier step: of
        what a later step has changed, it holds what that step found.
        """
        if self._followed(connection, step):
            keys = list(keys)
            columns = ", ".join(f"held.{column}" for column in table.keys + table.values)
            connection.executemany(
                f"INSERT OR IGNORE INTO step_{table.name} (step, {table.columns}) "
                f"SELECT ?, {columns} FROM step_{table.name} AS held JOIN steps ON id = held.step "
                f"WHERE done = 1 AND id > ? AND {_named(table)} ORDER BY id LIMIT 1",
                ((step, step, *key) for key in keys),
            )
        _hold_present(connection, step, table, keys)

    def put_last(self, connection: sqlite3.Connection, step: int) -> int:
        """Let a step that is about to be redone come after the runs made since it was undone; its number.

        It changes what these have left, as a step made now would.
        """
        if self.done(connection, step) or not self._followed(connection, step):
            return step
        sql = (
            "INSERT INTO steps (label, kind, made, done) SELECT label, kind, ?, done FROM steps WHERE id = ?"
        )
        last = connection.execute(sql, (_now(), step)).lastrowid
        assert last is not None
        for table in UNDOABLE:
            connection.execute(f"UPDATE step_{table.name} SET step = ? WHERE step = ?", (last, step))
        connection.execute("DELETE FROM steps WHERE id = ?", (step,))
        return last

    def exchange(self, connection: sqlite3.Connection, step: int) -> Exchanged:
        """Undo a step that is done, or redo one that is not and that `put_last` has put last.

        What a later step, which stays, has changed too keeps its present row: the two steps exchange the rows
        they hold, as if the later one had been made without this one.
        """
        later = self._followed(connection, step)
        placed: dict[Table, dict[Key, Row | None]] = {}
        replaced: dict[Table, dict[Key, Row | None]] = {}
        for table in UNDOABLE:
            size = len(table.keys)
            held = connection.execute(
                f"SELECT {table.columns} FROM step_{table.name} WHERE step = ?", (step,)
            )
            rows = {row[:size]: None if row[size] is None else row[size:] for row in held}
            replaced[table] = _replace_later(connection, step, table, rows) if later else {}
            rows = {key: row for key, row in rows.items() if key not in replaced[table]}
            connection.executemany(
                f"DELETE FROM step_{table.name} WHERE step = ? AND {_named(table)}",
                ((step, *key) for key in rows),
            )
            _hold_present(connection, step, table, rows)
            write(connection, table, rows)
            placed[table] = rows
        # The step that was undone last has the smallest number.
        connection.execute(
            "UPDATE steps SET done = CASE WHEN done < 1 THEN 1 ELSE (SELECT min(done) FROM steps) - 1 END "
            "WHERE id = ?",
            (step,),
        )
        return Exchanged(placed, replaced)

    def rows_after(
        self, connection: sqlite3.Connection, step: int, open_steps: Collection[int], keys: Iterable[Key]
    ) -> dict[Key, Row | None]:
        """Of some cells, what the first step found that was made after `step` or is still open.

        Where there is none, it is what the last run found that was begun before: it went on after `step`.

        Returns:
            The rows by key; without those that no such step has changed.
        """
        later = f"(id > ? OR id IN ({', '.join(str(int(one)) for one in open_steps)}))"
        sql = (
            f"SELECT {', '.join(CELLS.values)} FROM step_cells JOIN steps ON id = step "
            f"WHERE done = 1 AND id != ? AND ({later} OR kind != '{StepKind.EDIT}') AND {_named(CELLS)} "
            f"ORDER BY {later} DESC, CASE WHEN {later} THEN id ELSE -id END LIMIT 1"
        )
        found: dict[Key, Row | None] = {}
        for key in keys:
            for row in connection.execute(sql, (step, step, *key, step, step)):
                found[key] = None if row[0] is None else row
        return found

    @staticmethod
    def _followed(connection: sqlite3.Connection, step: int) -> bool:
        """Whether a later step is done."""
        sql = "SELECT 1 FROM steps WHERE done = 1 AND id > ? LIMIT 1"
        return bool(connection.execute(sql, (step,)).fetchall())


def _hold_present(connection: sqlite3.Connection, step: int, table: Table, keys: Iterable[Key]) -> None:
    """Let a step hold the present rows of `keys`, save those of which it holds one."""
    named = ", ".join(f"? AS {key}" for key in table.keys)
    connection.executemany(
        f"INSERT OR IGNORE INTO step_{table.name} (step, {table.columns}) SELECT ?, {table.columns} "
        f"FROM (SELECT {named}) LEFT JOIN {table.name} USING ({', '.join(table.keys)})",
        ((step, *key) for key in keys),
    )


def _replace_later(
    connection: sqlite3.Connection, step: int, table: Table, rows: Rows
) -> dict[Key, Row | None]:
    """Exchange rows with the steps that come next; those that went there, by key."""
    values = ", ".join(table.values)
    nearest = (
        f"SELECT step, {values} FROM step_{table.name} JOIN steps ON id = step "
        f"WHERE done = 1 AND id > ? AND {_named(table)} ORDER BY id LIMIT 1"
    )
    to = ", ".join(f"{value} = ?" for value in table.values)
    put = f"UPDATE step_{table.name} SET {to} WHERE step = ? AND {_named(table)}"
    nothing = (None,) * len(table.values)
    replaced: dict[Key, Row | None] = {}
    for key, row in rows.items():
        for other, *held in connection.execute(nearest, (step, *key)).fetchall():
            connection.execute(put, (*(row or nothing), other, *key))
            connection.execute(put, (*held, step, *key))
            replaced[key] = row
    return replaced


def _now() -> str:
    """The time that steps are made at, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _named(table: Table) -> str:
    """SQL that chooses the row of one key."""
    return " AND ".join(f"{key} = ?" for key in table.keys)


def _step(found: Sequence[Row]) -> tuple[int, str] | None:
    return (int(found[0][0]), str(found[0][1])) if found else None
