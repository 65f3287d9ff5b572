"""Marks and boxes of the timeline. They differ in shape, so that no meaning hangs on colour alone.

A disc is a checkpoint, a diamond one that was recovered; solid means pinned. A cross says 'not in this
frame'. Marks are drawn once and stamped as often as needed: a stroked shape takes Qt ten times as long as a
copy of it, and a long video shows thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF

from .axis import TimeAxis
from .bars import Lane
from .spans import ABSENT, PINNED, RECOVERED, SpanTrack
from .state import LEVELS, Boxes, BoxState, TimelineBox, TimelineStyle, fade, mix


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
            name: distinguishes pictures.
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


_APART = 11.0
"""Pixels that two marks keep between them; of those closer, one is painted."""
_SMALL = 0.6
"""Size of marks, and width of settled boxes, in a row so full of them that they would hide its bars."""


def paint_marks(
    painter: QPainter,
    lanes: Sequence[Lane],
    tracks: Mapping[int, SpanTrack],
    axis: TimeAxis,
    seen: tuple[int, int],
    sprites: Sprites,
) -> None:
    """Paint the marks of checkpoints, pinned cells and 'not in this frame' in frames (first, stop)."""
    marked = [(lane, tracks[lane.row.number]) for lane in lanes if lane.row.number in tracks]
    parts = [track.marked[slice(*np.searchsorted(track.marked, seen))] for _, track in marked]
    if not any(map(len, parts)):
        return
    frames = np.concatenate(parts)
    row = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    flags = np.concatenate([track.flags[part] for (_, track), part in zip(marked, parts, strict=True)])
    # Of marks in one place, the one that a person put there is the one to be seen.
    best = _spread(frames, row, flags & PINNED > 0, axis)
    frames, row, kinds = frames[best], row[best], flags[best] & (ABSENT | RECOVERED | PINNED)
    side = 16 * lanes[0].style.unit
    dense = np.array([len(track.marked) * side > len(track) * axis.scale for _, track in marked])
    names = (2 * kinds + dense[row]).tolist()
    pictures = {name: _mark(sprites, lanes[0].style, *divmod(name, 2)) for name in set(names)}
    middles = np.array([round(lane.bar.center().y() * sprites.ratio) for lane, _ in marked])
    centres = sprites.pixels(axis.centres(frames))
    sprites.stamp(painter, [pictures[name] for name in names], centres, middles[row].tolist())


def _mark(sprites: Sprites, style: TimelineStyle, kind: int, dense: int) -> Sprite:
    side, size = 16 * style.unit, _SMALL if dense else 1.0
    draw = partial(_draw_mark, style=style, kind=kind, size=size)
    return sprites.find((kind, size)) or sprites.make((kind, size), (side, side), draw)


def paint_boxes(
    painter: QPainter,
    lanes: Sequence[Lane],
    boxes: Mapping[int, Boxes],
    axis: TimeAxis,
    seen: tuple[int, int],
    sprites: Sprites,
) -> None:
    """Paint retrieved instances of frames (first, stop), filled from below by similarity.

    Those that wait lie on top.
    """
    for lane in lanes:
        own = boxes.get(lane.row.number)
        shown = own.shown(*seen, axis.scale / _APART) if own is not None else ()
        if own is None or not len(shown):
            continue
        size = box_size(lane.style, axis)
        dense = len(own.items) * 2 * size[0] > axis.length * axis.scale
        kinds, row = own.kinds[shown].tolist(), (lane.row.colour.rgb(), size[0], dense)
        pictures = {
            kind: sprites.find((kind, *row)) or _box(sprites, lane, (kind, *row), size) for kind in set(kinds)
        }
        centres = sprites.pixels(axis.centres(own.frames[shown]))
        painter.save()
        # Boxes are nearly as high as their row, and their edges must not shade the next one.
        area = QRectF(lane.left, lane.top, lane.width, lane.style.row)
        painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        middle = round(lane.bar.center().y() * sprites.ratio)
        sprites.stamp(painter, [pictures[kind] for kind in kinds], centres, repeat(middle))
        painter.restore()


def _box(
    sprites: Sprites, lane: Lane, name: tuple[int, int, float, bool], size: tuple[float, float]
) -> Sprite:
    """Draw a box: its outline once for all rows, filled up to its level in the row's colour."""
    style, (state, level) = lane.style, Boxes.kind(name[0])
    width, high = size
    if name[-1] and state is not BoxState.WAITING:
        width *= _SMALL
    outline = sprites.find((state, width))
    if outline is None:
        draw = partial(_draw_box, style=style, state=state, size=(width, high))
        outline = sprites.make((state, width), (width + 4 * style.unit, high + 4 * style.unit), draw)
    wide, tall = width - 4 * style.unit, high - 4 * style.unit
    filled = tall * level / LEVELS
    colour = fade(lane.row.colour, 0.45 if state is BoxState.REJECTED else 1.0)
    return sprites.tint(name, outline, QRectF(-wide / 2, tall / 2 - filled, wide, filled), colour)


def box_size(style: TimelineStyle, axis: TimeAxis) -> tuple[float, float]:
    """Width and height of a retrieved instance's box."""
    return round(max(11 * style.unit, min(18 * style.unit, axis.scale))), style.bar + 7 * style.unit


def box_area(lane: Lane, box: TimelineBox, axis: TimeAxis) -> QRectF:
    """Where a retrieved instance's box lies."""
    width, high = box_size(lane.style, axis)
    return QRectF(axis.centre(box.key.frame) - width / 2, lane.bar.center().y() - high / 2, width, high)


def box_at(lane: Lane, boxes: Sequence[TimelineBox], axis: TimeAxis, place: QPointF) -> TimelineBox | None:
    """The box under a point; of several the one that waits, then the nearest."""
    hit = [box for box in boxes if box_area(lane, box, axis).contains(place)]
    return min(
        hit,
        key=lambda box: (box.state is not BoxState.WAITING, abs(axis.centre(box.key.frame) - place.x())),
        default=None,
    )


def _spread(
    frames: NDArray[np.intp], row: NDArray[np.intp], first: NDArray[np.bool_], axis: TimeAxis
) -> NDArray[np.intp]:
    """Which marks are painted, by number, so that they keep apart.

    Args:
        frames, row: (n,) each, ascending by row and then by frame.
        first: (n,) the ones to be preferred.
    """
    numbers = np.arange(len(frames))
    if axis.scale >= _APART:
        return numbers
    # By frame, not by pixel, so that the same marks stay when one scrolls.
    slot = row * (axis.length + 1) + (frames * (axis.scale / _APART)).astype(np.intp)
    begins = np.flatnonzero(np.diff(slot, prepend=-1))
    best: NDArray[np.intp] = np.minimum.reduceat(np.where(first, 0, len(frames)) + numbers, begins)
    return best % len(frames)


def _draw_mark(painter: QPainter, style: TimelineStyle, kind: int, size: float) -> None:
    painter.scale(size, size)
    solid = bool(kind & PINNED)
    shape = _cross if kind & ABSENT else _diamond if kind & RECOVERED else _disc
    shape(painter, style, solid)


def _disc(painter: QPainter, style: TimelineStyle, solid: bool) -> None:
    _pens(painter, style, solid)
    radius = 4.3 * style.unit
    painter.drawEllipse(QPointF(0, 0), radius, radius)


def _diamond(painter: QPainter, style: TimelineStyle, solid: bool) -> None:
    _pens(painter, style, solid)
    reach = 6.2 * style.unit
    painter.drawPolygon(
        QPolygonF([QPointF(x, y) for x, y in ((0, -reach), (reach, 0), (0, reach), (-reach, 0))])
    )


def _cross(painter: QPainter, style: TimelineStyle, solid: bool) -> None:
    reach = 3.6 * style.unit
    lines = [QLineF(-reach, y * reach, reach, -y * reach) for y in (1, -1)]
    # A wider stroke in the background's colour first: it can be read on a bar, too.
    for colour, width in ((style.base, 4.6), (style.text, 2.0)):
        pen = QPen(colour, width * style.unit)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLines(lines)


def _pens(painter: QPainter, style: TimelineStyle, solid: bool) -> None:
    painter.setPen(QPen(style.base if solid else style.text, 1.6 * style.unit))
    painter.setBrush(style.text if solid else style.base)


def _draw_box(painter: QPainter, style: TimelineStyle, state: BoxState, size: tuple[float, float]) -> None:
    unit = style.unit
    width, high = size
    area = QRectF(-width / 2, -high / 2, width, high)
    painter.setBrush(style.base)
    if state is BoxState.WAITING:
        painter.setPen(QPen(style.text, 2.2 * unit))
    elif state is BoxState.ACCEPTED:
        painter.setPen(QPen(mix(style.text, style.base, 0.2), 1.1 * unit))
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(area, 2.5 * unit, 2.5 * unit)
        painter.setPen(QPen(style.muted, 1.4 * unit))
        slash = area.adjusted(2.5 * unit, 2.5 * unit, -2.5 * unit, -2.5 * unit)
        painter.drawLine(slash.bottomLeft(), slash.topRight())
        painter.setPen(QPen(style.muted, 1.2 * unit, Qt.PenStyle.DotLine))
    painter.drawRoundedRect(area, 2.5 * unit, 2.5 * unit)
