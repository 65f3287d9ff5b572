"""The masks of a long video in run lengths, and large files of them, without holding all of it in memory.

A mask of 1080p has some 5 KB of run lengths, so that 10,000 frames of 20 instances have 1 GB.
"""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from ..engine.types import LabelMap
from ..errors import UserError
from .footage import Footage
from .rle import compressed, expanded, label_map, run_lengths

_BLOCK = 1 << 18
"""Letters that are written and compared at a time."""


class Mark(NamedTuple):
    """The COCO record of a mask.

    Attributes:
        counts: compressed run lengths.
        area: pixels.
        box: [x, y, width, height].
    """

    counts: str
    area: int
    box: list[float]


def marks_of(labels: LabelMap) -> dict[int, Mark]:
    """The masks of a frame by instance number, ascending; (H, W) uint8."""
    height = labels.shape[0]
    return {
        number: Mark(compressed(lengths), sum(lengths[1::2]), box_of(lengths, height))
        for number, lengths in run_lengths(labels).items()
    }


def box_of(lengths: Sequence[int], height: int) -> list[float]:
    """The tight box [x, y, width, height] of a mask that has a pixel, as COCO gives it.

    Args:
        lengths: run lengths down the columns.
        height: of the frame in pixels.
    """
    bounds = np.cumsum(lengths)
    starts, ends = bounds[:-1:2], bounds[1::2] - 1
    left, right = int(starts[0] // height), int(ends[-1] // height)
    if np.any(starts // height != ends // height):
        # A run that goes on in the next column has touched the bottom and the top.
        top, bottom = 0, height - 1
    else:
        top, bottom = int((starts % height).min()), int((ends % height).max())
    return [float(side) for side in (left, top, right - left + 1, bottom - top + 1)]


class MarkFile:
    """The marks of a sequence, run lengths in a temporary file; memory has 57 bytes a mark.

    Attributes:
        seen: numbers of the instances that have a mark, ascending.
    """

    def __init__(self, folder: Path) -> None:
        """Nothing is in it yet; closed as a context manager.

        Args:
            folder: on the disk that has the room.
        """
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `__exit__` closes it
        self._first = array("q", [0])
        self._numbers = bytearray()
        self._place = array("q", [0])
        self._areas = array("q")
        self._boxes = array("d")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, labels: LabelMap) -> None:
        """The marks of the next frame; (H, W) uint8."""
        for number, mark in marks_of(labels).items():
            data = mark.counts.encode("ascii")
            self._file.write(data)
            self._numbers.append(number)
            self._place.append(self._place[-1] + len(data))
            self._areas.append(mark.area)
            self._boxes.extend(mark.box)
        self._first.append(len(self._numbers))

    @property
    def seen(self) -> list[int]:
        """See the class."""
        return sorted(set(self._numbers))

    def frame(self, index: int) -> dict[int, Mark]:
        """The marks of a frame by instance number, ascending."""
        first, end = self._first[index], self._first[index + 1]
        return {self._numbers[place]: self._mark(place) for place in range(first, end)}

    def get(self, index: int, number: int) -> Mark | None:
        """The mark of an instance in a frame."""
        place = self._numbers.find(number, self._first[index], self._first[index + 1])
        return self._mark(place) if place >= 0 else None

    def confirm(self, footage: Footage, place: Path) -> None:
        """Make sure that the marks are those of the masks that have passed, see `Footage.confirm`."""
        height, width = footage.height, footage.width
        footage.confirm(
            (
                label_map(((k, expanded(one.counts)) for k, one in self.frame(index).items()), height, width)
                for index in range(len(self._first) - 1)
            ),
            place,
        )

    def _mark(self, place: int) -> Mark:
        start, end = self._place[place], self._place[place + 1]
        self._file.seek(start)
        counts = self._file.read(end - start).decode("ascii")
        return Mark(counts, self._areas[place], self._boxes[4 * place : 4 * place + 4].tolist())


def json_pieces(value: object) -> Iterator[str]:
    """A value as JSON in pieces.

    Args:
        value: what JSON has. An iterator is a list whose members are made one at a time; it may be the value
            of a mapping or a member of another iterator.
    """
    if isinstance(value, Iterator):
        yield "["
        for number, one in enumerate(value):
            if number:
                yield ", "
            yield from json_pieces(one)
        yield "]"
    elif isinstance(value, Mapping) and any(isinstance(one, Iterator) for one in value.values()):
        for number, (key, one) in enumerate(value.items()):
            yield f"{', ' if number else '{'}{json.dumps(key, ensure_ascii=False)}: "
            yield from json_pieces(one)
        yield "}"
    else:
        yield json.dumps(value, ensure_ascii=False)


def write_pieces(path: Path, pieces: Callable[[], Iterator[str]], place: Path) -> None:
    """Write text in UTF-8, and compare the file with what was to be written.

    Not atomic: the folder is staged.

    Args:
        pieces: makes the text anew each time; the same one.
        place: where the file will be, for the message.

    Raises:
        UserError: the file has something else.
        OSError: it cannot be written.
    """
    with path.open("wb") as file:
        for block in _blocks(pieces()):
            file.write(block)
    with path.open("rb") as file:
        same = all(file.read(len(block)) == block for block in _blocks(pieces()))
        if not same or file.read(1):
            raise UserError(f"{place} was written but reads back differently.")


def _blocks(pieces: Iterator[str]) -> Iterator[bytes]:
    waiting: list[str] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield "".join(waiting).encode("utf-8")
            waiting, size = [], 0
    if waiting:
        yield "".join(waiting).encode("utf-8")
