"""Scores frames on a thread of its own: F takes too long for the window, and the engine's thread is busy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from PySide6.QtCore import QObject, QThread, Signal

from ...engine.types import SoftMask
from ...evaluation.comparison import Truth
from ..server import Server


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What frames are scored against.

    Attributes:
        truth: the exact masks.
        height, width: of the video's frames.
    """

    truth: Truth
    height: int
    width: int


_Score: TypeAlias = tuple[Sheet, int, Mapping[int, SoftMask]]
"""What a frame is scored against, the frame, and its maps."""


class Scorer(Server[_Score]):
    """Scores the newest state of each frame that was asked for, in the order of asking.

    Signals:
        scored(frame, scores): see `Truth.score`.
        failed(sentence): a mask of the truth cannot be read; nothing more is scored until `open`.
    """

    scored = Signal(int, object)
    failed = Signal(str)
    _done = Signal(object, int, object)
    _broke = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("scorer", parent)
        self._sheet: Sheet | None = None
        self._wanted: dict[int, Mapping[int, SoftMask]] = {}
        # This object lives on the GUI's thread: scores of a truth that is no longer open end there.
        self._done.connect(self._deliver)
        self._broke.connect(self._report)

    def open(self, sheet: Sheet | None) -> None:
        """Score against this from now on, or against nothing; what was asked before is dropped."""
        with self._condition:
            self._sheet = sheet
            self._wanted.clear()
        if sheet is not None and not self.isRunning():
            # The window and the engine go first.
            self.start(QThread.Priority.LowPriority)

    def ask(self, frames: Mapping[int, Mapping[int, SoftMask]]) -> None:
        """Have frames scored with these maps; a frame that waits already takes the newer ones."""
        with self._condition:
            if self._sheet is not None:
                self._wanted.update(frames)
                self._condition.notify()

    def _serve(self, task: _Score) -> None:
        sheet, frame, masks = task
        self._done.emit(sheet, frame, sheet.truth.score(frame, masks, sheet.height, sheet.width))

    def _fail(self, task: _Score, error: Exception, details: str) -> None:
        sheet = task[0]
        with self._condition:
            if self._sheet is sheet:
                self._wanted.clear()
        self._broke.emit(sheet, str(error) or type(error).__name__)

    def _next(self) -> _Score | None:
        with self._condition:
            if not self._await(lambda: bool(self._sheet and self._wanted)):
                return None
            assert self._sheet is not None
            frame = next(iter(self._wanted))
            return self._sheet, frame, self._wanted.pop(frame)

    def _deliver(self, sheet: Sheet, frame: int, scores: object) -> None:
        if sheet is self._sheet:
            self.scored.emit(frame, scores)

    def _report(self, sheet: Sheet, sentence: str) -> None:
        if sheet is self._sheet:
            self.failed.emit(sentence)
