"""When each frame of a clip is shown, and the order of frames as decoding has shown it."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from . import identity
from .packets import PacketEntry, PacketIndex

_CLOCK = 90000
"""Rates that are measured are rounded to what this many ticks a second can resolve."""
_NEAR = Fraction(1, 200)
"""The rate of the container is used if the times agree to this share of it."""

_PER_PACKET = 4
"""Frames that one packet may hold on the average; known streams have two."""


@dataclass(frozen=True, eq=False)
class Timing:
    """The times of all frames, exact.

    Attributes:
        ticks: when each frame is shown, strictly increasing, in units of `time_base`. The first is not always
            0: sound uses the same clock.
        time_base: seconds a tick.
        end: when the last frame goes, in ticks.
    """

    ticks: Sequence[int]
    time_base: Fraction
    end: int

    def __post_init__(self) -> None:
        if any(b <= a for a, b in pairwise([*self.ticks, self.end])):
            raise ValueError("the times of frames must increase")

    @classmethod
    def constant(cls, count: int, rate: Fraction) -> Timing:
        """`count` frames at one rate, in frames per second, from 0 on."""
        return cls(range(count), 1 / rate, count)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(frames,) seconds from the first frame."""
        ticks = np.asarray(self.ticks, np.int64)
        return (ticks - ticks[0]) * float(self.time_base)

    @property
    def start(self) -> Fraction:
        """The first frame's time in seconds, on the clock that video and sound share."""
        return self.ticks[0] * self.time_base

    def rate(self, stated: Fraction | None = None) -> Fraction:
        """Frames per second on the average.

        Args:
            stated: the rate of the container, which is used if it fits: clocks of milliseconds round.
        """
        span = (self.end if len(self.ticks) == 1 else self.ticks[-1]) - self.ticks[0]
        measured = max(1, len(self.ticks) - 1) / (span * self.time_base)
        if stated and abs(stated - measured) <= _NEAR * measured:
            return stated
        return measured.limit_denominator(_CLOCK)


def timing_of(
    pts: Sequence[int | None] | None,
    dts: Sequence[int | None],
    durations: Sequence[int | None],
    time_base: Fraction,
    rate: Fraction,
    end: int | None = None,
) -> tuple[Timing, bool]:
    """The times of frames by the time stamps of their packets.

    Args:
        pts, dts, durations: of the packets of the frames, in the order of presentation. Containers without
            presentation times (AVI), for which FFmpeg guesses, get None for `pts`.
        rate: frames per second where there are no time stamps.
        end: when the last frame goes, if the container gives it for the whole track.

    Returns:
        The times, and whether they are the file's own: those of presentation, else those of decoding, sorted.
    """
    count = len(dts)
    for stamps in (pts or (), sorted(time for time in dts if time is not None)):
        ticks = [time for time in stamps if time is not None]
        if len(ticks) == count and all(a < b for a, b in pairwise(ticks)):
            return Timing(
                tuple(ticks), time_base, ticks[-1] + _last(ticks, durations[-1], time_base, rate, end)
            ), True
    return Timing.constant(count, rate), False


def _last(
    ticks: Sequence[int], stated: int | None, time_base: Fraction, rate: Fraction, end: int | None
) -> int:
    """How long the last frame is shown: as given, else as long as most are."""
    steps = [b - a for a, b in pairwise(ticks)]
    usual = int(np.median(steps)) if steps else round(1 / (rate * time_base))
    # With B-frames MP4 gives the time to the next packet, which is not that of the next frame.
    if stated and stated > 2 * usual and end is not None and end > ticks[-1]:
        stated = end - ticks[-1]
    # A packet that is one field, or the tick of a fine clock, lasts less than a frame.
    return max(1, stated if stated and 2 * stated > usual else usual)


@dataclass(frozen=True, eq=False)
class FrameOrder:
    """Which packet becomes which frame of a file whose packets do not give it.

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
"""Looks for an order that was kept; asked only where the packets do not give it."""


def mark_of(path: Path, stream: int, entries: Sequence[PacketEntry]) -> str:
    """Identifies what an order belongs to: another file, track or version of the decoder has another one.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.blake2b(f"{identity.of_file(path)} {stream}".encode(), digest_size=16)
    digest.update(repr(sorted(av.library_versions.items())).encode())
    for entry in entries:
        digest.update(repr(tuple(entry)).encode())
    return digest.hexdigest()
