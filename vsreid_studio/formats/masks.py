"""Label maps as picture files: palette PNG out, and the kinds of mask found in the wild in.

Pillow and never OpenCV: OpenCV expands a palette to colours, whereupon the instance numbers are gone.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..engine.types import MAX_INSTANCE, LabelMap
from ..errors import UserError
from .atomic import reason, write_bytes
from .palette import PALETTE

VOID = 255
"""Value of pixels that belong to nothing and count for nothing."""

_VOID_COLOUR = tuple(int(value) for value in PALETTE[VOID])
_WHITE = (255, 255, 255)


def read_label_map(path: Path, *, keep_void: bool = False) -> LabelMap:
    """Read a mask picture as instance numbers.

    Accepted are palette and grey pictures of up to 8 bits (alpha is ignored), whose values are the numbers,
    and RGB pictures whose colours all belong to the DAVIS palette. Black and white pictures of any kind,
    where the only value beside 0 is 255, are one object: 255 becomes 1. In any other picture 255 is void, as
    it is in a palette picture that paints 255 in the palette's own void colour.

    Args:
        keep_void: leave void pixels at 255 instead of turning them to background.

    Returns:
        (H, W) uint8.

    Raises:
        UserError: the file cannot be read, or holds something that is not instance numbers.
    """
    picture = _open(path)
    if picture.format == "JPEG":
        raise UserError(f"{path} is a JPEG, whose compression blurs instance numbers: save the mask as PNG.")
    if picture.mode == "P":
        labels = np.array(picture)
        lone_255_is_object = _colour_of(picture, VOID) != _VOID_COLOUR
    elif picture.mode in {"1", "L", "LA"}:
        labels = np.array(picture.getchannel("L") if picture.mode == "LA" else picture.convert("L"))
        lone_255_is_object = True
    elif picture.mode in {"RGB", "RGBA"}:
        labels = _from_colours(path, np.array(picture)[..., :3])
        lone_255_is_object = False
    else:
        raise UserError(
            f"{path} has pixels of kind {picture.mode}: a mask is a palette or grey picture of 8 bits."
        )
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256)[1:]) + 1
    if lone_255_is_object and present.tolist() == [VOID]:
        labels[labels == VOID] = 1
    elif not keep_void:
        labels[labels == VOID] = 0
    return labels


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


def read_first_masks(
    files: Mapping[int, Path], height: int, width: int, *, void: bool = False
) -> dict[int, LabelMap]:
    """Read the masks a person gives before a run.

    Args:
        files: the mask of a frame each, see `frame_names.first_mask_files`; later ones introduce instances
            that appear later.
        height, width: frame size of the video in pixels.
        void: take 255 for void, that is background, as in a data set's annotation, and not for a mistake.

    Returns:
        (height, width) uint8 label maps with values 0 to 254, by frame, ascending; at least one has an
        object.

    Raises:
        UserError: a file is missing, unreadable, of another size, or numbers an instance 255 or above; or
            there is no object at all.
    """
    masks = {}
    for frame, file in sorted(files.items()):
        labels = read_label_map(file, keep_void=not void)
        if labels.shape != (height, width):
            found = f"{labels.shape[1]} x {labels.shape[0]}"
            raise UserError(f"{file} is {found} pixels, but the video is {width} x {height}.")
        if labels.max(initial=0) > MAX_INSTANCE:
            raise UserError(f"{file} uses the value 255, which is void: number its instances 1 to 254.")
        masks[frame] = labels
    if not any(labels.any() for labels in masks.values()):
        where = next(iter(files.values())) if len(files) == 1 else next(iter(files.values())).parent
        raise UserError(f"{where} shows no object: all of it is background.")
    return masks


def _open(path: Path) -> Image.Image:
    """The decoded picture."""
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except UnidentifiedImageError as error:
        raise UserError(f"The mask {path} cannot be read: it is not a picture.") from error
    except OSError as error:
        raise UserError(f"The mask {path} cannot be read: {reason(error)}.") from error
    # Pillow's decoders answer damage with these, too.
    except (SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise UserError(f"The mask {path} cannot be read: {str(error).rstrip('.')}.") from error


def _colour_of(picture: Image.Image, index: int) -> tuple[int, ...]:
    """The palette's colour at an index; white where the palette is shorter."""
    palette = picture.getpalette("RGB") or []
    return tuple(palette[3 * index : 3 * index + 3]) or _WHITE


def _from_colours(path: Path, colours: NDArray[np.uint8]) -> LabelMap:
    """Instance numbers of a (H, W, 3) picture in palette colours, or in black and white."""
    codes = _codes(colours)
    used = np.unique(codes)
    black_and_white = _codes(np.array([[0, 0, 0], _WHITE], np.uint8))
    if np.isin(used, black_and_white).all():
        object_map: LabelMap = np.equal(codes, black_and_white[1]).astype(np.uint8)
        return object_map
    known = _codes(PALETTE)
    unknown = used[~np.isin(used, known)]
    if unknown.size:
        code = int(unknown[0])
        colour = (code >> 16, code >> 8 & 255, code & 255)
        raise UserError(
            f"{path} has the colour {colour}, which names no instance in the DAVIS palette: "
            "save the mask as a palette PNG."
        )
    order = np.argsort(known).astype(np.uint8)
    labels: LabelMap = order.take(np.searchsorted(known[order], codes))
    return labels


def _codes(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(..., 3) RGB as one number each."""
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue
