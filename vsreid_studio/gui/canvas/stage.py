"""What the canvas shows: items of pyqtgraph in the frame's own coordinates, and thin lines over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import QWidget

from ...engine.types import NOWHERE, Box, Frame
from .composition import Composed, halved
from .navigation import Viewport
from .overlay import Argb, MaskPicture

_DARK, _LIGHT = QColor(0, 0, 0, 170), QColor(255, 255, 255)
_DARK_WIDTH, _LIGHT_WIDTH = 3.0, 1.2
REACH = 6
"""How far a sketch's drawing reaches beyond its points, in pixels of the widget."""
_DOT = 3.5
_POINT, _SIGN = 5.5, 2.5
_ADDS, _TAKES = QColor(0, 130, 60), QColor(200, 30, 30)

_LARGE_PIXELS = 5.0
"""Screen pixels a frame pixel, from which on single pixels are what one wants to see."""
_HALVINGS = 3


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


class MaskItem(pg.ImageItem):
    """Premultiplied pixels at their place in the frame, of which a part can be drawn again.

    Attributes:
        shown: outside of this part of the frame all is transparent.
    """

    def __init__(self) -> None:
        super().__init__(axisOrder="row-major")
        self.shown = NOWHERE
        self._corner = (0, 0)

    def set_pixels(self, box: Box, pixels: Argb) -> None:
        """Show (box.height, box.width) premultiplied ARGB, which may be written to later."""
        self.shown, self._corner = box, (box.x0, box.y0)
        self.setPos(*self._corner)
        self.setImage(np.ascontiguousarray(pixels), autoLevels=False)

    def render(self) -> None:
        """Wrap the pixels for Qt without a copy; pyqtgraph would take them as not premultiplied."""
        pixels = self.image
        height, width = pixels.shape
        form = QImage.Format.Format_ARGB32_Premultiplied
        self.qimage = QImage(pixels.data, width, height, width * 4, form)
        self._renderRequired = self._unrenderable = False

    def paint(self, painter: QPainter, *args: object) -> None:
        """Draw what is not transparent."""
        if self.image is None or not self.shown.area:
            return
        if self._renderRequired:
            self.render()
        here = self.shown.shifted(-self._corner[0], -self._corner[1])
        source = QRectF(here.x0, here.y0, here.width, here.height)
        painter.drawImage(source.topLeft(), self.qimage, source)


class CanvasStage(pg.GraphicsView):
    """A ViewBox with the frame, the masks over it, and what is drawn last.

    The mouse goes to the widget that it lies in, which knows the tools.

    Attributes:
        space: the ViewBox; its coordinates are the frame's.
        skin, masks, preview: what lies over the frame, from below.
        viewport_: which part of the frame is seen, and how large.
    """

    def __init__(self, picture: MaskPicture, draw_last: Callable[[QPainter], None], parent: QWidget) -> None:
        """Show no frame yet.

        Args:
            picture: the masks; composed just before they are drawn.
            draw_last: draws over everything, in the widget's coordinates.
        """
        self._picture, self._draw_last = picture, draw_last
        self._frame: Frame | None = None
        self._level = -1
        self._composed: Composed | None = None
        self.viewport_ = Viewport()
        super().__init__(parent, useOpenGL=False, background=None)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.space = pg.ViewBox(invertY=True, enableMenu=False, enableMouse=False, defaultPadding=0)
        self.space.disableAutoRange()
        self.setCentralItem(self.space)
        self._image = pg.ImageItem(axisOrder="row-major")
        self.skin, self.masks, self.preview = MaskItem(), MaskItem(), MaskItem()
        for height, item in enumerate((self._image, self.skin, self.masks, self.preview)):
            item.setZValue(height)
            self.space.addItem(item, ignoreBounds=True)
        self.scene().sigPrepareForPaint.connect(self._compose_changes)

    @property
    def level(self) -> int:
        """How often the frame is halved before it is drawn, as Qt would skip pixels."""
        scale, level = self.viewport_.scale * self.devicePixelRatioF(), 0
        while scale * 2 ** (level + 1) <= 1 and level < _HALVINGS:
            level += 1
        return level

    def set_frame(self, frame: Frame, composed: Composed | None = None) -> None:
        """Show (H, W, 3) uint8 RGB; it is not copied.

        Args:
            composed: holds the frame halved already.
        """
        self._frame, self._level, self._composed = frame, -1, composed
        self._show_level()

    def forget(self) -> None:
        """Show no frame."""
        self._frame = self._composed = None
        self._image.clear()

    def show_masks(self) -> None:
        """Show the picture's masks, of a frame of another size than before."""
        self.masks.set_pixels(self._picture.bounds, self._picture.pixels)

    def set_viewport(self, viewport: Viewport) -> None:
        """Show the frame at another scale or place."""
        self.viewport_ = viewport
        scale = viewport.scale
        seen = QRectF(-viewport.x / scale, -viewport.y / scale, self.width() / scale, self.height() / scale)
        self.space.setRange(seen, padding=0)
        smooth = scale * self.devicePixelRatioF() < _LARGE_PIXELS
        self.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        self._show_level()

    def refresh(self, box: Box) -> None:
        """Draw a part of the frame again."""
        if not box.area:
            return
        # Smooth scaling mixes neighbours in.
        margin = 2 + self.viewport_.scale
        rect = QRectF(*self.viewport_.covered(box)).adjusted(-margin, -margin, margin, margin)
        self.viewport().update(rect.toAlignedRect())

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        """Draw what lies over all items."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_last(painter)

    def _compose_changes(self) -> None:
        self._picture.compose_changes()
        self.masks.shown = self._picture.shown

    def _show_level(self) -> None:
        level = self.level
        if self._frame is None or level == self._level:
            return
        self._level, ready = level, self._composed
        height, width = self._frame.shape[:2]
        small = ready.small if ready is not None and ready.level == level else halved(self._frame, level)
        self._image.setImage(small, autoLevels=False)
        self._image.setRect(QRectF(0, 0, width, height))

    def place(self, at: QPointF) -> tuple[float, float]:
        """The frame's point under a point of the widget."""
        return self.viewport_.to_frame(at.x(), at.y())
