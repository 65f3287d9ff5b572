"""A folder of pictures as a video."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ..types import Frame
from .base import ReadOptions, Video
from .identity import of_file
from .names import form_of, natural_key, split_masks, twins, unlike_most
from .samples import ValueRange, fitting_range
from .still import PICTURES, Header, read_headers, read_picture, read_samples

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


class PictureFolder(Video):
    """The pictures of a folder in natural order (2 before 10); they must be of one size.

    Masks that lie beside the pictures are not frames, see `names.split_masks`.

    Attributes:
        files: the pictures.
    """

    def __init__(self, path: Path, cache_bytes: int, options: ReadOptions) -> None:
        super().__init__(path, path.resolve().name, cache_bytes)
        self.options = options
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
        if odd := unlike_most([file.stem for file in self.files]):
            self._note(f"pictures named unlike the others ({odd[0]} ...) count as frames: {len(odd)}")
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
        # Finder and the like leave hidden twins such as ._00000.jpg that are no pictures.
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
    forms, stems = {form_of(file.stem) for file in files}, {file.stem for file in files}
    if lost := next((it for it in unread if form_of(it.stem) in forms and it.stem not in stems), None):
        raise UserError(
            f"The picture {lost} is named like a frame, but {lost.suffix} is not read: convert it to PNG, or"
            " move it to another folder."
        )
    if dead := next((file for file in files if not file.is_file()), None):
        raise UserError(f"The picture {dead} is a link to a file that is not there any more.")
    name, count = Counter(file.stem for file in files).most_common(1)[0]
    if count > 1:
        two = " and ".join(file.name for file in files if file.stem == name)
        raise UserError(f"The folder {folder} holds two pictures of one name, {two}: keep one of them.")
    if pair := twins([file.stem for file in files]):
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
        # A damaged one is told of when it is asked for.
        with suppress(UserError):
            yield read_samples(file, header)
