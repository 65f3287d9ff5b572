"""Painting of one row's cells: bars toned by confidence, and lines from each span to its checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from .axis import TimeAxis
from .columns import Columns, pixels
from .look import TimelineLook, fade, mix
from .shades import wide
from .spans import SpanTrack
from .state import TimelineRow

_ARCS = 100
"""Arcs painted in one row; more would be a tangle."""


@dataclass(frozen=True)
class Lane:
    """Where one row lies.

    Attributes:
        row: the instance.
        top: of the row, in logical pixels.
        left, width: the part of it that is painted.
        look: colours and sizes.
    """

    row: TimelineRow
    top: float
    left: float
    width: float
    look: TimelineLook

    @cached_property
    def bar(self) -> QRectF:
        """The band in which bars lie; above it is room for the lines to checkpoints."""
        high = self.look.bar
        top = round(self.top + self.look.row - high - 5 * self.look.unit)
        return QRectF(self.left, top, self.width, high)

    @cached_property
    def rail(self) -> float:
        """The line above the bar that joins a span to its checkpoint."""
        return round(self.bar.top() - 4 * self.look.unit)

    @cached_property
    def ink(self) -> QColor:
        """The instance's colour, strengthened so that a thin line of it can be read on the background."""
        return mix(self.row.colour, self.look.text, 0.35)


def paint_arcs(painter: QPainter, lane: Lane, track: SpanTrack, axis: TimeAxis, columns: Columns) -> None:
    """Paint an arc to each wide span from its checkpoint, where that lies apart from it."""
    astray = track.astray
    if not len(astray):
        return
    unit, rail = lane.look.unit, lane.rail
    first, stop = columns.sight()
    reach = np.minimum(astray["origin"], astray["start"]), np.maximum(astray["origin"], astray["stop"])
    astray = astray[wide(astray, columns) & (reach[0] <= stop) & (reach[1] >= first)]
    if not len(astray):
        return
    arcs = QPainterPath()
    for start, stop, origin in astray[:_ARCS].tolist():
        end = axis.x(start) + 2 * unit if origin < start else axis.x(stop) - 3 * unit
        begin = QPointF(axis.centre(origin), rail)
        arcs.moveTo(begin)
        lift = 2 * lane.top - rail + 6 * unit
        arcs.quadTo(QPointF((begin.x() + end) / 2, lift), QPointF(end, rail))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(lane.ink, 1.4 * unit, Qt.PenStyle.DashLine))
    painter.drawPath(arcs)


def paint_hatch(painter: QPainter, lane: Lane, ranges: Iterable[tuple[int, int]], axis: TimeAxis) -> None:
    """Paint slanted lines over the frames that an acceptance would overwrite."""
    unit = lane.look.unit
    sight = QRectF(lane.left - 20, lane.top, lane.width + 40, lane.look.row)
    for first, stop in ranges:
        area = QRectF(axis.x(first), lane.bar.top(), (stop - first) * axis.scale, lane.bar.height())
        area = area.adjusted(0, -2 * unit, 0, 2 * unit).intersected(sight)
        if area.isEmpty():
            continue
        high, step = area.height(), 6 * unit
        # Counted from frame 0, so that the pattern runs on from piece to piece and moves with the frames.
        zero = axis.x(0)
        numbers = np.arange(np.floor((area.left() - high - zero) / step), (area.right() - zero) / step)
        offsets = zero + numbers * step
        painter.save()
        painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        painter.fillRect(area, fade(lane.look.base, 0.25))
        painter.setPen(QPen(fade(lane.look.text, 0.55), 1.2 * unit))
        painter.drawLines([QLineF(x, area.bottom(), x + high, area.top()) for x in offsets.tolist()])
        painter.restore()
        painter.setPen(QPen(fade(lane.look.text, 0.7), unit))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area)


def band(painter: QPainter, opacity: NDArray[np.floating], colour: QColor, area: QRectF) -> None:
    """Fill an area with one colour in the opacities of its device pixels.

    Args:
        opacity: (h, w) in [0, 1]; a single line of pixels is stretched to the area's height.
    """
    _stretch(painter, pixels(opacity, _rgb(colour)), area)


def _rgb(colour: QColor) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()


def _stretch(painter: QPainter, argb: NDArray[np.uint32], area: QRectF) -> None:
    high, width = argb.shape
    # The painter is done with the buffer when drawImage returns, and argb lives as long.
    image = QImage(argb.tobytes(), width, high, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)
    painter.drawImage(area, image, QRectF(image.rect()))
