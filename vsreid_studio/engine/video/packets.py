"""The order of a video file's packets: which packet becomes which frame, and where decoding may start."""

from __future__ import annotations

import logging
import zlib
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from .container import Track
from .h264 import may_hold_fields

log = logging.getLogger(__name__)

_TRIAL = 64
"""Packets decoded to find out whether an index made without decoding can be believed."""
_INDEXED = frozenset({"mov", "matroska"})
"""Demuxers whose files list every frame with its time: no trial is needed."""
_DELTAS = frozenset({"gif", "apng"})
"""Codecs whose frames build on others though the container calls each a key frame."""
_EMPTY = 100_000
"""Packets without a byte that a file may have beside others."""
_TOLD = 3
"""Packets that cannot be decoded, each of which is reported."""
_VOP = b"\x00\x00\x01\xb6"
"""Begins a picture of MPEG-4 Part 2."""


class PacketEntry(NamedTuple):
    """One packet of the video track, in the order of the file.

    Attributes:
        pts, dts: time stamps in the track's time base, if the container gives it.
        pos: byte offset in the file, if the container gives it.
        size: in bytes.
        duration: in the track's time base, if the container gives it.
        key: whether decoding may start here.
        shown: whether a frame comes out of it.
        corrupt: whether a part of it is missing.
    """

    pts: int | None
    dts: int | None
    pos: int | None
    size: int
    duration: int | None
    key: bool
    shown: bool
    corrupt: bool

    def matches(self, packet: av.Packet[VideoStream]) -> bool:
        """Whether this is the packet that was met when the index was made."""
        return packet.size == self.size and (packet.pos in {None, self.pos} or self.pos is None)


class PacketIndex:
    """Packets are numbered in the order of decoding, frames in that of presentation.

    Attributes:
        entries: all packets by number.
        packets: the number of the packet that frame i is decoded from, by i.
        checks: a checksum of each frame, by i, where the index was made by decoding, else None.
        by_count: whether frames can only be identified by counting from the beginning, as one packet holds
            several.
        seekable: whether a packet can be identified after a seek.
    """

    def __init__(
        self, entries: Sequence[PacketEntry], packets: Sequence[int], checks: Sequence[int] | None = None
    ) -> None:
        self.entries = entries
        self.packets = packets
        self.checks = checks
        self._frames = {number: frame for frame, number in enumerate(packets)}
        self.by_count = len(self._frames) < len(packets)
        self._keys = [number for number, entry in enumerate(entries) if entry.key]
        self._names = None if self.by_count else _names(entries)

    @property
    def seekable(self) -> bool:
        """Whether a packet can be identified after a seek."""
        return self._names is not None

    def frame(self, number: int | None) -> int | None:
        """The frame that packet `number` becomes, None when it is not shown."""
        return None if number is None else self._frames.get(number)

    def starts(self, frame: int) -> list[int]:
        """The numbers of the packets from which `frame` can be decoded, the nearest first.

        Frames that are shown before a key frame but stored behind it lean on the group of pictures before.
        """
        if self.by_count:
            return []
        earlier = self._keys[: bisect_right(self._keys, self.packets[frame])]
        return [key for key in reversed(earlier) if self._frames.get(key, frame + 1) <= frame]

    def number(self, packet: av.Packet[VideoStream]) -> int | None:
        """Which packet this is, found again after a seek; None when that is unknown."""
        if self._names is None:
            return None
        by_time, numbers = self._names
        number = numbers.get((packet.pos, packet.pts if by_time else None))
        return number if number is not None and self.entries[number].matches(packet) else None

    def before(self, start: int) -> list[int]:
        """Packet `start` and the two key frames before it: where to seek in order to meet it."""
        place = bisect_right(self._keys, start)
        return list(reversed(self._keys[max(0, place - 3) : place]))


def _names(entries: Sequence[PacketEntry]) -> tuple[bool, dict[Hashable, int]] | None:
    """What identifies packets after a seek: their place in the file, or that and their time.

    Time alone may be recomputed by seeks. Where several packets share a block of the container only the first
    has a place; the others are counted from it.
    """
    placed = [(number, entry) for number, entry in enumerate(entries) if entry.pos is not None]
    for by_time in (False, True):
        numbers: dict[Hashable, int] = {
            (entry.pos, entry.pts if by_time else None): number for number, entry in placed
        }
        if placed and len(numbers) == len(placed):
            return by_time, numbers
    return None


def picture_packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet[VideoStream]]:
    """The packets of the video track from where the container stands, up to its end or a defect.

    Empty ones (dropped frames of AVI files, the end mark) are left out: a decoder takes them for the end.
    A damaged file can list the same bytes again and again: more packets than bytes are such a defect.
    """
    most = _EMPTY + max(0, container.size)
    try:
        for packet in islice(container.demux(stream), most):
            if packet.size:
                yield packet
            most -= 1
    except av.FFmpegError as error:
        log.warning("%s ends in a defect: %s", container.name, error)
    if not most:
        log.warning("%s ends in a defect: it lists more packets than it has bytes", container.name)


def decode_numbered(
    stream: VideoStream, packets: Iterator[av.Packet[VideoStream]], first: int
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode packets, and give the packet of each frame.

    The number travels through the decoder in place of the time stamp: unlike time stamps it is never
    missing, doubled or wrong. Packets that cannot be decoded are passed over.

    Args:
        packets: consecutive ones, without empty ones.
        first: the number of the first one.

    Yields:
        The packet's number, or that of the frame before where the decoder lost it, and the frame.
    """
    known, failed = first, 0
    for number, packet in enumerate(packets, first):
        packet.pts = number
        try:
            frames = stream.decode(packet)
        except av.FFmpegError as error:
            failed += 1
            if failed <= _TOLD:
                log.warning("packet %d cannot be decoded: %s", number, error)
            continue
        for frame in frames:
            known = known if frame.pts is None else frame.pts
            yield known, frame
    if failed > _TOLD:
        log.warning("%d more packets cannot be decoded", failed - _TOLD)
    try:
        rest = stream.decode(None)
    except av.FFmpegError:
        return
    for frame in rest:
        known = known if frame.pts is None else frame.pts
        yield known, frame


def checksum(frame: VideoFrame) -> int:
    """Whether two ways of decoding led to the same picture."""
    return zlib.crc32(frame.to_ndarray(format="gray").tobytes())


def read_index(
    reopen: Callable[[], Track], by_decoding: Callable[[Sequence[PacketEntry], str], PacketIndex]
) -> PacketIndex:
    """Read the packets of a file, and find their order of presentation.

    That is the order of time stamps, without decoding. Where it cannot be believed the file is decoded once
    from the beginning instead, and the index gets checksums that show whether a jump led to the same picture:

    - time stamps are missing or doubled, step back, or are really the order of decoding (H.264 in AVI);
    - one packet may hold two pictures (packed B-frames of MPEG-4) or half of one (fields of H.264);
    - containers without an index of their own (MPEG program and transport streams, bare streams) whose
      beginning decodes to other frames than their packets state;
    - pictures that build on others though all are called key frames (GIF).

    Args:
        reopen: opens the file; closed again here.
        by_decoding: the index of these packets where it has to be made by decoding, for the reason given.

    Returns:
        The index; without frames when there are none.
    """
    container, stream = reopen()
    with container:
        entries, packed = _entries(container, stream)
        form = container.format.name.split(",")[0]
        codec = stream.codec_context.name
        reorders = bool(stream.codec_context.has_b_frames)
        extradata = stream.codec_context.extradata or b""
    if not entries:
        return PacketIndex(entries, [])
    shown = [number for number, entry in enumerate(entries) if entry.shown]
    if shown and entries[shown[-1]].corrupt:
        shown.pop()  # the file is cut short in the middle of it
    doubt = ""
    if packed:
        doubt = "packets hold several pictures or none"
    elif codec in _DELTAS:
        doubt = "no frame can be decoded alone"
    elif codec == "h264" and may_hold_fields(extradata):
        doubt = "packets may be fields"
    elif not (form in _INDEXED or any(entry.key for entry in entries)):
        doubt = "no packet is marked as a key frame"
    order = [] if doubt else _by_time(entries, shown)
    if not doubt and not order:
        doubt = "time stamps are missing, doubled or out of order"
    if not doubt and reorders and order == shown and form == "avi":
        doubt = "time stamps are those of decoding"
    if not doubt and (form not in _INDEXED or (reorders and order == shown)):
        order = _decodable(reopen, entries, order)
        trial = [number for number, _ in _decoded(reopen, _TRIAL)]
        if trial != [number for number in order if number < min(_TRIAL, len(entries))]:
            doubt = "its beginning decodes to other frames than its packets tell"
    elif not doubt:
        order = _decodable(reopen, entries, order)
    if not doubt:
        return PacketIndex(entries, order)
    return by_decoding(entries, doubt)


def _by_time(entries: Sequence[PacketEntry], shown: Sequence[int]) -> list[int]:
    """Packets in the order of their time stamps; empty when these cannot be relied upon."""
    times = {number: time for number in shown if (time := entries[number].pts) is not None}
    decoding = [entry.dts for entry in entries if entry.dts is not None]
    if len(set(times.values())) < len(shown) or any(b < a for a, b in pairwise(decoding)):
        return []
    return sorted(shown, key=times.__getitem__)


def index_by_decoding(reopen: Callable[[], Track], entries: Sequence[PacketEntry], doubt: str) -> PacketIndex:
    """Decode the whole file once: the order in which frames come out, with a checksum of each.

    Args:
        reopen: opens the file; closed again here.
        entries: all packets.
        doubt: why this is needed, for the log.
    """
    packets, checks = [], []
    container, stream = reopen()
    with container:
        name = container.name.removeprefix("file:")
        log.info("%s: %s; decoding it once to find the order of its frames", name, doubt)
        for number, frame in decode_numbered(stream, picture_packets(container, stream), 0):
            packets.append(number)
            checks.append(checksum(frame))
    return PacketIndex(entries, packets, checks)


def _entries(container: InputContainer, stream: VideoStream) -> tuple[list[PacketEntry], bool]:
    """All packets, and whether some hold several pictures of MPEG-4, or none."""
    codec = stream.codec_context.name
    # VP8 alone keeps pictures that are never shown in packets of their own; a bit of its header marks them.
    vp8 = codec in {"vp8", "libvpx"}
    entries, packed = [], False
    for packet in picture_packets(container, stream):
        hidden = packet.is_discard or (vp8 and not bytes(packet)[0] & 0x10)
        if codec == "mpeg4" and not packed:
            data = bytes(packet)
            # The place holder of a packed stream is a picture of a few bytes that says "not coded".
            packed = data.count(_VOP) != 1 or packet.size < 8
        place = packet.pos, packet.size, packet.duration
        entries.append(
            PacketEntry(packet.pts, packet.dts, *place, packet.is_keyframe, not hidden, packet.is_corrupt)
        )
    return entries, packed


def _decodable(reopen: Callable[[], Track], entries: Sequence[PacketEntry], order: list[int]) -> list[int]:
    """Leave out frames at the beginning that lean on others which were cut off, as decoders do."""
    key = next((number for number in order if entries[number].key), None)
    if key is None or key == order[0]:
        return order
    leading = set(order[: order.index(key)])
    delivered = {number for number, _ in _decoded(reopen, max(leading) + _TRIAL)}
    return [number for number in order if number not in leading or number in delivered]


def _decoded(reopen: Callable[[], Track], count: int) -> Iterator[tuple[int, VideoFrame]]:
    """The first `count` packets decoded: numbers and frames in the order in which they come out."""
    container, stream = reopen()
    with container:
        yield from decode_numbered(stream, islice(picture_packets(container, stream), count), 0)
