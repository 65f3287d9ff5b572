"""The rows: one instance each, with spans, marks, retrieved boxes and hatching."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QPoint, QPointF, QRectF
from PySide6.QtGui import QPainter, QPixmap

from .axis import TimeAxis
from .bars import Lane, paint_bars, paint_hatch, paint_origins
from .columns import Columns
from .look import fade, mix
from .marks import box_at, paint_boxes, paint_marks
from .sprites import Sprites
from .state import TimelineState
from .surface import Surface
from .types import Row, TimelineBox

_DIMMED = 0.35
"""Opacity of a hidden instance's row."""


class Lanes(Surface):
    """All rows, scrolled up by `offset` pixels. After a change only the rows touched are painted again."""

    def __init__(self, state: TimelineState, axis: TimeAxis) -> None:
        super().__init__(state, axis)
        self.offset = 0
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

    def refresh_rows(self, instances: Iterable[int]) -> None:
        """Paint some rows anew."""
        for lane in self._lanes():
            if lane.row.number in instances:
                self._dirty.add(lane.row.number)
                self.update(0, int(lane.top), self.width(), self.state.look.row)

    def row_at(self, y: float) -> Row | None:
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

    def picture(self) -> QPixmap:
        """The content; rows that changed are painted over the kept picture."""
        if self._sprites.ratio != self.devicePixelRatioF():
            self._sprites = Sprites(self.devicePixelRatioF())
        kept = self._picture is not None
        picture = super().picture()
        if kept and self._dirty:
            painter = QPainter(picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            columns = self.columns()
            for lane in self._lanes():
                if lane.row.number in self._dirty:
                    self._paint(painter, lane, columns)
            painter.end()
        self._dirty.clear()
        return picture

    def paint_content(self, painter: QPainter) -> None:
        """Paint the rows in sight."""
        columns = self.columns()
        painter.fillRect(self.rect(), mix(self.state.look.window, self.state.look.base, 0.5))
        for lane in self._lanes():
            self._paint(painter, lane, columns)

    def _lane(self, row: Row) -> Lane:
        top = self.state.rows.index(row) * self.state.look.row - self.offset
        return Lane(row, top, self.width(), self.state.look)

    def _lanes(self) -> list[Lane]:
        high = self.state.look.row
        first = max(0, self.offset // high)
        last = (self.offset + self.height()) // high
        return [
            Lane(row, number * high - self.offset, self.width(), self.state.look)
            for number, row in enumerate(self.state.rows[first : last + 1], first)
        ]

    def _paint(self, painter: QPainter, lane: Lane, columns: Columns) -> None:
        state, look = self.state, self.state.look
        area = QRectF(0, lane.top, self.width(), look.row)
        painter.save()
        painter.setClipRect(area)
        painter.fillRect(area, look.base)
        if lane.row.number == state.selected:
            painter.fillRect(area, fade(look.accent, 0.1))
        painter.fillRect(QRectF(0, area.bottom() - 1, self.width(), 1), look.faint)
        painter.setOpacity(_DIMMED if lane.row.hidden else 1)
        track = state.tracks.get(lane.row.number)
        if track is not None:
            paint_bars(painter, lane, track, columns)
            paint_origins(painter, lane, track, self.axis, columns)
        paint_hatch(painter, lane, state.hatched.get(lane.row.number, ()), self.axis)
        boxes = state.boxes.get(lane.row.number)
        if boxes is not None:
            seen = self.axis.visible()
            near = boxes.within(seen.start, seen.stop)
            paint_boxes(painter, lane, near, self.axis, self._sprites)
        if track is not None:
            paint_marks(painter, lane, track, self.axis, self._sprites)
        painter.restore()
