"""The status bar: where one is, what the engine does, and that all is saved."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QLabel, QProgressBar, QStatusBar

from ..engine.algorithm.propagate import corrected
from ..engine.events import Progress
from ..engine.runtime.run import State
from .conductor import Conductor
from .theme import shortened
from .transport import USUAL_RATE
from .widgets import Elided

_DOING = {
    "loading": "loading the networks",
    "detecting": "looking for objects",
    "describing": "comparing looks",
    "judging": "judging masks",
    "matching": "comparing candidates",
    "retrieving": "checking what was found",
    "smoothing": "smoothing masks between checkpoints",
    "exporting": "exporting",
    "importing": "importing masks",
    "adapting": "learning from your masks",
}
_FRAMEWISE = {"propagating", "detecting", "exporting"}
"""Stages that count frames, so that a rate means something."""


class Status(QObject):
    """Writes into a status bar.

    Attributes:
        place, engine, kept: the three texts.
        clicks: of the click network, while it does not answer.
        bar: how far the run is.
    """

    def __init__(self, status: QStatusBar, conductor: Conductor) -> None:
        super().__init__(status)
        self._conductor, self._session = conductor, conductor.session
        self.place, self.engine, self.kept = QLabel(), Elided(), QLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumWidth(140)
        self.bar.setMaximumHeight(8)
        self.bar.setAccessibleName("Progress of the run")
        self.clicks = QLabel()
        self.clicks.setContentsMargins(8, 2, 8, 2)
        self.clicks.hide()
        self._device = ""
        self._careful = conductor.careful
        self._doing = ""
        self._pixel = self._zoom = self._speed = ""
        status.setSizeGripEnabled(False)
        self.place.setTextFormat(Qt.TextFormat.PlainText)
        for label in (self.place, self.engine):
            label.setContentsMargins(8, 2, 8, 2)
        status.addWidget(self.place)
        status.addWidget(self.engine, 1)
        status.addWidget(self.bar)
        status.addPermanentWidget(self.clicks)
        self.kept.setContentsMargins(8, 2, 8, 2)
        self.kept.setMinimumWidth(self.kept.fontMetrics().horizontalAdvance("not saved") + 20)
        status.addPermanentWidget(self.kept)
        session = self._session
        for signal in (session.opened, session.closed, session.frame_changed, session.range_changed):
            signal.connect(self._place)
        session.closed.connect(lambda: self.kept.setText(""))
        session.opened.connect(lambda: self.kept.setText("saved"))
        session.saved.connect(lambda: self.kept.setText("saved"))
        session.edited.connect(lambda: self.kept.setText("saving"))
        session.taken_back.connect(lambda: self._settle("not saved"))
        for signal in (session.failed, session.refused):
            signal.connect(lambda *_: self._settle("saved"))
        conductor.progress.connect(self._progress)
        conductor.state_changed.connect(self._state)
        conductor.device_known.connect(self._know)
        self._place()
        self._state()

    def _settle(self, text: str) -> None:
        """Nothing is on its way to the disk any more; the bar over the canvas says why not.

        What was refused or could not be read has left nothing to save.
        """
        if self.kept.text() == "saving" and self._session.settled:
            self.kept.setText(text)

    def show_pixel(self, x: int, y: int) -> None:
        """Show what is under the mouse; negative figures for nothing."""
        self._pixel = f" · {x}, {y}" if x >= 0 else ""
        self._place()

    def show_clicks(self, state: str) -> None:
        """Show that the click network does not answer yet, or that there is none; empty for nothing."""
        self.clicks.setText(state)
        self.clicks.setVisible(bool(state))

    def show_zoom(self, scale: float) -> None:
        """Show how many pixels of the screen are one of the frame."""
        self._zoom = f" · {100 * scale:.0f} %"
        self._place()

    def show_speed(self, speed: int) -> None:
        """Show at how many times its own rate the video plays, if that is another one; 0 if it does not."""
        self._speed = f" × {speed}".replace("-", "−") if speed not in (0, 1) else ""
        self._place()

    def _place(self) -> None:
        session = self._session
        if session.document is None:
            self.place.setText("")
            self.place.setMinimumWidth(0)
            return
        text = f"frame {session.frame}/{session.video.length - 1}"
        name = session.video.names[session.frame]
        # A folder's frames are called as its pictures are, which need not be their places.
        if name != f"{session.frame:05d}":
            text = f"{shortened(name)} · {text}"
        if session.range is not None:
            text += f" · {session.range[0]}–{session.range[1]} chosen"
        rate = float(session.video.rate or USUAL_RATE)
        minutes, seconds = divmod(session.frame / rate, 60)
        assumed = "" if session.video.rate else " assumed"
        text += f" · {int(minutes)}:{seconds:05.2f} · {rate:g}/s{assumed}{self._speed}"
        self.place.setText(text + self._zoom + self._pixel)
        # It only grows, so that the text beside it does not move with the mouse.
        self.place.setMinimumWidth(max(self.place.minimumWidth(), self.place.sizeHint().width()))

    def _know(self, device: str) -> None:
        self._device = device
        self._state()

    def _state(self) -> None:
        state = self._conductor.state
        if state is State.IDLE:
            # A choice counts from the next run on.
            self._careful = self._conductor.careful
        self.bar.setVisible(state is not State.IDLE)
        where = f" ({self._device})" if self._device else ""
        match state:
            case State.IDLE:
                self._doing = ""
                self.engine.setText(f"engine: idle{where}")
            case State.ASKING:
                self.engine.setText("engine: waits for your answer")
            case State.PAUSED:
                self.engine.setText(f"engine: paused{', ' + self._doing if self._doing else ''}")
            case State.RUNNING:
                self.engine.setText(f"engine: {self._doing or 'starting'}")

    def _progress(self, progress: Progress, rate: float, left: float | None) -> None:
        self._doing = self._words(progress)
        # One step that may take long says only that it goes on.
        self.bar.setRange(0, progress.total if progress.total > 1 else 0)
        self.bar.setValue(min(progress.done, progress.total))
        if self._conductor.state is not State.RUNNING:
            self._state()
            return
        counted = progress.stage in _FRAMEWISE
        figures = []
        if left is not None and (counted or progress.stage == "adapting"):
            figures.append(f"{_duration(left)} left")
        if rate and counted:
            figures.append(f"{rate:.1f} frames/s" if rate < 10 else f"{rate:.0f} frames/s")
        # First what a person waits for: in a small window the end of the line is cut.
        self.engine.setText(f"engine: {', '.join([*figures, self._doing])}")

    def _words(self, progress: Progress) -> str:
        if progress.stage == "importing" and progress.total > 1:
            # All files are looked at before the first is read.
            done, total = progress.done, progress.total
            how = f"{done} of {total}" if done < total else f"saving {total}"
            return f"importing masks: {how if done else f'looking at {total}'} files"
        if progress.stage != "propagating":
            return _DOING.get(progress.stage, progress.stage)
        one = self._session.instances.get(progress.instance or 0)
        name = shortened(one.name) if one is not None else "all"
        # The last of a stage names no frame.
        text = f"propagating {name}" + (f" to frame {progress.frame}" if progress.frame is not None else "")
        if one is not None and corrected(self._session.annotation, one.number):
            text += " (corrected: careful, slower)" if self._careful else " (corrected: fast)"
        return text


def _duration(seconds: float) -> str:
    """As exact as an estimate is: in steps of 5 seconds below a minute, of 10 below ten minutes."""
    if seconds < 5:
        return "less than 5 s"
    if seconds < 57.5:
        return f"{5 * round(seconds / 5)} s"
    minutes, rest = divmod(10 * round(seconds / 10), 60)
    if minutes < 10:
        return f"{minutes} min {rest:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
