"""A folder of pictures as a video."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from ...errors import UserError
from ..types import Frame
from .base import Video
from .names import natural_key, split_masks

log = logging.getLogger(__name__)

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})

_ORIENTATION = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_SIDEWAYS = 5
"""EXIF orientations from this one on swap rows and columns."""


@dataclass(frozen=True, slots=True)
class _Header:
    """What a picture's header tells: its upright size in pixels, and the EXIF turn still to be made."""

    height: int
    width: int
    orientation: int


class PictureFolder(Video):
    """The pictures of a folder in natural order (2 before 10); they must be of one size.

    Masks that lie beside the pictures are not frames, see `names.split_masks`.

    Attributes:
        files: the pictures.
    """

    def __init__(self, path: Path, cache_bytes: int) -> None:
        super().__init__(path, path.resolve().name, cache_bytes)
        self.files = _pictures(path)
        self._headers = [_header(file) for file in self.files]
        self.length = len(self.files)
        first = self._headers[0]
        self.height, self.width = first.height, first.width
        for file, header in zip(self.files, self._headers, strict=True):
            if (header.height, header.width) != (self.height, self.width):
                raise UserError(
                    f"The picture {file} is {header.width}x{header.height} pixels, but the first one of its"
                    f" folder is {self.width}x{self.height}: all must have one size."
                )

    @cached_property
    def names(self) -> Sequence[str]:
        """The pictures' names without their suffixes."""
        return tuple(file.stem for file in self.files)

    def _read(self, index: int) -> Frame:
        file = self.files[index]
        frame = _decode(file, self._headers[index].orientation)
        if frame.shape != (self.height, self.width, 3):
            raise UserError(f"The picture {file} has changed its size since its folder was opened.")
        return frame

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(b"pictures")
        for file in self.files:
            digest.update(f"\n{file.name} {file.stat().st_size}".encode())
        return digest.hexdigest()


def _pictures(folder: Path) -> list[Path]:
    try:
        # Finder and the like leave hidden twins such as ._00000.jpg that are no pictures.
        there = [
            file
            for file in folder.iterdir()
            if file.suffix.lower() in PICTURES and not file.name.startswith(".") and not file.is_dir()
        ]
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be read: {error.strerror}.") from error
    files, masks = split_masks(sorted(there, key=lambda file: natural_key(file.name)))
    if not files:
        raise UserError(f"The folder {folder} holds no pictures (jpg, png, webp or tif).")
    if dead := next((file for file in files if not file.is_file()), None):
        raise UserError(f"The picture {dead} is a link to a file that is not there any more.")
    name, count = Counter(file.stem for file in files).most_common(1)[0]
    if count > 1:
        two = " and ".join(file.name for file in files if file.stem == name)
        raise UserError(f"The folder {folder} holds two pictures of one name, {two}: keep one of them.")
    if masks:
        log.warning(
            "%s: %d masks beside the pictures (%s ...) are not frames; give them as masks to use them",
            *(folder, len(masks), masks[0].name),
        )
    return files


def _header(file: Path) -> _Header:
    try:
        with Image.open(file) as image:
            width, height = image.size
            # Not image.getexif(): that of a PNG decodes the whole picture.
            orientation = int(Image.Image.getexif(image).get(_ORIENTATION, 1))
            if isinstance(image, TiffImagePlugin.TiffImageFile):
                # Versions of Pillow differ in whether the size is before or after the turn.
                width, height = image.tag_v2[_TIFF_WIDTH], image.tag_v2[_TIFF_HEIGHT]
    except (OSError, SyntaxError, ValueError, KeyError, Image.DecompressionBombError) as error:
        raise UserError(f"The picture {file} cannot be read: it is damaged or no picture.") from error
    if orientation >= _SIDEWAYS:
        width, height = height, width
    # OpenCV turns TIFF pictures whether it is asked to or not.
    turned = file.suffix.lower() in {".tif", ".tiff"}
    return _Header(height, width, 1 if turned else orientation)


def _decode(file: Path, orientation: int) -> Frame:
    try:
        # Not cv2.imread, which cannot open a path outside the code page on Windows.
        data = np.fromfile(file, np.uint8)
    except OSError as error:
        raise UserError(f"The picture {file} cannot be read: {error.strerror}.") from error
    # The flag makes versions of OpenCV agree: which formats they turn has changed over time.
    bgr = None if not data.size else cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None or _cut_short(data):
        raise UserError(f"The picture {file} cannot be decoded: it is damaged or incomplete.")
    return _upright(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), orientation)


def _cut_short(data: NDArray[np.uint8]) -> bool:
    """Whether a JPEG lacks its end; the decoder would fill the rest with grey and say nothing."""
    raw = data.tobytes()
    scan, end = b"\xff\xda", b"\xff\xd9"
    return raw.startswith(b"\xff\xd8") and raw.rfind(end) < raw.find(scan)


def _upright(stored: Frame, orientation: int) -> Frame:
    """Turn a (H, W, 3) picture as its EXIF orientation (1 to 8) says."""
    turned: NDArray[np.uint8] = stored
    if orientation >= _SIDEWAYS:
        turned = turned.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        turned = turned[::-1]
    if orientation in {2, 3, 6, 7}:
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)
