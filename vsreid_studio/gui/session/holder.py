"""An open document, or none: how it is opened, changed and closed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ...engine.events import Change
from ...engine.store.annotation import Annotation
from ...engine.video import Video
from ...errors import UserError
from ...project import Adaptation, Instance, Project
from .. import edits
from ..edits import Edit
from ..opening import Document, VideoMissing, open_document
from ..recent import Recent, config_folder, data_folder

log = logging.getLogger(__name__)


class Holder(QObject):
    """One document or none. Whatever fails is told by `failed` and leaves the document as it was.

    Attributes:
        recent: the projects opened last.

    Signals:
        opened, closed: another document is there, or none.
        closing: the document is about to close; let go of it before the signal returns.
        changed(change): of cells and decisions, whoever made it; on disk already.
        instances_changed: names, looks, order or number of instances.
        undo_changed: what can be undone and redone.
        saved: a change is on disk.
        video_missing(error): a project's video has to be looked for; a `VideoMissing`.
        failed(sentence, details): something could not be done.
    """

    opened = Signal()
    closing = Signal()
    closed = Signal()
    changed = Signal(object)
    instances_changed = Signal()
    undo_changed = Signal()
    saved = Signal()
    video_missing = Signal(object)
    failed = Signal(str, str)

    def __init__(
        self, parent: QObject | None = None, *, config: Path | None = None, data: Path | None = None
    ) -> None:
        """Nothing is open yet.

        Args:
            config, data: folders for the person's settings and data, None for the system's places.
        """
        super().__init__(parent)
        self.recent = Recent(config or config_folder())
        self._data = data or data_folder()
        self._document: Document | None = None

    @property
    def document(self) -> Document | None:
        """What is open."""
        return self._document

    @property
    def project(self) -> Project:
        """The open project; ask only while there is one."""
        assert self._document is not None
        return self._document.project

    @property
    def video(self) -> Video:
        """The open video; ask only while there is one."""
        assert self._document is not None
        return self._document.video

    @property
    def annotation(self) -> Annotation:
        """The cells; changed only by this class."""
        return self.project.annotation

    @property
    def instances(self) -> Mapping[int, Instance]:
        """By number, in the person's order."""
        return self.project.instances if self._document is not None else {}

    def open(self, path: Path, video: Path | None = None) -> bool:
        """Open a project, a video or a folder of pictures in place of what is open.

        Args:
            video: where the project's video is now, if it has moved.

        Returns:
            False, with what was open still open, when it failed.
        """
        if self._document is not None and path.absolute() in {self.project.path, self.video.path.absolute()}:
            return True
        try:
            document = open_document(path, self._data, video)
        except VideoMissing as error:
            self.video_missing.emit(error)
            return False
        except (UserError, OSError) as error:
            self._tell(error)
            return False
        self.close()
        self._document = document
        if not self.instances:
            # So that a person can paint at once; there is nothing in it that undo could bring back.
            with self._reporting():
                self.project.set_instance(edits.new_instance({}), undoable=False)
        self._arrive()
        self.opened.emit()
        self.undo_changed.emit()
        return True

    def close(self) -> None:
        """Close what is open."""
        if self._document is None:
            return
        self.closing.emit()
        self._leave()
        document, self._document = self._document, None
        document.close()
        self.closed.emit()
        self.undo_changed.emit()

    def _arrive(self) -> None:
        """A document is open, and nobody knows yet."""

    def _leave(self) -> None:
        """The document closes, and is still open."""

    def apply(
        self,
        change: Change,
        *,
        instances: Mapping[int, Instance | None] | None = None,
        group: str | None = None,
        undoable: bool = True,
    ) -> bool:
        """Put a change on disk and into the document.

        Args:
            instances, group, undoable: see `Project.apply`.

        Returns:
            Whether it was done; if not, nothing has changed.
        """
        if self._document is None:
            return False
        with self._reporting() as failure:
            self.project.apply(change, instances=instances, group=group, undoable=undoable)
        if failure:
            return False
        self._announce(change, bool(instances))
        return True

    def set_adaptation(self, adaptation: Adaptation | None) -> bool:
        """Keep what the network has learnt of the video, or forget it; a step of undo."""
        if self._document is None:
            return False
        with self._reporting() as failure:
            self.project.set_adaptation(adaptation)
        if not failure:
            self.undo_changed.emit()
            self.saved.emit()
        return not failure

    def undo(self) -> Change | None:
        """Take the last step back, also one of an earlier session."""
        return self._exchange(Project.undo)

    def redo(self) -> Change | None:
        """Do the step again that was taken back last."""
        return self._exchange(Project.redo)

    @property
    def undo_label(self) -> str | None:
        """The step that undo would take back."""
        return self.project.undo_label if self._document is not None else None

    @property
    def redo_label(self) -> str | None:
        """The step that redo would do again."""
        return self.project.redo_label if self._document is not None else None

    def _edit(self, make: Callable[[], Edit], *instances: int) -> bool:
        """Work out an edit that touches the masks of these instances, and apply it."""
        if self._document is None:
            return False
        with self._reporting() as failure:
            for number in instances:
                self._refuse_locked(number)
            edit = make()
        return not failure and self.apply(edit.change, instances=edit.instances)

    def _refuse_locked(self, number: int) -> None:
        one = self.instances.get(number)
        if one is None:
            raise UserError(f"There is no instance {number} any more.")
        if one.locked:
            raise UserError(f"{one.name} is locked: unlock it to change its masks.")

    def _exchange(self, way: Callable[[Project], Change | None]) -> Change | None:
        if self._document is None:
            return None
        change = None
        with self._reporting():
            change = way(self.project)
        if change is not None:
            self._announce(change, True)
        return change

    def _announce(self, change: Change, instances: bool) -> None:
        if instances:
            self.instances_changed.emit()
        self.changed.emit(change)
        self.undo_changed.emit()
        self.saved.emit()

    @contextmanager
    def _reporting(self) -> Iterator[list[Exception]]:
        """Tell of what fails for a reason that a person can read; the block yields a list of it."""
        failure: list[Exception] = []
        try:
            yield failure
        except (UserError, OSError) as error:
            failure.append(error)
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        log.debug("The document stays as it was.", exc_info=error)
        self.failed.emit(str(error), "".join(traceback.format_exception(error)))
