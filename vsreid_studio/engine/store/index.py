"""The index of an annotation: one record a cell, by instance and frame, and sorted lists of the checkpoints.

A record has `RECORD.itemsize` + 8 = 84 bytes and no map: a cell is made of it when somebody asks, with a map
whose values come from a `MapCache`. A cell that somebody still holds is handed out again, so that identity
shows whether a cell has changed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from threading import Lock
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from ..types import Box, Cell, Maker, SoftMask
from .maps import MapCache

RECORD = np.dtype(
    [
        *(("frame", "<i4"), ("instance", "<i2"), ("flags", "u1"), ("maker", "u1")),
        *(("origin", "<i4"), ("second", "<i4"), ("confidence", "<f8"), ("similarity", "<f8")),
        *((name, "<i4") for name in ("x0", "y0", "x1", "y1")),
        *((name, "<i4") for name in ("hard_x0", "hard_y0", "hard_x1", "hard_y1")),
        *(("area", "<i4"), ("map", "<i8")),
    ]
)
"""A cell without its map.

`second` is -1 and `similarity` NaN where there is none. `area` is -1 while nobody has counted. `map` is the
number of the map where it is kept; 0 for an empty box, and for a map in memory.
"""
THERE, PINNED, SMOOTHED, FILLED = 1, 2, 4, 8
"""Bits of `flags`: the cell exists, is pinned, was smoothed, and its box is not empty."""
MAKERS = tuple(Maker)

_CHECKED = 64
"""Cells looked at in each change whether their maps have left memory."""


class Identities:
    """Gives each cell a number of its own, its stamp, and finds the cell again while somebody holds it.

    Annotations that were copied from one another share one; any thread may use it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0
        self._cells: WeakValueDictionary[int, Cell] = WeakValueDictionary()
        self._stamps: WeakKeyDictionary[Cell, int] = WeakKeyDictionary()

    def reserve(self, count: int) -> NDArray[np.int64]:
        """Stamps for cells that are not made yet."""
        with self._lock:
            first, self._last = self._last + 1, self._last + count
        return np.arange(first, first + count, dtype=np.int64)

    def stamp(self, cell: Cell) -> int:
        """The stamp of a cell."""
        with self._lock:
            known = self._stamps.get(cell)
            if known is None:
                known = self._last = self._last + 1
                self._stamps[cell] = known
                self._cells[known] = cell
            return known

    def cell(self, stamp: int, make: Callable[[], Cell]) -> Cell:
        """The cell of a stamp, made now where nobody holds it."""
        known = self._cells.get(stamp)
        if known is not None:
            return known
        with self._lock:
            known = self._cells.get(stamp)
            if known is None:
                known = make()
                self._cells[stamp] = known
                self._stamps[known] = stamp
            return known


class Row:
    """The cells of one instance.

    Attributes:
        records: (n,) `RECORD`, by frame.
        stamps: (n,) int64 by frame, 0 without a cell; equal stamps are the same cell.
        count: cells.
        anchors: frames with c = i, ascending.
        checkpoints: those of them whose map is not empty.
        in_memory: by frame, the cells whose maps are in memory.
    """

    __slots__ = ("_checkpoints", "anchors", "checkpoints", "count", "in_memory", "records", "stamps")

    def __init__(self, length: int) -> None:
        # Zeros come from the system page by page: a row of few cells takes little room in a long video.
        self.records = np.zeros(length, RECORD)
        self.stamps = np.zeros(length, np.int64)
        self.count = 0
        self.anchors: list[int] = []
        self.checkpoints: list[int] = []
        self.in_memory: dict[int, Cell] = {}
        self._checkpoints: tuple[int, ...] | None = ()

    @classmethod
    def of(cls, length: int, records: NDArray[np.void], stamps: NDArray[np.int64]) -> Row:
        """A row of records read from a file, in any order."""
        row = cls(length)
        frames = records["frame"]
        row.records[frames] = records
        row.stamps[frames] = stamps
        row.count = len(records)
        anchored = np.sort(frames[records["origin"] == frames])
        row.anchors = anchored.tolist()
        row.checkpoints = anchored[(row.records["flags"][anchored] & FILLED) > 0].tolist()
        row._checkpoints = None
        return row

    def copy(self) -> Row:
        """The same cells, to be changed."""
        twin = Row.__new__(Row)
        twin.records, twin.stamps, twin.count = self.records.copy(), self.stamps.copy(), self.count
        twin.anchors, twin.checkpoints = self.anchors.copy(), self.checkpoints.copy()
        twin.in_memory, twin._checkpoints = self.in_memory.copy(), self._checkpoints
        return twin

    @property
    def checkpoint_tuple(self) -> tuple[int, ...]:
        """`checkpoints`, made once for all who ask between two changes."""
        if self._checkpoints is None:
            self._checkpoints = tuple(self.checkpoints)
        return self._checkpoints

    def put(self, frame: int, cell: Cell | None, stamp: int, maps: MapCache | None) -> None:
        """Put a cell in place; None removes."""
        self.count += (cell is not None) - bool(self.stamps[frame])
        self.stamps[frame] = stamp
        self.in_memory.pop(frame, None)
        anchor = cell is not None and cell.origin == frame
        if cell is None:
            self.records[frame] = np.zeros((), RECORD)
        else:
            number = maps.number(cell.mask) if maps is not None else None
            if number is None and cell.mask.box.area:
                self.in_memory[frame] = cell
            self.records[frame] = record(frame, 0, cell, number or 0)
        filled = anchor and cell is not None and cell.mask.box.area > 0
        changed = _keep_sorted(self.checkpoints, frame, filled)
        _keep_sorted(self.anchors, frame, anchor)
        if changed:
            self._checkpoints = None

    def release_stored(self, maps: MapCache) -> None:
        """Forget the cells whose maps have left memory since they were put."""
        for frame in list(self.in_memory)[:_CHECKED]:
            cell = self.in_memory[frame]
            number = maps.number(cell.mask)
            if number is not None:
                self.records[frame] = record(frame, 0, cell, number)
                del self.in_memory[frame]


def _keep_sorted(numbers: list[int], number: int, wanted: bool) -> bool:
    """Insert or remove a number of an ascending list; whether the list has changed."""
    place = bisect_left(numbers, number)
    there = place < len(numbers) and numbers[place] == number
    if wanted and not there:
        insort(numbers, number)
    elif there and not wanted:
        del numbers[place]
    return wanted != there


def record(frame: int, instance: int, cell: Cell, number: int) -> tuple[int | float, ...]:
    """A cell as a `RECORD`.

    Args:
        number: of the map where it is kept, 0 for none. Only then area and hard box are counted.
    """
    mask, box = cell.mask, cell.mask.box
    filled = box.area > 0
    flags = THERE | PINNED * cell.pinned | SMOOTHED * cell.smoothed | FILLED * filled
    area, hard = 0, None
    if filled:
        area, hard = (mask.area, mask.hard_box) if number else (-1, None)
    return (
        *(frame, instance, flags, MAKERS.index(cell.made_by), cell.origin),
        -1 if cell.second is None else cell.second,
        cell.confidence,
        np.nan if cell.similarity is None else cell.similarity,
        *((box.x0, box.y0, box.x1, box.y1) if filled else (0, 0, 0, 0)),
        *((hard.x0, hard.y0, hard.x1, hard.y1) if hard is not None else (0, 0, 0, 0)),
        *(area, number),
    )


def cell_of(values: tuple[int | float, ...], maps: MapCache | None) -> Cell:
    """The cell of a `RECORD`, given as a tuple."""
    _, _, flags, maker, origin, second, confidence, similarity, *places, area, number = values
    x0, y0, x1, y1, hard_x0, hard_y0, hard_x1, hard_y1 = (int(place) for place in places)
    flags = int(flags)
    if flags & FILLED:
        assert maps is not None, "a map that is not in memory is kept somewhere"
        hard = Box(hard_x0, hard_y0, hard_x1, hard_y1) if area else None
        mask = maps.mask(int(number), Box(x0, y0, x1, y1), int(area), hard)
    else:
        mask = SoftMask.empty()
    return Cell(
        mask,
        int(origin),
        pinned=bool(flags & PINNED),
        made_by=MAKERS[int(maker)],
        confidence=float(confidence),
        similarity=None if np.isnan(similarity) else float(similarity),
        second=None if second < 0 else int(second),
        smoothed=bool(flags & SMOOTHED),
    )
