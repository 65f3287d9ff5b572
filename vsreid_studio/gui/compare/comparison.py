"""Compares the document with a ground truth, and keeps the figures true while the document changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QDockWidget, QMainWindow

from ...engine.events import Change, Verdict
from ...evaluation.comparison import Figures, Tally, Truth
from .. import dialogs
from ..containers import Scrolled, dock
from ..davis_folders import masks_beside
from ..error_bar import ErrorBar
from ..session import Session
from ..theme import default_colour
from .panel import ComparedInstance, ComparePanel
from .scorer import Scorer

_SETTING = "truth"
"""The project remembers the folder by this key."""
LOW = 58
"""Lines of text that a window is high, below which docks become tabs and share the timeline's corner."""
_SCORE_AFTER = 300
_SHOW_EVERY = 200
"""Milliseconds: a stroke or a run changes frames faster than they need to be scored and shown."""


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
        self._tally: Tally | None = None
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
        if self._beside is not None and not self.dock.isVisible() and lines < LOW:
            self._window.tabifyDockWidget(self._beside, self.dock)
        self.dock.show()

    def ask(self) -> None:
        """Ask for the folder of the truth."""
        if self._session.document is not None:
            frames = self._session.video.path
            known = self.truth.folder if self.truth is not None else masks_beside(frames) or frames
            title = "Folder of the ground truth"
            dialogs.ask_folder(self._window, title, known.parent, self.compare)

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
        self.truth, self._tally = truth, Tally(truth)
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
