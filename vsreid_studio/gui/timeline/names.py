"""The column of names left of the rows, and the switches of the plot above it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QIcon,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from .axis import Columns
from .state import TimelineRow, TimelineState, TimelineStyle, fade
from .strip import Curve, draw_curve


class Names(QWidget):
    """Swatch, number and name of each row.

    Signals:
        clicked(int): an instance's name was clicked.
        scrolled(int): the wheel turned by so many pixels.
    """

    clicked = Signal(int)
    scrolled = Signal(int)

    def __init__(self, state: TimelineState) -> None:
        super().__init__()
        self.state = state
        self.offset = 0

    def set_offset(self, offset: int) -> None:
        """Scroll with the rows."""
        self.offset = offset
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the names in sight."""
        style = self.state.style
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), style.window)
        for number, row in enumerate(self.state.rows):
            area = QRectF(0, number * style.row - self.offset, self.width(), style.row)
            if area.bottom() > 0 and area.top() < self.height():
                self._paint(painter, row, area, style)
        painter.fillRect(QRectF(self.width() - 1, 0, 1, self.height()), fade(style.text, 0.2))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Emit which name was clicked."""
        number = int((event.position().y() + self.offset) // self.state.style.row)
        if event.button() is Qt.MouseButton.LeftButton and 0 <= number < len(self.state.rows):
            self.clicked.emit(self.state.rows[number].number)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the rows."""
        self.scrolled.emit(-event.angleDelta().y() * self.state.style.row // 120)
        event.accept()

    def _paint(self, painter: QPainter, row: TimelineRow, area: QRectF, style: TimelineStyle) -> None:
        unit = style.unit
        if row.number == self.state.selected:
            painter.fillRect(area, fade(style.accent, 0.22))
            painter.fillRect(QRectF(0, area.top(), 3 * unit, area.height()), style.accent)
        painter.fillRect(QRectF(0, area.bottom() - 1, area.width(), 1), style.faint)
        middle = area.center().y()
        swatch = QRectF(10 * unit, middle - 6 * unit, 12 * unit, 12 * unit)
        painter.setPen(QPen(fade(style.text, 0.4), unit))
        painter.setBrush(row.colour)
        painter.drawRoundedRect(swatch, 3 * unit, 3 * unit)
        right = area.right() - 8 * unit
        for on, draw in ((row.locked, _padlock), (row.hidden, _closed_eye)):
            if on:
                draw(painter, QPointF(right - 6 * unit, middle), style)
                right -= 19 * unit
        painter.setFont(style.small)
        painter.setPen(style.muted)
        number = QRectF(swatch.right() + 5 * unit, area.top(), 20 * unit, area.height())
        painter.drawText(number, Qt.AlignmentFlag.AlignCenter, str(row.number))
        font = QFont(style.font)
        font.setBold(row.number == self.state.selected)
        painter.setFont(font)
        painter.setPen(style.muted if row.hidden else style.text)
        place = QRectF(
            number.right() + 4 * unit, area.top(), right - number.right() - 6 * unit, area.height()
        )
        name = QFontMetricsF(font).elidedText(row.name, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)


class Switches(QWidget):
    """One button a curve; its icon is the curve's stroke, which makes it the legend, too.

    Signals:
        toggled(Curve, bool): a curve was switched on or off.
    """

    toggled = Signal(object, bool)

    def __init__(self, state: TimelineState) -> None:
        super().__init__()
        self.state = state
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 1, 4, 1)
        layout.setSpacing(0)
        self.buttons = {curve: self._button(curve) for curve in Curve}
        for button in self.buttons.values():
            layout.addWidget(button)
        self.restyle()

    def restyle(self) -> None:
        """Draw the icons again, for another palette, font or instance."""
        style = self.state.style
        for curve, button in self.buttons.items():
            button.setFont(style.small)
            button.setIconSize(QSize(round(22 * style.unit), round(15 * style.unit)))
            button.setIcon(self._icon(curve, style))

    def _button(self, curve: Curve) -> QToolButton:
        button = QToolButton(self)
        button.setText(curve.value.capitalize())
        button.setToolTip(f"Plot the selected instance's {curve.value} over time")
        button.setCheckable(True)
        button.setChecked(True)
        button.setAutoRaise(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.toggled.connect(lambda on: self.toggled.emit(curve, on))
        return button

    def _icon(self, curve: Curve, style: TimelineStyle) -> QIcon:
        ratio = self.devicePixelRatioF()
        size = self.buttons[curve].iconSize()
        picture = QPixmap(size * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        row = self.state.row(self.state.selected)
        columns = Columns.of(0, 1, picture.width(), picture.width(), ratio)
        # A hill, a dale and a slope, as an example.
        shares = np.interp(np.linspace(0, 1, len(columns)), (0, 0.35, 0.65, 1), (0.1, 0.9, 0.4, 1))
        colour = row.colour if row else style.muted
        draw_curve(painter, curve, shares, QRectF(QPointF(0, 0), size), columns, colour, style)
        painter.end()
        return QIcon(picture)


def _padlock(painter: QPainter, centre: QPointF, style: TimelineStyle) -> None:
    unit, x, y = style.unit, centre.x(), centre.y()
    painter.setPen(QPen(style.muted, 1.5 * unit))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawArc(QRectF(x - 3 * unit, y - 6 * unit, 6 * unit, 8 * unit), 0, 180 * 16)
    painter.setBrush(style.muted)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawRoundedRect(QRectF(x - 5 * unit, y - 1.5 * unit, 10 * unit, 7.5 * unit), unit, unit)


def _closed_eye(painter: QPainter, centre: QPointF, style: TimelineStyle) -> None:
    unit, x, y = style.unit, centre.x(), centre.y()
    painter.setPen(QPen(style.muted, 1.4 * unit))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    lid = QPainterPath(QPointF(x - 6 * unit, y))
    lid.quadTo(x, y - 8 * unit, x + 6 * unit, y)
    lid.quadTo(x, y + 8 * unit, x - 6 * unit, y)
    painter.drawPath(lid)
    painter.drawLine(QLineF(x - 5 * unit, y + 5 * unit, x + 5 * unit, y - 5 * unit))
