"""Small pictures of marks and boxes, drawn once and stamped as often as needed.

A stroked shape takes Qt ten times as long as a copy of it, and a long video shows thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from math import floor

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPixmap


class Sprites:
    """Keeps pictures by what they show, for one look and one density of pixels.

    Attributes:
        ratio: device pixels a logical one.
    """

    def __init__(self, ratio: float) -> None:
        self.ratio = ratio
        self._kept: dict[Hashable, QPixmap] = {}

    def find(self, name: Hashable) -> QPixmap | None:
        """The picture of that name, None if it has not been drawn yet."""
        return self._kept.get(name)

    def make(self, name: Hashable, size: tuple[float, float], draw: Callable[[QPainter], None]) -> QPixmap:
        """Draw a picture and keep it.

        Args:
            name: tells pictures apart.
            size: width and height, in logical pixels.
            draw: draws it around the origin.
        """
        picture = self._kept[name] = self._draw(size, draw)
        return picture

    def stamp(self, painter: QPainter, picture: QPixmap, centres: Iterable[float], middle: float) -> None:
        """Put a picture around points on one line, on whole device pixels so that it stays sharp."""
        ratio, half = self.ratio, picture.width() // 2
        top = (round(middle * ratio) - picture.height() // 2) / ratio
        # Halves go up always, or marks would jump to and fro as one scrolls.
        nudge = 0.5 + 1e-6
        put = painter.drawPixmap
        for x in centres:
            put(QPointF((floor(x * ratio + nudge) - half) / ratio, top), picture)

    def _draw(self, size: tuple[float, float], draw: Callable[[QPainter], None]) -> QPixmap:
        # Odd numbers of pixels: the centre is a pixel.
        width, high = (2 * round(side * self.ratio / 2) + 1 for side in size)
        picture = QPixmap(width, high)
        picture.setDevicePixelRatio(self.ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(width / 2 / self.ratio, high / 2 / self.ratio)
        draw(painter)
        painter.end()
        return picture
