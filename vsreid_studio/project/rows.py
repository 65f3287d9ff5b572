"""All that takes part in undo, and candidates, as rows of the project file and back.

A file may come from anyone, so every value is checked when it is read. What is refused then is refused when
it is written, too, so that no write can make a project that does not open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..engine.events import Decision, Verdict
from ..engine.store.index import FILLED, MAKERS, PINNED, RECORD, SMOOTHED, THERE, cell_of, record
from ..engine.store.maps import MapCache
from ..engine.types import MAX_INSTANCE, Box, Candidates, Cell, CellKey, Maker, SoftMask
from .schema import Adaptation, Instance, Key, Row, VideoRef

_FAR = 2**31
"""Bound of whole numbers that stand for places."""
_LAST = 2**40
"""Bound of numbers that are counted up."""
_LONG = 10_000
"""Characters that a text of a person may have."""
_ROWS = 1000
"""Rows that become an array, or values of Python, at a time: some milliseconds."""
_BLOCK = 250
"""Frames whose cells are read at a time: some milliseconds."""
_JOINED = """
    SELECT count(*),
        typeof(max(instance)) = 'integer' AND typeof(max(checksum)) = 'integer'
            AND typeof(max(map)) IN ('integer', 'null'),
        group_concat(frame), group_concat(instance), group_concat(ifnull(map, 0)), group_concat(checksum),
        group_concat(hex(record), '')
    FROM cells WHERE frame >= ? AND frame < ?"""
"""The cells of a range of frames in one row: how many, whether all are numbers, columns.

SQLite sorts texts behind numbers, so that the greatest value shows whether all are numbers. Asking for the
type of each one would take longer than everything else.
"""
_NUMBERS = b"0123456789-,"


def check_key(key: CellKey, video: VideoRef) -> None:
    """Raise ValueError where a key lies outside the video."""
    if not (
        _whole(key.frame)
        and 0 <= key.frame < video.length
        and _whole(key.instance)
        and 1 <= key.instance <= MAX_INSTANCE
    ):
        raise ValueError(f"{key} lies outside the video")


def check_cell(key: CellKey, cell: Cell, video: VideoRef) -> None:
    """Raise ValueError where a cell does not fit into the video."""
    check_key(key, video)
    box = cell.mask.box
    inside = not box.area or box.clip(video.height, video.width) == box
    frames = all(0 <= frame < video.length for frame in (cell.origin, cell.second) if frame is not None)
    if not (inside and frames):
        raise ValueError(f"the cell at {key} with {box} and origin {cell.origin} lies outside the video")
    similarity = 0.0 if cell.similarity is None else cell.similarity
    if not (math.isfinite(cell.confidence) and math.isfinite(similarity)):
        raise ValueError(f"the cell at {key} has figures that are not finite")


def cell_row(key: CellKey, cell: Cell, number: int) -> Row:
    """The columns of CELLS for a cell that was checked.

    Args:
        number: of its map in the table `maps`, 0 for an empty box.
    """
    data = np.array(record(int(key.frame), int(key.instance), cell, number), RECORD).tobytes()
    return (data, number or None, crc32(data))


def read_cells(rows: Iterable[tuple[Key, Row]], video: VideoRef, most: int | None = None) -> NDArray[np.void]:
    """The records of rows, all checked: (n,) `RECORD`.

    Args:
        rows: keys with the columns of CELLS.
        most: the number of rows beyond which the file is hostile; None for as many as the video has cells.

    Raises:
        ValueError: a row is damaged or does not fit into the video.
    """
    most = video.length * MAX_INSTANCE if most is None else most
    found = [np.zeros(0, RECORD)]
    left = iter(rows)
    # Arrays of all of very many rows at once would hold Python's lock while they are made.
    while block := list(islice(left, _ROWS)):
        for (frame, _), (data, _, checksum) in block:
            if not isinstance(data, bytes) or len(data) != RECORD.itemsize or crc32(data) != checksum:
                raise ValueError(f"the cell in frame {frame} is damaged")
        records = np.frombuffer(b"".join([data for _, (data, _, _) in block]), RECORD)
        named = [(frame, instance, number or 0) for (frame, instance), (_, number, _) in block]
        found.append(_checked(records, np.array(named, np.int64), video))
        if sum(map(len, found)) > most:
            raise ValueError("there are more cells than the video has")
    return np.concatenate(found)


def read_index(query: Callable[..., list[Row]], video: VideoRef) -> NDArray[np.void]:
    """The records of all cells in place, checked like `read_cells`: (n,) `RECORD`.

    SQLite joins the rows of a block of frames into one. A row at a time, Python would take and give up its
    lock 200,000 times for 10,000 frames of 20 instances, which takes longer and delays the other threads.

    Args:
        query: `Database.rows`.

    Raises:
        ValueError: a row is damaged or does not fit into the video.
    """
    ((total,),) = query("SELECT count(*) FROM cells")
    if total > video.length * MAX_INSTANCE:
        raise ValueError("there are more cells than the video has")
    records, names, read = [], [], 0
    for first in range(0, video.length if total else 0, _BLOCK):
        ((count, numbers, *columns, data),) = query(_JOINED, first, first + _BLOCK)
        if not count:
            continue
        block = bytes.fromhex(data)
        whole = numbers and not any(column.encode().translate(None, _NUMBERS) for column in columns)
        if not whole or len(block) != count * RECORD.itemsize:
            raise ValueError(f"a cell in frames {first} to {first + _BLOCK} is damaged")
        *named, checksums = (np.fromstring(column, np.int64, sep=",") for column in columns)
        found = list(map(crc32, np.frombuffer(block, f"V{RECORD.itemsize}").tolist()))
        if any(len(column) != count for column in named) or not np.array_equal(found, checksums):
            raise ValueError(f"a cell in frames {first} to {first + _BLOCK} is damaged")
        records.append(np.frombuffer(block, RECORD))
        names.append(np.column_stack(named))
        read += count
    if read != total:
        raise ValueError("a cell lies outside the video")
    if not records:
        return np.zeros(0, RECORD)
    return _checked(np.concatenate(records), np.concatenate(names), video)


def _checked(records: NDArray[np.void], names: NDArray[np.int64], video: VideoRef) -> NDArray[np.void]:
    """Records that make sense in the video.

    Args:
        names: (n, 3) frame, instance and map under which each of them is stored.

    Raises:
        ValueError: one does not, or stands under another name.
    """
    if not all((records[name] == names[:, n]).all() for n, name in enumerate(("frame", "instance", "map"))):
        raise ValueError("a cell stands under the key of another")
    if not _sound(records, video).all():
        raise ValueError("a cell lies outside the video, or makes no sense")
    return records


def _sound(records: NDArray[np.void], video: VideoRef) -> NDArray[np.bool_]:
    """Which records make sense in the video."""
    x0, y0, x1, y1 = (records[name].astype(np.int64) for name in ("x0", "y0", "x1", "y1"))
    hard = [records[f"hard_{name}"].astype(np.int64) for name in ("x0", "y0", "x1", "y1")]
    filled = (records["flags"] & FILLED) > 0
    area = records["area"]
    inside = (x0 >= 0) & (y0 >= 0) & (x1 > x0) & (y1 > y0) & (x1 <= video.width) & (y1 <= video.height)
    hard_inside = (hard[0] >= x0) & (hard[1] >= y0) & (hard[2] <= x1) & (hard[3] <= y1)
    hard_size = (hard[2] - hard[0]).clip(0) * (hard[3] - hard[1]).clip(0)
    counted = (area >= 0) & ((area == 0) | (hard_inside & (area <= hard_size)))
    similarity = np.nan_to_num(records["similarity"], nan=0.0, posinf=9.0, neginf=9.0)
    sound: NDArray[np.bool_] = (
        (records["frame"] >= 0) & (records["frame"] < video.length)
        & (records["instance"] >= 1) & (records["instance"] <= MAX_INSTANCE)
        & ((records["flags"] | THERE | PINNED | SMOOTHED | FILLED) == THERE | PINNED | SMOOTHED | FILLED)
        & ((records["flags"] & THERE) > 0)
        & (records["maker"] < len(MAKERS))
        & (records["origin"] >= 0) & (records["origin"] < video.length)
        & (records["second"] >= -1) & (records["second"] < video.length)
        & np.isfinite(records["confidence"]) & (np.abs(similarity) < 2)
        & np.where(filled, inside & counted & (records["map"] > 0), (records["map"] == 0) & (area == 0))
    )  # fmt: skip
    return sound


def cells_of(rows: Mapping[Key, Row | None], video: VideoRef, maps: MapCache) -> dict[CellKey, Cell | None]:
    """The cells of rows by key.

    Raises:
        ValueError: a row is damaged or does not fit into the video.
    """
    records = read_cells(((key, row) for key, row in rows.items() if row is not None), video)
    cells: dict[CellKey, Cell | None] = {CellKey(*key): None for key in rows}
    for key in cells:
        check_key(key, video)
    for start in range(0, len(records), _ROWS):
        for values in records[start : start + _ROWS].tolist():
            cells[CellKey(values[0], values[1])] = cell_of(values, maps)
    return cells


def decision_row(key: CellKey, decision: Decision, video: VideoRef) -> Row:
    """The columns of DECISIONS for a decision.

    Raises:
        ValueError: it does not fit into the video.
    """
    check_key(key, video)
    box = decision.box
    row = (
        str(decision.verdict),
        *(int(box.x0), int(box.y0), int(box.x1), int(box.y1)),
        float(decision.similarity),
        str(decision.by),
        None if decision.given_to is None else int(decision.given_to),
    )
    read_decision(key, row, video)
    return row


def read_decision(key: CellKey, row: Row, video: VideoRef) -> Decision:
    """The decision of a row.

    Raises:
        ValueError: the row does not make sense.
    """
    check_key(key, video)
    verdict, x0, y0, x1, y1, similarity, by, given_to = row
    places = all(_whole(place) and abs(place) < _FAR for place in (x0, y0, x1, y1))
    receiver = given_to is None or (_whole(given_to) and 1 <= given_to <= MAX_INSTANCE)
    if not (places and receiver and isinstance(similarity, float) and math.isfinite(similarity)):
        raise ValueError(f"the decision at {key} makes no sense")
    return Decision(Verdict(verdict), Box(x0, y0, x1, y1), similarity, Maker(by), given_to)


def instance_row(instance: Instance) -> Row:
    """The columns of INSTANCES for an instance.

    Raises:
        ValueError: it is named too long, say.
    """
    flags = int(instance.hidden), int(instance.locked)
    row = (instance.name, instance.colour, *flags, int(instance.order), instance.category)
    read_instance(instance.number, row)
    return row


def read_instance(number: int, row: Row) -> Instance:
    """The instance of a row.

    Raises:
        ValueError: the row does not make sense.
    """
    name, colour, hidden, locked, order, category = row
    texts = all(isinstance(text, str) and len(text) < _LONG for text in (name, colour))
    numbers = (number, hidden, locked, order, 0 if category is None else category)
    if not (texts and all(_whole(it) and abs(it) < _FAR for it in numbers)):
        raise ValueError(f"instance {number} makes no sense")
    return Instance(number, name, colour, bool(hidden), bool(locked), order, category)


def category_row(number: int, name: str) -> Row:
    """The columns of CATEGORIES for a class.

    Raises:
        ValueError: its name is empty or too long.
    """
    row = (name,)
    read_category(number, row)
    return row


def read_category(number: int, row: Row) -> str:
    """The name of a class.

    Raises:
        ValueError: the row does not make sense.
    """
    (name,) = row
    if not (isinstance(name, str) and name.strip() and len(name) < _LONG and 0 <= number < _FAR):
        raise ValueError(f"class {number} makes no sense")
    return name


def read_identity(number: int, row: Row) -> int:
    """What tells an instance from an earlier one of the same number.

    Raises:
        ValueError: the row does not make sense.
    """
    (identity,) = row
    if not (_whole(number) and 1 <= number <= MAX_INSTANCE and _whole(identity) and 0 < identity < _LAST):
        raise ValueError(f"the identity of instance {number} makes no sense")
    return int(identity)


def adaptation_row(adaptation: Adaptation) -> Row:
    """The columns of ADAPTATION."""
    return (adaptation.base, adaptation.data, crc32(adaptation.data))


def read_adaptation(row: Row) -> Adaptation:
    """The adaptation of a row.

    Raises:
        ValueError: the row is damaged.
    """
    base, data, checksum = row
    if not (isinstance(base, str) and isinstance(data, bytes) and crc32(data) == checksum):
        raise ValueError("the adaptation is damaged")
    return Adaptation(base, data)


def read_reviewed(key: CellKey, row: Row, video: VideoRef) -> int:
    """The number of the map that was reviewed.

    Raises:
        ValueError: the row does not make sense.
    """
    check_key(key, video)
    (number,) = row
    if not (isinstance(number, int) and number >= 0):
        raise ValueError(f"what was reviewed at {key} makes no sense")
    return number


def pack_candidates(candidates: Candidates) -> bytes:
    """Boxes, scores, labels and embeddings one after the other, little-endian.

    Embeddings become float16, which moves their cosines by less than .001 and halves the file.
    """
    return b"".join(
        (
            candidates.boxes.astype("<i4").tobytes(),
            candidates.scores.astype("<f4").tobytes(),
            candidates.person.astype("u1").tobytes(),
            candidates.embeddings.astype("<f2").tobytes(),
        )
    )


def unpack_candidates(count: int, dimensions: int, data: bytes, video: VideoRef) -> Candidates:
    """The candidates of `count` boxes whose embeddings have `dimensions` numbers.

    Raises:
        ValueError: the data are of another size or make no sense in the video.
    """
    if not (_whole(count) and _whole(dimensions) and count >= 0 and dimensions >= 0):
        raise ValueError("candidates are counted by whole numbers")
    sizes = (16 * count, 4 * count, count, 2 * count * dimensions)
    if not isinstance(data, bytes) or len(data) != sum(sizes):
        raise ValueError(f"the data do not hold {count} candidates")
    a, b, c = np.cumsum(sizes[:-1]).tolist()
    boxes = np.frombuffer(data[:a], "<i4").reshape(count, 4).astype(np.int32)
    scores = np.frombuffer(data[a:b], "<f4").astype(np.float32)
    embeddings = np.frombuffer(data[c:], "<f2").reshape(count, dimensions).astype(np.float32)
    inside = (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= (video.width, video.height)).all()
    if not (inside and (boxes[:, 2:] > boxes[:, :2]).all()):
        raise ValueError("a candidate lies outside the video")
    if not (np.isfinite(scores).all() and np.isfinite(embeddings).all()):
        raise ValueError("candidates have figures that are not finite")
    # Rounding moved their lengths off 1.
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True).clip(min=1e-6)
    return Candidates(boxes, scores, np.frombuffer(data[b:c], "u1").astype(np.bool_), embeddings)


def distinct_masks(cells: Iterable[Cell | None]) -> list[SoftMask]:
    """The maps of some cells that are not empty, each once."""
    found = {id(cell.mask): cell.mask for cell in cells if cell is not None and cell.mask.box.area}
    return list(found.values())


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer)
