"""The candidates of many frames, one row each: boxes in memory, embeddings in a temporary file.

A frame may have a hundred candidates, whose embeddings take 50 KB. Those of a short clip stay in memory;
those of a long video would fill it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ..types import Candidates

IN_MEMORY = 64 * 2**20
"""Bytes of embeddings that are kept in memory; more go to a file."""
PART = 8192
"""Rows read at a time: 4 MB, and some ten milliseconds of comparing."""


@contextmanager
def _in_a_sentence() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            "What was found in the frames cannot be kept in the system's folder for temporary files: "
            f"{error.strerror or error}. Free some space there, or set TMPDIR to another folder."
        ) from error


class EmbeddingRows:
    """Embeddings, row by row, in a file that is gone when this object is."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        """Begin without rows; up to `in_memory` bytes there is no file."""
        self._file = SpooledTemporaryFile(max_size=in_memory)  # noqa: SIM115  (closed with this object)
        weakref.finalize(self, self._file.close)
        self._dimensions = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @classmethod
    def of(cls, rows: NDArray[np.float32]) -> EmbeddingRows:
        """(n, d) float32."""
        made = cls()
        made.append(rows)
        return made

    def append(self, rows: NDArray[np.float32]) -> None:
        """Add (n, d) float32; d is that of the first rows.

        Raises:
            ValueError: d is another one.
            UserError: the disk of temporary files is full.
        """
        if not len(rows):
            return
        if rows.shape[1] != (self._dimensions or rows.shape[1]):
            raise ValueError(f"embeddings have {rows.shape[1]} numbers, those before {self._dimensions}")
        self._dimensions = rows.shape[1]
        with _in_a_sentence():
            self._file.seek(self._count * self._dimensions * np.dtype(np.float32).itemsize)
            self._file.write(np.ascontiguousarray(rows, np.float32).tobytes())
        self._count += len(rows)

    def take(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Some rows: (n, d) float32, in the order of their numbers."""
        found = np.empty((len(numbers), self._dimensions), np.float32)
        for place, number in enumerate(numbers.tolist()):
            self._read(number, found[place])
        return found

    def parts(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """All rows, `PART` at a time, each with its place; a part is valid until the next one is taken."""
        buffer = np.empty((min(PART, self._count), self._dimensions), np.float32)
        for start in range(0, self._count, PART):
            rows = buffer[: min(PART, self._count - start)]
            self._read(start, rows)
            yield slice(start, start + len(rows)), rows

    def _read(self, start: int, into: NDArray[np.float32]) -> None:
        # What is still in a buffer is written before it is read.
        with _in_a_sentence():
            self._file.seek(start * self._dimensions * into.itemsize)
            if self._file.readinto(into.reshape(-1).view(np.uint8).data) != into.nbytes:
                raise OSError("the file was cut off")


class CandidateStack:
    """Candidates of frames, added in any order.

    Attributes:
        embeddings: a row for each candidate.
    """

    def __init__(self) -> None:
        self.embeddings = EmbeddingRows()
        self._rows: dict[int, range] = {}
        self._boxes: list[NDArray[np.int32]] = []

    def __contains__(self, frame: int) -> bool:
        return frame in self._rows

    @classmethod
    def of(cls, found: Mapping[int, Candidates]) -> CandidateStack:
        """Candidates by frame."""
        made = cls()
        for frame in sorted(found):
            made.add(frame, found[frame])
        return made

    def add(self, frame: int, candidates: Candidates) -> None:
        """Add those of a frame that is not there yet.

        Raises:
            ValueError: it is there.
            UserError: the disk of temporary files is full.
        """
        if frame in self._rows:
            raise ValueError(f"the candidates of frame {frame} are there already")
        start = len(self.embeddings)
        self.embeddings.append(candidates.embeddings)
        self._rows[frame] = range(start, len(self.embeddings))
        self._boxes.append(candidates.boxes)

    @property
    def frames(self) -> list[int]:
        """Ascending, also those without candidates."""
        return sorted(self._rows)

    def boxes(self) -> NDArray[np.int32]:
        """(M, 4) int32, of every row."""
        if len(self._boxes) > 1:
            self._boxes = [np.concatenate(self._boxes)]
        return self._boxes[0] if self._boxes else np.zeros((0, 4), np.int32)

    def rows_of(self, frames: Sequence[int]) -> NDArray[np.intp]:
        """Where the candidates of frames lie: (F, X) intp, -1 where a frame has fewer than another one."""
        rows = [self._rows[frame] for frame in frames]
        found = np.full((len(rows), max(map(len, rows), default=0) or 1), -1, np.intp)
        for place, row in enumerate(rows):
            found[place, : len(row)] = row
        return found

    def row_frames(self) -> NDArray[np.intp]:
        """(M,) intp, the frame of every row."""
        found = np.empty(len(self.embeddings), np.intp)
        for frame, row in self._rows.items():
            found[row.start : row.stop] = frame
        return found
