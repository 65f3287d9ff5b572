"""One picture of a file: its header, and its pixels."""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from ...errors import UserError
from ...reading import open_file
from ..types import Frame
from .pixels import ValueRange, check_picture_size

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".pgm", ".ppm"})

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM", b"P5", b"P6", b"P2", b"P3")
_PNM = re.compile(rb"P[56](?:(?:\s+|#[^\n]*\n)+\d+){2}(?:\s+|#[^\n]*\n)+(\d+)\s")
_PNM_HEAD = 4096
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_KINDS = "JPEG, PNG, WebP, TIFF, BMP or PNM"
_ORIENTATION = 0x0112
_SIDEWAYS = 5
"""EXIF orientations from this one on swap rows and columns."""

# Tags of TIFF, and what OpenCV decodes of their values.
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _FORMAT = 254, 256, 257, 258, 259, 339
_PHOTOMETRIC, _SAMPLES, _RGB = 262, 277, 2
_NO_PAGE = 1 | 4
"""Bits of the subfile type of thumbnails and of masks."""
_UNSIGNED, _SIGNED, _FLOAT, _UNTYPED = 1, 2, 3, 4
_DEPTHS = {
    _UNSIGNED: {1, 2, 4, 8, 10, 12, 14, 16, 32, 64},
    _UNTYPED: {1, 2, 4, 8, 16},
    _SIGNED: {8, 16, 32, 64},
    _FLOAT: {32, 64},
}
_MOST_PAGES = 1_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a picture without decoding it.

    Attributes:
        height, width: upright, in pixels.
        orientation: the EXIF turn (1 to 8) that is still to be made after decoding.
        deep: whether samples have more than 8 bits, are signed or floating point.
        page: the picture's number in the file.
        alpha: whether a TIFF of 8 bits has colours beside alpha, by which OpenCV would multiply them.
    """

    height: int
    width: int
    orientation: int = 1
    deep: bool = False
    page: int = 0
    alpha: bool = False


def read_headers(file: Path) -> list[Header]:
    """The pictures of a file: one, or the pages of a TIFF without thumbnails and masks.

    Raises:
        UserError: it cannot be read, is damaged, or of a kind that is not supported.
    """
    try:
        with open_file(file) as stream:
            start = stream.read(32)
            size = os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise UserError(f"The picture {file} cannot be read: {error.strerror}.") from error
    headers = _tiff_headers(file) if start.startswith(_TIFF) else [_header(file, start, size)]
    for header in headers:
        check_picture_size(file, header.width, header.height, size)
    return headers


def _header(file: Path, start: bytes, size: int) -> Header:
    if not start.startswith(_SIGNATURES):
        what = f"no {_KINDS}" if start else "empty"
        raise UserError(f"The picture {file} cannot be read: it is {what}.")
    if start[8:16] == b"WEBPVP8X":
        # Pillow's reader asks for memory for an animation as soon as it is opened.
        width, height = (1 + int.from_bytes(start[at : at + 3], "little") for at in (24, 27))
        check_picture_size(file, width, height, size)
    try:
        # Pillow warns of sizes that are allowed here, and refuses none that are.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file)
        with image:
            width, height = image.size
            # Not image.getexif(): that of a PNG decodes the whole picture.
            orientation = int(Image.Image.getexif(image).get(_ORIENTATION, 1))
            deep = image.mode[0] in "IF" or (start.startswith(b"\x89PNG") and start[24:25] == b"\x10")
    except Image.DecompressionBombError as error:
        raise UserError(f"The picture {file} is too large to be read.") from error
    except (OSError, SyntaxError, ValueError, KeyError) as error:
        raise UserError(f"The picture {file} cannot be read: it is damaged or no picture.") from error
    if orientation >= _SIDEWAYS:
        width, height = height, width
    return Header(height, width, orientation, deep)


def _tiff_headers(file: Path) -> list[Header]:
    found: list[Header] = []
    try:
        # Pillow warns of what is missing, and goes on; here a missing tag is an error.
        with file.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            head = stream.read(8)
            tags = TiffImagePlugin.ImageFileDirectory_v2(head + (stream.read(8) if 43 in head[2:4] else b""))
            seen: set[int] = set()
            place = tags.next
            while place and place not in seen and len(seen) < _MOST_PAGES:
                seen.add(place)
                stream.seek(place)
                tags.load(stream)
                place = tags.next
                if not int(tags.get(_SUBFILE, 0)) & _NO_PAGE:
                    found.append(_tiff_header(file, tags, len(seen) - 1))
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"The picture {file} cannot be read: it is damaged.") from error
    if not found:
        raise UserError(f"The picture {file} cannot be read: it is damaged, or holds thumbnails only.")
    return found


def _tiff_header(file: Path, tags: TiffImagePlugin.ImageFileDirectory_v2, page: int) -> Header:
    width, height = int(tags[_WIDTH]), int(tags[_HEIGHT])
    bits = max(_numbers(tags.get(_BITS, 1)))
    form = max(_numbers(tags.get(_FORMAT, _UNSIGNED)))
    if bits not in _DEPTHS.get(form, set()):
        kind = {_FLOAT: "floating-point", _SIGNED: "signed"}.get(form, "unsigned" if form < 5 else "complex")
        raise UserError(
            f"The picture {file} has {kind} samples of {bits} bits, which are not supported: save it with 8"
            " or 16 bits, or as floating point with 32."
        )
    if int(tags.get(_ORIENTATION, 1)) >= _SIDEWAYS:
        width, height = height, width
    # OpenCV turns TIFF pictures whether it is asked to or not.
    deep = bits > 8 or form in {_SIGNED, _FLOAT}
    alpha = int(tags.get(_SAMPLES, 1)) == 4 and int(tags.get(_PHOTOMETRIC, 0)) == _RGB
    # Versions of Pillow differ in whether they turn a TIFF.
    return Header(height, width, 1, deep, page, alpha and not deep and tags.get(_ORIENTATION, 1) == 1)


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(int(it) for it in (value if isinstance(value, tuple) else (value,)))


def read_samples(file: Path, header: Header) -> NDArray[Any]:
    """The samples as they are stored, turned upright: (H, W) or (H, W, 3) in RGB; alpha is left out.

    Raises:
        UserError: it cannot be decoded.
    """
    # As stored; but CMYK and the like, which have 8 bits, are converted to RGB.
    kind = cv2.IMREAD_UNCHANGED if header.deep else cv2.IMREAD_COLOR
    flags = kind | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        if header.alpha:
            samples = np.asarray(iio.imread(file, plugin="pillow", index=header.page))
        else:
            samples = _by_opencv(file, header.page, flags)
    except (OSError, ValueError, cv2.error) as error:
        raise UserError(_undecodable(file)) from error
    if samples.ndim == 3:
        samples = samples[..., 0] if samples.shape[2] < 3 else samples[..., :3]
    return upright(samples, header.orientation)


def _by_opencv(file: Path, page: int, flags: int) -> NDArray[Any]:
    try:
        return np.asarray(iio.imread(file, plugin="opencv", index=page, flags=flags))
    except cv2.error:
        # It orders colours by a function of OpenCV that does not know 64 bits.
        _, pages = cv2.imdecodemulti(np.fromfile(file, np.uint8), flags, range=(page, page + 1))
        if not pages:
            raise
        stored = np.asarray(pages[0])
        return stored[..., 2::-1] if stored.ndim == 3 and stored.shape[2] >= 3 else stored


def read_picture(file: Path, header: Header, shown: ValueRange | None = None) -> Frame:
    """Decode a picture.

    Args:
        shown: what becomes black and white of samples of more than 8 bits.

    Returns:
        (H, W, 3) uint8 RGB, upright. Transparency is not looked at.

    Raises:
        UserError: it cannot be decoded.
    """
    if header.deep or header.page or header.alpha:
        samples = read_samples(file, header)
        if samples.dtype != np.uint8:
            samples = (shown or ValueRange(0, 65535)).apply(samples)
        return np.ascontiguousarray(samples if samples.ndim == 3 else np.dstack([samples] * 3), np.uint8)
    try:
        # Not cv2.imread, which cannot open a path outside the code page on Windows.
        data = np.fromfile(file, np.uint8)
    except OSError as error:
        raise UserError(f"The picture {file} cannot be read: {error.strerror}.") from error
    # The flag makes versions of OpenCV agree: which formats they turn has changed over time.
    if data[:1].tobytes() == b"P":
        # Numbers as text may end with the file, which OpenCV takes for a missing end.
        data = np.append(data, np.uint8(ord("\n")))
    bgr = None if not data.size else cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None or _cut_short(data):
        raise UserError(_undecodable(file))
    if white := _white_of_pnm(data):
        bgr = np.minimum(np.rint(bgr * (255 / white)), 255).astype(np.uint8)
    return upright(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), header.orientation)


def _white_of_pnm(data: NDArray[np.uint8]) -> int:
    """The sample that is white in a PNM of fewer than 8 bits, which OpenCV does not look at; 0 for others."""
    found = _PNM.match(data[:_PNM_HEAD].tobytes())
    white = int(found[1]) if found else 0
    return white if white < 255 else 0


def _undecodable(file: Path) -> str:
    if unusual := _unusual_jpeg(file):
        return f"The picture {file} is {unusual}, which is not supported: save it as a plain JPEG or PNG."
    return f"The picture {file} cannot be decoded: it is damaged or incomplete."


def _unusual_jpeg(file: Path) -> str:
    """What of a JPEG's header no usual decoder reads; empty for other files."""
    data, place = file.read_bytes()[: 2**18], 2
    if not data.startswith(b"\xff\xd8"):
        return ""
    while place + 5 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in {0xC3, 0xC7, 0xCB, 0xCF}:
            return "a lossless JPEG"
        if marker in {0xC0, 0xC1, 0xC2}:
            return "" if data[place + 4] == 8 else f"a JPEG of {data[place + 4]} bits"
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return ""


def _cut_short(data: NDArray[np.uint8]) -> bool:
    """Whether a JPEG lacks its end; the decoder would fill the rest with grey and say nothing."""
    raw = data.tobytes()
    scan, end = b"\xff\xda", b"\xff\xd9"
    return raw.startswith(b"\xff\xd8") and raw.rfind(end) < raw.find(scan)


def upright(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn a picture (rows, columns, ...) as its EXIF orientation (1 to 8) says."""
    turned = stored
    if orientation >= _SIDEWAYS:
        turned = turned.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        turned = turned[::-1]
    if orientation in {2, 3, 6, 7}:
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)
