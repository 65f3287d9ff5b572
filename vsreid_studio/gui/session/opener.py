"""Opens documents on the document's thread, and keeps the list of projects opened last."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from PySide6.QtCore import QStandardPaths

from ...engine.types import Frame
from ...engine.video import ReadOptions
from ...errors import UserError
from ...formats.atomic import write_bytes, write_text
from ...project.same_video import Way
from ...reading import expecting, read_json
from ..opening import open_document
from .shown import Snapshot
from .thread import DocumentThread
from .writer import ProjectWriter, open_settings

KEPT = 12
THUMBNAIL = 320
"""Pixels of a thumbnail's longer side: sharp also where a pixel of the window is two of the screen."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecentProject:
    """A project opened before.

    Attributes:
        path: its file.
        video: what it is of.
        thumbnail: a picture file; it may be missing.
    """

    path: Path
    video: Path
    thumbnail: Path


def config_folder() -> Path:
    """Where the person's settings lie."""
    places = QStandardPaths.StandardLocation
    return Path(QStandardPaths.writableLocation(places.GenericConfigLocation)) / "vsreid-studio"


def data_folder() -> Path:
    """Where projects lie whose video's folder is read-only, and the demo's copy."""
    places = QStandardPaths.StandardLocation
    return Path(QStandardPaths.writableLocation(places.GenericDataLocation)) / "vsreid-studio"


class Recent:
    """Remembers in a small JSON file. It is a convenience: where it fails, nothing else does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "recent.json"

    def projects(self) -> list[RecentProject]:
        """Newest first; those whose file is gone are left out."""
        try:
            listed = read_json(self._file)
            with expecting(f"{self._file} is damaged"):
                known = [(Path(one["path"]), Path(one["video"])) for one in listed]
        except UserError:
            return []
        return [RecentProject(path, video, self._thumbnail(path)) for path, video in known if path.is_file()]

    def note(self, path: Path, video: Path, frame: Frame | None = None) -> None:
        """Put a project first.

        Args:
            frame: what it looks like; None keeps the picture there is.
        """
        others = [(one.path, one.video) for one in self.projects() if one.path != path]
        self._write([(path, video), *others][:KEPT])
        if frame is not None:
            with suppress(UserError):
                write_bytes(self._thumbnail(path), _small(frame))

    def forget(self, path: Path) -> None:
        """Take a project off the list; its file stays."""
        self._write([(one.path, one.video) for one in self.projects() if one.path != path])

    def _write(self, listed: Sequence[tuple[Path, Path]]) -> None:
        text = json.dumps([{"path": str(path), "video": str(video)} for path, video in listed], indent=1)
        with suppress(UserError, OSError):
            (self._folder / "thumbnails").mkdir(parents=True, exist_ok=True)
            write_text(self._file, text + "\n")

    def _thumbnail(self, path: Path) -> Path:
        name = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return self._folder / "thumbnails" / f"{name}.jpg"


def _small(frame: Frame) -> bytes:
    height, width = frame.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = cv2.resize(np.ascontiguousarray(frame), size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return bytes(data.tobytes()) if done else b""


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A document that was opened.

    Attributes:
        writer: changes it.
        snapshot: what is in it.
        settings: what was kept in its project, by key.
        then: called once it is shown.
    """

    writer: ProjectWriter
    snapshot: Snapshot
    settings: dict[str, Any]
    then: Callable[[], object] | None

    @property
    def frame(self) -> int:
        """The frame that was shown last."""
        return _whole(self.settings.get("frame"), self.writer.document.video.length - 1)


class Opener:
    """Opens one document at a time, and another one where that fails.

    Attributes:
        path: what is being opened, None for nothing.
    """

    def __init__(
        self,
        thread: DocumentThread,
        recent: Recent,
        data: Path,
        arrived: Callable[[Opened], object],
        failed: Callable[[Exception, str], object],
    ) -> None:
        """Nothing is being opened yet.

        Args:
            recent: notes what was opened.
            data: the folder for the person's projects.
            arrived: takes what was opened, on the window's thread.
            failed: takes why nothing was, and the traceback, on the window's thread.
        """
        self.path: Path | None = None
        self._thread = thread
        self._recent = recent
        self._data = data
        self._arrived = arrived
        self._failed = failed

    def open(
        self,
        path: Path,
        video: Path | None,
        changed: Way | Literal["new"] | None,
        options: ReadOptions | None,
        otherwise: Path | None,
        then: Callable[[], object] | None,
    ) -> None:
        """Open a project, a video or a folder of pictures; see `Session.open`."""
        self.path = path
        self._thread.post(
            partial(self._open, path, video, changed, options, then), partial(self._fail, otherwise)
        )

    def _open(
        self,
        path: Path,
        moved: Path | None,
        changed: Way | Literal["new"] | None,
        options: ReadOptions | None,
        then: Callable[[], object] | None,
    ) -> None:
        """On the document's thread."""
        document = open_document(path, self._data, moved, options, changed)
        try:
            writer = ProjectWriter(document, self._thread)
            opened = Opened(writer, writer.snapshot(), open_settings(document.project), then)
            video = document.video
            # Made here, as the window asks for it: a long video has many.
            _ = video.names
            self._recent.note(document.project.path, video.path.absolute(), video.frame(opened.frame))
        except BaseException:
            document.close()
            raise
        self._thread.reply(partial(self._arrive, opened))

    def _arrive(self, opened: Opened) -> None:
        self.path = None
        self._arrived(opened)

    def _fail(self, otherwise: Path | None, error: Exception, details: str) -> None:
        """On the document's thread."""

        def tell() -> None:
            self.path = None
            self._failed(error, details)

        if otherwise is None:
            self._thread.reply(tell)
            return

        def fail(second: Exception, text: str) -> None:
            log.warning("%s cannot be opened again: %s\n%s", otherwise, second, text)

        self._thread.post(partial(self._open, otherwise, None, None, None, None), fail)
        # Last, as a document that arrives clears the bar.
        self._thread.post(partial(self._thread.reply, tell), lambda second, text: None)


def _whole(value: object, most: int) -> int:
    return min(value, most) if isinstance(value, int) and value >= 0 else 0
