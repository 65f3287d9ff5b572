"""A figure between 0 and 1 as a bar, with a tick at its threshold."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from .words import figure


@dataclass(frozen=True)
class GaugeReading:
    """What a gauge shows.

    Attributes:
        value: in [-1, 1]; the bar is empty below 0.
        threshold: where the tick is, None for none.
        name: the threshold's, e.g. 'needs'.
        known: False where there is no figure.
    """

    value: float
    threshold: float | None = None
    name: str = ""
    known: bool = True


class Gauge(QWidget):
    """One line: title, bar, figure, threshold; aligned with the gauges above and below.

    Attributes:
        title: what is measured.
    """

    def __init__(self, title: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self._reading = GaugeReading(0, known=False)
        self.setToolTip(tip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_reading(self._reading)

    def set_reading(self, reading: GaugeReading) -> None:
        """Show another figure."""
        self._reading = reading
        self.setAccessibleName(f"{self.title} {' '.join(self.words)}".strip())
        self.update()

    @property
    def words(self) -> tuple[str, str]:
        """The figure and its threshold, as they are written."""
        reading = self._reading
        value = figure(reading.value) if reading.known else "—"
        return value, "" if reading.threshold is None else f"{reading.name} {figure(reading.threshold)}"

    def sizeHint(self) -> QSize:
        """A line of text."""
        line = self.fontMetrics().height()
        return QSize(16 * line, line + 4)

    def minimumSizeHint(self) -> QSize:
        """Without the bar it says the same."""
        return QSize(11 * self.fontMetrics().height(), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics, palette = self.fontMetrics(), self.palette()
        value, limit = self.words
        ink = palette.color(QPalette.ColorRole.WindowText)
        faint = palette.color(QPalette.ColorRole.PlaceholderText)
        room = QRectF(self.rect())
        title = metrics.horizontalAdvance("Looks alike  ")
        number = metrics.horizontalAdvance(" 100 % ")
        last = metrics.horizontalAdvance(" below 100 %")
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(faint)
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignLeft, self.title)
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, limit)
        figures = room.adjusted(0, 0, -last, 0)
        painter.setPen(ink)
        painter.drawText(figures, middle | Qt.AlignmentFlag.AlignRight, value)
        bar = QRectF(title, 0, room.width() - title - number - last, max(5, metrics.height() // 3))
        bar.moveTop(room.center().y() - bar.height() / 2)
        if bar.width() > 2 * bar.height():
            self._draw_bar(painter, bar, ink)

    def _draw_bar(self, painter: QPainter, bar: QRectF, ink: QColor) -> None:
        reading, round_ = self._reading, bar.height() / 2
        trough = QColor(ink)
        trough.setAlphaF(0.15)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(trough)
        painter.drawRoundedRect(bar, round_, round_)
        share = min(max(reading.value, 0), 1) if reading.known else 0
        if share:
            filled = QRectF(bar)
            filled.setWidth(max(bar.height(), share * bar.width()))
            painter.setBrush(self.palette().color(QPalette.ColorRole.Highlight))
            painter.drawRoundedRect(filled, round_, round_)
        if reading.threshold is not None and 0 <= reading.threshold <= 1:
            x = bar.left() + reading.threshold * bar.width()
            painter.setPen(QPen(ink, 1.5))
            painter.drawLine(
                QRectF(x, bar.top() - 3, 0, 0).topLeft(), QRectF(x, bar.bottom() + 3, 0, 0).topLeft()
            )
