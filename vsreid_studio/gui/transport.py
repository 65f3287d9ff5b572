"""Going through the frames: buttons, the present frame's number, and playback at the video's own rate."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from .actions import Act, Actions
from .editor_keys import PRESENT
from .frames import FrameLoader
from .session import Session
from .widgets import NumberBox

_BUTTONS = (Act.FIRST, Act.PREVIOUS, Act.PAUSE, Act.NEXT, Act.LAST)


class Transport(QWidget):
    """Lies in the status bar.

    Attributes:
        frame: the number of the present frame.
    """

    def __init__(self, actions: Actions, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.frame = NumberBox(0, 0)
        self.frame.setAccessibleName("Present frame")
        self.frame.setToolTip("Type a number to go to a frame (Ctrl+J)")
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 0, 0, 0)
        row.setSpacing(0)
        for act in _BUTTONS:
            button = QToolButton()
            button.setDefaultAction(actions[act])
            button.setAutoRaise(True)
            button.setAccessibleName(actions[act].text())
            row.addWidget(button)
        row.addSpacing(4)
        row.addWidget(self.frame)
        self.frame.valueChanged.connect(session.go)
        self.frame.editingFinished.connect(self._end_edit)
        session.frame_changed.connect(self._show)
        session.opened.connect(self._open)
        actions.connect(Act.JUMP, self.ask)

    def ask(self) -> None:
        """Let the person type a frame."""
        self.frame.setFocus()
        self.frame.selectAll()

    def _open(self) -> None:
        blocked = self.frame.blockSignals(True)
        self.frame.setRange(0, self._session.video.length - 1)
        self.frame.blockSignals(blocked)
        self._show(self._session.frame)

    def _end_edit(self) -> None:
        self.frame.lineEdit().setModified(False)
        if self._session.document is not None:
            self._show(self._session.frame)

    def _show(self, frame: int) -> None:
        """Show another frame, but not over what is being typed: a run or the video may go on meanwhile."""
        self.frame.setProperty(PRESENT, frame)
        if self.frame.hasFocus() and self.frame.lineEdit().isModified():
            return
        blocked = self.frame.blockSignals(True)
        self.frame.setValue(frame)
        self.frame.blockSignals(blocked)


USUAL_RATE = 24.0
"""Frames per second of a folder of pictures, which has none."""
FASTEST = 8
_TICK = 8
"""Milliseconds between two readings of the clock."""


class Playback(QObject):
    """Moves the present frame along with the clock, in the chosen range if there is one, which it repeats.

    It asks for a frame only when the one before is there, so that the picture never lags behind.

    Attributes:
        speed: times the video's own rate; negative backwards, 0 while it does not play.

    Signals:
        changed: it plays now, or at another speed, or does not play any more.
    """

    changed = Signal()

    def __init__(self, session: Session, loader: FrameLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.speed = 0
        self._session = session
        self._start = 0
        self._waits = False
        self._going = False
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self._step)
        loader.loaded.connect(self._arrived)
        loader.failed.connect(lambda *_: self.stop())
        session.frame_changed.connect(self._moved)
        session.closing.connect(self.stop)

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self.speed != 0

    @property
    def rate(self) -> float:
        """The video's own, in frames per second."""
        return float(self._session.video.rate or USUAL_RATE)

    def play(self, way: int) -> None:
        """Play forwards (1) or backwards (-1); asked again while it does, twice as fast."""
        if self._session.document is None:
            return
        faster = 2 * self.speed if self.speed * way > 0 else way
        self.speed = max(-FASTEST, min(FASTEST, faster))
        first, last = self._limits
        at = self._session.frame
        if not first <= at <= last or at == (last if way > 0 else first):
            at = first if way > 0 else last
        self._begin(at)
        self._timer.start()
        self.changed.emit()

    def toggle(self) -> None:
        """Play, or stop."""
        if self.playing:
            self.stop()
        else:
            self.play(1)

    def stop(self) -> None:
        """Stand still at the present frame."""
        if self.playing:
            self.speed = 0
            self._timer.stop()
            self.changed.emit()

    @property
    def _limits(self) -> tuple[int, int]:
        return self._session.range or (0, self._session.video.length - 1)

    def _begin(self, frame: int) -> None:
        self._start, self._waits = frame, False
        self._clock.start()
        self._go(frame)

    def _step(self) -> None:
        if self._waits:
            return
        first, last = self._limits
        frame = self._start + int(self._clock.elapsed() / 1000 * self.rate * self.speed)
        if first <= frame <= last:
            self._go(frame)
        elif self._session.range is not None:
            self._begin(first if self.speed > 0 else last)
        else:
            self._go(min(max(frame, first), last))
            self.stop()

    def _go(self, frame: int) -> None:
        if frame == self._session.frame:
            return
        self._going = self._waits = True
        self._session.go(frame)
        self._going = False

    def _arrived(self, index: int, _: object) -> None:
        if index == self._session.frame:
            self._waits = False

    def _moved(self, _: int) -> None:
        """Somebody else went elsewhere."""
        if not self._going:
            self.stop()
