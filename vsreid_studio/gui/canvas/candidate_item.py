"""The retrieved box, with handles by which a person redraws it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from ...engine.types import Box
from .sketches import pens
from .stroke import Point
from .viewport import Viewport

HANDLE = 9.0
"""Side of a handle, in pixels of the widget."""
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
        """How the mouse looks over it."""
        if self.x and self.y:
            rising = self.x != self.y
            return Qt.CursorShape.SizeBDiagCursor if rising else Qt.CursorShape.SizeFDiagCursor
        if self.x:
            return Qt.CursorShape.SizeHorCursor
        return Qt.CursorShape.SizeVerCursor if self.y else Qt.CursorShape.SizeAllCursor


HANDLES = tuple(Grip(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1) if x or y)


class CandidateItem:
    """A box that can be dragged by eight handles, and moved by its sides.

    Attributes:
        box: as it is now, inside the frame.
        colour: of its lines.
        dragged: whether a handle is held.
    """

    def __init__(self, box: Box, colour: QColor, bounds: Box) -> None:
        """Take a box inside `bounds`, the frame."""
        self.box = box.intersect(bounds)
        self.colour = colour
        self._bounds = bounds
        self._grip: Grip | None = None
        self._from: Point = (0, 0)
        self._start = self.box

    @property
    def dragged(self) -> bool:
        """Whether a handle is held."""
        return self._grip is not None

    def grip_at(self, at: QPointF, viewport: Viewport, *, sides: bool) -> Grip | None:
        """What a press at a point of the widget would hold.

        Args:
            sides: whether the box can be moved by its sides, too.
        """
        for grip in HANDLES:
            away = at - self._handle(grip, viewport)
            if max(abs(away.x()), abs(away.y())) <= _GRASP:
                return grip
        rect = QRectF(*viewport.covered(self.box))
        near = rect.adjusted(-4, -4, 4, 4).contains(at) and not rect.adjusted(4, 4, -4, -4).contains(at)
        return Grip(0, 0) if sides and near else None

    def press(self, grip: Grip, at: Point) -> None:
        """Hold it at a point of the frame."""
        self._grip, self._from, self._start = grip, at, self.box

    def drag(self, at: Point) -> None:
        """Follow the mouse in the frame."""
        if self._grip is None:
            return
        dx, dy = round(at[0] - self._from[0]), round(at[1] - self._from[1])
        box, bounds = self._start, self._bounds
        x0, x1 = _pulled((box.x0, box.x1), self._grip.x, dx, bounds.x1, whole=self._grip == Grip(0, 0))
        y0, y1 = _pulled((box.y0, box.y1), self._grip.y, dy, bounds.y1, whole=self._grip == Grip(0, 0))
        self.box = Box(x0, y0, x1, y1)

    def release(self) -> bool:
        """Let go; returns whether the box has changed."""
        self._grip = None
        return self.box != self._start

    def cancel(self) -> None:
        """Let go and put the box back."""
        self.box, self._grip = self._start, None

    def covered(self, viewport: Viewport) -> QRectF:
        """What of the widget it is drawn on."""
        return QRectF(*viewport.covered(self.box)).adjusted(-HANDLE, -HANDLE, HANDLE, HANDLE)

    def draw(self, painter: QPainter, viewport: Viewport) -> None:
        """Draw it; the painter's coordinates are the widget's."""
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in pens(self.colour, 2.0):
            painter.setPen(pen)
            painter.drawRect(QRectF(*viewport.covered(self.box)))
        painter.setBrush(QColor(255, 255, 255))
        painter.setPen(QPen(QColor(0, 0, 0, 200), 1.0))
        for grip in HANDLES:
            at = self._handle(grip, viewport)
            painter.drawRect(QRectF(at.x() - HANDLE / 2, at.y() - HANDLE / 2, HANDLE, HANDLE))

    def _handle(self, grip: Grip, viewport: Viewport) -> QPointF:
        x, y, width, height = viewport.covered(self.box)
        return QPointF(x + width * (grip.x + 1) / 2, y + height * (grip.y + 1) / 2)


def _pulled(ends: tuple[int, int], side: int, by: int, length: int, *, whole: bool) -> tuple[int, int]:
    """Both ends of one dimension after a pull; they neither cross nor leave 0 to `length`."""
    low, high = ends
    if whole:
        by = min(max(by, -low), length - high)
        return low + by, high + by
    least = min(_LEAST_SIDE, high - low)
    if side < 0:
        return min(max(low + by, 0), high - least), high
    if side > 0:
        return low, max(min(high + by, length), low + least)
    return ends
