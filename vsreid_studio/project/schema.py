"""The tables of a project file, version 8, and the records that are kept in them.

2 added the adaptation, 3 the second checkpoint of a cell, 4 whether it was smoothed. 5 keeps maps in a table
of their own, so that the index of a long video is read without them. 6 keeps proposals, what was reviewed,
and of each step who made it and when. 7 added classes of instances. 8 tells instances apart that have the
same number one after the other, and keeps the proposals of those that are gone.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from ..engine.types import MAX_INSTANCE
from ..formats.classes import Classes

_COLOUR = re.compile(r"#[0-9a-f]{6}")

APPLICATION_ID = int.from_bytes(b"VSRe")
"""Application id in the file's header, which distinguishes a project from other SQLite files."""
SCHEMA_VERSION = 8
Row: TypeAlias = tuple[Any, ...]
"""Values of one row in SQLite's types, without its key."""
Key: TypeAlias = tuple[int, ...]
Rows: TypeAlias = Mapping[Key, Row | None]
"""Rows by key; None where there is none."""
_MANY = 100
_PLAIN_TABLE = re.compile(r"\s*CREATE\s+TABLE\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VideoRef:
    """The video that a project annotates.

    Attributes:
        path: where it was last seen, absolute: a file or a folder of pictures.
        fingerprint: identifies the video, independent of its path.
        length: frames.
        height, width: of a frame, in pixels.
    """

    path: Path
    fingerprint: str
    length: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One object to cut out.

    Attributes:
        number: 1 to 254, its value in label maps.
        name: as the person calls it.
        colour: on screen, '#rrggbb' in lower case.
        hidden: not drawn.
        locked: not to be edited.
        order: place in lists, ascending; ties go by number.
        category: number of its class in the project's list, None for no class.
    """

    number: int
    name: str
    colour: str
    hidden: bool = False
    locked: bool = False
    order: int = 0
    category: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.number <= MAX_INSTANCE:
            raise ValueError(f"an instance has a number from 1 to {MAX_INSTANCE}, not {self.number}")
        if not _COLOUR.fullmatch(self.colour):
            raise ValueError(f"a colour is written '#rrggbb', not {self.colour!r}")

    @property
    def is_blank(self) -> bool:
        """Whether nobody has named or classed it."""
        return self.name == default_name(self.number) and self.category is None


def default_name(number: int) -> str:
    """Of an instance that nobody has named."""
    return f"object {number}"


def classes_of(listed: Mapping[int, str], instances: Mapping[int, Instance]) -> Classes:
    """The classes of a project as exports take them.

    Args:
        listed: names by number.
        instances: by number.
    """
    of = {n: one.category for n, one in instances.items() if one.category is not None}
    return Classes(listed, of)


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What N_mp has learnt of this video.

    Attributes:
        base: checksum of the weights that were adapted; it goes with no others.
        data: the adapted tensors, a safetensors file.
    """

    base: str
    data: bytes


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of the engine on this project.

    Attributes:
        started: when, in UTC.
        weights: checksum of each weight file it used, by name.
    """

    started: datetime
    weights: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows take part in undo; a twin `step_<name>` holds the rows that undo brings back.

    Attributes:
        name: the table's.
        keys: columns that name a row.
        values: the other columns; the first is never NULL, so that NULL there says 'no such row' in the twin.
    """

    name: str
    keys: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def columns(self) -> str:
        """Keys and values, as SQL lists them."""
        return ", ".join(self.keys + self.values)

    @property
    def undo_table(self) -> str:
        """SQL that creates the table of rows kept for undo; its columns are untyped and take any value."""
        return f"""CREATE TABLE step_{self.name} (
            step INTEGER NOT NULL REFERENCES steps (id) ON DELETE CASCADE,
            {self.columns}, PRIMARY KEY (step, {", ".join(self.keys)}))"""


CELLS = Table("cells", ("frame", "instance"), ("record", "map", "checksum"))
DECISIONS = Table(
    "decisions", ("frame", "instance"), ("verdict", "x0", "y0", "x1", "y1", "similarity", "by", "given_to")
)
INSTANCES_OF_5 = Table("instances", ("number",), ("name", "colour", "hidden", "locked", "place"))
INSTANCES = Table("instances", INSTANCES_OF_5.keys, (*INSTANCES_OF_5.values, "category"))
CATEGORIES = Table("categories", ("number",), ("name",))
ADAPTATION = Table("adaptation", ("slot",), ("base", "data", "checksum"))
REVIEWED = Table("reviewed", ("frame", "instance"), ("map",))
IDENTITIES = Table("identities", ("number",), ("identity",))
"""What tells an instance from an earlier one of the same number; no row stands for 0, see `upgrade`."""
UNDOABLE = (CELLS, DECISIONS, INSTANCES, ADAPTATION, REVIEWED, CATEGORIES, IDENTITIES)
"""The tables that take part in undo."""

_ADAPTATION = (
    """CREATE TABLE adaptation (
        slot INTEGER PRIMARY KEY CHECK (slot = 0),
        base TEXT NOT NULL,           -- checksum of the weights that were adapted
        data BLOB NOT NULL,           -- safetensors
        checksum INTEGER NOT NULL)""",
    ADAPTATION.undo_table,
)
_PROPOSAL = """
    frame INTEGER NOT NULL, instance INTEGER NOT NULL,
    x0 INTEGER NOT NULL, y0 INTEGER NOT NULL, x1 INTEGER NOT NULL, y1 INTEGER NOT NULL,
    similarity REAL NOT NULL, iou REAL NOT NULL,
    reason TEXT,                  -- why it is not offered; NULL for one that waits
    map_x0 INTEGER NOT NULL, map_y0 INTEGER NOT NULL, map_x1 INTEGER NOT NULL, map_y1 INTEGER NOT NULL,
    confidence REAL NOT NULL,
    data BLOB NOT NULL,           -- the map as in `maps`; empty where no run has recovered it
    checkpoints BLOB NOT NULL,    -- frames of the checkpoints it was compared with, int32
    run INTEGER NOT NULL,         -- of the table runs; 0 where it is not known
    checksum INTEGER NOT NULL     -- CRC-32 of data and checkpoints
"""
ADDED: dict[int, tuple[str, ...]] = {
    2: _ADAPTATION,
    3: ("ALTER TABLE cells ADD COLUMN second INTEGER", "ALTER TABLE step_cells ADD COLUMN second"),
    4: ("ALTER TABLE cells ADD COLUMN smoothed INTEGER", "ALTER TABLE step_cells ADD COLUMN smoothed"),
    7: (
        "ALTER TABLE instances ADD COLUMN category INTEGER",
        "ALTER TABLE step_instances ADD COLUMN category",
        "CREATE TABLE categories (number INTEGER PRIMARY KEY, name TEXT NOT NULL)",
        CATEGORIES.undo_table,
    ),
    8: (
        """CREATE TABLE identities (
            number INTEGER PRIMARY KEY,   -- of an instance that is there
            identity INTEGER NOT NULL)    -- never given to two instances""",
        IDENTITIES.undo_table,
        f"CREATE TABLE past_proposals (identity INTEGER NOT NULL, {_PROPOSAL},"
        " PRIMARY KEY (instance, identity, frame))",
        # Proposals are those of the instance that has their number now, not of the one before it, which
        # undoing the step that brought the present one leads back to.
        "INSERT INTO identities SELECT number, number FROM instances",
        "INSERT INTO step_identities SELECT step, number, NULL FROM step_instances "
        "JOIN steps ON id = step WHERE done = 1 AND name IS NULL",
    ),
}
"""SQL by the version that a file becomes by it; version 5 needs more, see `upgrade`."""

CELLS_OF_4 = Table(
    "cells",
    ("frame", "instance"),
    (
        *("origin", "pinned", "made_by", "confidence", "similarity", "x0", "y0", "x1", "y1"),
        *("second", "smoothed", "png", "checksum"),
    ),
)
"""As versions 1 to 4 kept cells, with their maps."""
CREATE_CELLS_OF_4 = (
    """CREATE TABLE cells (
        frame INTEGER NOT NULL, instance INTEGER NOT NULL,
        origin INTEGER NOT NULL, pinned INTEGER NOT NULL, made_by TEXT NOT NULL,
        confidence REAL NOT NULL, similarity REAL,
        x0 INTEGER NOT NULL, y0 INTEGER NOT NULL, x1 INTEGER NOT NULL, y1 INTEGER NOT NULL,
        second INTEGER, smoothed INTEGER, png BLOB NOT NULL, checksum INTEGER NOT NULL,
        PRIMARY KEY (frame, instance))""",
    CELLS_OF_4.undo_table,
)

CREATE_CELLS = (
    """CREATE TABLE maps (
        id INTEGER PRIMARY KEY,
        data BLOB NOT NULL,           -- probability x 255 inside the box, as a grey 8-bit PNG
        checksum INTEGER NOT NULL)    -- CRC-32 of the data""",
    # Maps that some cell had and has no more. Those without a use go in the next session.
    "CREATE TABLE loose (map INTEGER PRIMARY KEY)",
    """CREATE TABLE cells (
        frame INTEGER NOT NULL, instance INTEGER NOT NULL,
        record BLOB NOT NULL,         -- see engine.store.index.RECORD
        map INTEGER,                  -- NULL for an empty box
        checksum INTEGER NOT NULL,    -- CRC-32 of the record
        PRIMARY KEY (frame, instance)) WITHOUT ROWID""",
    CELLS.undo_table,
    "CREATE INDEX cells_map ON cells (map)",
    "CREATE INDEX step_cells_map ON step_cells (map)",
)
_OTHERS = (
    """CREATE TABLE video (
        path BLOB NOT NULL,           -- absolute, in the file system's own bytes
        relative BLOB,                -- to the project's folder; NULL on another drive
        fingerprint TEXT NOT NULL,
        length INTEGER NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL)""",
    """CREATE TABLE decisions (
        frame INTEGER NOT NULL, instance INTEGER NOT NULL, verdict TEXT NOT NULL,
        x0 INTEGER NOT NULL, y0 INTEGER NOT NULL, x1 INTEGER NOT NULL, y1 INTEGER NOT NULL,
        similarity REAL NOT NULL, by TEXT NOT NULL, given_to INTEGER,
        PRIMARY KEY (frame, instance))""",
    """CREATE TABLE instances (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL, colour TEXT NOT NULL,
        hidden INTEGER NOT NULL, locked INTEGER NOT NULL, place INTEGER NOT NULL)""",
    """CREATE TABLE candidates (
        frame INTEGER PRIMARY KEY,
        weights TEXT NOT NULL,        -- checksum of the networks that found them
        count INTEGER NOT NULL, dimensions INTEGER NOT NULL,
        data BLOB NOT NULL, checksum INTEGER NOT NULL)""",
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, started TEXT NOT NULL, weights TEXT NOT NULL)",
    # Steps with done = 1 can be undone, newest first; those with done = 0 redone, oldest first.
    "CREATE TABLE steps (id INTEGER PRIMARY KEY, label TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 1)",
    DECISIONS.undo_table,
    INSTANCES_OF_5.undo_table,
    *_ADAPTATION,
)
_ADDED_6 = (
    # One row a cell: the best candidate that a run found for it, with the map that N_mp recovered in its box.
    f"CREATE TABLE proposals ({_PROPOSAL}, PRIMARY KEY (frame, instance))",
    # Masks that a person has looked at and not changed, as long as the cell has the same map.
    """CREATE TABLE reviewed (
        frame INTEGER NOT NULL, instance INTEGER NOT NULL,
        map INTEGER NOT NULL,         -- of the table maps; 0 for an empty one
        PRIMARY KEY (frame, instance))""",
    REVIEWED.undo_table,
    "ALTER TABLE steps ADD COLUMN kind TEXT NOT NULL DEFAULT 'edit'",  # edit, run or answer
    "ALTER TABLE steps ADD COLUMN made TEXT NOT NULL DEFAULT ''",  # when, in UTC; empty where not known
)
ADDED[6] = _ADDED_6
CREATE_7 = (*_OTHERS, *CREATE_CELLS, *_ADDED_6, *ADDED[7])
CREATE = (*CREATE_7, *ADDED[8])
CREATE_5 = (*_OTHERS, *CREATE_CELLS)
CREATE_4 = (*_OTHERS, *CREATE_CELLS_OF_4)


def only_tables(connection: sqlite3.Connection) -> bool:
    """Whether a file has nothing but tables and their indices, so that reading it runs no code of its own.

    A view may be endless, a trigger may change what is written, and a virtual table is anything.
    """
    found = connection.execute("SELECT type, sql FROM sqlite_master").fetchmany(_MANY)
    return len(found) < _MANY and all(
        (kind == "table" and isinstance(sql, str) and _PLAIN_TABLE.match(sql) is not None)
        or (kind == "index" and (sql is None or sql in CREATE_CELLS))
        for kind, sql in found
    )


def as_created(connection: sqlite3.Connection, statements: tuple[str, ...]) -> bool:
    """Whether a file has the tables that these statements create, with their columns, and no others."""
    with closing(sqlite3.connect(":memory:")) as expected:
        for statement in statements:
            expected.execute(statement)
        return _layout(connection) == _layout(expected)


def _layout(connection: sqlite3.Connection) -> dict[str, frozenset[Row]]:
    """The columns of each table: name, type, NOT NULL, place in the key, kind (hidden, generated)."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchmany(_MANY)
    columns = "SELECT name, upper(type), [notnull], pk, hidden FROM pragma_table_xinfo(?)"
    return {name: frozenset(connection.execute(columns, (name,)).fetchmany(_MANY)) for (name,) in names}
