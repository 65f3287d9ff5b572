"""The rows: one instance each, with spans, marks, retrieved boxes and hatching."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPixmap

from .axis import TimeAxis
from .bars import Lane, paint_arcs, paint_hatch
from .columns import Columns
from .look import mix
from .marks import Sprites, box_at, paint_boxes, paint_marks
from .sheet import OPACITY, paint_cells
from .state import TimelineBox, TimelineRow, TimelineState
from .surface import Surface


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
        return len(self.state.rows) * self.state.look.row

    def restyle(self) -> None:
        """Paint anew in another look."""
        self._sprites = Sprites(self.devicePixelRatioF())
        self.refresh()

    def set_offset(self, offset: int) -> None:
        """Scroll."""
        if offset != self.offset:
            self.offset = offset
            self.refresh()

    def refresh_rows(self, instances: Collection[int]) -> None:
        """Paint some rows anew."""
        for lane in self._lanes(0, self.width()):
            if lane.row.number in instances:
                self._dirty.add(lane.row.number)
                self.update(0, int(lane.top), self.width(), self.state.look.row)

    def row_at(self, y: float) -> TimelineRow | None:
        """The row under a pixel."""
        number = int((y + self.offset) // self.state.look.row)
        return self.state.rows[number] if 0 <= number < len(self.state.rows) else None

    def box_at(self, place: QPoint) -> TimelineBox | None:
        """The retrieved instance under a pixel."""
        row = self.row_at(place.y())
        boxes = self.state.boxes.get(row.number) if row else None
        if row is None or boxes is None:
            return None
        near = (
            self.axis.frame_at(place.x() - self.state.look.row),
            self.axis.frame_at(place.x() + self.state.look.row),
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
        """Paint all of it anew."""
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
                more = self.state.look.row
                part = self._bare.adjusted(-more, 0, more, 0).intersected(self.rect())
                self._paint_rows(painter, part.left(), part.width())
            self._paint_rows(painter, 0, self.width(), self._dirty)
            painter.end()
        self._dirty.clear()
        self._bare = QRect()
        return picture

    def paint_content(self, painter: QPainter) -> None:
        """Paint the rows in sight, and the ground below them."""
        painter.fillRect(self.rect(), mix(self.state.look.window, self.state.look.base, 0.5))
        self._paint_rows(painter, 0, self.width())

    def _paint_rows(
        self, painter: QPainter, left: int, width: int, only: Collection[int] | None = None
    ) -> None:
        lanes = [lane for lane in self._lanes(left, width) if only is None or lane.row.number in only]
        if lanes and width > 0:
            self._paint(painter, lanes, self.columns(left, width))

    def _lane(self, row: TimelineRow) -> Lane:
        top = self.state.rows.index(row) * self.state.look.row - self.offset
        return Lane(row, top, 0, self.width(), self.state.look)

    def _lanes(self, left: int, width: int) -> list[Lane]:
        high = self.state.look.row
        first = max(0, self.offset // high)
        last = (self.offset + self.height()) // high
        return [
            Lane(row, number * high - self.offset, left, width, self.state.look)
            for number, row in enumerate(self.state.rows[first : last + 1], first)
        ]

    def _paint(self, painter: QPainter, lanes: Sequence[Lane], columns: Columns) -> None:
        state = self.state
        paint_cells(painter, lanes, state.tracks, state.selected, columns)
        # Marks of frames beside the part reach into it.
        seen = columns.sight(state.look.row)
        painter.save()
        painter.setClipRect(QRectF(lanes[0].left, 0, lanes[0].width, self.height()))
        for hidden, group in groupby(sorted(lanes, key=_hidden), _hidden):
            painter.setOpacity(OPACITY[hidden])
            some = list(group)
            for lane in some:
                self._paint_lines(painter, lane, columns)
            paint_boxes(painter, some, state.boxes, self.axis, seen, self._sprites)
            paint_marks(painter, some, state.tracks, self.axis, seen, self._sprites)
        painter.restore()

    def _paint_lines(self, painter: QPainter, lane: Lane, columns: Columns) -> None:
        """Lines over a row's cells, which must not reach into other rows."""
        track, hatched = self.state.tracks.get(lane.row.number), self.state.hatched.get(lane.row.number)
        if not hatched and (track is None or not len(track.astray)):
            return
        painter.save()
        area = QRectF(lane.left, lane.top, lane.width, lane.look.row)
        painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        if track is not None:
            paint_arcs(painter, lane, track, self.axis, columns)
        paint_hatch(painter, lane, hatched or (), self.axis)
        painter.restore()


def _hidden(lane: Lane) -> bool:
    return lane.row.hidden
