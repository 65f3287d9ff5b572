"""Doubtful frames and gaps: found on a thread of their own, and handed to their panel."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from ..engine.extensions.doubtful import Doubt, DoubtfulFrames, MissingRange, gaps
from ..engine.runtime.run import State
from ..engine.store.annotation import Annotation
from ..engine.types import CellKey
from .check_panel import CheckPanel, frames_text
from .conductor import Conductor
from .server import NewestServer

_SOON = 400
"""Milliseconds: edits come faster than they need to be followed."""
_MOST = 50


_NO_DOUBT = "No frame is doubtful."
_NO_GAP = "There is no gap here any more: each of these frames has a mask or is marked."
_LATER = "Doubtful frames are listed when the run has ended."


@dataclass(frozen=True, slots=True, eq=False)
class _CheckTask:
    """The input of a check: a copy of the annotation that is never changed.

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

    Reading the maps of a long video takes a minute, in which other threads wait for Python's lock again and
    again. So it stands still while it is paused, and leaves off what is superseded; the next check goes on
    there.

    Signals:
        found(finder, doubts, gaps): lists of `Doubt` and `MissingRange`.
        failed(finder, sentence): a map cannot be read.
    """

    found = Signal(object, object, object)
    failed = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("checker", parent)
        self._paused = False

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._paused

    def pause(self, paused: bool) -> None:
        """Stand still before the next map, or go on."""
        with self._condition:
            self._paused = paused
            self._condition.notify()

    def _poll(self) -> None:
        with self._condition:
            if (
                not self._await(lambda: self._wanted is not None or not self._paused)
                or self._wanted is not None
            ):
                raise _Superseded

    def _serve(self, task: _CheckTask) -> None:
        try:
            doubts = task.finder.find(task.annotation, task.instances, _MOST, task.reviewed, self._poll)
        except _Superseded:
            return
        missing = [gap for k in task.instances for gap in gaps(task.annotation, k)]
        self.found.emit(task.finder, doubts, missing)

    def _fail(self, task: _CheckTask, error: Exception, details: str) -> None:
        self.failed.emit(task.finder, f"Doubtful frames cannot be listed: {error}")


class _Superseded(Exception):  # noqa: N818
    """Nobody waits for the check any more."""


class Checker(QObject):
    """Keeps the lists of doubtful frames and of gaps true to the document, whenever nothing changes it.

    A check begins, and goes on, a moment after the last change is on disk and shown everywhere.

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
        self.gaps: list[MissingRange] = []
        self._finder = DoubtfulFrames()
        self._thread = CheckerThread(self)
        self._thread.found.connect(self._take)
        self._thread.failed.connect(self._report)
        self._soon = QTimer(self, interval=_SOON, singleShot=True)
        self._soon.timeout.connect(self.refresh)
        session = self._session
        for signal in (session.changed, session.instances_changed, session.saved, conductor.finished):
            signal.connect(self._look_soon)
        for signal in (session.edited, conductor.state_changed):
            signal.connect(self._make_way)
        session.opened.connect(self._begin)
        session.closing.connect(self._forget)

    def refresh(self) -> None:
        """Update from the document as it is now."""
        session = self._session
        if session.document is None or self._running:
            return
        if not session.settled:
            self._soon.start()
            return
        self._thread.pause(False)
        instances = tuple(k for k, one in session.instances.items() if not one.locked)
        look = _CheckTask(self._finder, session.annotation.copy(), instances, session.reviewed)
        self._thread.ask(look)

    def stop(self) -> None:
        """End the thread."""
        self._soon.stop()
        self._thread.stop()

    @property
    def _running(self) -> bool:
        return self._conductor.state in {State.RUNNING, State.PAUSED}

    def _make_way(self) -> None:
        """Stand still while the document changes; `refresh` goes on."""
        if self._running:
            # The list may be of masks that a run has replaced: nobody has looked at those.
            self._session.edits.doubts = ()
        if self._running or not self._session.settled:
            self._thread.pause(True)
        if self._thread.paused:
            self._look_soon()

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

    def _take(self, finder: DoubtfulFrames, doubts: list[Doubt], missing: list[MissingRange]) -> None:
        if finder is self._finder and self._session.document is not None:
            self._put(doubts, missing)

    def _report(self, finder: DoubtfulFrames, sentence: str) -> None:
        # Of a project that was closed meanwhile no map can be read any more.
        if finder is self._finder and self._session.document is not None:
            self.failed.emit(sentence)

    def _put(self, doubts: list[Doubt], missing: list[MissingRange]) -> None:
        self.doubts, self.gaps = doubts, missing
        self._session.edits.doubts = tuple(doubts)
        self.changed.emit()


class CheckBinder(QObject):
    """Shows the lists, goes where they point, and does what is asked."""

    def __init__(
        self, panel: CheckPanel, checker: Checker, conductor: Conductor, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.panel, self._checker = panel, checker
        self._conductor, self._session = conductor, conductor.session
        checker.changed.connect(self._list)
        checker.failed.connect(conductor.notified)
        self._session.instances_changed.connect(self._session.turns.follower(self._list))
        panel.shown.connect(self._show)
        panel.right_requested.connect(
            lambda it: self._session.mask_edits.mark_right(it.instance, it.first, it.last)
        )
        panel.absent_requested.connect(self._mark_absent)
        panel.fill_requested.connect(self._fill)
        panel.search_requested.connect(self._search)

    def step(self, by: int) -> None:
        """Go to the next doubtful frame, or to the one before, and say why it is one."""
        doubt = self.panel.step(by)
        if doubt is None:
            idle = self._conductor.state is State.IDLE
            self._conductor.notified.emit(_NO_DOUBT if idle else _LATER)
            return
        self._show(doubt)
        name = self._session.instances[doubt.instance].name
        self._conductor.notified.emit(f"{name}, {frames_text(doubt.first, doubt.last)}: {doubt.reason}")

    def _list(self) -> None:
        self.panel.put(self._checker.doubts, self._checker.gaps, self._session.instances)

    def _show(self, entry: Doubt | MissingRange) -> None:
        self._conductor.review.following = False
        self._session.select(entry.instance)
        self._session.go(entry.frame if isinstance(entry, Doubt) else entry.first)

    def _mark_absent(self, gap: MissingRange) -> None:
        """Not where a run or the person has put a mask since the gap was listed."""
        annotation = self._session.annotation
        frames = [
            frame
            for frame in range(gap.first, gap.last + 1)
            if not annotation.mask(frame, gap.instance).area and not annotation.pinned(frame, gap.instance)
        ]
        if frames:
            self._session.mask_edits.mark_absent(gap.instance, frames)
        else:
            self._conductor.notified.emit(_NO_GAP)

    def _fill(self, gap: MissingRange) -> None:
        """A run came here and lost it: then only a mask that is drawn helps."""
        self._show(gap)
        if gap.computed:
            self._conductor.notified.emit(
                "A run lost the object here. Draw or click it in one of these frames, then press P."
            )
            return
        self._within(gap, find=False)

    def _search(self, gap: MissingRange) -> None:
        self._show(gap)
        self._within(gap, find=True)

    def _within(self, gap: MissingRange, *, find: bool) -> None:
        self._conductor.propagate({gap.instance}, find=find, frames=range(gap.first, gap.last + 1))
