"""Maps that are kept outside memory: how they are encoded, and a bounded cache of those read last."""

from __future__ import annotations

import struct
from threading import Lock
from typing import Protocol
from weakref import WeakValueDictionary

import cv2
import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from ..types import Box, SoftMask, read_only

CACHE = 128 * 2**20
"""Bytes of decoded maps that are kept for each document: 15 whole frames in 4K, or 300 objects in 1080p."""

# Level 1: a 100 x 150 map takes 3.9 KB and .2 ms to write; level 6 saves a tenth for twice the time. Plain
# zlib would read faster (.04 against .1 ms) but takes 5.4 KB: PNG's row filters pay on smooth maps.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)
_HEADER = struct.Struct(">8s4x4sIIBB")  # signature, length, name of the chunk, width, height, depth, colours
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode_map(mask: SoftMask) -> bytes:
    """The values as a grey 8-bit PNG; no bytes for an empty box.

    Raises:
        ValueError: the map is larger than PNG can hold.
    """
    if not mask.box.area:
        return b""
    done, data = cv2.imencode(".png", mask.values, _PNG)
    if not done:
        raise ValueError(f"a map of {mask.box} cannot be encoded")
    return bytes(data.tobytes())


def decode_map(data: bytes, box: Box) -> NDArray[np.uint8]:
    """The values of a map from what `encode_map` made: (box.height, box.width) uint8, read-only.

    Raises:
        ValueError: the data are damaged, or not of a map in this box. They are decoded only where their
            header fits, so that their size is bounded.
    """
    if len(data) < _HEADER.size:
        raise ValueError(f"an encoded map of {box} is damaged")
    header = (_SIGNATURE, b"IHDR", box.width, box.height, 8, 0)
    if _HEADER.unpack_from(data) != header:
        raise ValueError(f"an encoded map does not fill {box}")
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError(f"an encoded map of {box} is damaged") from error
    if decoded is None or decoded.shape != (box.height, box.width) or decoded.dtype != np.uint8:
        raise ValueError(f"an encoded map of {box} is damaged")
    return read_only(np.asarray(decoded, np.uint8))


class MapSource(Protocol):
    """Keeps encoded maps by number; a number is never used twice."""

    def read(self, number: int, /) -> bytes:
        """What was kept under a number; from any thread.

        Raises:
            UserError: it is gone or cannot be read.
        """
        ...

    def damaged(self, number: int, /) -> Exception:
        """The error for a map that cannot be decoded."""
        ...


class InMemory:
    """A `MapSource` for scripts and tests: encoded maps take a tenth of the room of decoded ones."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._lock = Lock()

    def write(self, data: bytes) -> int:
        """Keep an encoded map; its number, from 1 on."""
        with self._lock:
            self._data.append(data)
            return len(self._data)

    def read(self, number: int) -> bytes:
        """What was kept under a number."""
        return self._data[number - 1]

    def damaged(self, number: int) -> Exception:
        """The error for a map that cannot be decoded."""
        return ValueError(f"map {number} is damaged")


class _Stored:
    """One map of a `MapCache`."""

    __slots__ = ("cache", "number")

    def __init__(self, cache: MapCache, number: int) -> None:
        self.cache, self.number = cache, number

    def values(self, box: Box) -> NDArray[np.uint8]:
        return self.cache.values(self.number, box)


class MapCache:
    """The maps of one source. Those read last stay decoded, as many as fit into `limit` bytes.

    Any thread may use it. A map that someone still holds is handed out again, so that its identity tells as
    long as anyone can compare it.
    """

    def __init__(self, source: MapSource, limit: int = CACHE) -> None:
        self._source = source
        self._limit = limit
        self._lock = Lock()
        self._decoded: LRUCache[int, NDArray[np.uint8]]
        self._decoded = LRUCache(limit, getsizeof=lambda values: int(values.nbytes))
        self._alive: WeakValueDictionary[int, SoftMask] = WeakValueDictionary()

    def mask(self, number: int, box: Box, area: int, hard_box: Box | None) -> SoftMask:
        """The map of a number; its values are read when they are asked for."""
        with self._lock:
            mask = self._alive.get(number)
            if mask is None:
                mask = SoftMask.from_stored(_Stored(self, number), box, area, hard_box)
                self._alive[number] = mask
            return mask

    def adopt(self, mask: SoftMask, number: int) -> None:
        """Let a map go whose values the source has taken under this number; it stays in the cache for now."""
        values = mask.values
        with self._lock:
            self._put(number, values)
            self._alive[number] = mask
        mask.release(_Stored(self, number))

    def number(self, mask: SoftMask) -> int | None:
        """The number of a map that is kept here; None for others."""
        stored = mask.stored_map
        return stored.number if isinstance(stored, _Stored) and stored.cache is self else None

    def values(self, number: int, box: Box) -> NDArray[np.uint8]:
        """The values of a map, from the cache or decoded now.

        Raises:
            UserError: the source cannot read it, or it is damaged.
        """
        with self._lock:
            known = self._decoded.get(number)
        if known is not None:
            return known
        try:
            # Not locked: another thread may decode the same one, and either result serves.
            values = decode_map(self._source.read(number), box)
        except ValueError as error:
            raise self._source.damaged(number) from error
        with self._lock:
            self._put(number, values)
        return values

    def _put(self, number: int, values: NDArray[np.uint8]) -> None:
        if values.nbytes <= self._limit:
            self._decoded[number] = values

    @property
    def decoded_bytes(self) -> int:
        """Size of what is decoded now."""
        with self._lock:
            return int(self._decoded.currsize)
