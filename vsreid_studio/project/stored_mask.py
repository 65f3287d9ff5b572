"""Probability maps as compressed bytes."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.types import Box, SoftMask, read_only

# Level 1: a 100 x 150 map takes 3.9 KB and .2 ms to write; level 6 saves a tenth for twice the time. Plain
# zlib would read faster (.04 against .1 ms) but takes 5.4 KB: PNG's row filters pay on smooth maps.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)
_PNG_SIZE = struct.Struct(">16xII")  # signature, length and name of the header chunk, then width, height


class StoredMask(SoftMask):
    """A map that stays compressed until someone looks at it.

    Decoding takes .1 ms: too long for thousands of cells when a project opens, and most are never looked
    at. Once decoded it is kept, like the values of any other map.

    Attributes:
        png: the values as a grey 8-bit PNG of the box's size.
    """

    __slots__ = ("_decoded", "png")
    png: bytes
    _decoded: NDArray[np.uint8] | None

    def __init__(self, box: Box, png: bytes) -> None:
        if len(png) < _PNG_SIZE.size or _PNG_SIZE.unpack_from(png) != (box.width, box.height):
            raise ValueError(f"a compressed map does not fill {box}")
        for name, value in (("box", box), ("png", png), ("_decoded", None)):
            object.__setattr__(self, name, value)

    @property
    def values(self) -> NDArray[np.uint8]:
        """(box.height, box.width) uint8, probability x 255, read-only."""
        # Two threads may both decode; either result serves.
        if self._decoded is None:
            decoded = cv2.imdecode(np.frombuffer(self.png, np.uint8), cv2.IMREAD_UNCHANGED)
            if decoded is None or decoded.shape != (self.box.height, self.box.width):
                raise ValueError(f"a compressed map of {self.box} is damaged")
            object.__setattr__(self, "_decoded", read_only(decoded.astype(np.uint8, copy=False)))
        assert self._decoded is not None
        return self._decoded

    def __reduce__(self) -> tuple[type[SoftMask], tuple[Any, ...]]:
        return SoftMask, (self.box, self.values)


def compress(mask: SoftMask) -> bytes:
    """The values as a grey 8-bit PNG; no bytes for an empty box.

    Raises:
        ValueError: the map is larger than PNG can hold.
    """
    if isinstance(mask, StoredMask):
        return mask.png
    if not mask.box.area:
        return b""
    done, data = cv2.imencode(".png", mask.values, _PNG)
    if not done:
        raise ValueError(f"a map of {mask.box} cannot be compressed")
    return bytes(data.tobytes())
