"""The base of ruler, plot and rows, and the ruler itself.

A surface keeps its picture under a moving playhead, and turns the mouse into gestures.
"""

from __future__ import annotations

import math
from enum import Enum, auto

from PySide6.QtCore import QEvent, QLineF, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from .axis import PAD, Columns, TimeAxis
from .state import TimelineState, fade, mix

_NOTCH = 120
"""Units of a wheel's angle in one notch."""
_ZOOM = 1.25
"""Zoom of one notch."""
_SLACK = 3
"""Pixels that a press may move and still be a click."""


class _Drag(Enum):
    SCRUB = auto()
    RANGE = auto()
    PAN = auto()


class Surface(QWidget):
    """Paints along the time axis and turns the mouse into gestures.

    The picture of the content is kept, so that a moving playhead costs one copy of a strip of it.

    Signals:
        pressed(QPoint): the left button went down without Shift, before any other signal.
        scrubbed(int): the playhead is dragged to a frame.
        range_dragged(int, int): frames between the press with Shift and the mouse, both included.
        range_dropped(bool): it is over; whether the mouse had moved.
        panned(QPoint): the content is to follow the mouse by so many pixels.
        hovered(QPoint): the mouse moved without a button.
        left(): the mouse is gone.
    """

    pressed = Signal(QPoint)
    scrubbed = Signal(int)
    range_dragged = Signal(int, int)
    range_dropped = Signal(bool)
    panned = Signal(QPoint)
    hovered = Signal(QPoint)
    left = Signal()

    def __init__(self, state: TimelineState, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state, self.axis = state, axis
        self._picture: QPixmap | None = None
        self._spare: QPixmap | None = None
        self._drag: _Drag | None = None
        self._from = self._last = QPoint()
        self._anchor = 0
        self._moved = False
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        axis.changed.connect(self.follow_axis)

    def paint_content(self, painter: QPainter) -> None:
        """Paint everything but playhead and range."""
        raise NotImplementedError

    def frame_under(self, place: QPoint) -> int:
        """The frame that a press goes to."""
        return self.axis.frame_at(place.x())

    def refresh(self) -> None:
        """Paint the content again."""
        # Fresh memory for a picture takes the system as long as a copy of it.
        self._spare, self._picture = self._picture or self._spare, None
        self.update()

    def follow_axis(self) -> None:
        """Paint what another zoom or scroll position shows."""
        self.refresh()

    def columns(self, left: int = 0, width: int | None = None) -> Columns:
        """The frames under each column of device pixels, of all or of a part so many logical pixels wide."""
        ratio = self.devicePixelRatioF()
        first = self.axis.first + (left - PAD) / self.axis.scale
        count = math.ceil((self.width() if width is None else width) * ratio)
        return Columns.of(first, self.axis.scale * ratio, count, self.axis.length, ratio)

    def move_playhead(self, *frames: int) -> None:
        """Repaint the strips where the playhead was and is."""
        half = math.ceil(self.axis.scale / 2 + self.state.style.names)
        for frame in frames:
            self.update(QRect(round(self.axis.centre(frame)) - half, 0, 2 * half, self.height()))

    def picture(self) -> QPixmap:
        """The content, painted now if anything changed."""
        ratio = self.devicePixelRatioF()
        if self._picture is None or self._picture.devicePixelRatio() != ratio:
            size = self.size() * ratio
            fit = QSize(max(1, math.ceil(size.width())), max(1, math.ceil(size.height())))
            spare, self._spare = self._spare, None
            self._picture = spare if spare is not None and spare.size() == fit else QPixmap(fit)
            self._picture.setDevicePixelRatio(ratio)
            painter = QPainter(self._picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.paint_content(painter)
            painter.end()
        return self._picture

    def paintEvent(self, event: QPaintEvent) -> None:
        """Copy the picture and paint what moves on top."""
        picture = self.picture()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPixmap(0, 0, picture)
        self.paint_over(painter)
        painter.end()

    def paint_over(self, painter: QPainter) -> None:
        """Paint the range chosen and the playhead."""
        style, axis = self.state.style, self.axis
        if not axis.length:
            return
        if self.state.chosen is not None:
            first, last = self.state.chosen
            left, right = axis.x(first), axis.x(last + 1)
            painter.fillRect(
                QRect(round(left), 0, round(right - left), self.height()), fade(style.accent, 0.2)
            )
            painter.setPen(QPen(fade(style.accent, 0.8), style.unit))
            for x in (round(left) + 0.5, round(right) - 0.5):
                painter.drawLine(round(x), 0, round(x), self.height())
        x = axis.centre(self.state.frame)
        if axis.scale > 4:
            cell = QRect(round(axis.x(self.state.frame)), 0, round(axis.scale), self.height())
            painter.fillRect(cell, fade(style.accent, 0.16))
        painter.setPen(QPen(style.accent, 1.6 * style.unit))
        painter.drawLine(round(x), 0, round(x), self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Paint again at the new size."""
        self._picture = self._spare = None

    def leaveEvent(self, event: QEvent) -> None:
        """Emit that the mouse has left."""
        self.left.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to scrub, to choose a range or to pan."""
        if self._drag is not None or not self.axis.length:
            return
        self._from = self._last = event.position().toPoint()
        self._anchor = self.axis.frame_at(self._from.x())
        self._moved = False
        if event.button() is Qt.MouseButton.MiddleButton:
            self._drag = _Drag.PAN
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif event.button() is Qt.MouseButton.LeftButton:
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._drag = _Drag.RANGE
            else:
                self._drag = _Drag.SCRUB
                self.pressed.emit(self._from)
                self.scrubbed.emit(self.frame_under(self._from))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what the press began."""
        place = event.position().toPoint()
        step, self._last = place - self._last, place
        self._moved = self._moved or abs(place.x() - self._from.x()) > _SLACK
        if self._drag is None:
            self.hovered.emit(place)
        elif self._drag is _Drag.PAN:
            self.panned.emit(step)
        elif self._drag is _Drag.SCRUB:
            # A shaky click on a box must stay in the box's frame.
            if self._moved:
                self.scrubbed.emit(self.axis.frame_at(place.x()))
        elif self._moved:
            here = self.axis.frame_at(place.x())
            self.range_dragged.emit(min(self._anchor, here), max(self._anchor, here))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End it."""
        drag, self._drag = self._drag, None
        self.unsetCursor()
        if drag is _Drag.RANGE:
            self.range_dropped.emit(self._moved)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom time at the mouse; sideways, or with Shift, scroll it."""
        angle = event.angleDelta()
        sideways = angle.x()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            sideways = sideways or angle.y()
        if sideways:
            fine = event.pixelDelta().x()
            self.axis.scroll(-(fine or sideways))
        elif angle.y():
            self.axis.zoom(_ZOOM ** (angle.y() / _NOTCH), event.position().x())
        event.accept()


class Ruler(Surface):
    """Frame numbers over the rows."""

    def __init__(self, state: TimelineState, axis: TimeAxis) -> None:
        super().__init__(state, axis)
        self._labels: list[QRectF] = []

    def sizeHint(self) -> QSize:
        """The height is that of the style."""
        return QSize(200, self.state.style.ruler)

    def paint_content(self, painter: QPainter) -> None:
        """Paint ticks, numbers and the band of the frames at work."""
        style, axis, high = self.state.style, self.axis, float(self.height())
        painter.fillRect(self.rect(), style.window)
        painter.setFont(style.small)
        metrics = QFontMetricsF(style.small)
        broad = metrics.horizontalAdvance(str(axis.length)) + 14 * style.unit
        step, frames = axis.ticks(broad)
        painter.setPen(style.muted)
        self._labels.clear()
        for frame in frames:
            x = axis.centre(frame)
            painter.drawLine(QLineF(x, high - 5 * style.unit, x, high))
            area = QRectF(x - broad / 2, 2 * style.unit, broad, metrics.height())
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, str(frame))
            self._labels.append(area.adjusted(5 * style.unit, 0, -5 * style.unit, 0))
        _, frames = axis.ticks(max(5 * style.unit, step * axis.scale / 10))
        painter.setPen(mix(style.muted, style.window, 0.5))
        painter.drawLines([QLineF(x, high - 3 * style.unit, x, high) for x in map(axis.centre, frames)])
        if self.state.running is not None and len(self.state.running):
            left, right = axis.x(self.state.running.start), axis.x(self.state.running.stop)
            painter.fillRect(QRectF(left, high - 4 * style.unit, right - left, 4 * style.unit), style.accent)

    def paint_over(self, painter: QPainter) -> None:
        """Paint the range and the playhead with its number."""
        super().paint_over(painter)
        if not self.axis.length:
            return
        style, frame = self.state.style, self.state.frame
        metrics = QFontMetricsF(style.small)
        width = metrics.horizontalAdvance(str(frame)) + 10 * style.unit
        tall = metrics.height() + 2 * style.unit
        x = self.axis.centre(frame)
        left = max(0.0, min(self.width() - width, x - width / 2))
        flag = QRectF(left, style.unit, width, tall)
        for label in self._labels:
            # Half a number beside the flag would be taken for a whole one.
            if label.intersects(flag):
                painter.fillRect(label, style.window)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.accent)
        painter.drawRoundedRect(flag, 3 * style.unit, 3 * style.unit)
        tip, half = tall + 6 * style.unit, 5 * style.unit
        painter.drawPolygon(QPolygonF([QPointF(x - half, tall), QPointF(x + half, tall), QPointF(x, tip)]))
        painter.setPen(style.accent_text)
        painter.setFont(style.small)
        painter.drawText(flag, Qt.AlignmentFlag.AlignCenter, str(frame))
        painter.setPen(fade(style.text, 0.25))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
