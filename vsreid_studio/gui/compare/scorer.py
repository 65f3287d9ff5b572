"""Reads a ground truth and scores frames on a thread of its own: both take too long for the window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from PySide6.QtCore import QObject, QThread, Signal

from ...engine.store.annotation import Annotation
from ...engine.video import Video
from ...evaluation.comparison import Truth
from ..server import Server


@dataclass(frozen=True, slots=True, eq=False)
class _Folder:
    """A truth that is to be read."""

    path: Path
    video: Video


_Task: TypeAlias = _Folder | tuple[Truth, int, Annotation]
"""A folder, or what a frame is scored against, the frame, and the annotation when that was asked."""


class Scorer(Server[_Task]):
    """Scores the newest state of each frame that was asked for, in the order of asking.

    Signals:
        opened(truth): a folder that was asked for has been read.
        refused(sentence): it cannot be; what was scored against before still is.
        scored(frame, scores): see `Truth.score`.
        failed(sentence): a mask of the truth cannot be read; nothing more is scored until `use`.
    """

    opened = Signal(object)
    refused = Signal(str)
    scored = Signal(int, object)
    failed = Signal(str)
    _read = Signal(object, object)
    _done = Signal(object, int, object)
    _broke = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("scorer", parent)
        self._folder: _Folder | None = None
        self._unread: _Folder | None = None
        self._truth: Truth | None = None
        self._wanted: dict[int, Annotation] = {}
        # This object lives on the GUI's thread: what belongs to a truth that is no longer open ends there.
        self._read.connect(self._deliver_truth)
        self._done.connect(self._deliver)
        self._broke.connect(self._report)

    def open(self, folder: Path, video: Video) -> None:
        """Read the truth in a folder; an earlier one that is still being read is dropped."""
        with self._condition:
            self._folder = self._unread = _Folder(folder, video)
            self._condition.notify()
        if not self.isRunning():
            # The window and the engine go first.
            self.start(QThread.Priority.LowPriority)

    def use(self, truth: Truth | None) -> None:
        """Score against this from now on, or against nothing; what was asked before is dropped."""
        with self._condition:
            self._folder = self._unread = None
            self._truth = truth
            self._wanted.clear()

    def ask(self, frames: Iterable[int], annotation: Annotation) -> None:
        """Have frames scored; one that waits already is scored as it is now.

        Args:
            annotation: a copy that nobody changes. Its maps are read here, not on the window's thread.
        """
        with self._condition:
            if self._truth is not None:
                self._wanted.update(dict.fromkeys(frames, annotation))
                self._condition.notify()

    def _serve(self, task: _Task) -> None:
        if isinstance(task, _Folder):
            self._read.emit(task, Truth.read(task.path, task.video))
        else:
            truth, frame, annotation = task
            self._done.emit(truth, frame, truth.score(frame, annotation.frame_masks(frame)))

    def _fail(self, task: _Task, error: Exception, details: str) -> None:
        if not isinstance(task, _Folder):
            with self._condition:
                if self._truth is task[0]:
                    self._wanted.clear()
        self._broke.emit(task, str(error) or type(error).__name__)

    def _next(self) -> _Task | None:
        with self._condition:
            if not self._await(lambda: bool(self._unread or (self._truth and self._wanted))):
                return None
            if (folder := self._unread) is not None:
                self._unread = None
                return folder
            assert self._truth is not None
            frame = next(iter(self._wanted))
            return self._truth, frame, self._wanted.pop(frame)

    def _deliver_truth(self, folder: _Folder, truth: Truth) -> None:
        if folder is self._folder:
            self.opened.emit(truth)

    def _deliver(self, truth: Truth, frame: int, scores: object) -> None:
        if truth is self._truth:
            self.scored.emit(frame, scores)

    def _report(self, task: _Task, sentence: str) -> None:
        if isinstance(task, _Folder):
            if task is self._folder:
                self.refused.emit(sentence)
        elif task[0] is self._truth:
            self.failed.emit(sentence)
