"""A question asked inside a panel, where a modal dialog would stop everything else."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..numbers import NumberBox


class QuestionStrip(QFrame):
    """One sentence, two buttons and, where it asks about frames, their range; hidden with nothing to ask.

    Attributes:
        sentence: what would happen.
        yes, no: the buttons.
        first, last: the range of frames.

    Signals:
        answered (bool): whether the person wants it.
    """

    answered = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setMinimumWidth(1)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.yes = QPushButton("Yes")
        self.no = QPushButton("Keep")
        self.first, self.last = NumberBox(0, 0), NumberBox(0, 0)
        self.first.setAccessibleName("First frame")
        self.last.setAccessibleName("Last frame")
        # A range is never the wrong way round, also while it is typed.
        self.first.setKeyboardTracking(True)
        self.first.valueChanged.connect(self.last.setMinimum)
        self._range = QWidget()
        frames = QHBoxLayout(self._range)
        frames.setContentsMargins(0, 0, 0, 0)
        for widget in (QLabel("Frames"), self.first, QLabel("to"), self.last):
            frames.addWidget(widget)
        frames.addStretch()
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.no)
        row.addWidget(self.yes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.sentence)
        layout.addWidget(self._range)
        layout.addLayout(row)
        self.yes.clicked.connect(lambda: self._answer(True))
        self.no.clicked.connect(lambda: self._answer(False))
        for asked in (self.yes, self.no, self.first, self.last):
            asked.installEventFilter(self)
        self.hide()

    @property
    def frames(self) -> tuple[int, int]:
        """The first and the last frame that are asked about."""
        return self.first.value(), self.last.value()

    def ask(self, sentence: str, yes: str, frames: tuple[int, int] | None = None, length: int = 0) -> None:
        """Show the question; one that was open is taken back unanswered.

        Args:
            sentence: what would happen.
            yes: the button that lets it happen, a verb.
            frames: the first and the last frame, for the person to change; None where all are meant.
            length: frames of the video.
        """
        self._range.setVisible(frames is not None)
        if frames is not None:
            self.first.setRange(0, length - 1)
            self.last.setRange(0, length - 1)
            self.last.setValue(frames[1])
            self.first.setValue(frames[0])
        self.sentence.setText(sentence)
        self.setAccessibleName(sentence)
        self.yes.setText(yes)
        self.show()
        # Return does what was asked for: undo brings it back.
        asked = self.yes if frames is None else self.first
        asked.setFocus(Qt.FocusReason.OtherFocusReason)
        self.first.selectAll()

    def dismiss(self) -> None:
        """Take the question as answered with no."""
        self._answer(False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter presses the button that has the focus, in a number the one that agrees, as in a dialog."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.first.interpretText()
                self.last.interpretText()
                self._answer(watched is not self.no)
                return True
            if event.key() == Qt.Key.Key_Escape:
                self._answer(False)
                return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape keeps everything."""
        if event.key() == Qt.Key.Key_Escape:
            self._answer(False)
        else:
            super().keyPressEvent(event)

    def _answer(self, wanted: bool) -> None:
        self.hide()
        self.answered.emit(wanted)
