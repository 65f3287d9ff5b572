"""Frames by index, from a video file or a folder of pictures."""

from __future__ import annotations

from pathlib import Path

from ...errors import UserError
from .base import CACHE_BYTES, Video
from .file import VideoFile
from .pictures import PICTURES, PictureFolder

__all__ = ["CACHE_BYTES", "PICTURES", "PictureFolder", "Video", "VideoFile", "open_video"]


def open_video(path: Path, cache_bytes: int = CACHE_BYTES) -> Video:
    """Open a video file (mp4, mov, avi, mkv, webm ...) or a folder of pictures (a DAVIS sequence is one).

    Opening reads headers and, of a file, its packets, but decodes no more than what is needed to know
    the frames' number and size.

    Args:
        cache_bytes: of decoded frames that may be kept in memory.

    Raises:
        UserError: there is nothing at `path`, or it is no video that can be read.
    """
    if path.is_dir():
        return PictureFolder(path, cache_bytes)
    if path.is_file():
        return VideoFile(path, cache_bytes)
    raise UserError(f"There is no video file or folder of pictures at {path}.")
