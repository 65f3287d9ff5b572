"""Overlay video: frames with their masks painted over them, and the sound, as MP4 that plays everywhere."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..engine.types import Frame, LabelMap
from ..engine.video import Video
from ..engine.video.container import file_url, open_container
from ..errors import UserError
from .atomic import replacing, writable_folder
from .masks import Paint, painted

SUFFIX = ".mp4"
DEFAULT_RATE = Fraction(24)
"""Frames per second of a source that has no rate, such as a folder of pictures."""

_CODEC = "libx264"
_QUALITY = {"crf": "18", "preset": "veryfast", "bf": "0"}
"""Without B-frames: MP4 adds up times of decoding, and would end before its last frame at variable rates."""
_BT709 = 1
"""FFmpeg's number for the colours of HD video: as primaries, as transfer and as matrix."""
_LIMITED = 1
"""FFmpeg's AVCOL_RANGE_MPEG."""
_FINEST = Fraction(1, 1_000_000)
"""Finer clocks than this one, in seconds a tick, are rounded to it: MP4 counts in 32 bits."""
_EXACT = Fraction(1, 500)
"""Times that are read back may differ by this much, in seconds."""

log = logging.getLogger(__name__)
_KEPT = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "flac", "opus", "libopus"})
"""Decoders of what MP4 holds; their packets are copied as they are."""
_ENCODER = "aac"
_RATES = frozenset({96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000})
_LAYOUTS = frozenset({"mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"})
"""What AAC has; other rates become 48 kHz, other layouts a usual one."""


def write_overlay(
    path: Path,
    frames: Iterable[Frame],
    label_maps: Iterable[LabelMap],
    paint: Paint,
    *,
    source: Video | None = None,
    rate: Fraction | None = None,
    overwrite: bool = False,
) -> int:
    """Write an H.264 video in MP4, and count its frames again in the file.

    A side of odd length gets its last row or column twice, as the format needs even ones.

    Args:
        path: with suffix .mp4; appears only when the video is complete. Its folder is created.
        frames, label_maps: (H, W, 3) uint8 RGB and (H, W) uint8 of each frame, consumed one at a time.
        paint: colours, opacity, outlines.
        source: the video that the frames are of, upright. The overlay has its time for each frame, its
            sound and its pixel aspect.
        rate: frames per second where there is no source or it has no times; None for 24.
        overwrite: replace a file that is there.

    Returns:
        The number of frames.

    Raises:
        UserError: the file is there or has another suffix, frames and masks do not match, or it cannot be
            written; what was there is then there still.
    """
    if path.suffix.lower() != SUFFIX:
        raise UserError(f"An overlay video is MP4: give {path.name} the suffix {SUFFIX}.")
    if path.is_dir() or (path.exists() and not overwrite):
        raise UserError(f"{path} is there already.")
    if _CODEC not in av.codecs_available:
        raise UserError("No overlay video can be written: this build of PyAV lacks the encoder libx264.")
    writable_folder(path.parent)
    schedule = _Schedule(source, rate or DEFAULT_RATE)
    with _told(path), replacing(path) as temporary:
        count = 0
        with _Encoder(temporary, schedule, source) as encoder:
            for frame in _painted(frames, label_maps, paint):
                encoder.add(frame)
                count += 1
            if not count:
                raise UserError("There is no frame to write a video of.")
        written = _times_in(temporary)
        if len(written) != count:
            raise UserError(f"{path} was written but holds {len(written)} frames instead of {count}.")
        for number, time in enumerate(written):
            if abs(time - schedule.time(number)) > _EXACT:
                raise UserError(f"{path} was written but shows frame {number} at another time.")
    return count


class _Schedule:
    """When each frame of the overlay is shown; the first at 0."""

    def __init__(self, source: Video | None, rate: Fraction) -> None:
        self._timing = timing = source.timing if source is not None else None
        told = source.rate if source is not None else None
        self.rate = (told or rate).limit_denominator(90000)
        self.start = timing.start if timing is not None else Fraction(0)
        self.clock = max(timing.time_base, _FINEST) if timing is not None else 1 / self.rate

    def tick(self, number: int) -> int:
        """When frame `number` is shown, in ticks of the clock; the one behind the last: when that goes.

        Raises:
            UserError: the source has not so many frames.
        """
        timing = self._timing
        if timing is None:
            return number
        if number > len(timing.ticks):
            raise UserError("There are more frames than the source has times for.")
        tick = timing.ticks[number] if number < len(timing.ticks) else timing.end
        return round((tick - timing.ticks[0]) * timing.time_base / self.clock)

    def time(self, number: int) -> Fraction:
        """The same in seconds."""
        return self.tick(number) * self.clock


class _Encoder:
    """A video file being written; what is wrong with the disk may show only at the end."""

    def __init__(self, path: Path, schedule: _Schedule, source: Video | None) -> None:
        self._schedule = schedule
        self._aspect = source.pixel_aspect if source is not None else Fraction(1)
        self._sound_of = source.sound if source is not None else None
        self._sound: Sound | None = None
        self._container: OutputContainer = av.open(file_url(path), "w", format="mp4")
        self._stream: VideoStream | None = None
        self._count = 0
        self._durations: dict[int, int] = {}

    def __enter__(self) -> _Encoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._mux(self._started().encode(None))
                if self._sound is not None:
                    self._sound.write_until(None)
                self._container.close()
                return
            # The first failure is the one to report; closing a broken file raises another.
            with suppress(av.FFmpegError, OSError):
                self._container.close()
        finally:
            if self._sound is not None:
                self._sound.close()

    def add(self, frame: Frame) -> None:
        """Encode the next frame: (H, W, 3) uint8 RGB, all of one size."""
        height, width = frame.shape[:2]
        even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        stream = self._stream or self._start(even.shape[0], even.shape[1])
        if even.shape[:2] != (stream.height, stream.width):
            raise UserError("All frames of a video have one size, and these have not.")
        rgb = VideoFrame.from_ndarray(even, format="rgb24")
        # By default FFmpeg converts by the matrix of old television, while players take HD for granted.
        picture = rgb.reformat(format="yuv420p", dst_colorspace="ITU709")
        tick = self._schedule.tick(self._count)
        picture.pts, picture.time_base = tick, self._schedule.clock
        self._durations[tick] = self._schedule.tick(self._count + 1) - tick
        self._mux(stream.encode(picture))
        if self._sound is not None:
            # Beside the frames, so that a player finds both in one place.
            self._sound.write_until(self._schedule.time(self._count))
        self._count += 1

    def _mux(self, packets: Iterable[av.Packet[VideoStream]]) -> None:
        for packet in packets:
            if packet.pts is not None:
                # That of the last one gives the total duration.
                packet.duration = self._durations.pop(packet.pts, packet.duration)
            self._container.mux(packet)

    def _start(self, height: int, width: int) -> VideoStream:
        rate, clock = self._schedule.rate, self._schedule.clock
        stream = cast(VideoStream, self._container.add_stream(_CODEC, rate=rate, options=_QUALITY))
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        context = stream.codec_context
        context.time_base = clock
        context.sample_aspect_ratio = self._aspect.limit_denominator(255)
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        self._stream = stream
        if self._sound_of is not None:
            self._sound = Sound(self._sound_of, self._container, self._schedule.start)
        return stream

    def _started(self) -> VideoStream:
        assert self._stream is not None
        return self._stream


def _painted(frames: Iterable[Frame], label_maps: Iterable[LabelMap], paint: Paint) -> Iterator[Frame]:
    for number, (frame, labels) in enumerate(zip_longest(frames, label_maps)):
        if frame is None or labels is None:
            raise UserError("An overlay video needs as many masks as frames.")
        if frame.shape[:2] != labels.shape:
            raise UserError(f"Frame {number} and its mask differ in size.")
        yield painted(frame, labels, paint)


def _times_in(path: Path) -> list[Fraction]:
    """When the frames of a file are shown, in order, in seconds from the first."""
    with open_container(path) as container:
        stream = container.streams.video[0]
        stamps = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        return [(stamp - stamps[0]) * (stream.time_base or Fraction(1)) for stamp in stamps]


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Report failures of FFmpeg that are no OSError and thus pass `replacing`."""
    try:
        yield
    except av.FFmpegError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error


class Sound:
    """All sound tracks of a file, copied where MP4 can hold them, and encoded as AAC where it cannot."""

    def __init__(self, source: Path, target: OutputContainer, start: Fraction) -> None:
        """Add the tracks to a container to which nothing has been written yet.

        What cannot be taken over is logged.

        Args:
            source: a video file.
            target: an MP4 being written; its other tracks are there already.
            start: the time in the source, in seconds, that becomes 0.
        """
        self._source = open_container(source)
        self._target = target
        self._start = start
        self._tracks: dict[int, _Copied | _Encoded] = {}
        for number, stream in enumerate(self._source.streams.audio, 1):
            context: Any = stream.codec_context
            if context is not None and context.name in _KEPT:
                self._tracks[stream.index] = _Copied(stream, target)
            elif context is not None and _ENCODER in av.codecs_available:
                log.info("Sound track %d (%s) is encoded as AAC: MP4 cannot hold it.", number, context.name)
                self._tracks[stream.index] = _Encoded(stream, target)
            else:
                log.warning("Sound track %d cannot be read and is left out of the overlay.", number)
        self._packets = self._demux()
        self._waiting: av.Packet[Any] | None = None

    def write_until(self, seconds: Fraction | None) -> None:
        """Write what is heard before a time, counted from the overlay's beginning; None for the rest."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            self._waiting = None
            time = packet.dts if packet.dts is not None else packet.pts
            if seconds is not None and time is not None and time * packet.time_base - self._start > seconds:
                self._waiting = packet
                return
            self._tracks[packet.stream.index].write(packet, self._start)
        if seconds is None:
            for track in self._tracks.values():
                track.finish()

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()

    def _demux(self) -> Iterator[av.Packet[Any]]:
        streams = [self._source.streams[index] for index in self._tracks]
        if not streams:
            return
        try:
            for packet in self._source.demux(*streams):
                if packet.size:
                    yield packet
        except av.FFmpegError as error:
            log.warning("The sound ends early: it is damaged (%s).", error.strerror or error)


class _Copied:
    """A track whose packets go as they are."""

    def __init__(self, stream: AudioStream, target: OutputContainer) -> None:
        self._target = target
        self._stream = target.add_stream_from_template(stream)
        self._last: int | None = None

    def write(self, packet: av.Packet[Any], start: Fraction) -> None:
        shift = round(start / packet.time_base)
        packet.pts = packet.pts if packet.pts is not None else packet.dts
        packet.dts = packet.dts if packet.dts is not None else packet.pts
        if packet.pts is None or packet.dts is None or (self._last is not None and packet.dts <= self._last):
            return  # A packet without a time of its own cannot be placed.
        self._last = packet.dts
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = self._stream
        self._target.mux(packet)

    def finish(self) -> None:
        """Nothing is kept back."""


class _Encoded:
    """A track that is decoded and encoded again."""

    def __init__(self, stream: AudioStream, target: OutputContainer) -> None:
        self._source, self._target = stream, target
        given: Any = stream.codec_context
        rate = given.sample_rate if given.sample_rate in _RATES else 48000
        self._stream = cast(AudioStream, target.add_stream(_ENCODER, rate=rate))
        plain = {1: "mono", 6: "5.1", 8: "7.1"}.get(given.channels, "stereo")
        layout = given.layout.name.removesuffix("(side)")
        context: Any = self._stream.codec_context
        context.layout = layout if layout in _LAYOUTS else plain

    def write(self, packet: av.Packet[Any], start: Fraction) -> None:
        try:
            frames = self._source.decode(packet)
        except av.FFmpegError:
            return  # A gap is heard where the source is damaged.
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                frame.pts -= round(start / frame.time_base)
            self._target.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._target.mux(self._stream.encode(None))
