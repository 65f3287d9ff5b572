"""A widget with another one over its top edge."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget


class Overlaid(QWidget):
    """Shows a bar over the top of what it holds, which therefore stays in place when the bar comes and goes.

    In a layout the picture would jump from under the pen each time.
    """

    def __init__(self, below: QWidget, bar: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(below)
        self._bar = bar
        bar.setParent(self)
        bar.setAutoFillBackground(True)
        bar.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Give the bar the height that its content needs."""
        if watched is self._bar and event.type() in (QEvent.Type.Show, QEvent.Type.LayoutRequest):
            self._place()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Follow the width."""
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        bar, width = self._bar, self.width()
        high = bar.heightForWidth(width) if bar.hasHeightForWidth() else bar.sizeHint().height()
        bar.setGeometry(0, 0, width, min(high, self.height()))
        bar.raise_()
