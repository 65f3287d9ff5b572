"""The ruler: frame numbers, the frames at work, and the playhead's flag."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPolygonF

from .axis import TimeAxis
from .look import fade, mix
from .state import TimelineState
from .surface import Surface


class Ruler(Surface):
    """Frame numbers over the rows."""

    def __init__(self, state: TimelineState, axis: TimeAxis) -> None:
        super().__init__(state, axis)
        self._labels: list[QRectF] = []

    def sizeHint(self) -> QSize:
        """As high as the look says."""
        return QSize(200, self.state.look.ruler)

    def paint_content(self, painter: QPainter) -> None:
        """Paint ticks, numbers and the band of the frames at work."""
        look, axis, high = self.state.look, self.axis, float(self.height())
        painter.fillRect(self.rect(), look.window)
        painter.setFont(look.small)
        metrics = QFontMetricsF(look.small)
        broad = metrics.horizontalAdvance(str(axis.length)) + 14 * look.unit
        step, frames = axis.ticks(broad)
        painter.setPen(look.muted)
        self._labels.clear()
        for frame in frames:
            x = axis.centre(frame)
            painter.drawLine(QLineF(x, high - 5 * look.unit, x, high))
            area = QRectF(x - broad / 2, 2 * look.unit, broad, metrics.height())
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, str(frame))
            self._labels.append(area.adjusted(5 * look.unit, 0, -5 * look.unit, 0))
        _, frames = axis.ticks(max(5 * look.unit, step * axis.scale / 10))
        painter.setPen(mix(look.muted, look.window, 0.5))
        painter.drawLines([QLineF(x, high - 3 * look.unit, x, high) for x in map(axis.centre, frames)])
        if self.state.running is not None and len(self.state.running):
            left, right = axis.x(self.state.running.start), axis.x(self.state.running.stop)
            painter.fillRect(QRectF(left, high - 4 * look.unit, right - left, 4 * look.unit), look.accent)

    def paint_over(self, painter: QPainter) -> None:
        """Paint the range and the playhead with its number."""
        super().paint_over(painter)
        if not self.axis.length:
            return
        look, frame = self.state.look, self.state.frame
        metrics = QFontMetricsF(look.small)
        width = metrics.horizontalAdvance(str(frame)) + 10 * look.unit
        tall = metrics.height() + 2 * look.unit
        x = self.axis.centre(frame)
        left = max(0.0, min(self.width() - width, x - width / 2))
        flag = QRectF(left, look.unit, width, tall)
        for label in self._labels:
            # Half a number beside the flag would be taken for a whole one.
            if label.intersects(flag):
                painter.fillRect(label, look.window)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.accent)
        painter.drawRoundedRect(flag, 3 * look.unit, 3 * look.unit)
        tip, half = tall + 6 * look.unit, 5 * look.unit
        painter.drawPolygon(QPolygonF([QPointF(x - half, tall), QPointF(x + half, tall), QPointF(x, tip)]))
        painter.setPen(look.accent_text)
        painter.setFont(look.small)
        painter.drawText(flag, Qt.AlignmentFlag.AlignCenter, str(frame))
        painter.setPen(fade(look.text, 0.25))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
