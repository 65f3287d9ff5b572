"""Label maps and frames as picture files: palette PNG in and out, and JPEG."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from ..engine.types import Frame, LabelMap
from ..errors import UserError
from .atomic import write_bytes
from .mask_pixels import PALETTE
from .mask_reading import MaskReader

_JPEG_QUALITY = 95


def read_label_map(path: Path, *, keep_void: bool = False) -> LabelMap:
    """Read a mask picture on its own as instance numbers; see `MaskReader` for those of a sequence.

    Args:
        keep_void: leave void pixels at 255 instead of turning them to background.

    Returns:
        (H, W) uint8.

    Raises:
        UserError: the file cannot be read, is damaged, or holds something that is no mask.
    """
    return MaskReader([path]).labels(path, keep_void=keep_void)


def encode_label_map(labels: LabelMap) -> bytes:
    """A palette PNG of 8 bits with the DAVIS palette.

    Args:
        labels: (H, W) uint8.

    Raises:
        ValueError: another shape or dtype.
    """
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ValueError(f"a label map is (H, W) uint8, not {labels.shape} {labels.dtype}")
    picture = Image.fromarray(labels)
    # All 256 entries: with fewer, Pillow would save 1, 2 or 4 bits a pixel.
    picture.putpalette(PALETTE.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def write_label_map(path: Path, labels: LabelMap) -> None:
    """Write a palette PNG atomically.

    Args:
        path: with suffix .png.
        labels: (H, W) uint8.

    Raises:
        UserError: it cannot be written.
    """
    write_bytes(path, encode_label_map(labels))


def write_frame(path: Path, frame: Frame) -> None:
    """Write a JPEG and check that it opens at the right size. Not atomic: the folder is staged."""
    picture = Image.fromarray(np.ascontiguousarray(frame))
    path.write_bytes(encoded(picture, "JPEG", quality=_JPEG_QUALITY, subsampling=0))
    with Image.open(path) as found:
        if found.size != (frame.shape[1], frame.shape[0]):
            raise UserError(f"The frame {path.name} was written but reads back at another size.")


def write_mask(path: Path, labels: LabelMap) -> None:
    """Write a palette PNG and check that it reads back equal. Not atomic: the folder is staged."""
    path.write_bytes(encode_label_map(labels))
    if not np.array_equal(read_label_map(path, keep_void=True), labels):
        raise UserError(f"The mask {path.name} was written but reads back differently.")


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    """A picture as the bytes of a file; Pillow's own way to a file may lose its end on a full disk unnoticed.

    Args:
        form: Pillow's name of the format.
        options: of Pillow's writer.
    """
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()
