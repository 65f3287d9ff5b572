"""The plot of the selected instance: area, confidence and best similarity of each frame."""

from __future__ import annotations

import time
from collections.abc import Iterable
from enum import StrEnum

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem

from .axis import Columns, TimeAxis
from .spans import FILLED, UNRATED
from .state import TimelineState, TimelineStyle, fade, mix
from .surface import Surface

_BUDGET = 0.004
"""Seconds that counting areas may hold up the window at a time."""
_PAUSE, _REST = 12, 300
"""Milliseconds between two such times, and without any after the person has moved something."""
_SHOWN_EACH = 0.25
"""Seconds after which the areas counted meanwhile are shown."""
_AT_ONCE = 16
"""Changed frames of which the area is counted at once."""


class Curve(StrEnum):
    """What can be plotted."""

    AREA = "area"
    CONFIDENCE = "confidence"
    SIMILARITY = "similarity"


class Strip(Surface):
    """Three curves over the same frames as the rows; each can be switched off.

    The index knows the areas of stored maps. Those of others are counted little by little.

    Attributes:
        shown: the curves that are on.
    """

    def __init__(self, state: TimelineState, axis: TimeAxis) -> None:
        super().__init__(state, axis)
        self.shown = set(Curve)
        self._area: NDArray[np.float64] = np.zeros(0)
        self._todo: list[int] = []
        self._shown_at = 0.0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._count_some)

    def sizeHint(self) -> QSize:
        """The height is that of the style."""
        return QSize(200, self.state.style.strip)

    def show_curve(self, curve: Curve, on: bool) -> None:
        """Switch a curve on or off."""
        (self.shown.add if on else self.shown.discard)(curve)
        self.refresh()

    def reload(self) -> None:
        """Plot the selected instance again."""
        self._area, self._todo = np.full(self.state.length, np.nan), []
        track = self.state.tracks.get(self.state.selected or 0)
        if track is not None and self.state.selected is not None:
            known = self.state.annotation.records(self.state.selected)["area"]
            self._area[known > 0] = known[known > 0]
            # Taken from the end, so the earliest comes first.
            self._todo = np.flatnonzero((known < 0) & (track.flags & FILLED > 0))[::-1].tolist()
        self._timer.stop()
        if self._todo:
            self._timer.start(0)
        self.refresh()

    def move_playhead(self, *frames: int) -> None:
        """Repaint where the playhead was and is; counting waits meanwhile."""
        super().move_playhead(*frames)
        self._rest()

    def follow_axis(self) -> None:
        """Paint what another zoom or scroll position shows; counting waits meanwhile."""
        super().follow_axis()
        self._rest()

    def follow(self, frames: Iterable[int]) -> None:
        """Take in cells of the selected instance that changed."""
        touched = [frame for frame in frames if 0 <= frame < len(self._area)]
        self._area[touched] = np.nan
        for frame in touched[:_AT_ONCE]:
            self._count(frame)
        if touched[_AT_ONCE:]:
            self._todo += touched[_AT_ONCE:]
            self._timer.start(_PAUSE)
        self.refresh()

    def values(self, curve: Curve) -> NDArray[np.floating]:
        """A curve of the selected instance: (n,), NaN where unknown; areas in pixels."""
        nothing = np.full(self.state.length, np.nan)
        track = self.state.tracks.get(self.state.selected or 0)
        if curve is Curve.SIMILARITY:
            return self.state.similarity.get(self.state.selected or 0, nothing)
        if track is None:
            return nothing
        if curve is Curve.CONFIDENCE:
            return np.where(track.flags & (FILLED | UNRATED) == FILLED, track.confidence, np.nan)
        return self._area

    def paint_content(self, painter: QPainter) -> None:
        """Paint the curves that are on, area as a filled ground under the lines."""
        style = self.state.style
        painter.fillRect(self.rect(), style.base)
        self._scale_lines(painter, style)
        row = self.state.row(self.state.selected)
        if row is None:
            painter.setPen(style.muted)
            painter.setFont(style.small)
            hint = "Select an instance to plot its area, confidence and similarity"
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, hint)
            return
        columns = self.columns()
        for curve in Curve:
            if curve in self.shown:
                shares = self._shares(curve, columns)
                draw_curve(painter, curve, shares, QRectF(self.rect()), columns, row.colour, style)

    def _scale_lines(self, painter: QPainter, style: TimelineStyle) -> None:
        painter.setPen(QPen(style.faint, style.unit))
        for share in (0.0, 0.5, 1.0):
            y = round(level(share, self.height(), style)) + 0.5
            painter.drawLine(QLineF(0, y, self.width(), y))
        painter.fillRect(QRectF(0, self.height() - 1, self.width(), 1), mix(style.muted, style.base, 0.5))

    def _shares(self, curve: Curve, columns: Columns) -> NDArray[np.floating]:
        """The curve's value in each column as a share of the height: (w,) in [0, 1], NaN where unknown."""
        values = self.values(curve)
        if columns.scale >= 1:
            shares = columns.sample(values)
        else:
            # Of many frames in one pixel the weakest confidence and the strongest similarity matter.
            shares = columns.reduce(values, np.fmin if curve is Curve.CONFIDENCE else np.fmax)
        top = 1.0 if curve is not Curve.AREA else float(np.fmax.reduce(values, initial=1.0))
        return np.clip(shares / top, 0, 1)

    def _count(self, frame: int) -> None:
        cell = self.state.annotation.get(frame, self.state.selected or 0)
        area = cell.mask.area if cell is not None else 0
        self._area[frame] = area or np.nan

    def _count_some(self) -> None:
        until = time.perf_counter() + _BUDGET
        while self._todo and (now := time.perf_counter()) < until:
            self._count(self._todo.pop())
        if not self._todo:
            self._timer.stop()
        else:
            self._timer.start(_PAUSE)
        if not self._todo or now - self._shown_at > _SHOWN_EACH:
            self._shown_at = now
            self.refresh()

    def _rest(self) -> None:
        """Leave the processor to what the person does."""
        if self._todo:
            self._timer.start(_REST)


def level(share: float, high: float, style: TimelineStyle) -> float:
    """How far from the top a value lies in a plot so many pixels high."""
    room = 4 * style.unit
    return room + (1 - share) * (high - 2 * room)


def draw_curve(
    painter: QPainter,
    curve: Curve,
    shares: NDArray[np.floating],
    area: QRectF,
    columns: Columns,
    colour: QColor,
    style: TimelineStyle,
) -> None:
    """Draw a curve; the three differ in stroke, not in colour alone.

    Args:
        shares: (w,) in [0, 1], one a device pixel of the area, NaN for none.
        columns: of the area.
        colour: the instance's, for its area.
    """
    across = area.left() + (np.arange(len(shares)) + 0.5) / columns.ratio
    floor, top = (area.top() + level(share, area.height(), style) for share in (0, 1))
    heights = floor + shares * (top - floor)
    if curve is Curve.SIMILARITY:
        heights = np.where(columns.dots(3 * style.unit), heights, np.nan)
    ink = mix(colour, style.text, 0.15) if curve is Curve.AREA else style.text
    # Qt draws antialiased lines of one device pixel some forty times as fast as thicker ones.
    pen = pg.mkPen(fade(ink, 0.6) if curve is Curve.AREA else ink, width=1)
    option = QStyleOptionGraphicsItem()
    if curve is Curve.AREA:
        # Antialiased parts of one area would leave seams.
        ground = pg.PlotCurveItem(across, heights, pen=None, connect="finite", fillLevel=floor)
        ground.setBrush(fade(colour, 0.3))
        ground.paint(painter, option, None)
    line = pg.PlotCurveItem(across, heights, pen=pen, connect="finite", antialias=True)
    for n in range(max(1, round(1.4 * style.unit * columns.ratio))):
        painter.save()
        painter.translate(0, n / columns.ratio)
        line.paint(painter, option, None)
        painter.restore()
