"""Opens documents on the document's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ...engine.video import ReadOptions
from ...project.same_video import Way
from ..opening import open_document
from ..recent import Recent
from .shown import Snapshot
from .thread import DocumentThread
from .writer import ProjectWriter, open_settings

log = logging.getLogger(__name__)


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
