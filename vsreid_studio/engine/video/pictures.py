"""Pictures as a video: a folder of them, or one file with several pages (TIFF, animated WebP)."""

from __future__ import annotations

import hashlib
import logging
import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ..types import Frame
from .base import ReadOptions, Video
from .identity import of_file
from .picture_names import natural_key, paired_kinds, pattern_of, split_masks, unlike_others
from .pixels import ValueRange, fitting_range
from .still import PICTURES, Header, read_headers, read_picture, read_samples
from .timing import Timing

VIDEOS = frozenset(
    (
        *(".3g2", ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gif", ".h264", ".hevc", ".ivf", ".m2ts"),
        *(".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut"),
        *(".ogv", ".tif", ".tiff", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
    )
)
"""Suffixes of files that are clips, where files are listed and not named; stills may be clips, too."""

log = logging.getLogger(__name__)
_UNREAD = frozenset(
    (
        *(".arw", ".avif", ".cr2", ".cr3", ".dng", ".dpx", ".exr", ".gif", ".hdr", ".heic", ".heif", ".j2k"),
        *(".jp2", ".jxl", ".nef", ".orf", ".pfm", ".raf", ".rw2", ".tga"),
    )
)
"""Suffixes of pictures that are not read."""
_SAMPLED = 8
"""Pictures of a clip that are looked at to choose its range of values."""
_NO_TRACKS = "it has no video tracks: the number of one is not used"
_BEHIND = 32
"""A step back keeps as many frames on the way: an animation can only be decoded from its beginning."""
_JPEG = frozenset({".jpg", ".jpeg"})
_NO_TIME, _UNTIMED = 11, 100
"""Milliseconds: frames of less than the first are shown for the second, as browsers do."""


class PictureFolder(Video):
    """The pictures of a folder in natural order (2 before 10); they must be of one size.

    Masks that lie beside the pictures are not frames, see `split_masks`.

    Attributes:
        files: the pictures.
    """

    def __init__(self, path: Path, cache_bytes: int, options: ReadOptions) -> None:
        super().__init__(path, path.resolve().name, cache_bytes)
        self.options = options
        if options.track is not None:
            self._note(_NO_TRACKS)
        self.files = _pictures(path)
        headers = [read_headers(file) for file in self.files]
        self._headers = [pages[0] for pages in headers]
        self.length = len(self.files)
        first = self._headers[0]
        self.height, self.width = first.height, first.width
        for file, header in zip(self.files, self._headers, strict=True):
            if (header.height, header.width) != (self.height, self.width):
                raise UserError(
                    f"The picture {file} is {header.width}x{header.height} pixels, but the first one of its"
                    f" folder is {self.width}x{self.height}: all must have one size."
                )
        if odd := unlike_others([file.stem for file in self.files]):
            self._note(f"pictures named unlike the others ({odd[0]} ...) count as frames: {len(odd)}")
        if _is_animated(self.files[0]):
            self._note("of pictures that are animations only the first frame is used")
        if several := [file for file, pages in zip(self.files, headers, strict=True) if len(pages) > 1]:
            self._note(
                f"of {len(several)} files of several pages ({several[0].name} ...) only the first is used"
            )
        self.value_range, note = range_of(list(zip(self.files, self._headers, strict=True)), options)
        if note:
            self._note(note)

    @cached_property
    def names(self) -> Sequence[str]:
        """The pictures' names without their suffixes."""
        return tuple(file.stem for file in self.files)

    def _read(self, index: int) -> Frame:
        file = self.files[index]
        frame = read_picture(file, self._headers[index], self.value_range)
        if frame.shape != (self.height, self.width, 3):
            raise UserError(f"The picture {file} has changed its size since its folder was opened.")
        return frame

    @cached_property
    def file_marks(self) -> tuple[str, ...]:
        """Of each picture."""
        try:
            return tuple(of_file(file) for file in self.files)
        except OSError as error:
            raise UserError(f"The folder {self.path} cannot be read: {error.strerror}.") from error

    @cached_property
    def earlier_fingerprint(self) -> str:
        """Of names and sizes."""
        digest = hashlib.sha256(b"pictures")
        for file in self.files:
            digest.update(os.fsencode(f"\n{file.name} {file.stat().st_size}"))
        return digest.hexdigest()


def _pictures(folder: Path) -> list[Path]:
    try:
        # Finder and the like leave hidden companions such as ._00000.jpg that are no pictures.
        every = [it for it in folder.iterdir() if not it.name.startswith(".") and not it.is_dir()]
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be read: {error.strerror}.") from error
    there = [file for file in every if file.suffix.lower() in PICTURES]
    unread = [file for file in every if file.suffix.lower() in _UNREAD]
    files, masks = split_masks(sorted(there, key=lambda file: natural_key(file.name)))
    if not files:
        other = f", and {unread[0].suffix} is not read: convert it to PNG" if unread else ""
        raise UserError(f"The folder {folder} holds no pictures (jpg, png, webp, tif, bmp or ppm){other}.")
    # A frame that is left out would move all behind it.
    forms, stems = {pattern_of(file.stem) for file in files}, {file.stem for file in files}
    if lost := next((it for it in unread if pattern_of(it.stem) in forms and it.stem not in stems), None):
        raise UserError(
            f"The picture {lost} is named like a frame, but {lost.suffix} is not read: convert it to PNG, or"
            " move it to another folder."
        )
    if dead := next((file for file in files if not file.is_file()), None):
        raise UserError(f"The picture {dead} is no file, or a link to one that is not there any more.")
    name, count = Counter(file.stem for file in files).most_common(1)[0]
    if count > 1:
        two = " and ".join(file.name for file in files if file.stem == name)
        raise UserError(f"The folder {folder} holds two pictures of one name, {two}: keep one of them.")
    if pair := paired_kinds([file.stem for file in files]):
        raise UserError(
            f"The folder {folder} holds two pictures of each frame, such as {pair[0]} and {pair[1]}: keep the"
            " frames in a folder of their own."
        )
    if masks:
        log.warning(
            "%s: %d masks beside the pictures (%s ...) are not frames; give them as masks to use them",
            *(folder, len(masks), masks[0].name),
        )
    return files


def range_of(pictures: Sequence[tuple[Path, Header]], options: ReadOptions) -> tuple[ValueRange | None, str]:
    """Which values are black and white in all pictures of a clip, and what is to be said of it.

    Returns:
        None where all have 8 bits, and a sentence, which may be empty.
    """
    deep = [(file, header) for file, header in pictures if header.deep]
    if not deep:
        unused = "its pictures have 8 bits a sample: the range of values is not used"
        return None, unused if options.value_range else ""
    if options.value_range:
        return options.value_range, ""
    places = sorted({round(place) for place in np.linspace(0, len(deep) - 1, _SAMPLED)})
    chosen = fitting_range(_samples(deep[place] for place in places))
    return chosen, f"samples of {chosen} are shown as black to white (--range LOW HIGH chooses others)"


def _samples(pictures: Iterable[tuple[Path, Header]]) -> Iterator[NDArray[Any]]:
    for file, header in pictures:
        # A damaged one is reported when it is read.
        with suppress(UserError):
            yield read_samples(file, header)


def is_picture_file(path: Path) -> bool:
    """Whether a file is read as pictures; animated GIF and PNG are read as video, by FFmpeg."""
    suffix = path.suffix.lower()
    if suffix not in PICTURES:
        return False
    start = _start(path)
    if start.startswith(b"\xff\xd8"):
        return suffix in _JPEG  # A bare stream of JPEG pictures begins the same.
    return not _is_apng(start) and not start.startswith(b"GIF8")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2**16)


def _is_apng(start: bytes) -> bool:
    return start.startswith(b"\x89PNG") and b"acTL" in start.split(b"IDAT")[0]


class PictureStack(Video):
    """The pictures of one file, which must be of one size.

    Animated WebP has times; the pages of a TIFF have none. One that OpenCV cannot page through is decoded in
    order: a step back starts again, and keeps some of the frames on the way.
    """

    def __init__(self, path: Path, cache_bytes: int, options: ReadOptions) -> None:
        super().__init__(path, path.stem, cache_bytes)
        self.options = options
        if options.track is not None:
            self._note(_NO_TRACKS)
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


def _is_animated(path: Path) -> bool:
    return len(_durations(path)) > 1 or _is_apng(_start(path))


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
