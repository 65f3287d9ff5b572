"""The identity of a video: what its frames show, and the bytes of its files; neither name nor place.

A fingerprint has two parts. One is of the pixels of some frames, spread over the clip: it stays when the same
pictures are saved again. The other is of the bytes of the files: it stays when another version of a decoder
rounds otherwise. Videos whose fingerprints agree in one of the two are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..types import Frame

SAMPLES = 12
"""Frames that are decoded for a fingerprint."""
_BLOCKS, _BLOCK = 8, 2**13
"""A file is read whole up to as many bytes as this many blocks have, else in blocks spread over it."""
_PIXELS, _FILES = "pixels:", "files:"


def samples(length: int) -> tuple[int, ...]:
    """The frames that are decoded: the first, the last, and others evenly between them."""
    return tuple(sorted({round(place) for place in np.linspace(0, length - 1, min(SAMPLES, length))}))


def of_pixels(frame: Frame) -> str:
    """A mark of what a frame shows: (H, W, 3) uint8."""
    digest = hashlib.blake2b(str(frame.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(frame).data)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """A mark of a file's size and of bytes spread over it.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    digest = hashlib.blake2b(f"{size}\n".encode(), digest_size=16)
    with path.open("rb") as file:
        if size <= _BLOCKS * _BLOCK:
            digest.update(file.read())
        else:
            for number in range(_BLOCKS):
                file.seek((size - _BLOCK) * number // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()


def fingerprint(pixels: Sequence[str], files: Sequence[str]) -> str:
    """The fingerprint of a video, from the marks of its sampled frames and of its files."""
    parts = ((_PIXELS, pixels), (_FILES, files)) if files else ((_PIXELS, pixels),)
    return " ".join(
        name + hashlib.blake2b("\n".join(marks).encode(), digest_size=16).hexdigest() for name, marks in parts
    )


def is_of_content(fingerprint: str) -> bool:
    """Whether a fingerprint is of this kind, and not one of an earlier version: names, sizes and ends."""
    return fingerprint.startswith(_PIXELS)


def agree(one: str, other: str) -> bool:
    """Whether two fingerprints are of the same video."""
    return one == other or (is_of_content(one) and bool(set(one.split()) & set(other.split())))
