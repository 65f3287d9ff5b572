"""The candidates of Algorithm 2, kept from one session to the next."""

from __future__ import annotations

from contextlib import suppress
from zlib import crc32

from ..engine.types import Candidates
from .database import Database
from .records import VideoRef
from .rows import pack_candidates, unpack_candidates


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
