"""The rows: one instance each, with spans, marks, retrieved boxes and hatching.

The cells of all rows are composed by arrays to one sheet of pixels, since drawing would take far longer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPixmap

from .axis import Columns, TimeAxis
from .bars import Bars, Lane, paint_arcs, paint_hatch, rails, shade
from .marks import Sprites, box_at, paint_boxes, paint_marks
from .spans import SpanTrack
from .state import TimelineBox, TimelineRow, TimelineState, mix
from .surface import Surface

_ROUND = 3.0
"""Radius of a bar's corners."""
_SELECTED = 0.1
"""Share of the accent in the background of the selected row."""
OPACITY = {False: 1.0, True: 0.35}
"""Of what the row of a visible and of a hidden instance shows."""

_Rgb: TypeAlias = tuple[int, int, int]
_Pixels: TypeAlias = NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class _Cells:
    """What the rows that have cells show, each array (k, w) or (k, r, w) of opacities x 255."""

    body: NDArray[np.uint8]
    top_rows: NDArray[np.uint8]
    gaps: NDArray[np.uint8]
    line: NDArray[np.uint8]
    strokes: NDArray[np.uint8]


def paint_cells(
    painter: QPainter,
    lanes: Sequence[Lane],
    tracks: Mapping[int, SpanTrack],
    selected: int | None,
    columns: Columns,
) -> None:
    """Paint the background of rows, the filled cells, gaps as dots, and a line over each span.

    Args:
        lanes: the rows, all with the same left side and width.
        tracks: their cells, by instance; a row may have none.
        columns: of that part.
    """
    filled = [lane for lane in lanes if len(tracks.get(lane.row.number, ()))]
    place = {lane.row.number: n for n, lane in enumerate(filled)}
    cells = _cells([tracks[lane.row.number] for lane in filled], filled[0], columns) if filled else None
    for lane in lanes:
        style, ratio = lane.style, columns.ratio
        ground = mix(style.base, style.accent, _SELECTED) if lane.row.number == selected else style.base
        top, bottom = round(lane.top * ratio), round((lane.top + style.row) * ratio)
        pixels = np.full((bottom - top, len(columns)), ground.rgb(), np.uint32)
        pixels[-max(1, round(ratio)) :] = style.faint.rgb()
        number = place.get(lane.row.number)
        if cells is not None and number is not None:
            _compose(pixels, lane, cells, number, _rgb(ground), ratio)
        image = QImage(pixels.data, len(columns), bottom - top, 4 * len(columns), QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(lane.left, top / ratio), image)


def _cells(tracks: Sequence[SpanTrack], lane: Lane, columns: Columns) -> _Cells:
    bars: Bars = shade(tracks, columns, _ROUND * lane.style.unit)
    line, strokes = rails(tracks, columns)
    return _Cells(*(_bytes(part) for part in (bars.body, bars.top_rows, bars.gaps, line, strokes)))


def _bytes(opacity: NDArray[np.floating]) -> NDArray[np.uint8]:
    return (opacity * 255 + 0.5).astype(np.uint8)


def _compose(pixels: _Pixels, lane: Lane, cells: _Cells, number: int, ground: _Rgb, ratio: float) -> None:
    """Write one row's cells over its background; nothing of them lies over anything else of them."""
    unit, start = lane.style.unit, round(lane.top * ratio)
    share = OPACITY[lane.row.hidden]
    own, ink = (_shades(ground, _rgb(colour), share) for colour in (lane.row.colour, lane.ink))
    top_rows = own.take(cells.top_rows[number])
    top, bottom = (round(y * ratio) - start for y in (lane.bar.top(), lane.bar.bottom()))
    high = min(len(top_rows), (bottom - top) // 2)
    pixels[top : top + high] = top_rows[:high]
    pixels[top + high : bottom - high] = own.take(cells.body[number])
    pixels[bottom - high : bottom] = top_rows[:high][::-1]
    # Dots are where no bar is.
    dots = np.flatnonzero(cells.gaps[number])
    middle = round(lane.bar.center().y() * ratio) - start
    pixels[middle : middle + max(1, round(1.2 * unit * ratio)), dots] = ink.take(cells.gaps[number][dots])
    rail, thick = round(lane.rail * ratio) - start, max(1, round(1.2 * unit * ratio))
    pixels[rail : rail + thick] = ink.take(cells.line[number])
    pixels[rail + thick : rail + thick + max(1, round(2 * unit * ratio))] = ink.take(cells.strokes[number])


def _rgb(colour: QColor) -> _Rgb:
    return colour.red(), colour.green(), colour.blue()


@lru_cache(maxsize=512)
def _shades(ground: _Rgb, colour: _Rgb, share: float) -> _Pixels:
    """A colour over a background in each of 256 opacities, opaque: (256,) uint32."""
    alpha = np.arange(256)[:, None] / 255 * share
    mixed = np.round(np.array(ground) * (1 - alpha) + np.array(colour) * alpha).astype(np.int64)
    return (0xFF000000 | mixed[:, 0] << 16 | mixed[:, 1] << 8 | mixed[:, 2]).astype(np.uint32)


class LaneSurface(Surface):
    """All rows, scrolled up by `offset` pixels. After a change only the rows touched are painted again."""

    def __init__(self, state: TimelineState, axis: TimeAxis) -> None:
        super().__init__(state, axis)
        self.offset = 0
        self._bare = QRect()
        self._zoom: tuple[float, ...] = ()
        self._start = 0
        self._dirty: set[int] = set()
        self._sprites = Sprites(self.devicePixelRatioF())

    @property
    def content_height(self) -> int:
        """Pixels that all rows take."""
        return len(self.state.rows) * self.state.style.row

    def restyle(self) -> None:
        """Repaint in another style."""
        self._sprites = Sprites(self.devicePixelRatioF())
        self.refresh()

    def set_offset(self, offset: int) -> None:
        """Scroll."""
        if offset != self.offset:
            self.offset = offset
            self.refresh()

    def refresh_rows(self, instances: Collection[int]) -> None:
        """Paint some rows again."""
        for lane in self._lanes(0, self.width()):
            if lane.row.number in instances:
                self._dirty.add(lane.row.number)
                self.update(0, int(lane.top), self.width(), self.state.style.row)

    def row_at(self, y: float) -> TimelineRow | None:
        """The row under a pixel."""
        number = int((y + self.offset) // self.state.style.row)
        return self.state.rows[number] if 0 <= number < len(self.state.rows) else None

    def box_at(self, place: QPoint) -> TimelineBox | None:
        """The retrieved instance under a pixel."""
        row = self.row_at(place.y())
        boxes = self.state.boxes.get(row.number) if row else None
        if row is None or boxes is None:
            return None
        near = (
            self.axis.frame_at(place.x() - self.state.style.row),
            self.axis.frame_at(place.x() + self.state.style.row),
        )
        return box_at(self._lane(row), boxes.within(near[0], near[1] + 1), self.axis, QPointF(place))

    def frame_under(self, place: QPoint) -> int:
        """The frame of the box that is pressed, else the one under the mouse."""
        box = self.box_at(place)
        return box.key.frame if box else super().frame_under(place)

    def follow_axis(self) -> None:
        """After scrolling in time, move the picture and paint only what came into sight."""
        now = (self.axis.scale, self.axis.length, self.width(), self.devicePixelRatioF())
        was, self._zoom = self._zoom, now
        start, self._start = self._start, round(self.axis.first * self.axis.scale)
        shift = start - self._start
        moved = shift * now[-1]
        if self._picture is None or was != now or moved != round(moved) or abs(shift) >= self.width():
            self.refresh()
            return
        self._picture.scroll(round(moved), 0, self._picture.rect())
        bare = QRect(0, 0, shift, self.height())
        if shift < 0:
            bare = QRect(self.width() + shift, 0, -shift, self.height())
        self._bare = self._bare.translated(shift, 0).united(bare)
        self.update()

    def refresh(self) -> None:
        """Paint all of it again."""
        self._bare = QRect()
        super().refresh()

    def picture(self) -> QPixmap:
        """The content; over the kept picture, rows that changed and what scrolling laid bare."""
        if self._sprites.ratio != self.devicePixelRatioF():
            self._sprites = Sprites(self.devicePixelRatioF())
        kept = self._picture is not None
        picture = super().picture()
        if kept and not (self._bare.isEmpty() and not self._dirty):
            painter = QPainter(picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if not self._bare.isEmpty():
                # Marks at the old edge were cut there.
                more = self.state.style.row
                part = self._bare.adjusted(-more, 0, more, 0).intersected(self.rect())
                self._paint_rows(painter, part.left(), part.width())
            self._paint_rows(painter, 0, self.width(), self._dirty)
            painter.end()
        self._dirty.clear()
        self._bare = QRect()
        return picture

    def paint_content(self, painter: QPainter) -> None:
        """Paint the rows in sight, and the ground below them."""
        painter.fillRect(self.rect(), mix(self.state.style.window, self.state.style.base, 0.5))
        self._paint_rows(painter, 0, self.width())

    def _paint_rows(
        self, painter: QPainter, left: int, width: int, only: Collection[int] | None = None
    ) -> None:
        lanes = [lane for lane in self._lanes(left, width) if only is None or lane.row.number in only]
        if lanes and width > 0:
            self._paint(painter, lanes, self.columns(left, width))

    def _lane(self, row: TimelineRow) -> Lane:
        top = self.state.rows.index(row) * self.state.style.row - self.offset
        return Lane(row, top, 0, self.width(), self.state.style)

    def _lanes(self, left: int, width: int) -> list[Lane]:
        high = self.state.style.row
        first = max(0, self.offset // high)
        last = (self.offset + self.height()) // high
        return [
            Lane(row, number * high - self.offset, left, width, self.state.style)
            for number, row in enumerate(self.state.rows[first : last + 1], first)
        ]

    def _paint(self, painter: QPainter, lanes: Sequence[Lane], columns: Columns) -> None:
        state = self.state
        paint_cells(painter, lanes, state.tracks, state.selected, columns)
        # Marks of frames beside the part reach into it.
        visible = columns.visible(state.style.row)
        painter.save()
        painter.setClipRect(QRectF(lanes[0].left, 0, lanes[0].width, self.height()))
        for hidden, group in groupby(sorted(lanes, key=_hidden), _hidden):
            painter.setOpacity(OPACITY[hidden])
            some = list(group)
            for lane in some:
                self._paint_lines(painter, lane, columns)
            paint_boxes(painter, some, state.boxes, self.axis, visible, self._sprites)
            paint_marks(painter, some, state.tracks, self.axis, visible, self._sprites)
        painter.restore()

    def _paint_lines(self, painter: QPainter, lane: Lane, columns: Columns) -> None:
        """Lines over a row's cells, which must not reach into other rows."""
        track, hatched = self.state.tracks.get(lane.row.number), self.state.hatched.get(lane.row.number)
        if not hatched and (track is None or not len(track.detached)):
            return
        painter.save()
        area = QRectF(lane.left, lane.top, lane.width, lane.style.row)
        painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        if track is not None:
            paint_arcs(painter, lane, track, self.axis, columns)
        paint_hatch(painter, lane, hatched or (), self.axis)
        painter.restore()


def _hidden(lane: Lane) -> bool:
    return lane.row.hidden
