"""Cells of the timeline: bars toned by confidence, gaps, and lines from each span to its checkpoint.

The opacities of all rows are worked out together: with twenty rows, calls would take longer than what they
compute.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from .axis import Columns, TimeAxis, pixels
from .spans import ABSENT, NONE, SPAN, SpanTrack, reaching
from .state import TimelineRow, TimelineStyle, fade, mix

_FAINTEST = 0.3
"""Opacity of a column in which a single frame out of many is filled: it must not vanish."""
_LEAST_TONE = 0.22
"""Opacity of a cell of confidence 0."""
_SEAM = 0.55
"""Opacity of the column between two cells that are wide enough to be distinguished, relative to theirs."""
_SEAMS_FROM = 9.0
"""Logical pixels a frame from which they are."""
_WIDE, _ROUND = 5.0, 12.0
"""Logical pixels from which a bar has a slit beside it and a span a line of its own, and from which a bar
has round corners: on narrower ones they are invisible, and there are thousands."""


@dataclass(frozen=True, eq=False)
class Bars:
    """The bars of k rows.

    Attributes:
        body: (k, w) opacity in [0, 1].
        top_rows: (k, r, w) opacity of the topmost pixel rows, with round corners; the lowest mirror them.
        gaps: (k, w) opacity of a line where the engine has found nothing.
    """

    body: NDArray[np.floating]
    top_rows: NDArray[np.floating]
    gaps: NDArray[np.floating]


def shade(tracks: Sequence[SpanTrack], columns: Columns, radius: float) -> Bars:
    """Tone the columns by confidence; bars that meet keep a slit between them.

    Args:
        tracks: one a row, at least one.
        radius: of the round corners, in logical pixels.
    """
    low = columns.low
    count, trust = (columns.totals([track.sums[part] for track in tracks]) for part in range(2))
    tone = trust / np.maximum(count, 1)
    share = count / (columns.high - low)
    body = (_FAINTEST + (1 - _FAINTEST) * share) * tone_of(tone)
    nothing = (count == 0) | ~columns.inside
    body[nothing] = 0
    computed = np.stack([track.origin.take(low) != NONE for track in tracks])
    computed &= np.stack([track.flags.take(low) & ABSENT for track in tracks]) == 0
    gaps = (computed & (count == 0) & (columns.inside & columns.dots(1.5))) * 0.7
    if columns.scale >= _SEAMS_FROM * columns.ratio:
        body[:, columns.last] *= _SEAM
    return Bars(body, _crown(tracks, columns, body, round(radius * columns.ratio)), gaps)


def tone_of(confidence: NDArray[np.floating]) -> NDArray[np.floating]:
    """The opacity of a confidence in [0, 1]; differences near 1, where most masks lie, show most."""
    return _LEAST_TONE + (1 - _LEAST_TONE) * np.clip(confidence, 0, 1) ** 2


def rails(tracks: Sequence[SpanTrack], columns: Columns) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """A line over each wide span, and under it short strokes down at its ends and at its checkpoint.

    Returns:
        two (k, w) opacities in [0, 1].
    """
    width, rows = len(columns), len(tracks)
    visible = columns.visible()
    spans, row = _gathered([reaching(track.spans, *visible) for track in tracks], columns)
    several = (spans["stop"] - spans["start"] > 1) | (spans["start"] != spans["origin"])
    spans, row = spans[several], row[several]
    inset, thick = round(1.2 * columns.ratio), max(1, round(1.2 * columns.ratio))
    left, right = columns.at(spans["start"]) + inset, columns.at(spans["stop"]) - 2 * inset
    # Spans do not overlap: what begins and has not ended is a span.
    begun, ended = (
        np.bincount(row * (width + 1) + edge.clip(0, width), minlength=rows * (width + 1))
        for edge in (left, right)
    )
    line = np.cumsum((begun - ended).reshape(rows, width + 1), axis=1)[:, :width] > 0
    home = (spans["origin"] >= spans["start"]) & (spans["origin"] < spans["stop"])
    middle = columns.at(spans["origin"][home] + 0.5) - thick // 2
    strokes = np.zeros((rows, width))
    at = np.concatenate((left, right - thick, middle))
    _put(strokes, np.concatenate((row, row, row[home])), at[:, None] + np.arange(thick), 1.0)
    return line.astype(np.float64), strokes


def wide(spans: NDArray[np.void], columns: Columns) -> NDArray[np.bool_]:
    """Which spans are wide enough for a line of their own, in sight or not: (n,)."""
    enough: NDArray[np.bool_] = (spans["stop"] - spans["start"]) * columns.scale >= _WIDE * columns.ratio
    return enough


def _gathered(
    spans: Sequence[NDArray[np.void]], columns: Columns
) -> tuple[NDArray[np.void], NDArray[np.intp]]:
    """The wide ones of all rows, and the row of each."""
    together = np.concatenate(spans) if spans else np.zeros(0, SPAN)
    row = np.repeat(np.arange(len(spans)), [len(own) for own in spans])
    enough = wide(together, columns)
    return together[enough], row[enough]


def _put(target: NDArray[np.floating], row: NDArray[np.intp], at: NDArray[np.intp], value: float) -> None:
    """Set columns `at`, (n, m), in the rows `row`, (n,); those outside are passed over."""
    row = np.broadcast_to(row[:, None], at.shape)
    kept = (at >= 0) & (at < target.shape[1])
    target[row[kept], at[kept]] = value


def _crown(
    tracks: Sequence[SpanTrack], columns: Columns, body: NDArray[np.floating], radius: int
) -> NDArray[np.floating]:
    """Cut the slits into `body`, and round the corners of its topmost lines of pixels."""
    visible = columns.visible()
    bars, row = _gathered([reaching(track.bars, *visible) for track in tracks], columns)
    slit = max(1, round(columns.ratio))
    start, stop = columns.at(bars["start"]), columns.at(bars["stop"]) - slit
    _put(body, row, stop[:, None] + np.arange(slit), 0.0)
    top_rows = np.repeat(body[:, None], radius, axis=1)
    broad = (bars["stop"] - bars["start"]) * columns.scale >= _ROUND * columns.ratio
    row, start, stop = row[broad], start[broad], stop[broad]
    reach = np.arange(radius)
    at = np.concatenate((start[:, None] + reach, stop[:, None] - radius + reach), axis=1)
    kept = (at >= 0) & (at < len(columns))
    owner = np.broadcast_to(row[:, None], at.shape)[kept]
    shape = np.broadcast_to(_corners(radius), (len(row), 2 * radius, radius))[kept]
    top_rows[owner, :, at[kept]] *= shape
    return top_rows


@lru_cache(maxsize=8)
def _corners(radius: int) -> NDArray[np.floating]:
    """What round corners leave of a bar's first and last columns, from the top: (2 * radius, radius)."""
    away = radius - np.arange(radius) - 0.5
    left = np.clip(radius + 0.5 - np.hypot(away[:, None], away), 0, 1)
    return np.concatenate((left, left[::-1]), axis=0)


_ARCS = 100
"""Arcs painted in one row; more would be a tangle."""


@dataclass(frozen=True)
class Lane:
    """Where one row lies.

    Attributes:
        row: the instance.
        top: of the row, in logical pixels.
        left, width: the part of it that is painted.
        style: the style, colours and sizes.
    """

    row: TimelineRow
    top: float
    left: float
    width: float
    style: TimelineStyle

    @cached_property
    def bar(self) -> QRectF:
        """The band in which bars lie; above it is room for the lines to checkpoints."""
        high = self.style.bar
        top = round(self.top + self.style.row - high - 5 * self.style.unit)
        return QRectF(self.left, top, self.width, high)

    @cached_property
    def rail(self) -> float:
        """The line above the bar that joins a span to its checkpoint."""
        return round(self.bar.top() - 4 * self.style.unit)

    @cached_property
    def ink(self) -> QColor:
        """The instance's colour, strengthened so that a thin line of it can be read on the background."""
        return mix(self.row.colour, self.style.text, 0.35)


def paint_arcs(painter: QPainter, lane: Lane, track: SpanTrack, axis: TimeAxis, columns: Columns) -> None:
    """Paint an arc to each wide span from its checkpoint, where that lies apart from it."""
    detached = track.detached
    if not len(detached):
        return
    unit, rail = lane.style.unit, lane.rail
    first, stop = columns.visible()
    reach = (
        np.minimum(detached["origin"], detached["start"]),
        np.maximum(detached["origin"], detached["stop"]),
    )
    detached = detached[wide(detached, columns) & (reach[0] <= stop) & (reach[1] >= first)]
    if not len(detached):
        return
    arcs = QPainterPath()
    for start, stop, origin in detached[:_ARCS].tolist():
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
    unit = lane.style.unit
    sight = QRectF(lane.left - 20, lane.top, lane.width + 40, lane.style.row)
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
        painter.fillRect(area, fade(lane.style.base, 0.25))
        painter.setPen(QPen(fade(lane.style.text, 0.55), 1.2 * unit))
        painter.drawLines([QLineF(x, area.bottom(), x + high, area.top()) for x in offsets.tolist()])
        painter.restore()
        painter.setPen(QPen(fade(lane.style.text, 0.7), unit))
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
