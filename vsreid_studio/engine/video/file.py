"""A video file, exact to the frame whichever way a frame is reached."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ...errors import UserError
from ..types import Frame, read_only
from .base import Video
from .packets import PacketIndex, Track, decode_numbered, picture_packets, read_index

log = logging.getLogger(__name__)

_AHEAD = 8
"""Packets that are cheaper to decode than to seek over."""
_BEHIND = 32
"""A step back by up to this many frames keeps as many on the way, so that the next step back is free."""
_REORDERING = 64
"""A frame has not come out of the decoder this many packets after its own: it never will."""
_COVER = 0x400
"""FFmpeg's AV_DISPOSITION_ATTACHED_PIC."""
_CHUNK = 2**20


class VideoFile(Video):
    """Frames of a file that FFmpeg can read.

    The packets are read once on opening (nothing is decoded then but the first frame, see `packets`). A
    frame is reached by seeking to the key frame before it and decoding up to it, or by decoding on from
    the last one when that is nearer.
    """

    def __init__(self, path: Path, cache_bytes: int) -> None:
        super().__init__(path, path.stem, cache_bytes)
        self._container, self._stream = self._open()
        try:
            self._index = self._complete_index()
            self.length = len(self._index.packets)
            self.rate = self._stream.average_rate or None
            self._asked = 0
            self._decode_from(0, picture_packets(self._container, self._stream))
            first = self._decode_to(0)
            if first is None:
                raise UserError(f"The video {path} cannot be decoded: it is damaged.")
            self._turns = round(getattr(first, "rotation", 0) / 90) % 4
            self.height, self.width = self._picture(first).shape[:2]
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> Track:
        try:
            container = av.open(str(self.path))
        except (av.FFmpegError, OSError) as error:
            raise UserError(f"The video {self.path} cannot be opened: it is damaged or no video.") from error
        for stream in container.streams.video:
            # A cover picture is a track too, and a track of an unknown codec has no context.
            if stream.codec_context is not None and not int(getattr(stream, "disposition", 0)) & _COVER:
                stream.thread_type = "AUTO"
                return container, stream
        container.close()
        raise UserError(
            f"The file {self.path} holds no pictures that can be read: it is damaged or no video."
        )

    def _complete_index(self) -> PacketIndex:
        """The index of a file that is all there.

        MP4 and MOV announce their frames, so that a missing end is an error; Matroska and AVI are made to
        be read as far as they go.
        """
        index = read_index(self._open)
        found, told = len(index.packets), self._stream.frames
        cut = any(entry.corrupt for entry in index.entries[-1:]) or self._reaches_past_end()
        if cut and "mp4" in self._container.format.name and found < told:
            raise UserError(
                f"The video {self.path} is cut short: {found} of its {told} frames are there; copy it anew."
            )
        if not found:
            raise UserError(f"The video {self.path} holds no frames that can be read.")
        if cut:
            log.warning("%s is cut short: using the %d frames that are there", self.path, found)
        return index

    def _reaches_past_end(self) -> bool:
        size = self.path.stat().st_size
        entries = getattr(self._stream, "index_entries", ())  # absent from older PyAV
        return any(entry.pos + entry.size > size for entry in entries)

    def _read(self, index: int) -> Frame:
        keep = range(index - _BEHIND, index) if 0 < self._asked - index <= _BEHIND else range(0)
        self._asked = index
        starts = self._index.starts(index)
        nearest = starts[0] if starts else 0
        if self._last < index and nearest <= self._next + _AHEAD:
            found = self._decode_to(index, keep)
            if found is not None:
                return self._picture(found)
        picture = self._read_afresh(index, starts, keep)
        if picture is None:
            raise UserError(f"Frame {index} of the video {self.path} cannot be decoded: it is damaged.")
        return self._picture(picture)

    def _read_afresh(self, index: int, starts: Sequence[int], keep: range) -> VideoFrame | None:
        """Decode a frame from a key frame before it, or from the beginning of a file that cannot seek."""
        best: VideoFrame | None = None
        reached = False
        # The nearest key frame nearly always does; some streams only claim that decoding may start there.
        for start in starts[:2]:
            if self._seek(start):
                reached = True
                best = self._decode_to(index, keep) or best
                if best is not None and not best.is_corrupt:
                    return best
        if not reached:
            self._restart()
            best = self._decode_to(index, keep)
        return best

    def _seek(self, start: int) -> bool:
        """Stand at packet `start` or before it; False when no way of seeking gets there."""
        entry = self._index.entries[start]
        # Some demuxers seek by presentation time, others by decoding time, which may be earlier.
        for time in (entry.pts, entry.dts):
            if time is None:
                continue
            try:
                self._container.seek(time, stream=self._stream)
            except (av.FFmpegError, OSError):
                continue
            packets = picture_packets(self._container, self._stream)
            first = next(packets, None)
            number = None if first is None else self._index.number(first)
            if first is not None and number is not None and number <= start:
                self._decode_from(number, chain((first,), packets))
                return True
        return False

    def _restart(self) -> None:
        """Stand at the first packet, by opening anew: the one way that never depends on seeking."""
        fresh = self._open()
        self._container.close()
        self._container, self._stream = fresh
        self._decode_from(0, picture_packets(self._container, self._stream))

    def _decode_from(self, number: int, packets: Iterator[av.Packet[VideoStream]]) -> None:
        self._last, self._next = -1, number
        self._frames: Iterator[tuple[int, VideoFrame]] = decode_numbered(self._stream, packets, number)

    def _decode_to(self, index: int, keep: range = range(0)) -> VideoFrame | None:
        """Decode on up to a frame; None when it does not come. Frames in `keep` are cached on the way."""
        wanted = self._index.packets[index]
        for number, frame in self._frames:
            self._next = max(self._next, number + 1)
            position = self._index.frame(number)
            if position is not None:
                self._last = max(self._last, position)
                if position == index:
                    return frame
                if position in keep and position not in self._cache:
                    self._cache.put(position, read_only(self._picture(frame)))
            if number > wanted + _REORDERING:
                break
        return None

    def _picture(self, frame: VideoFrame) -> Frame:
        rgb = np.rot90(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), self._turns)
        picture = np.ascontiguousarray(rgb)
        if hasattr(self, "width") and picture.shape != (self.height, self.width, 3):
            raise UserError(f"The video {self.path} changes its picture size, which is not supported.")
        return picture

    def _release(self) -> None:
        self._frames = iter(())
        self._container.close()

    def _fingerprint(self) -> str:
        """Of the size and both ends: the whole of a long file would take minutes."""
        with self.path.open("rb") as file:
            size = self.path.stat().st_size
            digest = hashlib.sha256(f"file {size}\n".encode())
            digest.update(file.read(_CHUNK))
            file.seek(max(0, size - _CHUNK))
            digest.update(file.read(_CHUNK))
        return digest.hexdigest()
