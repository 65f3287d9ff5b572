"""The sound of a source video, on its way into an overlay."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

from ..engine.video.container import open_container

log = logging.getLogger(__name__)

_KEPT = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "flac", "opus", "libopus"})
"""Decoders of what MP4 holds; their packets are copied as they are."""
_ENCODER = "aac"
_RATES = frozenset({96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000})
_LAYOUTS = frozenset({"mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"})
"""What AAC has; other rates become 48 kHz, other layouts a usual one."""


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
    """A track that is decoded and encoded anew."""

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
