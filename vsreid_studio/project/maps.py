"""The maps of a project file: encoded on their way in, read back by number from any thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

from ..engine.store.maps import MapCache, encode_map
from ..engine.types import SoftMask
from ..errors import UserError
from .database import Database, damaged


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A map on its way into the file.

    Attributes:
        mask: the map.
        data: its values, None where the file has them already.
        number: where it has them, else 0.
    """

    mask: SoftMask
    data: bytes | None
    number: int = 0


class MapFile:
    """A `MapSource` in the table `maps`, whose rows are written once and never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def encode(self, masks: Iterable[SoftMask], known: MapCache) -> list[Encoded]:
        """What is to be written of some maps; what the file has already is not encoded again.

        Raises:
            UserError, ValueError: a map cannot be read or encoded.
        """
        return [
            Encoded(mask, encode_map(mask)) if (number := known.number(mask)) is None
            else Encoded(mask, None, number)
            for mask in masks
        ]  # fmt: skip

    def write(self, connection: sqlite3.Connection, encoded: Sequence[Encoded]) -> dict[int, int]:
        """Write maps in the caller's transaction; the number of each by the id of its mask."""
        numbers = {}
        for one in encoded:
            number = one.number
            if one.data is not None:
                row = (one.data, crc32(one.data))
                sql = "INSERT INTO maps (data, checksum) VALUES (?, ?)"
                number = connection.execute(sql, row).lastrowid or 0
            numbers[id(one.mask)] = number
        return numbers

    def adopt(self, encoded: Sequence[Encoded], numbers: dict[int, int], cache: MapCache) -> None:
        """After the commit: let the values of the maps go."""
        for one in encoded:
            if one.data is not None:
                cache.adopt(one.mask, numbers[id(one.mask)])

    def read(self, number: int) -> bytes:
        """The data of a map.

        Raises:
            UserError: it is damaged or missing, or the project is closed.
        """
        rows = self._database.read("SELECT data, checksum FROM maps WHERE id = ?", number)
        if len(rows) != 1 or not isinstance(rows[0][0], bytes) or crc32(rows[0][0]) != rows[0][1]:
            raise self.damaged(number)
        data: bytes = rows[0][0]
        return data

    def damaged(self, number: int) -> UserError:
        """The error for a map that cannot be decoded."""
        return damaged(self._database.path)
