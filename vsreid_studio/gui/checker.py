"""Finds doubtful frames and gaps on a thread of its own, as it reads maps."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from ..engine.extensions.doubtful import Doubt, DoubtfulFrames, MissingStretch, gaps
from ..engine.runtime.run import State
from ..engine.store.annotation import Annotation
from ..engine.types import CellKey
from .conductor import Conductor
from .server import NewestServer

_SOON = 400
"""Milliseconds: edits come faster than they need to be followed."""
_MOST = 50


@dataclass(frozen=True, slots=True, eq=False)
class _CheckTask:
    """What is to be looked at: a copy of the annotation that nobody changes.

    Attributes:
        finder: knows what was measured before on this document.
        reviewed: what a person has looked at.
    """

    finder: DoubtfulFrames
    annotation: Annotation
    instances: tuple[int, ...]
    reviewed: frozenset[CellKey]


class CheckerThread(NewestServer[_CheckTask]):
    """Lists what is to be looked at.

    Signals:
        found(finder, doubts, gaps): lists of `Doubt` and `MissingStretch`.
        failed(sentence): a map cannot be read.
    """

    found = Signal(object, object, object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("checker", parent)

    def _serve(self, task: _CheckTask) -> None:
        doubts = task.finder.find(task.annotation, task.instances, _MOST, task.reviewed)
        missing = [gap for k in task.instances for gap in gaps(task.annotation, k)]
        self.found.emit(task.finder, doubts, missing)

    def _fail(self, task: _CheckTask, error: Exception, details: str) -> None:
        self.failed.emit(f"Doubtful frames cannot be listed: {error}")


class Checker(QObject):
    """Keeps the lists of doubtful frames and of gaps true to the document, whenever no run changes it.

    Attributes:
        doubts: the most rewarding first.
        gaps: by instance, then frame.

    Signals:
        changed: the lists are others.
        failed(sentence): they cannot be had.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, conductor: Conductor, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._conductor, self._session = conductor, conductor.session
        self.doubts: list[Doubt] = []
        self.gaps: list[MissingStretch] = []
        self._finder = DoubtfulFrames()
        self._thread = CheckerThread(self)
        self._thread.found.connect(self._take)
        self._thread.failed.connect(self.failed)
        self._soon = QTimer(self, interval=_SOON, singleShot=True)
        self._soon.timeout.connect(self.look)
        session = self._session
        for signal in (session.changed, session.instances_changed, session.saved, conductor.finished):
            signal.connect(self._look_soon)
        session.opened.connect(self._begin)
        session.closing.connect(self._forget)

    def look(self) -> None:
        """Look at the document as it is now."""
        session = self._session
        if session.document is None or self._conductor.state in {State.RUNNING, State.PAUSED}:
            return
        instances = tuple(k for k, one in session.instances.items() if not one.locked)
        look = _CheckTask(self._finder, session.annotation.copy(), instances, session.reviewed)
        self._thread.ask(look)

    def stop(self) -> None:
        """End the thread."""
        self._soon.stop()
        self._thread.stop()

    def _look_soon(self, *_: object) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _begin(self) -> None:
        self._forget()
        self._soon.start()

    def _forget(self) -> None:
        self._soon.stop()
        self._finder = DoubtfulFrames()
        self._put([], [])

    def _take(self, finder: DoubtfulFrames, doubts: list[Doubt], missing: list[MissingStretch]) -> None:
        if finder is self._finder and self._session.document is not None:
            self._put(doubts, missing)

    def _put(self, doubts: list[Doubt], missing: list[MissingStretch]) -> None:
        self.doubts, self.gaps = doubts, missing
        self._session.edits.doubts = tuple(doubts)
        self.changed.emit()
