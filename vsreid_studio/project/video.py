"""Where a project's video is, also after one of them has moved."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..engine.video import FrameOrder, ReadOptions, Video
from ..errors import UserError
from .database import Database, damaged
from .notes import Settings
from .schema import Row, VideoRef

_OPTIONS = "video_options"
"""The setting for the track of the video and its range of values."""
_ORDER = "frame_order"
"""The setting that keeps the order of frames of a file that had to be decoded for it."""
MOST_FRAMES = 10_000_000
"""Of a video: more than four days of it. What a project says beyond that is damage."""
MOST_PIXELS = 2**27
"""Of a frame: 16K."""
_LONG = 2**15


def absolute_path(path: Path) -> Path:
    """The one absolute path of a file that several relative ones lead to: without '..'.

    Links that no '..' comes after are left as they are.
    """
    path = path.absolute()
    if ".." not in path.parts:
        return path
    # A '..' after a link leads out of the folder that the link names.
    end = len(path.parts) - path.parts[::-1].index("..")
    return Path(*path.parts[:end]).resolve().joinpath(*path.parts[end:])


def _places(path: Path, project: Path) -> tuple[bytes, bytes | None]:
    # As bytes: a file name on Linux need not be valid text.
    try:
        relative = Path(os.path.relpath(path, project.parent)).as_posix()
    except ValueError:  # another drive
        return os.fsencode(path), None
    return os.fsencode(path), os.fsencode(relative)


def video_row(video: VideoRef, project: Path) -> Row:
    """The columns of the table `video`, seen from the project's file."""
    return (*_places(video.path, project), video.fingerprint, video.length, video.height, video.width)


def read_video(database: Database) -> VideoRef:
    """The project's video as last seen.

    Raises:
        UserError: the project is damaged.
    """
    rows = database.rows("SELECT path, relative, fingerprint, length, height, width FROM video LIMIT 2")
    if len(rows) != 1:
        raise damaged(database.path)
    path, relative, fingerprint, *sizes = rows[0]
    places = _is_place(path) and (relative is None or _is_place(relative))
    whole = all(isinstance(size, int) and size > 0 for size in sizes)
    if not (places and whole and isinstance(fingerprint, str) and len(fingerprint) < _LONG):
        raise damaged(database.path)
    length, height, width = sizes
    if length > MOST_FRAMES or height * width > MOST_PIXELS:
        raise damaged(database.path)
    return VideoRef(Path(os.fsdecode(path)), fingerprint, length, height, width)


def _is_place(path: object) -> bool:
    return isinstance(path, bytes) and 0 < len(path) < _LONG and b"\0" not in path


def locate(database: Database) -> Path:
    """The place of the video: where it was, else beside the project as it was, else in the project's folder.

    The fingerprint must show whether it is the same video.

    Raises:
        UserError: it is in none of these.
    """
    folder = database.path.parent
    ((raw, relative),) = database.rows("SELECT path, relative FROM video LIMIT 1")
    path = Path(os.fsdecode(raw))
    places = [path, folder / path.name]
    if relative is not None:
        places.insert(1, Path(os.path.normpath(folder / os.fsdecode(relative))))
    for place in places:
        with suppress(OSError):
            if place.exists():
                return place
    raise UserError(f"The video {path} of the project {database.path} is not there any more.")


def read_options(settings: Settings) -> ReadOptions:
    """How the project's video is read.

    Raises:
        UserError: the project is damaged.
    """
    return ReadOptions.from_json(settings.get(_OPTIONS, {}))


def keep_options(settings: Settings, options: ReadOptions) -> None:
    """Note how the video is read, for whoever opens the project next.

    Raises:
        UserError: the file cannot be written.
    """
    if options != read_options(settings):
        settings.set(_OPTIONS, options.to_json())


def read_order(settings: Settings) -> FrameOrder | None:
    """The order of the video's frames as far as it was kept; its mark shows whether it fits the file."""
    return FrameOrder.from_json(settings.get(_ORDER))


def keep_order(settings: Settings, video: Video) -> None:
    """Note the order of a video's frames where the whole file was decoded for it.

    Raises:
        UserError: the file cannot be written.
    """
    if video.order is None:
        return
    known = read_order(settings)
    if known is None or known.mark != video.order.mark:
        settings.set(_ORDER, video.order.to_json())


def adopt(database: Database, reference: VideoRef, known: VideoRef) -> VideoRef:
    """Note a video's place and fingerprint.

    Raises:
        ValueError: its frames have another number or size.
        UserError: the file cannot be written.
    """
    sizes = ((it.length, it.height, it.width) for it in (reference, known))
    if len(set(sizes)) > 1:
        raise ValueError(f"a video of other frames: {reference} instead of {known}")
    path = absolute_path(reference.path)
    with database.transaction() as connection:
        connection.execute(
            "UPDATE video SET path = ?, relative = ?, fingerprint = ?",
            (*_places(path, database.path), reference.fingerprint),
        )
    return VideoRef(path, reference.fingerprint, known.length, known.height, known.width)
