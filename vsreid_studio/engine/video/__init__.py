"""Frames by index, from a video file or a folder of pictures."""

from __future__ import annotations

import logging
from pathlib import Path

from ...errors import UserError
from .base import AS_USUAL, CACHE_BYTES, ReadOptions, Video
from .file import VideoFile
from .pictures import PictureFolder, PictureStack, is_picture_file
from .pixels import ValueRange
from .still import PICTURES
from .timing import FrameOrder, KnownOrder, Timing

__all__ = [
    "AS_USUAL",
    "CACHE_BYTES",
    "PICTURES",
    "FrameOrder",
    "KnownOrder",
    "PictureFolder",
    "PictureStack",
    "ReadOptions",
    "Timing",
    "ValueRange",
    "Video",
    "VideoFile",
    "open_video",
]

log = logging.getLogger(__name__)


def open_video(
    path: Path,
    cache_bytes: int = CACHE_BYTES,
    options: ReadOptions = AS_USUAL,
    known: KnownOrder = lambda: None,
) -> Video:
    """Open a video file (mp4, mov, avi, mkv, webm ...), a folder of pictures or a file of several.

    A DAVIS sequence is a folder of pictures; a file of several is a TIFF with pages or an animation.

    Opening reads headers and, of a file, its packets, but decodes no more than what is needed to know
    the frames' number, order and size. What a person should know of it is logged, and in `Video.notes`.

    Args:
        cache_bytes: of decoded frames that may be kept in memory.
        options: what a person has chosen of how it is read.
        known: gives the order of a file's frames as `Video.order` was earlier, if that is known; asked
            only where the whole file would be decoded for it. An order that does not fit is not used.

    Raises:
        UserError: there is nothing at `path`, or it is no video that can be read.
    """
    if path.is_dir():
        video: Video = PictureFolder(path, cache_bytes, options)
    elif path.is_file() and is_picture_file(path):
        video = PictureStack(path, cache_bytes, options)
    elif path.is_file():
        video = VideoFile(path, cache_bytes, options, known)
    else:
        raise UserError(f"There is no video file or folder of pictures at {path}.")
    for note in video.notes:
        log.info("%s: %s", path, note)
    return video
