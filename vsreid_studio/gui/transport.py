"""Buttons that go through the frames, and the number of the present one, to be typed as well."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QSpinBox, QToolButton, QWidget

from .actions import Act, Actions
from .session import Session

_BUTTONS = (Act.FIRST, Act.PREVIOUS, Act.PAUSE, Act.NEXT, Act.LAST)


class Transport(QWidget):
    """Lies in the status bar.

    Attributes:
        frame: the number of the present frame.
    """

    def __init__(self, actions: Actions, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.frame = QSpinBox()
        self.frame.setKeyboardTracking(False)
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

    def _show(self, frame: int) -> None:
        blocked = self.frame.blockSignals(True)
        self.frame.setValue(frame)
        self.frame.blockSignals(blocked)
