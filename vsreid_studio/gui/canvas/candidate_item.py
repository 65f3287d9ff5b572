"""The retrieved box, with handles by which a person redraws it."""

from __future__ import annotations

from dataclasses import dataclass

import pyqtgraph as pg
from pyqtgraph.graphicsItems.ROI import Handle
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from ...engine.types import Box
from .navigation import Viewport
from .stage import pens
from .stroke import Point

HANDLE = 9.0
"""Side of a handle, in pixels of the widget."""
_LINE = 2.0
_GRASP = 8.0
_LEAST_SIDE = 4


@dataclass(frozen=True, slots=True)
class Grip:
    """What of the box is held.

    Attributes:
        x, y: the side that follows the mouse, -1 low, 1 high, 0 none; with neither the whole box does.
    """

    x: int
    y: int

    @property
    def cursor(self) -> Qt.CursorShape:
        """The shape of the mouse cursor over it."""
        if self.x and self.y:
            rising = self.x != self.y
            return Qt.CursorShape.SizeBDiagCursor if rising else Qt.CursorShape.SizeFDiagCursor
        if self.x:
            return Qt.CursorShape.SizeHorCursor
        return Qt.CursorShape.SizeVerCursor if self.y else Qt.CursorShape.SizeAllCursor


HANDLES = tuple(Grip(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1) if x or y)
_WHOLE = Grip(0, 0)


class _GripItem(Handle):
    """A white square of one size at any zoom."""

    def __init__(self, parent: pg.ROI) -> None:
        # A square of this side has its corners half a diagonal away from the middle.
        super().__init__(HANDLE / 2**0.5, typ="f", pen=pg.mkPen(0, 0, 0, 200), parent=parent)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None) -> None:
        painter.setBrush(QColor(255, 255, 255))
        super().paint(painter, option, widget)


class CandidateItem(pg.ROI):
    """A box that can be dragged by eight handles, and moved by its sides; whole pixels, inside the frame.

    The widget forwards mouse events, as it has to decide between box, tool and panning.
    """

    def __init__(self, box: Box, colour: QColor, bounds: Box) -> None:
        """Take a box inside `bounds`, the frame."""
        box = box.intersect(bounds)
        super().__init__(
            (box.x0, box.y0),
            (box.width, box.height),
            maxBounds=QRectF(bounds.x0, bounds.y0, bounds.width, bounds.height),
            rotatable=False,
            scaleSnap=True,
            translateSnap=True,
            snapSize=1.0,
        )
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.setZValue(10)
        self._bounds = bounds
        self._colour = colour
        self._grip: Grip | None = None
        self._from: Point = (0, 0)
        self._start = box
        for grip in HANDLES:
            at, opposite = ((1 + grip.x) / 2, (1 + grip.y) / 2), ((1 - grip.x) / 2, (1 - grip.y) / 2)
            self.addScaleHandle(at, opposite, item=_GripItem(self))

    @property
    def box(self) -> Box:
        """As it is now."""
        x, y = self.pos()
        width, height = self.size()
        return Box(round(x), round(y), round(x + width), round(y + height))

    @property
    def dragged(self) -> bool:
        """Whether it is held."""
        return self._grip is not None

    def grip_at(self, at: QPointF, viewport: Viewport, *, sides: bool) -> Grip | None:
        """What a press at a point of the widget would hold.

        Args:
            sides: whether the box can be moved by its sides, too.
        """
        x, y, width, height = viewport.covered(self.box)
        for grip in HANDLES:
            away = at - QPointF(x + width * (grip.x + 1) / 2, y + height * (grip.y + 1) / 2)
            if max(abs(away.x()), abs(away.y())) <= _GRASP:
                return grip
        rect = QRectF(x, y, width, height)
        near = rect.adjusted(-4, -4, 4, 4).contains(at) and not rect.adjusted(4, 4, -4, -4).contains(at)
        return _WHOLE if sides and near else None

    def press(self, grip: Grip, at: Point) -> None:
        """Hold it at a point of the frame."""
        self._grip, self._from, self._start = grip, at, self.box

    def drag(self, at: Point) -> None:
        """Follow the mouse in the frame."""
        if self._grip is None:
            return
        dx, dy = round(at[0] - self._from[0]), round(at[1] - self._from[1])
        start, bounds = self._start, self._bounds
        if self._grip == _WHOLE:
            dx = min(max(dx, bounds.x0 - start.x0), bounds.x1 - start.x1)
            dy = min(max(dy, bounds.y0 - start.y0), bounds.y1 - start.y1)
            self.setPos((start.x0 + dx, start.y0 + dy))
            return
        x = _pulled((start.x0, start.x1), self._grip.x, dx, bounds.x1)
        y = _pulled((start.y0, start.y1), self._grip.y, dy, bounds.y1)
        self.movePoint(self.getHandles()[HANDLES.index(self._grip)], pg.Point(x, y))

    def release(self) -> bool:
        """End the drag; returns whether the box has changed."""
        self._grip = None
        return self.box != self._start

    def cancel(self) -> None:
        """Cancel the drag and restore the box."""
        self._grip = None
        self.setPos((self._start.x0, self._start.y0), update=False)
        self.setSize((self._start.width, self._start.height))

    def boundingRect(self) -> QRectF:
        """The box and half its line."""
        margin = 2 * _LINE * (self.pixelWidth() or 1.0)
        return super().boundingRect().adjusted(-margin, -margin, margin, margin)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None) -> None:
        """Draw it, light on dark."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height = self.size()
        pixel = self.pixelWidth() or 1.0
        for pen in pens(self._colour, _LINE):
            # A cosmetic pen would be measured in pixels of the screen.
            pen.setWidthF(pen.widthF() * pixel)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(QRectF(0, 0, width, height))


def _pulled(ends: tuple[int, int], side: int, by: int, length: int) -> int:
    """Where one coordinate of a handle goes; its side neither crosses the other nor leaves 0 to `length`."""
    low, high = ends
    least = min(_LEAST_SIDE, high - low)
    if side < 0:
        return min(max(low + by, 0), high - least)
    return max(min(high + by, length), low + least)
