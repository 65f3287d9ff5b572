"""Tiny video files, and what a program does with one that it opens."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np

from vsreid_studio.engine.video import open_video
from vsreid_studio.errors import UserError

HEIGHT, WIDTH, LENGTH = 48, 64, 9
MOST = 40
"""Frames that are read of one: damage may announce any number."""

CONTAINERS = {
    "mp4": ("mp4", "mpeg4", "yuv420p"),
    "avi": ("avi", "mjpeg", "yuvj420p"),
    "mkv": ("matroska", "ffv1", "yuv420p"),
    "ts": ("mpegts", "mpeg2video", "yuv420p"),
    "gif": ("gif", "gif", "rgb8"),
}
"""FFmpeg's names of container, codec and pixels by suffix."""


def video_bytes(suffix: str) -> bytes:
    """A clip of a square that moves, with key frames and frames that depend on others."""
    form, codec, pixels = CONTAINERS[suffix]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        stream.codec_context.gop_size = 4
        stream.thread_count = 1
        for index in range(LENGTH):
            picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
            picture[10:26, 4 * index : 4 * index + 16] = (220, 40, 10 * index)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))  # type: ignore[arg-type]
        container.mux(stream.encode())
    return buffer.getvalue()


def use_video(path: Path) -> None:
    """Open a video and read frames of it in an order that jumps.

    Raises:
        UserError: it cannot be opened. A frame that cannot be read is answered by one, too, and the others
            are still asked for.
    """
    with open_video(path) as video:
        ahead = list(range(min(video.length, MOST)))
        for index in [video.length - 1, video.length // 2, *ahead, *ahead[::-7]]:
            try:
                frame = video.frame(index)
            except UserError:
                continue
            assert frame.shape == (video.height, video.width, 3)
        _ = video.fingerprint, video.earlier_fingerprint, video.notes, video.pixel_aspect, video.rate
        if video.timing is not None:
            _ = [video.timing.ticks[index] for index in ahead]
