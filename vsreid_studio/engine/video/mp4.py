"""How many samples the tables of an MP4 announce: FFmpeg asks for memory for each before it reads one."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ...errors import UserError

_FIRST = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx"})
"""Boxes that a file of this family begins with."""
_OUTER = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"})
"""Boxes of boxes, down to the tables."""
_COUNTS = {b"stsz": 8, b"stz2": 8, b"trun": 4}
"""Where a box has its number of samples, behind its header."""
_DEPTH = 8


def check_sample_tables(path: Path) -> None:
    """Refuse a file whose tables list more samples than it has bytes; other files pass.

    Raises:
        UserError: it does: a few bytes would take gigabytes.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(8)[4:] not in _FIRST:
            return
        listed = sum(_samples(file, 0, size, _DEPTH))
    if listed > size:
        raise UserError(f"The video {path} is damaged: it lists {listed} samples in {size} bytes.")


def _samples(file: BinaryIO, start: int, stop: int, depth: int) -> Iterator[int]:
    """The counts of the tables in a range of the file."""
    place = start
    while depth and place + 8 <= stop:
        file.seek(place)
        length, name = struct.unpack(">I4s", file.read(8))
        body = place + 8
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
            body += 8
        end = stop if length == 0 else min(stop, place + length)
        if end <= place:
            return
        if name in _OUTER:
            yield from _samples(file, body, end, depth - 1)
        elif name in _COUNTS:
            file.seek(body + _COUNTS[name])
            yield int.from_bytes(file.read(4), "big")
        place = end
