"""What a project remembers beside the work itself: settings, runs of the engine, candidates."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from ..engine.types import Candidates
from .database import Database, damaged
from .rows import pack_candidates, unpack_candidates
from .schema import RunRecord, VideoRef


class CandidateStore:
    """Candidates by frame, as one pair of networks found them; those of other networks do not show.

    A cache: what it loses is computed again. Any thread may use it.
    """

    def __init__(self, database: Database, weights: str, video: VideoRef) -> None:
        self._database = database
        self._video = video
        self._weights = weights

    def __contains__(self, frame: int) -> bool:
        sql = "SELECT 1 FROM candidates WHERE frame = ? AND weights = ?"
        return bool(self._database.rows(sql, frame, self._weights))

    def frames(self) -> frozenset[int]:
        """The frames whose candidates are there."""
        sql = "SELECT frame FROM candidates WHERE weights = ?"
        return frozenset(frame for (frame,) in self._database.rows(sql, self._weights))

    def get(self, frame: int) -> Candidates | None:
        """What was put, embeddings rounded to 16 bits; None if nothing was, or it is damaged."""
        sql = "SELECT count, dimensions, data, checksum FROM candidates WHERE frame = ? AND weights = ?"
        for count, dimensions, data, checksum in self._database.rows(sql, frame, self._weights):
            if isinstance(data, bytes) and crc32(data) == checksum:
                with suppress(ValueError):
                    return unpack_candidates(count, dimensions, data, self._video)
        return None

    def put(self, frame: int, candidates: Candidates) -> None:
        """Keep them; those of other networks for this frame go.

        Raises:
            UserError: the file cannot be written.
        """
        data = pack_candidates(candidates)
        size = candidates.embeddings.shape[1]
        row = (frame, self._weights, len(candidates), size, data, crc32(data))
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO candidates VALUES (?, ?, ?, ?, ?, ?)", row)


def forget_candidates(database: Database, frames: Iterable[int]) -> None:
    """Let the candidates of some frames be looked for again."""
    with database.transaction() as connection:
        rows = [(frame,) for frame in frames]
        connection.executemany("DELETE FROM candidates WHERE frame = ?", rows)


_LAST_IDENTITY = "last_identity"
_FAR = 2**39
"""Bound of identities that are taken from a file, which may come from anyone."""
_SET = "INSERT OR REPLACE INTO settings VALUES (?, ?)"
_RUN = "INSERT INTO runs (started, weights) VALUES (?, ?)"
RUN_SETTINGS = "run_settings"
"""Key of the settings of the last run."""
_MOST = 10_000
"""Runs that are remembered."""


class Settings:
    """JSON values by key. Any thread may use it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __iter__(self) -> Iterator[str]:
        return iter([key for (key,) in self._database.rows("SELECT key FROM settings ORDER BY key")])

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or `default` where there is none or it cannot be read; its form is not checked."""
        found = self._database.rows("SELECT value FROM settings WHERE key = ?", key)
        try:
            return json.loads(found[0][0]) if found else default
        except (ValueError, TypeError, RecursionError):
            return default

    def set(self, key: str, value: Any) -> None:
        """Store a value.

        Raises:
            TypeError: JSON cannot hold it.
            UserError: the file cannot be written.
        """
        row = (key, json.dumps(value))
        with self._database.transaction() as connection:
            connection.execute(_SET, row)


def last_identity(connection: sqlite3.Connection) -> int:
    """The greatest identity that an instance has had, as far as it is noted; 0 where it is not."""
    found = connection.execute("SELECT value FROM settings WHERE key = ?", (_LAST_IDENTITY,)).fetchall()
    try:
        last = json.loads(found[0][0]) if found else 0
    except (ValueError, TypeError, RecursionError):
        return 0
    return last if isinstance(last, int) and 0 <= last < _FAR else 0


def keep_last_identity(connection: sqlite3.Connection, last: int) -> None:
    """Note the greatest identity; inside the caller's transaction."""
    connection.execute(_SET, (_LAST_IDENTITY, json.dumps(last)))


def record_run(database: Database, weights: Mapping[str, str], settings: Mapping[str, Any]) -> None:
    """Note that a run starts now with these weights and settings.

    Raises:
        TypeError: JSON cannot hold the settings.
        UserError: the file cannot be written.
    """
    row = (datetime.now(UTC).isoformat(), json.dumps(dict(weights)))
    kept = (RUN_SETTINGS, json.dumps(dict(settings)))
    with database.transaction() as connection:
        connection.execute(_RUN, row)
        connection.execute(_SET, kept)


def copy_runs(database: Database, known: Iterable[RunRecord]) -> None:
    """Note the runs of a project that this one is made from.

    Raises:
        UserError: the file cannot be written.
    """
    rows = [(one.started.isoformat(), json.dumps(dict(one.weights))) for one in known]
    with database.transaction() as connection:
        connection.executemany(_RUN, rows)


def runs(database: Database) -> tuple[RunRecord, ...]:
    """All runs, in order; of very many the newest.

    Raises:
        UserError: the project is damaged.
    """
    rows = database.rows(f"SELECT started, weights FROM runs ORDER BY id DESC LIMIT {_MOST}")
    return tuple(_run(database, *row) for row in reversed(rows))


def _run(database: Database, started: object, weights: object) -> RunRecord:
    try:
        known = json.loads(str(weights))
        if not (isinstance(known, dict) and all(isinstance(value, str) for value in known.values())):
            raise ValueError("weights are checksums by name")
        return RunRecord(datetime.fromisoformat(str(started)), known)
    except (ValueError, RecursionError) as error:
        raise damaged(database.path) from error
