"""Widgets that hold another one: under a bar, or in a dock that scrolls."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QFrame,
    QHeaderView,
    QMainWindow,
    QScrollArea,
    QTableView,
    QVBoxLayout,
    QWidget,
)

_LEAST_LINES = 5
"""Of text, that show of a dock that scrolls."""


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


class Scrolled(QScrollArea):
    """Shows a widget as large as there is room, and scrolls it down where there is less than it needs.

    It is never narrower than the widget needs: nobody scrolls a panel sideways.
    """

    def __init__(self, held: QWidget, lines: int = _LEAST_LINES, parent: QWidget | None = None) -> None:
        """Hold a widget.

        Args:
            lines: of text that always show.
        """
        super().__init__(parent)
        self._held, self._lines = held, lines
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setWidget(held)
        held.installEventFilter(self)

    def sizeHint(self) -> QSize:
        """What the widget would like."""
        return self._held.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """As wide as the widget needs, with room for the scroll bar; a few lines high."""
        least = self._held.minimumSizeHint().expandedTo(self._held.minimumSize())
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(least.width() + bar, min(least.height(), self._lines * self.fontMetrics().height()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take notice when the widget needs another width."""
        if watched is self._held and event.type() is QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)


def dock(window: QMainWindow, name: str, title: str, widget: QWidget) -> QDockWidget:
    """A dock for a widget.

    Args:
        name: Qt saves the dock's place by it.
    """
    made = QDockWidget(title, window)
    made.setObjectName(name)
    made.setWidget(widget)
    return made


def least_width(table: QTableView) -> int:
    """The width at which no title and no figure of a table is cut; the first column may cut its texts."""
    header: QHeaderView = table.horizontalHeader()
    columns = range(header.count())
    widths = [max(header.sectionSizeHint(c), table.sizeHintForColumn(c) if c else 0) for c in columns]
    return sum(widths) + table.verticalScrollBar().sizeHint().width() + 2 * table.frameWidth()
