"""Looks into folders and projects on a thread of its own, so that the window waits for no disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ...errors import UserError
from ...project.summary import Summary, look
from ..opening import project_places
from ..server import Server
from .catalogue import ListedClip, catalogue


@dataclass(frozen=True, slots=True)
class ClipFound:
    """What a look at the project of a clip has brought.

    Attributes:
        clip: the clip.
        summary: of its project, None where it has none or that cannot be read.
        trouble: why it cannot be read; empty where it could.
    """

    clip: ListedClip
    summary: Summary | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class _Task:
    root: Path | None
    clips: tuple[ListedClip, ...] = ()
    number: int = 0


class Scanner(Server[_Task]):
    """Lists a folder, and looks at the projects of clips, one after the other.

    Signals:
        listed (object): the `Catalogue` of a folder that was asked for.
        found (object): a `ClipFound`.
        failed (str): a folder cannot be read.
    """

    listed = Signal(object)
    found = Signal(object)
    failed = Signal(str)

    def __init__(self, data: Path, parent: QObject | None = None) -> None:
        super().__init__("clips", parent)
        self._data = data
        self._asked: deque[_Task] = deque()
        self._number = 0
        self._known: dict[Path, tuple[tuple[int, int], Summary]] = {}

    def list(self, root: Path) -> None:
        """List a folder; what was asked before does not matter any more."""
        with self._condition:
            self._number += 1
            self._asked.clear()
        self._ask(_Task(root))

    def look(self, clips: Sequence[ListedClip]) -> None:
        """Look at the projects of clips."""
        self._ask(_Task(None, tuple(clips), self._number))

    def _ask(self, task: _Task) -> None:
        with self._condition:
            self._asked.append(task)
            self._condition.notify_all()
        if not self.isRunning() and not self._closing:
            self.start(Scanner.Priority.LowPriority)

    def _next(self) -> _Task | None:
        with self._condition:
            return self._asked.popleft() if self._await(lambda: bool(self._asked)) else None

    def _serve(self, task: _Task) -> None:
        if task.root is not None:
            self.listed.emit(catalogue(task.root, self._data))
            return
        for clip in task.clips:
            if self._closing or task.number != self._number:
                return
            self.found.emit(self._look(clip))

    def _look(self, clip: ListedClip) -> ClipFound:
        trouble = ""
        for place in project_places(clip.path, self._data):
            try:
                summary = self._summary(place)
            except (UserError, OSError) as error:
                trouble = str(error)
                continue
            # Two videos may differ in their suffix alone; a project tells of which it is.
            if summary is not None and (place == clip.path or summary.video.name == clip.path.name):
                return ClipFound(clip, summary)
        return ClipFound(clip, None, trouble)

    def _summary(self, place: Path) -> Summary | None:
        """Of a project; from before, where the file is as it was."""
        with suppress(FileNotFoundError):
            status = place.stat()
            if not status.st_size:
                return None
            stamp = status.st_mtime_ns, status.st_size
            known = self._known.get(place)
            if known is None or known[0] != stamp:
                known = self._known[place] = stamp, look(place)
            return known[1]
        return None

    def _fail(self, task: _Task, error: Exception, details: str) -> None:
        if task.root is not None:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.failed.emit(f"{task.root} cannot be read: {reason}.")
