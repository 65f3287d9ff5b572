"""Painting of marks and boxes. They differ in shape, so that no meaning hangs on colour alone.

A disc is a checkpoint, a diamond one that was recovered; solid means pinned. A cross says
'not in this frame'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from .axis import TimeAxis
from .bars import Lane
from .look import fade, mix
from .spans import ABSENT, CHECKPOINT, PINNED, RECOVERED, Track
from .types import BoxState, TimelineBox

_APART = 3.0
"""Pixels that two marks keep between them; of those closer, one is painted."""


def paint_marks(painter: QPainter, lane: Lane, track: Track, axis: TimeAxis) -> None:
    """Paint the marks of checkpoints, pinned cells and 'not in this frame'."""
    seen = axis.visible()
    marked = track.flagged(CHECKPOINT | PINNED, seen.start, seen.stop)
    # Of marks in one place, the one that a person put there is the one to be seen.
    weight = track.flags[marked] & PINNED
    for frame in _spread(marked, weight, axis):
        flags = int(track.flags[frame])
        centre = QPointF(axis.centre(frame), lane.bar.center().y())
        if flags & ABSENT:
            _cross(painter, lane, centre)
        elif flags & RECOVERED:
            _diamond(painter, lane, centre, bool(flags & PINNED))
        else:
            _disc(painter, lane, centre, bool(flags & PINNED))


def paint_boxes(painter: QPainter, lane: Lane, boxes: Sequence[TimelineBox], axis: TimeAxis) -> None:
    """Paint retrieved instances, filled from below by similarity; those that wait lie on top."""
    order = sorted(boxes, key=lambda box: (box.state is BoxState.WAITING, box.similarity))
    taken: set[int] = set()
    shown: list[TimelineBox] = []
    for box in reversed(order):
        place = round(axis.centre(box.key.frame) / _APART)
        if place not in taken:
            taken.add(place)
            shown.append(box)
    for box in reversed(shown):
        _box(painter, lane, box, box_area(lane, box, axis))


def box_area(lane: Lane, box: TimelineBox, axis: TimeAxis) -> QRectF:
    """Where a retrieved instance's box lies."""
    unit = lane.look.unit
    width = max(11 * unit, min(18 * unit, axis.scale))
    high = lane.bar.height() + 7 * unit
    return QRectF(axis.centre(box.key.frame) - width / 2, lane.bar.center().y() - high / 2, width, high)


def box_at(lane: Lane, boxes: Sequence[TimelineBox], axis: TimeAxis, place: QPointF) -> TimelineBox | None:
    """The box under a point; of several the one that waits, then the nearest."""
    hit = [box for box in boxes if box_area(lane, box, axis).contains(place)]
    return min(
        hit,
        key=lambda box: (box.state is not BoxState.WAITING, abs(axis.centre(box.key.frame) - place.x())),
        default=None,
    )


def _spread(frames: NDArray[np.intp], weight: NDArray[np.integer], axis: TimeAxis) -> Iterator[int]:
    if axis.scale >= _APART or not frames.size:
        yield from frames.tolist()
        return
    order = np.argsort(-weight.astype(np.int16), kind="stable")
    # By frame, not by pixel, so that the same marks stay when one scrolls.
    places = (frames[order] * (axis.scale / _APART)).astype(np.intp)
    _, chosen = np.unique(places, return_index=True)
    yield from frames[order[chosen]].tolist()


def _disc(painter: QPainter, lane: Lane, centre: QPointF, solid: bool) -> None:
    _pens(painter, lane, solid)
    radius = 4.3 * lane.look.unit
    painter.drawEllipse(centre, radius, radius)


def _diamond(painter: QPainter, lane: Lane, centre: QPointF, solid: bool) -> None:
    _pens(painter, lane, solid)
    reach = 6.2 * lane.look.unit
    corners = ((0, -reach), (reach, 0), (0, reach), (-reach, 0))
    painter.drawPolygon(QPolygonF([centre + QPointF(x, y) for x, y in corners]))


def _cross(painter: QPainter, lane: Lane, centre: QPointF) -> None:
    reach = 3.6 * lane.look.unit
    lines = [
        QLineF(centre.x() - reach, centre.y() + y * reach, centre.x() + reach, centre.y() - y * reach)
        for y in (1, -1)
    ]
    # A wider stroke in the background's colour first: it can be read on a bar, too.
    for colour, width in ((lane.look.base, 4.6), (lane.look.text, 2.0)):
        pen = QPen(colour, width * lane.look.unit)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLines(lines)


def _pens(painter: QPainter, lane: Lane, solid: bool) -> None:
    look = lane.look
    painter.setPen(QPen(look.base if solid else look.text, 1.6 * look.unit))
    painter.setBrush(look.text if solid else look.base)


def _box(painter: QPainter, lane: Lane, box: TimelineBox, area: QRectF) -> None:
    look, unit = lane.look, lane.look.unit
    rejected = box.state is BoxState.REJECTED
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.base)
    painter.drawRoundedRect(area, 2.5 * unit, 2.5 * unit)
    level = QRectF(area.adjusted(2 * unit, 2 * unit, -2 * unit, -2 * unit))
    level.setTop(level.bottom() - level.height() * max(0.0, min(1.0, box.similarity)))
    painter.fillRect(level, fade(lane.row.colour, 0.45 if rejected else 1.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if box.state is BoxState.WAITING:
        painter.setPen(QPen(look.text, 2.2 * unit))
    elif rejected:
        painter.setPen(QPen(look.muted, 1.2 * unit, Qt.PenStyle.DotLine))
    else:
        painter.setPen(QPen(mix(look.text, look.base, 0.2), 1.1 * unit))
    painter.drawRoundedRect(area, 2.5 * unit, 2.5 * unit)
    if rejected:
        painter.setPen(QPen(look.muted, 1.4 * unit))
        inner = area.adjusted(2.5 * unit, 2.5 * unit, -2.5 * unit, -2.5 * unit)
        painter.drawLine(inner.bottomLeft(), inner.topRight())
