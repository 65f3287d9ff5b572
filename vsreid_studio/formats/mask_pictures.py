"""Mask pictures opened without trust: sizes before pixels, and no pixel from a damaged file.

Pillow and not OpenCV, which expands a palette to colours, whereupon the instance numbers are gone; only what
has more than one channel of 16 bits is decoded by OpenCV. Pillow does not check the sums of a PNG's pixels:
one flipped bit would silently give other labels.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..engine.video.pixels import check_picture_size
from ..engine.video.still import read_headers
from ..errors import UserError
from ..reading import MEGABYTE, open_file
from .atomic import reason

FORMATS = ("PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG")
"""Those that Pillow may try; others of its readers run programs or fonts."""
_FILE_SIZE = 512 * MEGABYTE
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II", b"MM")
_PLACE_OF_DEPTH = 24
_CHUNK = struct.Struct(">I4s")
_HEADER = struct.Struct(">IIBBBBB")
_PLACE_OF_SIZE = struct.Struct(">16xII")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by PNG's colour type."""
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""x0, y0, dx, dy of the passes of an interlaced PNG."""


def open_mask(path: Path, size: tuple[int, int] | None = None) -> Image.Image:
    """A mask picture, decoded.

    Args:
        size: (height, width) that it must have, None for any that `check_picture_size` allows. It is looked
            at before any pixel is decoded.

    Returns:
        The picture as it is stored, whatever its mode.

    Raises:
        UserError: it cannot be read, is none of `FORMATS`, damaged, cut off, of another size, a JPEG, or one
            of several pictures in the file.
    """
    data = _bytes(path)
    if data.startswith(_SIGNATURE) and len(data) >= _PLACE_OF_SIZE.size:
        _check_size(path, _PLACE_OF_SIZE.unpack_from(data), size, len(data))
    try:
        with _quiet(), Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.format == "JPEG":
                raise UserError(
                    f"{path} is a JPEG, whose compression blurs instance numbers: save the mask as PNG."
                )
            _check_size(path, picture.size, size, len(data))
            if picture.format == "PNG":
                _check_png(path, data)
            several = getattr(picture, "n_frames", 1)
            if several > 1 and (picture.format != "TIFF" or len(read_headers(path)) > 1):
                raise UserError(
                    f"{path} holds {several} pictures, where a mask has one: save them as a folder of masks "
                    "named by their frames."
                )
            picture.seek(0)
            picture.load()
            return picture
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"The mask {path} cannot be read: it is not a picture.") from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise UserError(f"The mask {path} is too large to be read.") from error
    # Pillow's decoders answer damage with exceptions of many kinds, documented and not.
    except Exception as error:
        raise _damaged(path, "its pixels cannot be decoded") from error


def deep_samples(path: Path) -> NDArray[np.uint16] | None:
    """The samples of a PNG or TIFF in colours, or with alpha, of 16 bits; Pillow keeps their upper half.

    The file has passed `open_mask`.

    Returns:
        (H, W, 3 or 4) uint16, red first; None for a file of 8 bits.

    Raises:
        UserError: it cannot be read.
    """
    with open_file(path) as file:
        head = file.read(_PLACE_OF_DEPTH + 1)
    png = head.startswith(_SIGNATURE)
    if (png and head[-1] != 16) or not (png or head.startswith(_TIFF)):
        return None
    try:
        found = cv2.imdecode(np.frombuffer(_bytes(path), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if found is None or found.dtype != np.uint16 or found.ndim != 3:
        return None
    order = cv2.COLOR_BGRA2RGBA if found.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(found, order), np.uint16)


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of sizes that are allowed here, and of what is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _bytes(path: Path) -> bytes:
    try:
        with open_file(path) as file:
            data = file.read(_FILE_SIZE + 1)
    except (OSError, ValueError) as error:
        what = reason(error) if isinstance(error, OSError) else str(error)
        raise UserError(f"The mask {path} cannot be read: {what}.") from error
    if len(data) > _FILE_SIZE:
        raise UserError(f"The mask {path} is larger than {_FILE_SIZE // MEGABYTE} MB.")
    return data


def _check_size(path: Path, found: tuple[int, int], size: tuple[int, int] | None, file_size: int) -> None:
    width, height = found
    if size is not None and (height, width) != size:
        raise UserError(f"{path} is {width} x {height} pixels, but the video is {size[1]} x {size[0]}.")
    check_picture_size(path, width, height, file_size)


def _check_png(path: Path, data: bytes) -> None:
    """Check the sum of every chunk, and that the pixels are all there and unzip to their own sum.

    Raises:
        UserError: the file is damaged or cut off.
    """
    rows: int | None = None
    unzip, end = zlib.decompressobj(), False
    for name, body in _chunks(path, data):
        if name == b"IHDR" and rows is None:
            rows = _row_bytes(path, body)
        elif name == b"IDAT" and rows is not None:
            rows -= _unzipped(path, unzip, body, rows)
        elif name == b"IEND":
            end = True
    if not end or rows is None:
        raise _damaged(path, "its end is missing")
    if rows or not unzip.eof:
        raise _damaged(path, "it lacks pixels")


def _chunks(path: Path, data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, place = memoryview(data), len(_SIGNATURE)
    while place < len(data):
        if place + _CHUNK.size + 4 > len(data):
            raise _damaged(path, "it is cut off")
        length, name = _CHUNK.unpack_from(data, place)
        start, stop = place + _CHUNK.size, place + _CHUNK.size + length
        if stop + 4 > len(data):
            raise _damaged(path, "it is cut off")
        if zlib.crc32(view[place + 4 : stop]) != int.from_bytes(view[stop : stop + 4], "big"):
            raise _damaged(path, f"the checksum of its chunk {ascii(name)[2:-1]} is wrong")
        yield name, view[start:stop]
        if name == b"IEND":
            return
        place = stop + 4


def _row_bytes(path: Path, header: memoryview) -> int:
    """Bytes of all rows unzipped, each with the byte of its filter."""
    if len(header) != _HEADER.size:
        raise _damaged(path, "its header is wrong")
    width, height, depth, colour, _, _, interlaced = _HEADER.unpack(header)
    if colour not in _CHANNELS:
        raise _damaged(path, "its header is wrong")
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    total = 0
    for x0, y0, dx, dy in passes:
        columns, lines = -(-(width - x0) // dx), -(-(height - y0) // dy)
        if columns > 0 and lines > 0:
            total += lines * (1 + (columns * _CHANNELS[colour] * depth + 7) // 8)
    return total


def _unzipped(path: Path, unzip: zlib._Decompress, body: memoryview, most: int) -> int:
    """How many bytes a piece of the stream unzips to."""
    total, rest = 0, bytes(body)
    try:
        while rest and not unzip.eof:
            total += len(unzip.decompress(rest, MEGABYTE))
            rest = unzip.unconsumed_tail
            if total > most:
                raise _damaged(path, "it holds more pixels than it announces")
    except zlib.error as error:
        raise _damaged(path, "its pixels are not as they were written") from error
    return total


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"The mask {path} cannot be read: it is damaged ({what}).")
