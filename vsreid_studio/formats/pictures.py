"""Frames and masks as files inside a staged folder: written, and read back at once."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from ..engine.types import Frame, LabelMap
from ..errors import UserError
from .masks import encode_label_map, read_label_map

_JPEG_QUALITY = 95


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
