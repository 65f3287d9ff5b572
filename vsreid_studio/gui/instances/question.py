"""A question asked inside a panel, where a modal dialog would stop everything else."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget


class QuestionStrip(QFrame):
    """One sentence and two buttons; hidden while there is nothing to ask.

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
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.yes = QPushButton()
        self.no = QPushButton("Keep")
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.no)
        row.addWidget(self.yes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.sentence)
        layout.addLayout(row)
        self.yes.clicked.connect(lambda: self._answer(True))
        self.no.clicked.connect(lambda: self._answer(False))
        for button in (self.yes, self.no):
            button.installEventFilter(self)
        self.hide()

    def ask(self, sentence: str, yes: str) -> None:
        """Show the question; one that was open is taken back unanswered.

        Args:
            sentence: what would happen.
            yes: the button that lets it happen, a verb.
        """
        self.sentence.setText(sentence)
        self.setAccessibleName(sentence)
        self.yes.setText(yes)
        self.show()
        # Return does what was asked for: undo brings it back.
        self.yes.setFocus(Qt.FocusReason.OtherFocusReason)

    def dismiss(self) -> None:
        """Take the question as answered with no."""
        self._answer(False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter presses the button that has the focus, as in a dialog."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            enter = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if event.key() in enter and isinstance(watched, QPushButton):
                watched.click()
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
