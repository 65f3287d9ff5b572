"""The small signs of a row, drawn so that they are sharp at any scale and follow the palette."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen


def draw_swatch(painter: QPainter, place: QRectF, colour: QColor, rim: QColor) -> None:
    """A rounded square of the instance's colour, with a rim so that no colour drowns in the background."""
    painter.save()
    faint = QColor(rim)
    faint.setAlphaF(0.35)
    painter.setPen(QPen(faint, 1))
    painter.setBrush(colour)
    radius = place.width() / 4
    painter.drawRoundedRect(place, radius, radius)
    painter.restore()


def draw_eye(painter: QPainter, place: QRectF, colour: QColor, *, is_open: bool) -> None:
    """An eye; struck through when the instance is hidden."""
    painter.save()
    _stroke(painter, place, colour)
    middle, width, height = place.center(), place.width() / 2, place.height() * 0.42
    lid = QPainterPath(middle - QPointF(width, 0))
    lid.quadTo(middle - QPointF(0, 2 * height), middle + QPointF(width, 0))
    lid.quadTo(middle + QPointF(0, 2 * height), middle - QPointF(width, 0))
    painter.drawPath(lid)
    pupil = place.width() / 6
    if is_open:
        painter.setBrush(colour)
    painter.drawEllipse(middle, pupil, pupil)
    if not is_open:
        reach = QPointF(0.8 * width, -0.8 * width)
        painter.drawLine(middle - reach, middle + reach)
    painter.restore()


def draw_lock(painter: QPainter, place: QRectF, colour: QColor, *, closed: bool) -> None:
    """A padlock; its shackle hangs open when the instance may be edited."""
    painter.save()
    _stroke(painter, place, colour)
    width, height = place.width() * 0.68, place.height() * 0.46
    body = QRectF(place.center().x() - width / 2, place.bottom() - height, width, height)
    bow = QRectF(0, 0, width * 0.62, height * 1.1)
    bow.moveCenter(QPointF(body.center().x() if closed else body.right(), body.top()))
    shackle = QPainterPath(QPointF(bow.left(), body.top()))
    shackle.arcTo(bow, 180, -180)
    painter.drawPath(shackle)
    if closed:
        painter.setBrush(colour)
    painter.drawRoundedRect(body, 1.5, 1.5)
    painter.restore()


def _stroke(painter: QPainter, place: QRectF, colour: QColor) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen = QPen(colour, max(1.2, place.width() / 11))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
