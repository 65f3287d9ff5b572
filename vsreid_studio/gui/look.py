"""Pieces of looks that several panels share."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QLabel, QWidget


def smaller(font: QFont) -> QFont:
    """The font of second lines: the same, a little smaller, whichever unit it is measured in."""
    small = QFont(font)
    if font.pointSizeF() > 0:
        small.setPointSizeF(font.pointSizeF() * 0.85)
    else:
        small.setPixelSize(max(8, round(font.pixelSize() * 0.85)))
    return small


def swatch(widget: QWidget, colour: QColor) -> QPixmap:
    """A rounded square of an instance's colour, as high as the widget's text and as sharp as its screen."""
    side, scale = widget.fontMetrics().height(), widget.devicePixelRatioF()
    pixmap = QPixmap(QSize(side, side) * scale)
    pixmap.setDevicePixelRatio(scale)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(1, 1, side - 2, side - 2, side / 4, side / 4)
    painter.end()
    return pixmap


def swatch_icon(widget: QWidget, colour: QColor) -> QIcon:
    """The same for a menu or a box of choices."""
    return QIcon(swatch(widget, colour))


def quiet_label(text: str = "") -> QLabel:
    """A wrapped label of plain text in the palette's placeholder colour."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label


def tip(text: str) -> str:
    """A text with a name or path in it as a tooltip, which Qt would read as HTML where it looks like that."""
    return f"<qt>{escape(text)}</qt>" if "<" in text else text


def plain(text: str) -> str:
    """A name as it may stand on a button or in a menu, where a single & would mark a key."""
    return text.replace("&", "&&")
