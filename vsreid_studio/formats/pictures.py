"""Frames and masks as files inside a staged folder: written, and read back at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ..engine.types import Frame, LabelMap
from ..errors import UserError
from .masks import encode_label_map, read_label_map

_JPEG_QUALITY = 95


def write_frame(path: Path, frame: Frame) -> None:
    """Write a JPEG and check that it opens at the right size. Not atomic: the folder is staged."""
    Image.fromarray(np.ascontiguousarray(frame)).save(path, quality=_JPEG_QUALITY, subsampling=0)
    with Image.open(path) as picture:
        if picture.size != (frame.shape[1], frame.shape[0]):
            raise UserError(f"The frame {path.name} was written but reads back at another size.")


def write_mask(path: Path, labels: LabelMap) -> None:
    """Write a palette PNG and check that it reads back equal. Not atomic: the folder is staged."""
    path.write_bytes(encode_label_map(labels))
    if not np.array_equal(read_label_map(path, keep_void=True), labels):
        raise UserError(f"The mask {path.name} was written but reads back differently.")
