"""Overlay video: the frames with their masks painted over them, as MP4 that plays everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..engine.types import Frame, LabelMap
from ..errors import UserError
from .atomic import replacing, writable_folder
from .painting import Paint, painted

SUFFIX = ".mp4"
DEFAULT_RATE = Fraction(24)
"""Frames per second of a source that has no rate, such as a folder of pictures."""

_CODEC = "libx264"
_QUALITY = {"crf": "18", "preset": "veryfast"}
_BT709 = 1
"""FFmpeg's number for the colours of HD video: as primaries, as transfer and as matrix."""
_LIMITED = 1
"""FFmpeg's AVCOL_RANGE_MPEG."""
_CLOCK = 90000
"""Rates are rounded to what this many ticks a second can tell."""


def write_overlay(
    path: Path,
    frames: Iterable[Frame],
    label_maps: Iterable[LabelMap],
    paint: Paint,
    *,
    rate: Fraction | None = None,
    overwrite: bool = False,
) -> int:
    """Write an H.264 video in MP4, and count its frames anew in the file.

    A side of odd length gets its last row or column twice, as the format needs even ones.

    Args:
        path: with suffix .mp4; appears only when the video is complete. Its folder is created.
        frames, label_maps: (H, W, 3) uint8 RGB and (H, W) uint8 of each frame, consumed one at a time.
        paint: colours, opacity, outlines.
        rate: frames per second, None for 24.
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
    with _told(path), replacing(path) as temporary:
        count = 0
        with _Encoder(temporary, rate or DEFAULT_RATE) as encoder:
            for frame in _painted(frames, label_maps, paint):
                encoder.add(frame)
                count += 1
            if not count:
                raise UserError("There is no frame to write a video of.")
        if (written := _frames_in(temporary)) != count:
            raise UserError(f"{path} was written but holds {written} frames instead of {count}.")
    return count


class _Encoder:
    """A video file being written; what is wrong with the disk may show only at the end."""

    def __init__(self, path: Path, rate: Fraction) -> None:
        self._container: OutputContainer = av.open(str(path), "w", format="mp4")
        self._rate = rate.limit_denominator(_CLOCK)
        self._stream: VideoStream | None = None
        self._count = 0

    def __enter__(self) -> _Encoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._container.mux(self._started().encode(None))
            self._container.close()
            return
        # The first failure is the one to tell; closing a broken file raises another.
        with suppress(av.FFmpegError, OSError):
            self._container.close()

    def add(self, frame: Frame) -> None:
        """Encode the next frame: (H, W, 3) uint8 RGB, all of one size."""
        height, width = frame.shape[:2]
        even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        stream = self._stream or self._start(even.shape[0], even.shape[1])
        if even.shape[:2] != (stream.height, stream.width):
            raise UserError("All frames of a video have one size, and these have not.")
        rgb = VideoFrame.from_ndarray(even, format="rgb24")
        # Unless told, FFmpeg converts by the matrix of old television, while players take HD for granted.
        picture = rgb.reformat(format="yuv420p", dst_colorspace="ITU709")
        picture.pts, picture.time_base = self._count, 1 / self._rate
        self._container.mux(stream.encode(picture))
        self._count += 1

    def _start(self, height: int, width: int) -> VideoStream:
        stream = cast(VideoStream, self._container.add_stream(_CODEC, rate=self._rate, options=_QUALITY))
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        self._stream = stream
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


def _frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell of FFmpeg's failures that are no OSError and thus pass `replacing`."""
    try:
        yield
    except av.FFmpegError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
