"""Brings the tables of an older project file up to the present version, inside one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from zlib import crc32

from ..engine.store.maps import decode_map
from ..engine.types import Box, Cell, CellKey, Maker, SoftMask
from .rows import cell_row, check_cell
from .schema import (
    ADDED,
    CELLS_OF_4,
    CREATE_4,
    CREATE_5,
    CREATE_CELLS,
    SCHEMA_VERSION,
    Row,
    VideoRef,
    as_created,
)

_AT_ONCE = 256
_PARTED = 5
"""The version in which maps got a table of their own."""


def upgrade(connection: sqlite3.Connection, version: int, read_video: Callable[[], VideoRef]) -> None:
    """Upgrade an open file, which has only tables.

    Args:
        version: of the file.

    Raises:
        ValueError, TypeError: the file does not make sense.
    """
    if version < _PARTED:
        _add(connection, range(version + 1, _PARTED))
        _check_tables(connection, CREATE_4)
        _part_maps(connection, read_video())
    if version <= _PARTED:
        _check_tables(connection, CREATE_5)
    _add(connection, range(max(version, _PARTED) + 1, SCHEMA_VERSION + 1))
    if version <= _PARTED:
        _tell_kinds(connection)


def _add(connection: sqlite3.Connection, versions: Iterable[int]) -> None:
    for version in versions:
        for statement in ADDED[version]:
            connection.execute(statement)


def _check_tables(connection: sqlite3.Connection, statements: tuple[str, ...]) -> None:
    if not as_created(connection, statements):
        raise ValueError("the tables are not those of a project")


def _tell_kinds(connection: sqlite3.Connection) -> None:
    """Steps of before version 6 do not record who made them; their labels do."""
    connection.execute("UPDATE steps SET kind = 'run' WHERE label = 'propagate'")
    connection.execute("UPDATE steps SET kind = 'answer' WHERE label LIKE '% retrieval'")


def _part_maps(connection: sqlite3.Connection, video: VideoRef) -> None:
    """From version 4 to 5: maps get a table of their own, and cells know their area."""
    for table in ("cells", "step_cells"):
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in CREATE_CELLS:
        connection.execute(statement)
    columns = CELLS_OF_4.columns
    old = connection.execute(f"SELECT {columns} FROM old_cells")
    while some := old.fetchmany(_AT_ONCE):
        for frame, instance, *row in some:
            new = _converted(connection, CellKey(frame, instance), tuple(row), video)
            connection.execute("INSERT INTO cells VALUES (?, ?, ?, ?, ?)", (frame, instance, *new))
    old = connection.execute(f"SELECT step, {columns} FROM old_step_cells")
    while some := old.fetchmany(_AT_ONCE):
        for step, frame, instance, *row in some:
            none = (None, None, None)
            key = CellKey(frame, instance)
            new = none if row[0] is None else _converted(connection, key, tuple(row), video)
            connection.execute(
                "INSERT INTO step_cells VALUES (?, ?, ?, ?, ?, ?)", (step, frame, instance, *new)
            )
    for table in ("cells", "step_cells"):
        connection.execute(f"DROP TABLE old_{table}")


def _converted(connection: sqlite3.Connection, key: CellKey, row: Row, video: VideoRef) -> Row:
    *values, png, checksum = row
    cell = _cell_of_4(key, tuple(values), png, checksum, video)
    number = 0
    if cell.mask.box.area:
        sql = "INSERT INTO maps (data, checksum) VALUES (?, ?)"
        number = connection.execute(sql, (png, crc32(png))).lastrowid or 0
    return cell_row(key, cell, number)


def _cell_of_4(key: CellKey, values: Row, png: bytes, checksum: int, video: VideoRef) -> Cell:
    counted = values
    # Files of older versions had no columns for what stands last in the values.
    while counted[-1] is None:
        counted = counted[:-1]
    if crc32(png, crc32(repr((*key, *counted)).encode())) != checksum:
        raise ValueError(f"the cell at {key} is damaged")
    origin, pinned, made_by, confidence, similarity, x0, y0, x1, y1, second, smoothed = values
    if not all(isinstance(value, int) for value in (origin, x0, y0, x1, y1, second or 0)):
        raise ValueError(f"the cell at {key} has places that are no whole numbers")
    box = Box(x0, y0, x1, y1)
    empty = Cell(SoftMask.empty(), origin, second=second)
    check_cell(key, empty, video)
    if box.area and box.clip(video.height, video.width) != box:
        raise ValueError(f"the cell at {key} lies outside the video")
    mask = SoftMask(box, decode_map(png, box)) if box.area else empty.mask
    cell = Cell(
        mask,
        origin,
        pinned=bool(pinned),
        made_by=Maker(made_by),
        confidence=float(confidence),
        similarity=None if similarity is None else float(similarity),
        second=second,
        smoothed=bool(smoothed),
    )
    check_cell(key, cell, video)
    return cell
