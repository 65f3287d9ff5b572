"""What a project remembers beside the work itself: settings, and the runs of the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from .database import Database
from .records import Run


class Settings:
    """JSON values by key. Any thread may use it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __iter__(self) -> Iterator[str]:
        return iter([key for (key,) in self._database.rows("SELECT key FROM settings ORDER BY key")])

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or `default` where there is none."""
        found = self._database.rows("SELECT value FROM settings WHERE key = ?", key)
        return json.loads(found[0][0]) if found else default

    def set(self, key: str, value: Any) -> None:
        """Store a value.

        Raises:
            TypeError: JSON cannot hold it.
            UserError: the file cannot be written.
        """
        row = (key, json.dumps(value))
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", row)


def record_run(database: Database, weights: Mapping[str, str]) -> None:
    """Note that a run starts now with these weights.

    Raises:
        UserError: the file cannot be written.
    """
    row = (datetime.now(UTC).isoformat(), json.dumps(dict(weights)))
    with database.transaction() as connection:
        connection.execute("INSERT INTO runs (started, weights) VALUES (?, ?)", row)


def runs(database: Database) -> tuple[Run, ...]:
    """All runs, in order."""
    rows = database.rows("SELECT started, weights FROM runs ORDER BY id")
    return tuple(Run(datetime.fromisoformat(start), json.loads(weights)) for start, weights in rows)
