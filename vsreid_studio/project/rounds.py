"""Rounds: what each run, answer and edit changed, and the annotation as it was after each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .database import Database
from .history import StepKind
from .schema import UNDOABLE, Key, Row, Table


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """A step of undo, as the list of rounds tells it.

    Attributes:
        number: of the step, ascending in time.
        label: as the undo menu names it.
        kind: who made it.
        made: when, in UTC; None where an earlier version made it.
        cells: how many it changed.
        first, last: the frames between which these lie; -1 where there are none.
        instances: whose cells, ascending.
    """

    number: int
    label: str
    kind: StepKind
    made: datetime | None
    cells: int
    first: int
    last: int
    instances: tuple[int, ...]


def rounds(database: Database) -> list[RoundRecord]:
    """The steps that are done, the oldest first; as many as undo keeps.

    Raises:
        ValueError: a row is damaged.
    """
    spans = {
        step: (count, first, last, tuple(sorted(map(int, str(names).split(",")))))
        for step, count, first, last, names in database.rows(
            "SELECT step, count(*), min(frame), max(frame), group_concat(DISTINCT instance) "
            "FROM step_cells GROUP BY step"
        )
    }
    rows = database.rows("SELECT id, label, kind, made FROM steps WHERE done = 1 ORDER BY id")
    return [_round(row, spans.get(row[0], (0, -1, -1, ()))) for row in rows]


def rows_after(database: Database, number: int, table: Table) -> dict[Key, Row | None]:
    """What differed in a table right after a step, or with 0 before the first: the rows of then, by key.

    That is what the first later step found there.
    """
    size = len(table.keys)
    found = database.rows(
        f"SELECT {table.columns}, min(step) FROM step_{table.name} JOIN steps ON id = step "
        f"WHERE done = 1 AND id > ? GROUP BY {', '.join(table.keys)}",
        number,
    )
    return {row[:size]: None if row[size] is None else row[size:-1] for row in found}


def contents_after(database: Database, number: int) -> dict[Table, dict[Key, Row | None]]:
    """`rows_after` of all tables."""
    return {table: rows_after(database, number, table) for table in UNDOABLE}


def _round(row: Row, span: tuple[int, int, int, tuple[int, ...]]) -> RoundRecord:
    number, label, kind, made = row
    return RoundRecord(
        number, str(label), StepKind(kind), datetime.fromisoformat(made) if made else None, *span
    )
