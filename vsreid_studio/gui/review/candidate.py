"""How one candidate looks in the table."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ...engine.events import Retrieval
from ...project import Instance
from .queue_model import CandidateRole, Column, Index

MARGIN, GAP = 3, 8


class CandidateDelegate(QStyledItemDelegate):
    """Paints thumbnail, name and figures in a row's upper half; the lower one is the view's."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell."""
        style = option.widget.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        retrieval: Retrieval = index.data(CandidateRole.RETRIEVAL)
        instance: Instance | None = index.data(CandidateRole.INSTANCE)
        ink, faint = inks(option.palette, selected=bool(option.state & QStyle.StateFlag.State_Selected))
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        room = option.rect.adjusted(6, MARGIN, -6, -MARGIN)
        side = Qt.AlignmentFlag.AlignRight
        if index.column() == Column.CANDIDATE:
            colour = faint if instance is None else QColor(instance.colour)
            self._draw_picture(painter, picture_place(option.rect), index, colour)
            room.setLeft(picture_place(option.rect).right() + GAP)
            side = Qt.AlignmentFlag.AlignLeft
        room.setHeight(room.height() // 2)
        text = option.fontMetrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, room.width())
        painter.setFont(option.font)
        painter.setPen(ink if retrieval.reason is None else faint)
        painter.drawText(room, side | Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    def _draw_picture(self, painter: QPainter, place: QRect, index: Index, colour: QColor) -> None:
        image: QImage | None = index.data(Qt.ItemDataRole.DecorationRole)
        trough = QColor(colour)
        trough.setAlphaF(0.2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(trough)
        painter.drawRoundedRect(place, 3, 3)
        if image is not None and not image.isNull():
            size = image.size().scaled(place.size() - QSize(4, 4), Qt.AspectRatioMode.KeepAspectRatio)
            inner = QRectF(0, 0, size.width(), size.height())
            inner.moveCenter(QRectF(place).center())
            painter.drawImage(inner, image)
        painter.setPen(colour)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)


def inks(palette: QPalette, *, selected: bool) -> tuple[QColor, QColor]:
    """The colours of text, plain and faint, in a row."""
    ink = palette.color(QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text)
    faint = QColor(ink)
    faint.setAlphaF(0.65)
    return ink, faint


def picture_place(row: QRect) -> QRect:
    """Where the thumbnail goes: a square at the left."""
    side = row.height() - 2 * MARGIN
    return QRect(row.left() + 4, row.top() + MARGIN, side, side)
