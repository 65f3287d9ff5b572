"""The order of a file's frames as decoding has shown it, in a form that a project can keep."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from . import identity
from .packets import PacketEntry, PacketIndex

_PER_PACKET = 4
"""Frames that one packet may hold on the average; known streams have two."""


@dataclass(frozen=True, eq=False)
class FrameOrder:
    """Which packet becomes which frame of a file whose packets do not tell it.

    Attributes:
        mark: of the file's content, its packets, the track and the decoder, see `mark_of`.
        packets: (T,) int32, the number of the packet that frame i is decoded from.
        checks: (T,) uint32, a checksum of each frame.
    """

    mark: str
    packets: NDArray[np.int32]
    checks: NDArray[np.uint32]

    @classmethod
    def of_index(cls, mark: str, index: PacketIndex) -> Self:
        """Of an index that was made by decoding."""
        return cls(mark, np.array(index.packets, np.int32), np.array(index.checks or (), np.uint32))

    def index(self, mark: str, entries: Sequence[PacketEntry]) -> PacketIndex | None:
        """The index of a file with these packets; None where this is not the order of its frames.

        Args:
            mark: of the file as it is now.
            entries: all packets.
        """
        count, packets = len(entries), self.packets
        fits = self.mark == mark and len(packets) == len(self.checks)
        fits = fits and 0 < len(packets) <= _PER_PACKET * count
        if not fits or packets.min() < 0 or packets.max() >= count:
            return None
        return PacketIndex(entries, packets.tolist(), self.checks.tolist())

    def to_json(self) -> dict[str, Any]:
        """As a JSON value."""
        packets, checks = self.packets.astype("<i4").tobytes(), self.checks.astype("<u4").tobytes()
        return {
            "mark": self.mark,
            "packets": base64.b64encode(packets).decode("ascii"),
            "checks": base64.b64encode(checks).decode("ascii"),
            "crc": zlib.crc32(packets + checks),
        }

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """From what `to_json` gave; None for anything else, as it can be found again by decoding."""
        try:
            given = dict(value)  # type: ignore[call-overload]
            packets = base64.b64decode(given["packets"], validate=True)
            checks = base64.b64decode(given["checks"], validate=True)
            if zlib.crc32(packets + checks) != given["crc"] or not isinstance(given["mark"], str):
                return None
            return cls(given["mark"], np.frombuffer(packets, "<i4"), np.frombuffer(checks, "<u4"))
        except (TypeError, ValueError, LookupError):
            return None


KnownOrder = Callable[[], FrameOrder | None]
"""Looks for an order that was kept; asked only where the packets do not tell it."""


def mark_of(path: Path, stream: int, entries: Sequence[PacketEntry]) -> str:
    """Tells what an order is of: another file, track or version of the decoder has another one.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.blake2b(f"{identity.of_file(path)} {stream}".encode(), digest_size=16)
    digest.update(repr(sorted(av.library_versions.items())).encode())
    for entry in entries:
        digest.update(repr(tuple(entry)).encode())
    return digest.hexdigest()
