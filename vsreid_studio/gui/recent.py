"""The projects opened last, with a picture of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import QStandardPaths

from ..engine.types import Frame
from ..errors import UserError
from ..formats.atomic import write_bytes, write_text
from ..reading import expecting, read_json

KEPT = 12
THUMBNAIL = 320
"""Pixels of a thumbnail's longer side: sharp also where a pixel of the window is two of the screen."""


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
