"""Painting of marks and boxes. They differ in shape, so that no meaning hangs on colour alone.

A disc is a checkpoint, a diamond one that was recovered; solid means pinned. A cross says
'not in this frame'.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from .axis import PAD, TimeAxis
from .bars import Lane
from .look import Look, fade, mix
from .spans import ABSENT, CHECKPOINT, PINNED, RECOVERED, Track
from .sprites import Sprites
from .state import Boxes
from .types import BoxState, TimelineBox

_APART = 9.0
"""Pixels that two marks keep between them; of those closer, one is painted."""
_SMALL = 0.6
"""Size of marks, and width of settled boxes, in a row so full of them that they would hide its bars."""


def paint_marks(
    painter: QPainter, lane: Lane, track: Track, axis: TimeAxis, seen: tuple[int, int], sprites: Sprites
) -> None:
    """Paint the marks of checkpoints, pinned cells and 'not in this frame' in frames (first, stop)."""
    look = lane.look
    marked = track.flagged(CHECKPOINT | PINNED, *seen)
    # Of marks in one place, the one that a person put there is the one to be seen.
    marked = _spread(marked, track.flags[marked] & PINNED, axis)
    kinds = track.flags[marked] & (ABSENT | RECOVERED | PINNED)
    side, middle = 16 * look.unit, lane.bar.center().y()
    dense = np.count_nonzero(track.flags & (CHECKPOINT | PINNED)) * side > len(track) * axis.scale
    size = _SMALL if dense else 1.0
    for kind in np.unique(kinds).tolist():
        draw = partial(_draw_mark, look=look, kind=kind, size=size)
        picture = sprites.find((kind, size)) or sprites.make((kind, size), (side, side), draw)
        centres = PAD + (marked[kinds == kind] + 0.5 - axis.first) * axis.scale
        sprites.stamp(painter, picture, centres.tolist(), middle)


def paint_boxes(
    painter: QPainter, lane: Lane, boxes: Boxes, axis: TimeAxis, seen: tuple[int, int], sprites: Sprites
) -> None:
    """Paint retrieved instances of frames (first, stop), filled from below by similarity.

    Those that wait lie on top.
    """
    look, colour = lane.look, lane.row.colour.rgb()
    full, high = box_size(look, axis)
    middle = lane.bar.center().y()
    dense = len(boxes.items) * 2 * full > axis.length * axis.scale
    for box in boxes.shown(*seen, axis.scale / _APART):
        level = max(0, min(16, round(16 * box.similarity)))
        width = full * _SMALL if dense and box.state is not BoxState.WAITING else full
        name = (box.state, level, colour, width)
        picture = sprites.find(name)
        if picture is None:
            draw = partial(_draw_box, lane=lane, state=box.state, level=level / 16, size=(width, high))
            size = width + 4 * look.unit, high + 4 * look.unit
            picture = sprites.make(name, size, draw)
        sprites.stamp(painter, picture, (axis.centre(box.key.frame),), middle)


def box_size(look: Look, axis: TimeAxis) -> tuple[float, float]:
    """Width and height of a retrieved instance's box."""
    return round(max(11 * look.unit, min(18 * look.unit, axis.scale))), look.bar + 7 * look.unit


def box_area(lane: Lane, box: TimelineBox, axis: TimeAxis) -> QRectF:
    """Where a retrieved instance's box lies."""
    width, high = box_size(lane.look, axis)
    return QRectF(axis.centre(box.key.frame) - width / 2, lane.bar.center().y() - high / 2, width, high)


def box_at(lane: Lane, boxes: Sequence[TimelineBox], axis: TimeAxis, place: QPointF) -> TimelineBox | None:
    """The box under a point; of several the one that waits, then the nearest."""
    hit = [box for box in boxes if box_area(lane, box, axis).contains(place)]
    return min(
        hit,
        key=lambda box: (box.state is not BoxState.WAITING, abs(axis.centre(box.key.frame) - place.x())),
        default=None,
    )


def _spread(frames: NDArray[np.intp], weight: NDArray[np.integer], axis: TimeAxis) -> NDArray[np.intp]:
    if axis.scale >= _APART or not frames.size:
        return frames
    order = frames[np.argsort(-weight.astype(np.int16), kind="stable")]
    # By frame, not by pixel, so that the same marks stay when one scrolls.
    _, chosen = np.unique((order * (axis.scale / _APART)).astype(np.intp), return_index=True)
    return order[chosen]


def _draw_mark(painter: QPainter, look: Look, kind: int, size: float) -> None:
    painter.scale(size, size)
    solid = bool(kind & PINNED)
    shape = _cross if kind & ABSENT else _diamond if kind & RECOVERED else _disc
    shape(painter, look, solid)


def _disc(painter: QPainter, look: Look, solid: bool) -> None:
    _pens(painter, look, solid)
    radius = 4.3 * look.unit
    painter.drawEllipse(QPointF(0, 0), radius, radius)


def _diamond(painter: QPainter, look: Look, solid: bool) -> None:
    _pens(painter, look, solid)
    reach = 6.2 * look.unit
    painter.drawPolygon(
        QPolygonF([QPointF(x, y) for x, y in ((0, -reach), (reach, 0), (0, reach), (-reach, 0))])
    )


def _cross(painter: QPainter, look: Look, solid: bool) -> None:
    reach = 3.6 * look.unit
    lines = [QLineF(-reach, y * reach, reach, -y * reach) for y in (1, -1)]
    # A wider stroke in the background's colour first: it can be read on a bar, too.
    for colour, width in ((look.base, 4.6), (look.text, 2.0)):
        pen = QPen(colour, width * look.unit)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLines(lines)


def _pens(painter: QPainter, look: Look, solid: bool) -> None:
    painter.setPen(QPen(look.base if solid else look.text, 1.6 * look.unit))
    painter.setBrush(look.text if solid else look.base)


def _draw_box(
    painter: QPainter, lane: Lane, state: BoxState, level: float, size: tuple[float, float]
) -> None:
    look, unit = lane.look, lane.look.unit
    width, high = size
    area = QRectF(-width / 2, -high / 2, width, high)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.base)
    painter.drawRoundedRect(area, 2.5 * unit, 2.5 * unit)
    inner = area.adjusted(2 * unit, 2 * unit, -2 * unit, -2 * unit)
    inner.setTop(inner.bottom() - inner.height() * level)
    painter.fillRect(inner, fade(lane.row.colour, 0.45 if state is BoxState.REJECTED else 1.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if state is BoxState.WAITING:
        painter.setPen(QPen(look.text, 2.2 * unit))
    elif state is BoxState.ACCEPTED:
        painter.setPen(QPen(mix(look.text, look.base, 0.2), 1.1 * unit))
    else:
        painter.setPen(QPen(look.muted, 1.4 * unit))
        slash = area.adjusted(2.5 * unit, 2.5 * unit, -2.5 * unit, -2.5 * unit)
        painter.drawLine(slash.bottomLeft(), slash.topRight())
        painter.setPen(QPen(look.muted, 1.2 * unit, Qt.PenStyle.DotLine))
    painter.drawRoundedRect(area, 2.5 * unit, 2.5 * unit)
