"""Label maps and frames as picture files (palette PNG, JPEG), and masks painted onto a frame."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..engine.types import Box, Frame, LabelMap
from ..errors import UserError
from .atomic import write_bytes
from .mask_pixels import PALETTE
from .mask_reading import MaskReader

_JPEG_QUALITY = 95

Rgb: TypeAlias = tuple[int, int, int]
_LINES = 240
"""Rows of a frame for each pixel of an outline's thickness."""


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


@dataclass(frozen=True, slots=True)
class Paint:
    """How masks are painted.

    Attributes:
        colours: of the instances; one without a colour is not painted.
        opacity: of the inside, in [0, 1].
        outline: whether each instance gets a line along its inner edge.
    """

    colours: Mapping[int, Rgb] = field(default_factory=dict)
    opacity: float = 0.45
    outline: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"an opacity lies between 0 and 1, not at {self.opacity}")


def rgb_of(colour: str) -> Rgb:
    """Of '#rrggbb'."""
    value = int(colour.removeprefix("#"), 16)
    return value >> 16, value >> 8 & 255, value & 255


def edges(labels: LabelMap, thickness: int) -> NDArray[np.bool_]:
    """The pixels of each region within `thickness` of another one; a frame's border is no edge."""
    shape = cv2.MORPH_RECT if thickness == 1 else cv2.MORPH_ELLIPSE
    kernel = cv2.getStructuringElement(shape, (2 * thickness + 1, 2 * thickness + 1))
    differs = cv2.dilate(labels, kernel) != cv2.erode(labels, kernel)
    return differs & (labels > 0)


def painted(frame: Frame, labels: LabelMap, paint: Paint) -> Frame:
    """The frame with its masks over it.

    Args:
        frame: (H, W, 3) uint8 RGB; not changed.
        labels: (H, W) uint8.

    Returns:
        (H, W, 3) uint8 RGB, the same array when there is nothing to paint.
    """
    if frame.shape[:2] != labels.shape:
        raise ValueError(f"a frame of {frame.shape[:2]} and labels of {labels.shape}")
    visible = np.zeros(256, np.uint8)
    table = np.zeros((256, 3), np.uint8)
    for number, colour in paint.colours.items():
        visible[number], table[number] = number, colour
    shown = visible[labels]
    box = Box.around(shown > 0)
    if box is None:
        return frame
    height, width = labels.shape
    line = max(1, round(height / _LINES))
    # The outline needs what lies beside the box, or else its sides would look like a frame's border.
    part = Box(box.x0 - line, box.y0 - line, box.x1 + line, box.y1 + line).clip(height, width).slices
    picture = frame.copy()
    region, here = picture[part], shown[part]
    tint = table[here]
    mixed = cv2.addWeighted(region, 1 - paint.opacity, tint, paint.opacity, 0)
    np.copyto(region, mixed, where=(here > 0)[..., None])
    if paint.outline:
        np.copyto(region, tint, where=edges(here, line)[..., None])
    return picture
