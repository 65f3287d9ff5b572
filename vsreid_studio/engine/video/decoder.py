"""The decoder of a video track: where it stands, how it gets elsewhere, and which frames come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from .container import Track
from .packets import PacketIndex, decode_numbered, picture_packets

_UNKNOWN = 32
"""Packets after a seek that may be unknown before one is recognised."""
_REORDERING = 64
"""A frame has not come out of the decoder this many packets after its own: it never will."""


class WrongOrder(Exception):  # noqa: N818
    """Frames come out of the decoder in another order than the index says."""


class TrackDecoder:
    """Decodes a track from any packet at which the container can be made to stand.

    What a seek leads to is compared with the index, packet by packet.

    Attributes:
        container, stream: the file, opened, and its track.
        index: of the packets; set before anything is decoded.
        tells_keys: whether the decoder marks key frames.
        last: the greatest frame that came out since the last jump, -1 before.
        next: the packet behind the last one whose frame came out.
        out_of_sync: whether a packet was not that of the index: a seek has led the demuxer elsewhere.
        start_is_key: whether the last jump led to a key frame; None before its frame has come out.
    """

    index: PacketIndex

    def __init__(self, reopen: Callable[[], Track]) -> None:
        """Open the track.

        Args:
            reopen: opens it, again each time, at the beginning.

        Raises:
            UserError: it cannot be opened.
        """
        self._reopen = reopen
        self.container: InputContainer
        self.stream: VideoStream
        self.container, self.stream = reopen()
        self.tells_keys = False
        self.last, self.next = -1, 0
        self.out_of_sync = False
        self.start_is_key: bool | None = True
        self._frames: Iterator[tuple[int, VideoFrame]] = iter(())
        self._from: int | None = 0
        self._count = 0
        self._sequential = True

    def close(self) -> None:
        """Release the file."""
        self._frames = iter(())
        self.container.close()

    def begin(self) -> None:
        """Decode from the first packet; the container has just been opened."""
        self._decode_from(0, picture_packets(self.container, self.stream))

    def restart(self) -> None:
        """Open the file again, and decode from the first packet."""
        self._open_again()
        self.begin()

    def seek(self, start: int) -> bool:
        """Decode from packet `start` or a key frame before it; False when no way of seeking gets there."""
        if not self.index.seekable:
            return False
        for target in self.index.before(start):
            entry = self.index.entries[target]
            # Some demuxers seek by presentation time, others by decoding time, which may be earlier.
            for time in (entry.pts, entry.dts):
                if time is not None and self._meet(start, time):
                    return True
        return False

    def walk(self, start: int) -> bool:
        """Decode from packet `start`, and read all packets before it: seeking does not matter then."""
        self._open_again()
        packets = picture_packets(self.container, self.stream)
        for number, packet in enumerate(packets):
            if number == start:
                self._decode_from(start, chain((packet,), packets))
                return True
        return False

    def decode_to(
        self, index: int, passed: Callable[[int, VideoFrame], object], *, check_order: bool
    ) -> VideoFrame | None:
        """Decode on up to a frame.

        Args:
            index: of the frame.
            passed: called with each frame before it that comes out, and with its index.
            check_order: compare the order in which frames come out with that of the index, as long as all
                have been decoded from the first packet on.

        Returns:
            The frame; None when it does not come.

        Raises:
            WrongOrder: the index is wrong.
        """
        wanted = self.index.packets[index]
        for number, frame in self._frames:
            if self.out_of_sync:
                return None
            self.next = max(self.next, number + 1)
            position = self._count if self.index.by_count else self.index.frame(number)
            if check_order and self._sequential and position != self._count:
                raise WrongOrder
            self._count += 1
            if position is not None and self._from is not None and position >= self._from:
                if self.start_is_key is None:
                    self.start_is_key = position == self._from and bool(frame.key_frame)
                self.last = max(self.last, position)
                if position == index:
                    return frame
                passed(position, frame)
            if number > wanted + _REORDERING:
                break
        return None

    def _open_again(self) -> None:
        fresh = self._reopen()
        self.container.close()
        self.container, self.stream = fresh

    def _meet(self, start: int, time: int) -> bool:
        """Seek to a time, and stand at a key frame up to packet `start`; False when that was passed."""
        try:
            self.container.seek(time, stream=self.stream)
        except (av.FFmpegError, OSError):
            return False
        packets = picture_packets(self.container, self.stream)
        number: int | None = None
        for count, packet in enumerate(packets):
            if number is None:
                # The first ones after a seek may be parts of packets.
                number = self.index.number(packet)
                if number is None and count < _UNKNOWN:
                    continue
            else:
                number += 1
            if number is None or number > start or not self.index.entries[number].matches(packet):
                return False
            if self.index.entries[number].key and self.index.frame(number) is not None:
                self._decode_from(number, chain((packet,), packets))
                return True
        return False

    def _decode_from(self, number: int, packets: Iterator[av.Packet[VideoStream]]) -> None:
        self.last, self.next = -1, number
        self._count = 0
        # What comes out from the first packet on comes out in order.
        self._sequential = not number
        self.out_of_sync = False
        # The beginning needs no proof; elsewhere the frame of the first packet gives it.
        self._from = self.index.frame(number) if number else 0
        self.start_is_key = True if not number or not self.tells_keys else None
        self._frames = decode_numbered(self.stream, self._matching(packets, number), number)

    def _matching(
        self, packets: Iterator[av.Packet[VideoStream]], first: int
    ) -> Iterator[av.Packet[VideoStream]]:
        """Packets, up to one that is not that of the index."""
        for number, packet in enumerate(packets, first):
            if number >= len(self.index.entries) or not self.index.entries[number].matches(packet):
                self.out_of_sync = True
                return
            yield packet
