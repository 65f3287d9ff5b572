"""The comparison with a ground truth, kept up to date while a person works."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, Qt, QThread, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QDockWidget, QMainWindow

from ..engine.events import Change, Verdict
from ..engine.store.annotation import Annotation
from ..engine.video import Video
from ..evaluation.comparison import Figures, RunningScores, Truth
from . import widgets
from .compare_panel import ComparedInstance, ComparePanel
from .error_bar import ErrorBar
from .opening import masks_beside
from .server import Server
from .session import Session
from .theme import default_colour
from .widgets import Scrolled, dock

__all__ = ["Comparison"]


_SETTING = "truth"
"""The project remembers the folder by this key."""
LOW = 58
"""Lines of text that a window is high, below which docks become tabs and share the timeline's corner."""
_SCORE_AFTER = 300
_SHOW_EVERY = 200
"""Milliseconds: a stroke or a run changes frames faster than they need to be scored and shown."""


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
            annotation: a copy that is never changed. Its maps are read here, not on the GUI thread.
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


class Comparison(QObject):
    """J and F of the masks, per instance, while they are made.

    Attributes:
        dock: not shown until there is a truth.
        panel: the table in it.
        truth: what is compared with, None for nothing.

    Signals:
        truth_changed: `truth` is another one.
    """

    truth_changed = Signal()

    def __init__(
        self, window: QMainWindow, session: Session, bar: ErrorBar, beside: QDockWidget | None = None
    ) -> None:
        """Compare nothing yet.

        Args:
            beside: a dock that it becomes a tab of where both do not fit one below the other.
        """
        super().__init__(window)
        self._beside = beside
        self._window, self._session, self._bar = window, session, bar
        self.panel = ComparePanel()
        self.truth: Truth | None = None
        self._tally: RunningScores | None = None
        self._before: dict[int, Figures] = {}
        self._stale: set[int] = set()
        self._scorer = Scorer(self)
        self._score_soon = self._timer(_SCORE_AFTER, self._score)
        self._show_soon = self._timer(_SHOW_EVERY, self._show)
        self.dock = dock(window, "compare", "Comparison", Scrolled(self.panel))
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        self.dock.hide()
        self._scorer.opened.connect(self._begin)
        self._scorer.refused.connect(self._bar.fail)
        self._scorer.scored.connect(self._take)
        self._scorer.failed.connect(self._break_off)
        session.closing.connect(self._forget)
        session.changed.connect(self._follow)
        session.instances_changed.connect(self._show_shortly)
        session.frame_changed.connect(self._show_shortly)
        self.panel.choose_requested.connect(self.ask)
        self.panel.end_requested.connect(self.end)
        self.panel.chosen.connect(session.select)

    @property
    def complete(self) -> bool:
        """Whether every frame that counts has been scored."""
        return self._tally is not None and self._tally.scored == len(self._tally.frames)

    def _reveal(self) -> None:
        lines = self._window.height() / self._window.fontMetrics().height()
        if self._beside is not None and self.dock.isHidden():
            if lines < LOW:
                self._window.tabifyDockWidget(self._beside, self.dock)
            else:
                QTimer.singleShot(0, self, partial(self._share, self._beside))
        self.dock.show()

    def _share(self, beside: QDockWidget) -> None:
        """Take no more height than the figures need."""
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        layout, held = self.panel.layout(), self.dock.widget()
        if layout is None or held is None:
            return
        need = held.y() + layout.totalMinimumHeightForWidth(self.panel.width())
        rest = beside.height() + self.dock.height() - need
        self._window.resizeDocks([beside, self.dock], [rest, need], Qt.Orientation.Vertical)

    def ask(self) -> None:
        """Ask for the folder of the truth."""
        self._bar.begin_anew()
        if self._session.document is not None:
            frames = self._session.video.path
            known = self.truth.folder if self.truth is not None else masks_beside(frames) or frames
            title = "Folder of the ground truth"
            widgets.ask_folder(self._window, title, known.parent, self.compare)

    def compare(self, folder: Path) -> None:
        """Compare with a folder of masks once it is read; if it does not fit, all stays as it was."""
        self._scorer.open(folder.absolute(), self._session.video)

    def recall(self) -> None:
        """Go on with what the open project was compared with, if that is still there."""
        kept = self._session.setting(_SETTING)
        self.dock.hide()
        if isinstance(kept, str) and Path(kept).is_dir():
            self._scorer.open(Path(kept), self._session.video)

    def end(self) -> None:
        """Compare with nothing."""
        self._forget()
        self.dock.hide()
        if self._session.document is not None:
            self._remember(None)

    def stop(self) -> None:
        """End the thread."""
        self._scorer.stop()

    def _begin(self, truth: Truth) -> None:
        """A folder has been read."""
        self._forget()
        self.truth, self._tally = truth, RunningScores(truth)
        self._scorer.use(truth)
        self.truth_changed.emit()
        self._mark(truth.files)
        self._score()
        self._show()
        self._reveal()
        self.dock.raise_()
        if self._session.setting(_SETTING) != str(truth.folder):
            self._remember(str(truth.folder))

    def _forget(self) -> None:
        self._scorer.use(None)
        self.truth = self._tally = None
        self._before.clear()
        self._stale.clear()
        self._score_soon.stop()
        self._show_soon.stop()
        self.panel.clear()
        self.truth_changed.emit()

    def _remember(self, folder: str | None) -> None:
        self._session.keep_setting(_SETTING, folder)

    def _follow(self, change: Change) -> None:
        if self._tally is None:
            return
        if any(one and one.verdict is Verdict.ACCEPTED for one in change.decisions_after.values()):
            self._before = self._tally.figures()
        self._mark(frame for frames in change.touched.values() for frame in frames)

    def _mark(self, frames: Iterable[int]) -> None:
        if self.truth is not None:
            self._stale.update(frame for frame in frames if frame in self.truth.files)
            if self._stale and not self._score_soon.isActive():
                self._score_soon.start()

    def _score(self) -> None:
        """Hand over what changed, with a copy of the annotation: the scorer reads the maps from it."""
        self._score_soon.stop()
        self._scorer.ask(sorted(self._stale), self._session.annotation.copy())
        self._stale.clear()

    def _take(self, frame: int, scores: NDArray[np.float64]) -> None:
        if self._tally is not None:
            self._tally.put(frame, scores)
            self._show_shortly()

    def _show_shortly(self) -> None:
        if self._tally is not None and not self._show_soon.isActive():
            self._show_soon.start()

    def _show(self) -> None:
        if self._tally is None or self.truth is None or self._session.document is None:
            return
        figures, here = self._tally.figures(), self._tally.at(self._session.frame)
        lines = [
            self._line(number, figures.get(number), here.get(number))
            for number in range(1, self.truth.instances + 1)
        ]
        named = f"{self.truth.folder.name}, {self.truth.reader.text}"
        self.panel.show_state(named, self._tally.scored, len(self._tally.frames))
        self.panel.show_lines(lines)

    def _line(self, number: int, figures: Figures | None, here: Figures | None) -> ComparedInstance:
        one, before = self._session.instances.get(number), self._before.get(number)
        gain = figures.both - before.both if figures is not None and before is not None else None
        name = one.name if one is not None else f"{number} (not in this project)"
        colour = QColor(one.colour) if one is not None else default_colour(number)
        return ComparedInstance(number, name, colour, figures, here, gain)

    def _break_off(self, sentence: str) -> None:
        self._forget()
        self._bar.fail(sentence)

    def _timer(self, milliseconds: int, do: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(do)
        return timer
