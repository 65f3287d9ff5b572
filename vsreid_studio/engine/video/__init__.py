"""Frames by index, from a video file or a folder of pictures."""

from __future__ import annotations

import logging
from pathlib import Path

from ...errors import UserError
from .base import CACHE_BYTES, Video
from .file import VideoFile
from .pictures import PICTURES, PictureFolder
from .timing import Timing

__all__ = ["CACHE_BYTES", "PICTURES", "PictureFolder", "Timing", "Video", "VideoFile", "open_video"]

log = logging.getLogger(__name__)


def open_video(path: Path, cache_bytes: int = CACHE_BYTES, *, track: int | None = None) -> Video:
    """Open a video file (mp4, mov, avi, mkv, webm ...) or a folder of pictures (a DAVIS sequence is one).

    Opening reads headers and, of a file, its packets, but decodes no more than what is needed to know
    the frames' number, order and size. What a person should know of it is logged, and in `Video.notes`.

    Args:
        cache_bytes: of decoded frames that may be kept in memory.
        track: number of the video track, from 1 on; None for the one that players show.

    Raises:
        UserError: there is nothing at `path`, or it is no video that can be read.
    """
    if path.is_dir():
        video: Video = PictureFolder(path, cache_bytes)
    elif path.is_file():
        video = VideoFile(path, cache_bytes, track)
    else:
        raise UserError(f"There is no video file or folder of pictures at {path}.")
    for note in video.notes:
        log.info("%s: %s", path, note)
    return video
