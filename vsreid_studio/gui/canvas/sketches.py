"""Thin lines over the picture that are seen on any background: light on dark."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

_DARK, _LIGHT = QColor(0, 0, 0, 170), QColor(255, 255, 255)
_DARK_WIDTH, _LIGHT_WIDTH = 3.0, 1.2
REACH = 6
"""How far a sketch's drawing reaches beyond its points, in pixels of the widget."""
_DOT = 3.5
_POINT, _SIGN = 5.5, 2.5
_ADDS, _TAKES = QColor(0, 130, 60), QColor(200, 30, 30)


def pens(colour: QColor = _LIGHT, width: float = _LIGHT_WIDTH) -> tuple[QPen, QPen]:
    """The two pens of a line, dark first."""
    dark, light = QPen(_DARK, width + _DARK_WIDTH - _LIGHT_WIDTH), QPen(colour, width)
    for pen in (dark, light):
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return dark, light


def bounds(points: Sequence[QPointF]) -> QRectF:
    """What drawing a line through the points may touch; empty without a point."""
    if not points:
        return QRectF()
    xs, ys = [point.x() for point in points], [point.y() for point in points]
    rect = QRectF(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    return rect.adjusted(-REACH, -REACH, REACH, REACH)


def draw_line(painter: QPainter, points: Sequence[QPointF], *, dots: bool) -> None:
    """Draw an open line, with a dot at each corner on demand."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in pens():
        painter.setPen(pen)
        painter.drawPolyline(list(points))
    if dots:
        painter.setPen(QPen(_DARK, 1.0))
        painter.setBrush(_LIGHT)
        for place, point in enumerate(points):
            # The first corner is the one to click for closing.
            radius = _DOT + 1.5 if place == 0 else _DOT
            painter.drawEllipse(point, radius, radius)


def draw_points(painter: QPainter, points: Sequence[tuple[QPointF, bool]]) -> None:
    """Draw what was clicked: a green disk with a plus where it adds, a red one with a minus elsewhere."""
    for at, adds in points:
        painter.setPen(QPen(_LIGHT, 1.5))
        painter.setBrush(_ADDS if adds else _TAKES)
        painter.drawEllipse(at, _POINT, _POINT)
        painter.drawLine(at - QPointF(_SIGN, 0), at + QPointF(_SIGN, 0))
        if adds:
            painter.drawLine(at - QPointF(0, _SIGN), at + QPointF(0, _SIGN))


def ring_bounds(centre: QPointF, radius: float) -> QRectF:
    """What drawing a ring may touch."""
    reach = radius + REACH
    return QRectF(centre.x() - reach, centre.y() - reach, 2 * reach, 2 * reach)


def draw_ring(painter: QPainter, centre: QPointF, radius: float) -> None:
    """Draw the brush's size."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in pens():
        painter.setPen(pen)
        painter.drawEllipse(centre, radius, radius)
