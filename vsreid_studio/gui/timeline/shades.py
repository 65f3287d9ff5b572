"""One row's cells as opacities of pixel columns: bars toned by confidence, gaps, lines over spans."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .columns import Columns
from .spans import ABSENT, NONE, Track, reaching

_FAINTEST = 0.3
"""Opacity of a column in which a single frame out of many is filled: it must not vanish."""
_LEAST_TONE = 0.22
"""Opacity of a cell of confidence 0."""
_SEAM = 0.55
"""Opacity of the column between two cells that are wide enough to be told apart, relative to theirs."""
_SEAMS_FROM = 9.0
"""Logical pixels a frame from which they are."""
_WIDE = 5.0
"""Logical pixels from which a bar has round corners and a span a line of its own."""


@dataclass(frozen=True, eq=False)
class Bars:
    """The bars of a row.

    Attributes:
        body: (w,) opacity in [0, 1].
        crown: (r, w) opacity of the topmost lines of pixels, with round corners; the lowest mirror them.
        gaps: (w,) opacity of a line where the engine has found nothing.
    """

    body: NDArray[np.floating]
    crown: NDArray[np.floating]
    gaps: NDArray[np.floating]


def shade(track: Track, columns: Columns, radius: float) -> Bars:
    """Tone the columns by confidence; bars that meet keep a slit between them.

    Args:
        radius: of the round corners, in logical pixels.
    """
    filled, trust = track.sums
    count = filled[columns.high] - filled[columns.low]
    tone = (trust[columns.high] - trust[columns.low]) / np.maximum(count, 1)
    share = count / (columns.high - columns.low)
    body = (_FAINTEST + (1 - _FAINTEST) * share) * tone_of(tone)
    body[(count == 0) | ~columns.inside] = 0
    computed = (track.origin[columns.low] != NONE) & ((track.flags[columns.low] & ABSENT) == 0)
    gaps = (computed & (count == 0) & columns.inside & columns.dots(1.5)) * 0.7
    if columns.scale >= _SEAMS_FROM * columns.ratio:
        body[columns.last] *= _SEAM
    return Bars(body, _crown(track, columns, body, round(radius * columns.ratio)), gaps)


def tone_of(confidence: NDArray[np.floating]) -> NDArray[np.floating]:
    """The opacity of a confidence in [0, 1]; differences near 1, where most masks lie, show most."""
    return _LEAST_TONE + (1 - _LEAST_TONE) * np.clip(confidence, 0, 1) ** 2


def rails(spans: NDArray[np.void], columns: Columns) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """A line over each span, and under it short strokes down at its ends and at its checkpoint.

    Args:
        spans: those that are wide enough for it, see `wide_spans`.

    Returns:
        two (w,) opacities in [0, 1].
    """
    line, strokes = np.zeros(len(columns)), np.zeros(len(columns))
    spans = spans[(spans["stop"] - spans["start"] > 1) | (spans["start"] != spans["origin"])]
    inset, thick = round(1.2 * columns.ratio), max(1, round(1.2 * columns.ratio))
    left, right = columns.at(spans["start"]) + inset, columns.at(spans["stop"]) - 2 * inset
    # Spans do not overlap: what begins and has not ended is a span.
    steps = np.zeros(len(columns) + 1, np.intp)
    steps += np.bincount(left.clip(0, len(columns)), minlength=len(steps))
    steps -= np.bincount(right.clip(0, len(columns)), minlength=len(steps))
    line[np.cumsum(steps[:-1]) > 0] = 1
    home = spans[(spans["origin"] >= spans["start"]) & (spans["origin"] < spans["stop"])]
    middle = columns.at(home["origin"] + 0.5) - thick // 2
    at = (np.concatenate((left, right - thick, middle))[:, None] + np.arange(thick)).ravel()
    strokes[at[(at >= 0) & (at < len(columns))]] = 1
    return line, strokes


def wide_spans(track: Track, columns: Columns) -> NDArray[np.void]:
    """The spans that are wide enough for a line of their own, in sight or not."""
    return track.spans[(track.spans["stop"] - track.spans["start"]) * columns.scale >= _WIDE * columns.ratio]


def _crown(track: Track, columns: Columns, body: NDArray[np.floating], radius: int) -> NDArray[np.floating]:
    """Cut the slits into `body`, and round the corners of its topmost lines of pixels."""
    bars = reaching(track.bars, *columns.sight())
    bars = bars[(bars["stop"] - bars["start"]) * columns.scale >= _WIDE * columns.ratio]
    slit = max(1, round(columns.ratio))
    start, stop = columns.at(bars["start"]), columns.at(bars["stop"]) - slit
    for offset in range(slit):
        at = stop + offset
        body[at[(at >= 0) & (at < len(columns))]] = 0
    crown = np.repeat(body[None], radius, axis=0)
    corners, reach = _corners(radius), np.arange(radius)
    at = np.concatenate((start[:, None] + reach, stop[:, None] - radius + reach), axis=1).ravel()
    kept = (at >= 0) & (at < len(columns))
    crown[:, at[kept]] *= np.tile(corners, len(bars))[:, kept]
    return crown


@lru_cache(maxsize=8)
def _corners(radius: int) -> NDArray[np.floating]:
    """What round corners leave of the first and the last columns of a bar: (radius, 2 * radius)."""
    away = radius - np.arange(radius) - 0.5
    left = np.clip(radius + 0.5 - np.hypot(away[:, None], away), 0, 1)
    return np.concatenate((left, left[:, ::-1]), axis=1)
