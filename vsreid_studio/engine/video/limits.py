"""How large a picture may be: looked at before a pixel is decoded, as a few bytes can announce gigabytes."""

from __future__ import annotations

from pathlib import Path

from ...errors import UserError

MAX_PIXELS = 1 << 27
"""Of a picture: 16K (15360 x 8640) has 133 million."""
MAX_SIDE = 32_766
"""Pixels of a side: OpenCV's `remap` counts in 16 bits with a sign."""
_USUAL = 1 << 25
"""Up to 8K a file may be of any size: a black picture takes few bytes."""
_PIXELS_A_BYTE = 1 << 13
"""No kind of PNG holds more."""


def most_pixels(size: int) -> int:
    """How many pixels a picture in a file of `size` bytes may have."""
    return min(MAX_PIXELS, max(_USUAL, size * _PIXELS_A_BYTE))


def check_picture_size(path: Path, width: int, height: int, size: int) -> None:
    """Refuse a picture that is too large to be decoded.

    Args:
        path: of the file, for the sentence.
        width, height: what its header announces, in pixels.
        size: bytes of the file.

    Raises:
        UserError: it has more than `MAX_PIXELS` pixels, a side above `MAX_SIDE`, or more pixels than so few
            bytes can hold.
    """
    pixels = width * height
    if pixels > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise UserError(
            f"{path} announces {width} x {height} pixels, but pictures of up to {MAX_PIXELS // 10**6} million"
            f" pixels and {MAX_SIDE} a side are read: scale it down, unless it is damaged."
        )
    if pixels > most_pixels(size):
        raise UserError(
            f"{path} announces {width} x {height} pixels in {size} bytes, which cannot hold them: it is"
            " damaged."
        )
