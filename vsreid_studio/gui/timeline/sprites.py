"""Small pictures of marks and boxes, drawn once and stamped as often as needed.

A stroked shape takes Qt ten times as long as a copy of it, and a long video shows thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap


class Sprite(NamedTuple):
    """A picture and its middle.

    Attributes:
        picture: its pixels are those of the device.
        x, y: of the middle, in pixels from its corner.
    """

    picture: QPixmap
    x: int
    y: int


class Sprites:
    """Keeps pictures by what they show, for one look and one density of pixels.

    Attributes:
        ratio: device pixels a logical one.
    """

    def __init__(self, ratio: float) -> None:
        self.ratio = ratio
        self._kept: dict[Hashable, Sprite] = {}

    def find(self, name: Hashable) -> Sprite | None:
        """The picture of that name, None if it has not been drawn yet."""
        return self._kept.get(name)

    def make(self, name: Hashable, size: tuple[float, float], draw: Callable[[QPainter], None]) -> Sprite:
        """Draw a picture and keep it.

        Args:
            name: tells pictures apart.
            size: width and height, in logical pixels.
            draw: draws it around the origin.
        """
        # Odd numbers of pixels: the centre is a pixel.
        x, y = (round(side * self.ratio / 2) for side in size)
        picture = QPixmap(2 * x + 1, 2 * y + 1)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(x + 0.5, y + 0.5)
        painter.scale(self.ratio, self.ratio)
        draw(painter)
        painter.end()
        sprite = self._kept[name] = Sprite(picture, x, y)
        return sprite

    def tint(self, name: Hashable, sprite: Sprite, area: QRectF, colour: QColor) -> Sprite:
        """Fill a part of a copy of a picture, and keep it; much faster than to draw it all again.

        Args:
            area: in logical pixels around the middle; whole pixels are filled.
        """
        left, right = (round(sprite.x + 0.5 + x * self.ratio) for x in (area.left(), area.right()))
        top, bottom = (round(sprite.y + 0.5 + y * self.ratio) for y in (area.top(), area.bottom()))
        picture = sprite.picture.copy()
        painter = QPainter(picture)
        painter.fillRect(left, top, right - left, bottom - top, colour)
        painter.end()
        tinted = self._kept[name] = sprite._replace(picture=picture)
        return tinted

    def pixels(self, places: NDArray[np.floating]) -> list[int]:
        """The device pixels at places in logical ones."""
        # Halves go up always, or marks would jump to and fro as one scrolls.
        pixels: list[int] = np.floor(places * self.ratio + 0.5 + 1e-6).astype(np.intp).tolist()
        return pixels

    def stamp(self, painter: QPainter, sprites: Iterable[Sprite], x: Iterable[int], y: Iterable[int]) -> None:
        """Put pictures one after the other, their middles on device pixels."""
        painter.save()
        painter.scale(1 / self.ratio, 1 / self.ratio)
        # The one form of drawPixmap that costs a third of the others takes whole coordinates.
        put = painter.drawPixmap
        for (picture, left, up), across, down in zip(sprites, x, y, strict=False):
            put(across - left, down - up, picture)
        painter.restore()
