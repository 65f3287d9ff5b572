"""Makes project files of older versions out of closed ones of the present version."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from zlib import crc32

import numpy as np

from vsreid_studio.engine.store.index import FILLED, MAKERS, PINNED, RECORD, SMOOTHED
from vsreid_studio.project.schema import CELLS_OF_4, CREATE_CELLS_OF_4, Row

LACKING = {1: ("second", "smoothed"), 2: ("second", "smoothed"), 3: ("smoothed",), 4: ()}
Values = Callable[[Row], Row]


def make_older(path: Path, version: int, alter: Values = lambda values: values) -> None:
    """Turn a closed project into one of an older version.

    Args:
        alter: changes the values of cells, before their checksum is taken.
    """
    with closing(sqlite3.connect(path)) as connection:
        _drop_new(connection, version)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()
        if version > 4:
            return
        cells = connection.execute("SELECT frame, instance, record FROM cells").fetchall()
        steps = connection.execute("SELECT step, frame, instance, record FROM step_cells").fetchall()
        maps = dict(connection.execute("SELECT id, data FROM maps").fetchall())
        for table in ("cells", "step_cells", "maps", "loose"):
            connection.execute(f"DROP TABLE {table}")
        for statement in CREATE_CELLS_OF_4:
            connection.execute(statement)
        places = ", ".join("?" * len(CELLS_OF_4.keys + CELLS_OF_4.values))
        for frame, instance, record in cells:
            row = (frame, instance, *_row(frame, instance, record, maps, alter))
            connection.execute(f"INSERT INTO cells VALUES ({places})", row)
        for step, frame, instance, record in steps:
            values = (None,) * len(CELLS_OF_4.values)
            if record is not None:
                values = _row(frame, instance, record, maps, alter)
            connection.execute(
                f"INSERT INTO step_cells VALUES (?, {places})", (step, frame, instance, *values)
            )
        for table in ("cells", "step_cells"):
            for column in LACKING[version]:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        if version == 1:
            for table in ("adaptation", "step_adaptation"):
                connection.execute(f"DROP TABLE {table}")
        connection.commit()


def _drop_new(connection: sqlite3.Connection, version: int) -> None:
    """Take away what came after version 5."""
    for table in ("identities", "step_identities", "past_proposals"):
        connection.execute(f"DROP TABLE {table}")
    if version < 7:
        for table in ("categories", "step_categories"):
            connection.execute(f"DROP TABLE {table}")
        for table in ("instances", "step_instances"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN category")
    if version < 6:
        for table in ("proposals", "reviewed", "step_reviewed"):
            connection.execute(f"DROP TABLE {table}")
        for column in ("kind", "made"):
            connection.execute(f"ALTER TABLE steps DROP COLUMN {column}")


def _row(frame: int, instance: int, record: bytes, maps: dict[int, bytes], alter: Values) -> Row:
    one = np.frombuffer(record, RECORD)[0]
    values: Row = (
        int(one["origin"]),
        int(bool(one["flags"] & PINNED)),
        str(MAKERS[one["maker"]]),
        float(one["confidence"]),
        None if np.isnan(one["similarity"]) else float(one["similarity"]),
        *(int(one[name]) for name in ("x0", "y0", "x1", "y1")),
        None if one["second"] < 0 else int(one["second"]),
        1 if one["flags"] & SMOOTHED else None,
    )
    png = maps[int(one["map"])] if one["flags"] & FILLED else b""
    values = counted = alter(values)
    while counted[-1] is None:
        counted = counted[:-1]
    return (*values, png, crc32(png, crc32(repr((frame, instance, *counted)).encode())))
