"""The cells of all rows as one sheet of pixels: composed by arrays, since drawing would take far longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage, QPainter

from .bars import Bars, Lane, rails, shade
from .columns import Columns
from .look import mix
from .spans import SpanTrack

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
    crown: NDArray[np.uint8]
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
        look, ratio = lane.look, columns.ratio
        ground = mix(look.base, look.accent, _SELECTED) if lane.row.number == selected else look.base
        top, bottom = round(lane.top * ratio), round((lane.top + look.row) * ratio)
        pixels = np.full((bottom - top, len(columns)), ground.rgb(), np.uint32)
        pixels[-max(1, round(ratio)) :] = look.faint.rgb()
        number = place.get(lane.row.number)
        if cells is not None and number is not None:
            _compose(pixels, lane, cells, number, _rgb(ground), ratio)
        image = QImage(pixels.data, len(columns), bottom - top, 4 * len(columns), QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(lane.left, top / ratio), image)


def _cells(tracks: Sequence[SpanTrack], lane: Lane, columns: Columns) -> _Cells:
    bars: Bars = shade(tracks, columns, _ROUND * lane.look.unit)
    line, strokes = rails(tracks, columns)
    return _Cells(*(_bytes(part) for part in (bars.body, bars.crown, bars.gaps, line, strokes)))


def _bytes(opacity: NDArray[np.floating]) -> NDArray[np.uint8]:
    return (opacity * 255 + 0.5).astype(np.uint8)


def _compose(pixels: _Pixels, lane: Lane, cells: _Cells, number: int, ground: _Rgb, ratio: float) -> None:
    """Write one row's cells over its background; nothing of them lies over anything else of them."""
    unit, start = lane.look.unit, round(lane.top * ratio)
    share = OPACITY[lane.row.hidden]
    own, ink = (_shades(ground, _rgb(colour), share) for colour in (lane.row.colour, lane.ink))
    crown = own.take(cells.crown[number])
    top, bottom = (round(y * ratio) - start for y in (lane.bar.top(), lane.bar.bottom()))
    high = min(len(crown), (bottom - top) // 2)
    pixels[top : top + high] = crown[:high]
    pixels[top + high : bottom - high] = own.take(cells.body[number])
    pixels[bottom - high : bottom] = crown[:high][::-1]
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
