"""All that takes part in undo: as rows of the project file, as values, and as it is in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..engine.events import Change, Decision
from ..engine.store.annotation import Annotation
from ..engine.store.maps import MapCache, encode_map
from ..engine.types import Cell, CellKey, SoftMask
from ..errors import UserError
from .database import Database, damaged
from .rows import (
    cells_of,
    read_adaptation,
    read_category,
    read_decision,
    read_identity,
    read_instance,
    read_reviewed,
)
from .schema import (
    ADAPTATION,
    CATEGORIES,
    CELLS,
    DECISIONS,
    IDENTITIES,
    INSTANCES,
    REVIEWED,
    Adaptation,
    Instance,
    Rows,
    Table,
    VideoRef,
)


@dataclass(frozen=True, slots=True)
class Contents:
    """All that takes part in undo; None for no row.

    Attributes:
        cells, decisions: by cell.
        instances: by number.
        adaptation: one, in slot 0, or none.
        categories: names of classes by number.
        reviewed: numbers of the maps that a person has looked at, by cell; 0 for an empty one.
        identities: by the number of the instance, see `ProjectState.identities`.
    """

    cells: Mapping[CellKey, Cell | None]
    decisions: Mapping[CellKey, Decision | None]
    instances: Mapping[int, Instance | None]
    adaptation: Mapping[int, Adaptation | None]
    categories: Mapping[int, str | None]
    reviewed: Mapping[CellKey, int | None]
    identities: Mapping[int, int | None]


def read_contents(rows: Mapping[Table, Rows], video: VideoRef, maps: MapCache) -> Contents:
    """What rows hold.

    Raises:
        ValueError, TypeError: a row is damaged.
    """
    decisions: dict[CellKey, Decision | None] = {}
    for (frame, instance), row in rows[DECISIONS].items():
        key = CellKey(frame, instance)
        decisions[key] = None if row is None else read_decision(key, row, video)
    return Contents(
        cells_of(rows[CELLS], video, maps),
        decisions,
        {
            number: None if row is None else read_instance(number, row)
            for (number,), row in rows[INSTANCES].items()
        },
        {slot: None if row is None else read_adaptation(row) for (slot,), row in rows[ADAPTATION].items()},
        {
            number: None if row is None else read_category(number, row)
            for (number,), row in rows[CATEGORIES].items()
        },
        {
            CellKey(*key): None if row is None else read_reviewed(CellKey(*key), row, video)
            for key, row in rows[REVIEWED].items()
        },
        {
            number: None if row is None else read_identity(number, row)
            for (number,), row in rows[IDENTITIES].items()
        },
    )


class ProjectState:
    """What takes part in undo, as it is on disk.

    Attributes:
        annotation: cells and decisions.
        adaptation: what N_mp has learnt of this video, if it was adapted.
        reviewed_maps: numbers of the maps that a person has looked at and left, by cell; nobody changes it.
        identities: what tells instances that are there from earlier ones of the same number; nobody changes
            it. One that is not listed has the identity 0.
    """

    def __init__(self, length: int, records: NDArray[np.void], held: Contents, maps: MapCache) -> None:
        """Args:
        length: frames of the video.
        records: the index of cells, see `Annotation.load`.
        held: everything else.
        maps: read the maps of cells.
        """
        decisions = {key: one for key, one in held.decisions.items() if one is not None}
        self.annotation = Annotation.load(length, records, decisions, maps)
        self._instances: dict[int, Instance] = {}
        self._categories: dict[int, str] = {}
        self.adaptation: Adaptation | None = None
        self.reviewed_maps: Mapping[CellKey, int] = MappingProxyType({})
        self.identities: Mapping[int, int] = MappingProxyType({})
        self.place(held.instances, held.categories, held.adaptation, held.reviewed, held.identities)

    @property
    def instances(self) -> Mapping[int, Instance]:
        """The instances by number, in the person's order; a copy."""
        ordered = sorted(self._instances.values(), key=lambda one: (one.order, one.number))
        return MappingProxyType({one.number: one for one in ordered})

    @property
    def categories(self) -> Mapping[int, str]:
        """The names of the classes that instances may have, by number, ascending; a copy."""
        return MappingProxyType(dict(sorted(self._categories.items())))

    @property
    def reviewed(self) -> frozenset[CellKey]:
        """The cells whose present masks a person has looked at and left; drawn and approved ones aside."""
        return still_reviewed(self.reviewed_maps, self.annotation)

    def place(
        self,
        instances: Mapping[int, Instance | None],
        categories: Mapping[int, str | None],
        adaptation: Mapping[int, Adaptation | None],
        reviewed: Mapping[CellKey, int | None],
        identities: Mapping[int, int | None],
    ) -> None:
        """Put in place what a committed change did beside cells and decisions; None removes."""
        for number, one in instances.items():
            if one is None:
                self._instances.pop(number, None)
            else:
                self._instances[number] = one
        for number, name in categories.items():
            if name is None:
                self._categories.pop(number, None)
            else:
                self._categories[number] = name
        self.adaptation = adaptation.get(0, self.adaptation)
        if reviewed:
            both = {**self.reviewed_maps, **reviewed}
            self.reviewed_maps = MappingProxyType(
                {k: number for k, number in both.items() if number is not None}
            )
        if identities:
            self.identities = self.identities_with(identities)

    def identities_with(self, placed: Mapping[int, int | None]) -> Mapping[int, int]:
        """The identities with some others; None removes."""
        both = {**self.identities, **placed}
        return MappingProxyType({n: one for n, one in both.items() if one is not None})

    def change_to(self, held: Contents, label: str) -> Change:
        """The change of the annotation that puts cells and decisions in place; nothing is applied yet."""
        return self.annotation.decide(self.annotation.set_cells(label, held.cells), held.decisions)


def still_reviewed(maps: Mapping[CellKey, int], annotation: Annotation) -> frozenset[CellKey]:
    """The cells that have the map with which they were reviewed.

    Args:
        maps: numbers of maps, see `Project.reviewed_maps`.
    """
    there = {k: annotation.records(k)["map"] for k in annotation.instances} if maps else {}
    return frozenset(
        key
        for key, number in maps.items()
        if key.instance in there and there[key.instance][key.frame] == number
    )


def plain(key: CellKey) -> tuple[int, int]:
    """Numbers that SQLite takes, whatever NumPy made of them."""
    return int(key.frame), int(key.instance)


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


_LAST_MAP = """
    SELECT max(number) FROM (
        SELECT max(id) AS number FROM maps
        UNION ALL SELECT max(map) FROM reviewed WHERE typeof(map) = 'integer' AND map < 1 << 40
        UNION ALL SELECT max(map) FROM step_reviewed WHERE typeof(map) = 'integer' AND map < 1 << 40)"""
"""The highest number that a map has, or had when a person looked at it; higher ones are of no program."""


class MapFile:
    """A `MapSource` in the table `maps`, whose rows are written once and never changed.

    A number is not used again when its map is gone: what a person has looked at is noted by its number.
    """

    def __init__(self, database: Database) -> None:
        """Read the last number.

        Raises:
            UserError: the file cannot be read.
        """
        self._database = database
        ((last,),) = database.rows(_LAST_MAP)
        self._last = int(last or 0)

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

    def write(self, connection: sqlite3.Connection, encoded: Iterable[Encoded]) -> dict[int, int]:
        """Write maps in the caller's transaction; the number of each by the id of its mask."""
        numbers = {}
        for one in encoded:
            number = one.number
            if one.data is not None:
                number = self._last = self._last + 1
                row = (number, one.data, crc32(one.data))
                connection.execute("INSERT INTO maps (id, data, checksum) VALUES (?, ?, ?)", row)
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
