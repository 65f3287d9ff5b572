"""Painting of one row's cells: bars toned by confidence, and lines from each span to its checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from .axis import TimeAxis
from .columns import Columns, pixels, shade
from .look import Look, fade, mix
from .spans import FILLED, Track
from .types import Row

_MANY = 80
"""Bars beyond this number in one row are too narrow for round corners to be seen."""
_WIDE = 5.0
"""Pixels from which a span gets a line of its own."""


@dataclass(frozen=True)
class Lane:
    """Where one row lies.

    Attributes:
        row: the instance.
        top: of the row, in logical pixels.
        width: of the row.
        look: colours and sizes.
    """

    row: Row
    top: float
    width: float
    look: Look

    @property
    def middle(self) -> float:
        """The bar's centre line; above it is room for the lines to checkpoints."""
        return self.top + self.look.row - self.look.bar / 2 - 5 * self.look.unit

    @property
    def bar(self) -> QRectF:
        """The band in which bars lie."""
        high = self.look.bar
        return QRectF(0, round(self.middle - high / 2), self.width, high)

    @property
    def rail(self) -> float:
        """The line above the bar that joins a span to its checkpoint."""
        return self.bar.top() - 3.5 * self.look.unit

    @property
    def ink(self) -> QColor:
        """The instance's colour, strengthened so that a thin line of it can be read on the background."""
        return mix(self.row.colour, self.look.text, 0.35)


def paint_bars(painter: QPainter, lane: Lane, track: Track, axis: TimeAxis, columns: Columns) -> None:
    """Paint the filled cells; spans that meet keep a slit between them."""
    seen = axis.visible()
    bars = track.bars(seen.start, seen.stop)
    opacity = shade(track, columns)
    ratio = len(opacity) / lane.width
    for bar in bars[(bars["stop"] - bars["start"]) * axis.scale >= _WIDE]:
        edge = round(axis.x(float(bar["stop"])) * ratio) - 1
        if 0 <= edge < len(opacity):
            opacity[max(0, edge - round(ratio)) : edge + 1] = 0
    image = _image(opacity, lane.row.colour)
    painter.save()
    if len(bars) <= _MANY:
        shape = QPainterPath()
        for bar in bars:
            shape.addRoundedRect(_extent(lane, axis, bar), 3 * lane.look.unit, 3 * lane.look.unit)
        painter.setClipPath(shape, Qt.ClipOperation.IntersectClip)
    painter.drawImage(lane.bar, image, QRectF(image.rect()))
    painter.restore()


def paint_empty(painter: QPainter, lane: Lane, track: Track, axis: TimeAxis) -> None:
    """Paint a dotted line where the engine has looked and the instance is not in the frame."""
    spans = track.spans_in(axis.visible().start, axis.visible().stop)
    wide = spans[(spans["stop"] - spans["start"]) * axis.scale >= _WIDE]
    pen = QPen(fade(lane.ink, 0.6), 1.2 * lane.look.unit, Qt.PenStyle.DotLine)
    painter.setPen(pen)
    middle = lane.bar.center().y()
    for span in wide:
        start, stop = int(span["start"]), int(span["stop"])
        if not (track.flags[start:stop] & FILLED).all():
            for first, last in _holes(track, start, stop):
                painter.drawLine(QPointF(axis.x(first) + 2, middle), QPointF(axis.x(last) - 2, middle))


def paint_origins(painter: QPainter, lane: Lane, track: Track, axis: TimeAxis) -> None:
    """Paint a line over each span to its checkpoint, and an arc from one that lies apart from it."""
    spans = track.spans_in(axis.visible().start, axis.visible().stop)
    spans = spans[(spans["stop"] - spans["start"]) * axis.scale >= _WIDE]
    unit, rail = lane.look.unit, lane.rail
    lines: list[QLineF] = []
    arcs = QPainterPath()
    for start, stop, origin in spans.tolist():
        if stop - start == 1 and start == origin:
            continue
        left, right = axis.x(start) + 1.5 * unit, axis.x(stop) - 2.5 * unit
        lines.append(QLineF(left, rail, right, rail))
        lines += [QLineF(x, rail, x, rail + 2.5 * unit) for x in (left, right)]
        mark = axis.centre(origin)
        if start <= origin < stop:
            lines.append(QLineF(mark, rail, mark, lane.bar.top()))
        else:
            _arc(arcs, QPointF(mark, rail), QPointF(left if origin < start else right, rail), lane)
    painter.setPen(QPen(lane.ink, 1.4 * unit))
    painter.drawLines(lines)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(lane.ink, 1.4 * unit, Qt.PenStyle.DashLine))
    painter.drawPath(arcs)


def paint_hatch(painter: QPainter, lane: Lane, ranges: Iterable[tuple[int, int]], axis: TimeAxis) -> None:
    """Paint slanted lines over the frames that an acceptance would overwrite."""
    unit = lane.look.unit
    for first, stop in ranges:
        area = QRectF(axis.x(first), lane.bar.top(), (stop - first) * axis.scale, lane.bar.height())
        area = area.adjusted(0, -2 * unit, 0, 2 * unit).intersected(QRectF(0, 0, lane.width, 1e6))
        if area.isEmpty():
            continue
        high, step = area.height(), 6 * unit
        # Counted from the axis, not from the area, so that the pattern of neighbours runs on.
        offsets = np.arange(np.floor((area.left() - high) / step), area.right() / step) * step
        painter.save()
        painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        painter.fillRect(area, fade(lane.look.base, 0.45))
        painter.setPen(QPen(lane.look.text, 1.3 * unit))
        painter.drawLines([QLineF(x, area.bottom(), x + high, area.top()) for x in offsets.tolist()])
        painter.restore()
        painter.setPen(QPen(lane.look.text, unit))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area)


def _arc(path: QPainterPath, start: QPointF, end: QPointF, lane: Lane) -> None:
    path.moveTo(start)
    lift = QPointF((start.x() + end.x()) / 2, 2 * lane.top - lane.rail + 6 * lane.look.unit)
    path.quadTo(lift, end)


def _extent(lane: Lane, axis: TimeAxis, bar: NDArray[np.void]) -> QRectF:
    left, right = axis.x(float(bar["start"])), axis.x(float(bar["stop"]))
    slit = 1.0 if right - left >= _WIDE else 0.0
    return QRectF(left, lane.bar.top(), right - left - slit, lane.bar.height())


def _holes(track: Track, start: int, stop: int) -> Iterable[tuple[int, int]]:
    empty = np.concatenate(([False], (track.flags[start:stop] & FILLED) == 0, [False]))
    edges = np.flatnonzero(empty[1:] != empty[:-1]) + start
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _image(opacity: NDArray[np.float32], colour: QColor) -> QImage:
    row = pixels(opacity, (colour.red(), colour.green(), colour.blue()))
    width = row.shape[1]
    image = QImage(row.tobytes(), width, 1, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)
    return image.copy()
