"""A video file, exact to the frame whichever way a frame is reached."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from ...errors import UserError
from ..types import Frame
from .base import ReadOptions, Video
from .container import (
    Orientation,
    Track,
    announced_size,
    check_announced,
    choose_track,
    open_container,
    open_track,
    orientation_of,
    video_tracks,
)
from .decoder import TrackDecoder, WrongOrder
from .identity import samples
from .packets import (
    PacketEntry,
    PacketIndex,
    checksum,
    index_by_decoding,
    read_index,
)
from .timing import FrameOrder, KnownOrder, mark_of, timing_of

log = logging.getLogger(__name__)

_AHEAD = 8
"""Packets that are cheaper to decode than to seek over."""
_BEHIND = 32
"""A step back by up to this many frames keeps as many on the way, so that the next step back is free."""
_RATE = Fraction(25)
"""Of a bare stream, which states none: what FFmpeg takes."""


class VideoFile(Video):
    """Frames of a file that FFmpeg can read.

    The packets are read once on opening. Nothing is decoded then but the first frame, and the rest only where
    the order of frames cannot be read from the packets, see `packets.read_index`, and is not known from an
    earlier time (`order`). A frame is reached by seeking to the key frame before it and decoding up to it, or
    by decoding on from the last one when that is nearer. A jump is checked: packets must be those of the
    index, a key frame must be one, and where the file was decoded once, the picture must be the same; else
    decoding starts from the beginning.
    """

    def __init__(
        self, path: Path, cache_bytes: int, options: ReadOptions, known: KnownOrder = lambda: None
    ) -> None:
        super().__init__(path, path.stem, cache_bytes)
        self._known, self._is_known = known, False
        self.options = options
        with open_container(path) as container:
            tracks = video_tracks(container)
        chosen = choose_track(path, tracks, options.track)
        check_announced(path, [chosen])
        self.tracks, self.track, self._stream_index = tracks, chosen.number, chosen.index
        self._unusual = chosen.number != choose_track(path, tracks, None).number
        if len(tracks) > 1:
            listed = ", ".join(map(str, tracks))
            self._note(f"of its video tracks {listed}, number {self.track} is used (--track N chooses)")
        if options.value_range:
            self._note("it is no clip of pictures: the range of values is not used")
        self._decoder = TrackDecoder(self._open)
        try:
            self._asked = 0
            self._damage_reported = False
            self._opening = True
            self._false_keys: set[int] = set()
            self._index = self._complete_index()
            first = self._begin()
            if first is None:
                raise UserError(f"The video {path} cannot be decoded: it is damaged.")
            if not first.key_frame and self._index.checks is None:
                # If the decoder does not mark key frames, nothing but the pictures proves a jump right.
                self._index = self._by_decoding(self._index.entries, "its decoder tells no key frames")
                first = self._begin(again=True) or first
            self._opening = False
            self._decoder.tells_keys = bool(first.key_frame)
            self.orientation: Orientation = orientation_of(first)
            self.height, self.width = self._picture(first).shape[:2]
            aspect = self._decoder.stream.sample_aspect_ratio or Fraction(1)
            self.pixel_aspect = 1 / aspect if self.orientation.transpose else Fraction(aspect)
        except BaseException:
            self._decoder.close()
            raise

    def _open(self) -> Track:
        return open_track(self.path, self._stream_index)

    def _begin(self, *, again: bool = False) -> VideoFrame | None:
        """Take up a new index at the first packet; the first frame, None where it does not come."""
        self.length = len(self._index.packets)
        self._time()
        self._decoder.tells_keys = False
        self._decoder.index = self._index
        if again:
            self._decoder.restart()
        else:
            self._decoder.begin()
        first = self._decode_to(0)
        # By decoding, frame 0 is what comes out first.
        if self._is_known and (first is None or self._decoder.last > 0 or not self._proven(0, first)):
            self._known = lambda: None
            self._index = self._by_decoding(self._index.entries, "what was kept of it is wrong")
            return self._begin(again=True)
        return first

    def _by_decoding(self, entries: Sequence[PacketEntry], doubt: str) -> PacketIndex:
        """The index by the order that is known, or else by decoding."""
        try:
            mark = mark_of(self.path, self._stream_index, entries)
        except OSError as error:
            raise UserError(f"The video {self.path} cannot be read: {error.strerror}.") from error
        known = self._known()
        index = None if known is None else known.index(mark, entries)
        self._is_known = index is not None
        if index is None:
            index = index_by_decoding(self._open, entries, doubt)
        self.order = FrameOrder.of_index(mark, index)
        return index

    def _complete_index(self) -> PacketIndex:
        """The index of a file that is all there.

        MP4 and MOV announce their frames, so that a missing end is an error; Matroska and AVI are made to
        be read as far as they go.
        """
        index = read_index(self._open, self._by_decoding)
        found, stated = len(index.packets), self._decoder.stream.frames
        cut = any(entry.corrupt for entry in index.entries[-1:]) or self._reaches_past_end()
        if cut and "mp4" in self._decoder.container.format.name and found < stated:
            raise UserError(
                f"The video {self.path} is cut short: {found} of its {stated} frames are there; copy it anew."
            )
        if not found:
            raise UserError(f"The video {self.path} holds no frames that can be read.")
        if cut or announced_size(self.path) > self.path.stat().st_size:
            self._note(f"it is cut short: the {found} frames that are there are used")
        return index

    def _reaches_past_end(self) -> bool:
        size = self.path.stat().st_size
        entries = getattr(self._decoder.stream, "index_entries", ())  # absent from older PyAV
        return any(entry.pos + entry.size > size for entry in entries)

    def _time(self) -> None:
        """When frames are shown, by the time stamps of their packets."""
        stated = self._decoder.stream.average_rate
        packets = [self._index.entries[number] for number in self._index.packets]
        self.timing, known = timing_of(
            None if self._decoder.container.format.name == "avi" else [packet.pts for packet in packets],
            [packet.dts for packet in packets],
            [packet.duration for packet in packets],
            self._decoder.stream.time_base or Fraction(1, 1000),
            stated or _RATE,
            self._end(),
        )
        self.rate = self.timing.rate(stated)
        audible = bool(self._decoder.container.streams.audio)
        if known:
            self.sound = self.path if audible else None
            return
        self._note(
            f"it tells no times of its frames, or they step back: {float(self.rate):g} frames per second are"
            f" taken{', without the sound' if audible else ''}"
        )

    def _end(self) -> int | None:
        """When the last frame goes by the tables of an MP4 or MOV, in the track's time base."""
        duration = self._decoder.stream.duration
        if duration is None or "mp4" not in self._decoder.container.format.name:
            return None
        return (self._decoder.stream.start_time or 0) + duration

    def _read(self, index: int) -> Frame:
        step = index - self._asked
        keep = range(0)
        if -_BEHIND <= step < 0:
            keep = range(index - min(_BEHIND, self._most_ahead), index)
        self._asked = index
        starts = self._index.starts(index)
        nearest = starts[0] if starts else 0
        if self._decoder.last < index and (nearest <= self._decoder.next + _AHEAD):
            found = self._decode_to(index, keep)
            if found is not None and self._proven(index, found):
                return self._shown(index, found)
        picture = self._read_afresh(index, starts, keep)
        if picture is None:
            raise UserError(f"Frame {index} of the video {self.path} cannot be decoded: it is damaged.")
        return self._shown(index, picture)

    def _shown(self, index: int, frame: VideoFrame) -> Frame:
        """The picture of a frame; the first damaged one is reported."""
        if frame.is_corrupt and not self._damage_reported:
            self._damage_reported = True
            log.warning("%s: frame %d is damaged, and shown as far as it can be decoded", self.path, index)
        return self._picture(frame)

    def _read_afresh(self, index: int, starts: list[int], keep: range) -> VideoFrame | None:
        """Decode a frame from a key frame before it, or from the beginning of the file."""
        tried = 0
        # The nearest key frame nearly always does; some streams only claim that decoding may start there.
        for start in starts:
            if start in self._false_keys or tried == 2:
                continue
            tried += 1
            for reach in (self._decoder.seek, self._decoder.walk):
                if not reach(start):
                    continue
                found = self._decode_to(index, keep)
                if self._decoder.out_of_sync:
                    continue
                if found is not None and not found.is_corrupt and self._proven(index, found):
                    return found
                break
            self._false_keys.add(start)
        self._decoder.restart()
        return self._decode_to(index, keep)

    def _proven(self, index: int, frame: VideoFrame) -> bool:
        """Whether this is the picture that decoding from the beginning gives, as far as it is known."""
        if self._index.checks is not None:
            return checksum(frame) == self._index.checks[index]
        return self._decoder.start_is_key is not False

    def _decode_to(self, index: int, keep: range = range(0)) -> VideoFrame | None:
        """Decode on up to a frame; None when it does not come. Frames in `keep` are cached on the way."""

        def passed(position: int, frame: VideoFrame) -> None:
            if position in keep and self._kept(position) is None and self._proven(position, frame):
                self._keep(position, self._picture(frame))

        try:
            return self._decoder.decode_to(index, passed, check_order=self._is_known and not self._opening)
        except WrongOrder:
            self._find_order()
            return self._decode_to(index, keep)

    def _find_order(self) -> None:
        """Decode the file for its order, as the one that was known is wrong, and stand at the first packet.

        Raises:
            UserError: it has another number of frames.
        """
        self._known = lambda: None
        self._index = self._by_decoding(self._index.entries, "what was kept of it is wrong")
        if len(self._index.packets) != self.length:
            raise UserError(f"What was kept of {self.path} is wrong: it has another number of frames.")
        with self._cache_lock:
            self._cache.clear()
        self._false_keys.clear()
        self._time()
        self._decoder.index = self._index
        self._decoder.restart()

    def _picture(self, frame: VideoFrame) -> Frame:
        picture = self.orientation.apply(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
        if hasattr(self, "width") and picture.shape != (self.height, self.width, 3):
            raise UserError(f"The video {self.path} changes its picture size, which is not supported.")
        return picture

    def _release(self) -> None:
        self._decoder.close()

    @cached_property
    def file_marks(self) -> tuple[str, ...]:
        """Of the file, and of the track where that is not the one that is used unasked."""
        marks = super().file_marks
        return (*marks, f"track {self.track}") if self._unusual else marks

    def _sampled(self) -> Sequence[int]:
        """Key frames, as others cost the decoding of all before them."""
        found = set()
        for index in samples(self.length):
            starts = self._index.starts(index)
            key = self._index.frame(starts[0]) if starts else None
            found.add(index if key is None else key)
        return sorted(found)

    @cached_property
    def earlier_fingerprint(self) -> str:
        """Of the size and both ends."""
        plain = super().earlier_fingerprint
        # Another track is another video; the usual one keeps the fingerprint that it always had.
        return hashlib.sha256(f"{plain} {self.track}".encode()).hexdigest() if self._unusual else plain
