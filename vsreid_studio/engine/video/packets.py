"""The order of a video file's packets: which packet becomes which frame, and where decoding may start."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeAlias

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

log = logging.getLogger(__name__)

Track: TypeAlias = tuple[InputContainer, VideoStream]
"""An opened file and its picture track, at the beginning."""

_TRIAL = 64
"""Packets decoded to find out whether time stamps that never step back can be believed."""


class Entry(NamedTuple):
    """One packet of the picture track, in the order of the file.

    Attributes:
        pts, dts: time stamps in the track's time base, where the container tells.
        pos: byte offset in the file, where the container tells.
        key: whether decoding may start here.
        shown: whether a frame comes out of it.
        corrupt: whether a part of it is missing.
    """

    pts: int | None
    dts: int | None
    pos: int | None
    key: bool
    shown: bool
    corrupt: bool


class PacketIndex:
    """Packets are numbered in the order of decoding, frames in that of presentation.

    Attributes:
        entries: all packets by number.
        packets: the number of the packet that frame i is decoded from, by i.
    """

    def __init__(self, entries: Sequence[Entry], packets: Sequence[int]) -> None:
        self.entries = entries
        self.packets = packets
        self._frames = {number: frame for frame, number in enumerate(packets)}
        self._keys = [number for number, entry in enumerate(entries) if entry.key]
        self._names = _names(entries)

    def frame(self, number: int | None) -> int | None:
        """The frame that packet `number` becomes, None when it is not shown."""
        return None if number is None else self._frames.get(number)

    def starts(self, frame: int) -> list[int]:
        """The numbers of the packets from which `frame` can be decoded, the nearest first.

        Frames that are shown before a key frame but stored behind it lean on the group of pictures before.
        """
        earlier = self._keys[: bisect_right(self._keys, self.packets[frame])]
        return [key for key in reversed(earlier) if self._frames.get(key, -1) <= frame]

    def number(self, packet: av.Packet[VideoStream]) -> int | None:
        """Which packet this is, found again after a seek; None when that cannot be told."""
        if self._names is None:
            return None
        by_place, by_time, numbers = self._names
        return numbers.get((packet.pos if by_place else None, packet.pts if by_time else None))


def _names(entries: Sequence[Entry]) -> tuple[bool, bool, dict[Hashable, int]] | None:
    """What tells packets apart: their place, their time, or both. Time alone may be recomputed by seeks."""
    for by_place, by_time in ((True, False), (False, True), (True, True)):
        numbers: dict[Hashable, int] = {
            (entry.pos if by_place else None, entry.pts if by_time else None): number
            for number, entry in enumerate(entries)
        }
        known = all((entry.pos is not None or not by_place) for entry in entries) and all(
            (entry.pts is not None or not by_time) for entry in entries
        )
        if known and len(numbers) == len(entries):
            return by_place, by_time, numbers
    return None


def picture_packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet[VideoStream]]:
    """The packets of the picture track from where the container stands, up to its end or a defect.

    Empty ones (dropped frames of AVI files, the end mark) are left out: a decoder takes them for the end.
    """
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.FFmpegError as error:
        log.warning("%s ends in a defect: %s", container.name, error)


def decode_numbered(
    stream: VideoStream, packets: Iterator[av.Packet[VideoStream]], first: int
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode packets, and tell of each frame which packet it came from.

    The number travels through the decoder in place of the time stamp: unlike time stamps it is never
    missing, doubled or wrong. Packets that cannot be decoded are passed over.

    Args:
        packets: consecutive ones, without empty ones.
        first: the number of the first one.
    """
    for number, packet in enumerate(packets, first):
        packet.pts = number
        try:
            frames = stream.decode(packet)
        except av.FFmpegError as error:
            log.warning("packet %d cannot be decoded: %s", number, error)
            continue
        yield from ((frame.pts, frame) for frame in frames if frame.pts is not None)
    try:
        rest = stream.decode(None)
    except av.FFmpegError:
        return
    yield from ((frame.pts, frame) for frame in rest if frame.pts is not None)


def read_index(reopen: Callable[[], Track]) -> PacketIndex:
    """Read the packets of a file, and find their order of presentation.

    That is the order of time stamps. Where they are missing or doubled, or are really the order of
    decoding (H.264 in AVI), the file is decoded once instead.

    Args:
        reopen: opens the file; closed again here.

    Returns:
        The index; without frames when there are none.
    """
    container, stream = reopen()
    with container:
        entries = _entries(container, stream)
        reorders = bool(stream.codec_context.has_b_frames)
        avi = container.format.name == "avi"
    shown = [number for number, entry in enumerate(entries) if entry.shown]
    if shown and entries[shown[-1]].corrupt:
        shown.pop()  # the file is cut short in the middle of it
    times = {number: time for number in shown if (time := entries[number].pts) is not None}
    if len(set(times.values())) == len(shown):
        order = sorted(shown, key=times.__getitem__)
        if not reorders or order != shown:
            return PacketIndex(entries, _decodable(reopen, entries, order))
        # The decoder may reorder and the times do not. AVI stores no times at all, so there it is the
        # times that are wrong; elsewhere a look at the beginning tells.
        trial = [] if avi else _decoded_order(reopen, _TRIAL)
        if trial and trial == sorted(trial):
            return PacketIndex(entries, _decodable(reopen, entries, order))
    if entries:
        log.info("unclear time stamps: decoding the video once to find the order of its frames")
    return PacketIndex(entries, _decoded_order(reopen, len(entries)))


def _entries(container: InputContainer, stream: VideoStream) -> list[Entry]:
    # VP8 alone keeps pictures that are never shown in packets of their own; a bit of its header tells.
    vp8 = stream.codec_context.name in {"vp8", "libvpx"}
    entries = []
    for packet in picture_packets(container, stream):
        hidden = packet.is_discard or (vp8 and not bytes(packet)[0] & 0x10)
        entries.append(
            Entry(packet.pts, packet.dts, packet.pos, packet.is_keyframe, not hidden, packet.is_corrupt)
        )
    return entries


def _decodable(reopen: Callable[[], Track], entries: Sequence[Entry], order: Sequence[int]) -> Sequence[int]:
    """Leave out frames at the beginning that lean on others which were cut off, as decoders do."""
    key = next((number for number in order if entries[number].key), None)
    if key is None or key == order[0]:
        return order
    leading = set(order[: order.index(key)])
    delivered = set(_decoded_order(reopen, max(leading) + _TRIAL))
    return [number for number in order if number not in leading or number in delivered]


def _decoded_order(reopen: Callable[[], Track], count: int) -> list[int]:
    """The numbers of the first `count` packets in the order in which their frames come out."""
    container, stream = reopen()
    with container:
        packets = islice(picture_packets(container, stream), count)
        return [number for number, _ in decode_numbered(stream, packets, 0)]
