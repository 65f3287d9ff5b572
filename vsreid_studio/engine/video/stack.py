"""A clip in one picture file: the pages of a TIFF, an animated WebP, or a single picture."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np

from ...errors import UserError
from ..types import Frame
from .base import ReadOptions, Video
from .pictures import range_of
from .still import PICTURES, read_headers, read_picture
from .timing import Timing

_BEHIND = 32
"""A step back keeps as many frames on the way: an animation can only be decoded from its beginning."""
_JPEG = frozenset({".jpg", ".jpeg"})
_NO_TIME, _UNTIMED = 11, 100
"""Milliseconds: frames of less than the first are shown for the second, as browsers do."""


def is_picture_file(path: Path) -> bool:
    """Whether a file is read as pictures; animated GIF and PNG are read as video, by FFmpeg."""
    suffix = path.suffix.lower()
    if suffix not in PICTURES:
        return False
    with path.open("rb") as file:
        start = file.read(2**16)
    if start.startswith(b"\xff\xd8"):
        return suffix in _JPEG  # A bare stream of JPEG pictures begins the same.
    return not (start.startswith(b"\x89PNG") and b"acTL" in start.split(b"IDAT")[0]) and (
        not start.startswith(b"GIF8")
    )


class PictureStack(Video):
    """The pictures of one file, which must be of one size.

    Animated WebP has times; the pages of a TIFF have none. One that OpenCV cannot page through is decoded in
    order: a step back begins anew, and keeps some of the frames on the way.
    """

    def __init__(self, path: Path, cache_bytes: int, options: ReadOptions) -> None:
        super().__init__(path, path.stem, cache_bytes)
        self.options = options
        self._headers = read_headers(path)
        self._durations = _durations(path)
        self._asked = 0
        first = self._headers[0]
        self.height, self.width = first.height, first.width
        self.length = len(self._headers)
        self._animation: Any = None
        if len(self._durations) > 1:
            self.length = len(self._durations)
            ends = list(accumulate(self._durations))
            self.timing = Timing([0, *ends[:-1]], Fraction(1, 1000), ends[-1])
            self.rate = self.timing.rate()
            return
        for number, header in enumerate(self._headers, 1):
            if (header.height, header.width) != (self.height, self.width):
                raise UserError(
                    f"Page {number} of {path} is {header.width}x{header.height} pixels, but the first one is"
                    f" {self.width}x{self.height}: all must have one size."
                )
        self.value_range, note = range_of([(path, header) for header in self._headers], options)
        if note:
            self._note(note)

    def _read(self, index: int) -> Frame:
        if self.timing is not None:
            return self._animated(index)
        frame = read_picture(self.path, self._headers[index], self.value_range)
        if frame.shape != (self.height, self.width, 3):
            raise UserError(f"{self.path} has changed its size since it was opened.")
        return frame

    def _animated(self, index: int) -> Frame:
        most = min(_BEHIND, self._most_ahead)
        first = max(0, index - most) if index < self._asked else index
        self._asked = index
        for number in range(first, index + 1):
            try:
                self._animation = self._animation or iio.imopen(self.path, "r", plugin="pillow")
                picture = np.asarray(self._animation.read(index=number, mode="RGB"), np.uint8)
            except (OSError, ValueError, EOFError) as error:
                raise UserError(f"Frame {number} of {self.path} cannot be decoded: it is damaged.") from error
            if number < index:
                self._keep(number, picture)
        return picture

    def _release(self) -> None:
        if self._animation is not None:
            self._animation.close()


def _durations(path: Path) -> list[int]:
    """Milliseconds of each frame of an animated WebP; empty for other files."""
    found: list[int] = []
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WEBP":
            return found
        while len(chunk := file.read(8)) == 8:
            kind, size = struct.unpack("<4sI", chunk)
            if kind == b"ANMF":
                frame = file.read(16)
                if len(frame) < 16:
                    break
                time = int.from_bytes(frame[12:15], "little")
                found.append(time if time >= _NO_TIME else _UNTIMED)
                size -= 16
            file.seek(size + size % 2, os.SEEK_CUR)
    return found
