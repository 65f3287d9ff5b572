"""The time axis that ruler, plot and rows share: from frames to widget pixels and to columns of the screen.

A value a column costs the same for a hundred frames as for a hundred thousand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

PAD = 9.0
"""Pixels left free on both sides, so that marks in the first and last frame are whole."""
_WIDEST = 48.0
"""Pixels a frame at the closest zoom."""
_STEPS = (1, 2, 5)


class TimeAxis(QObject):
    """Zoom and scroll position.

    Attributes:
        length: frames of the video.
        width: logical pixels of the widgets that show it.
        scale: logical pixels a frame.
        first: the frame, with fraction, whose left edge is at x = PAD.
        changed: signal, the layout of frames is another.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.length, self.width = 0, 1
        self.scale, self.first = 1.0, 0.0
        self._fitted = True
        self._laid_out = (self.first, self.scale, self.length, self.width)

    @property
    def narrowest(self) -> float:
        """Pixels a frame at which the whole video is seen."""
        room = max(1.0, self.width - 2 * PAD)
        return min(_WIDEST, room / max(1, self.length))

    @property
    def visible_frames(self) -> float:
        """How many frames fit into the width."""
        return max(1.0, self.width - 2 * PAD) / self.scale

    def set_length(self, length: int) -> None:
        """Show another video, the whole of it."""
        self.length = length
        self.fit()

    def set_width(self, width: int) -> None:
        """Follow the widgets' size; a video that was seen whole stays so."""
        self.width = max(1, width)
        if self._fitted:
            self.fit()
        else:
            self._place(self.first, self.scale)

    def fit(self) -> None:
        """Show the whole video."""
        self._place(0.0, self.narrowest)

    def x(self, frame: float) -> float:
        """Where the left edge of a frame lies, in logical pixels."""
        return PAD + (frame - self.first) * self.scale

    def centre(self, frame: int) -> float:
        """Where the middle of a frame lies."""
        return self.x(frame + 0.5)

    def centres(self, frames: NDArray[np.intp]) -> NDArray[np.floating]:
        """Where the middles of frames lie: (n,)."""
        middles: NDArray[np.floating] = PAD + (frames + 0.5 - self.first) * self.scale
        return middles

    def frame_at(self, x: float) -> int:
        """The frame under a pixel, or the nearest one of the video."""
        frame = math.floor(self.first + (x - PAD) / self.scale)
        return max(0, min(self.length - 1, frame))

    def visible(self) -> range:
        """The frames of which anything is seen, the paddings included."""
        first = math.floor(self.first - PAD / self.scale)
        stop = math.ceil(self.first + (self.width - PAD) / self.scale) + 1
        return range(max(0, first), min(self.length, stop))

    def zoom(self, factor: float, x: float) -> None:
        """Widen or narrow the frames; the one under pixel x stays there."""
        under = self.first + (x - PAD) / self.scale
        scale = max(self.narrowest, min(_WIDEST, self.scale * factor))
        self._place(under - (x - PAD) / scale, scale)

    def scroll(self, pixels: float) -> None:
        """Move on in time by so many pixels."""
        self._place(self.first + pixels / self.scale, self.scale)

    def reveal(self, frame: int) -> None:
        """Scroll no further than needed to have a frame in sight."""
        # A twentieth of the width is seen ahead of it, so that one sees where one is going.
        margin = min(self.visible_frames / 20, 8.0)
        low, high = frame + 1 + margin - self.visible_frames, frame - margin
        self._place(max(low, min(high, self.first)), self.scale)

    def ticks(self, spacing: float) -> tuple[int, Iterator[int]]:
        """Round frame numbers in sight.

        Args:
            spacing: the least distance of two, in pixels.

        Returns:
            their step, and the frames.
        """
        step = next(
            digit * 10**power
            for power in range(12)
            for digit in _STEPS
            if digit * 10**power * self.scale >= spacing
        )
        seen = self.visible()
        first = -(-seen.start // step) * step
        return step, iter(range(first, seen.stop, step))

    def _place(self, first: float, scale: float) -> None:
        scale = max(scale, self.narrowest)
        # Whole pixels, so that a scrolled picture is the old one moved.
        last = math.ceil(self.length * scale - max(1.0, self.width - 2 * PAD) - 1e-6)
        first = max(0, min(last, round(first * scale))) / scale
        self._fitted = scale <= self.narrowest * (1 + 1e-9)
        laid_out = (first, scale, self.length, self.width)
        if laid_out != self._laid_out:
            self.first, self.scale, self._laid_out = first, scale, laid_out
            self.changed.emit()


_TOUCH = 1e-6
"""Frames that rounding may put an edge off."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Which frames lie under each pixel column.

    Attributes:
        first: the frame, with fraction, at the left edge of column 0.
        scale: device pixels a frame.
        ratio: device pixels a logical one.
        low, high: (w,) intp: column x shows frames low[x]..high[x]-1, at least one.
        inside: (w,) bool: whether the column shows any frame of the video.
        last: (w,) bool: whether the next column shows another frame.
    """

    first: float
    scale: float
    ratio: float
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    inside: NDArray[np.bool_]
    last: NDArray[np.bool_]

    @classmethod
    def of(cls, first: float, scale: float, width: int, length: int, ratio: float = 1) -> Columns:
        """Lay out `width` columns over a video of `length` frames; `first` may be negative."""
        edges = first + np.arange(width + 1) / scale
        whole = np.floor(edges + _TOUCH).astype(np.intp)
        low = whole[:-1].clip(0, max(0, length - 1))
        high = np.maximum(whole[1:], low + 1).clip(0, max(1, length))
        inside = ((whole[:-1] >= 0) | (whole[1:] > 0)) & (whole[:-1] < length)
        return cls(first, scale, ratio, low, high, inside, whole[1:] > whole[:-1])

    def __len__(self) -> int:
        return len(self.low)

    def visible(self, margin: float = 0) -> tuple[int, int]:
        """The frames shown, as (first, stop), and those that lie so many logical pixels beside them."""
        more = int(margin * self.ratio / self.scale) + 1 if margin else 0
        return max(0, int(self.low[0]) - more), int(self.high[-1]) + more

    @property
    def place(self) -> NDArray[np.floating]:
        """The frame, with fraction, at the middle of each column: (w,)."""
        return self.first + (np.arange(len(self)) + 0.5) / self.scale

    def at(self, frames: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.intp]:
        """The first columns of frames; they may lie outside."""
        return np.ceil((frames - self.first - _TOUCH) * self.scale).astype(np.intp)

    def dots(self, size: float) -> NDArray[np.bool_]:
        """(w,) bool: a dotted line, its dots so many logical pixels long, that scrolls with the frames."""
        start = round(self.first * self.scale)
        return (np.arange(start, start + len(self)) // max(1, round(size * self.ratio))) % 2 == 0

    def totals(self, sums: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """The totals over each column's frames, one row for each running sum of (n + 1,) values: (k, w)."""
        low, high = self.low, self.high
        if np.array_equal(high[:-1], low[1:]):
            # Many frames a pixel: each edge is looked up once.
            edges = np.append(low, high[-1])
            return np.diff(np.stack([part.take(edges) for part in sums]))
        return np.stack([part.take(high) - part.take(low) for part in sums])

    def reduce(self, values: NDArray[np.floating], by: np.ufunc) -> NDArray[np.floating]:
        """One value a column: `by` (np.fmin, np.fmax) over its frames, NaN where none is known; (w,).

        Args:
            values: (n,), one a frame, NaN where unknown.
        """
        padded = np.append(values, np.nan)
        pairs = np.stack((self.low, self.high), axis=1).ravel()
        reduced: NDArray[np.floating] = by.reduceat(padded, pairs)[::2]
        reduced[~self.inside] = np.nan
        return reduced

    def sample(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """One value a column, on a straight line between the middles of frames; (w,).

        Where a neighbour is unknown, a frame's value holds over its whole width, so that one known frame
        among unknown ones is seen.

        Args:
            values: (n,), one a frame, NaN where unknown.
        """
        centres = np.arange(len(values)) + 0.5
        sampled = np.interp(self.place, centres, values)
        sampled = np.where(np.isnan(sampled), values[self.low], sampled)
        sampled[~self.inside] = np.nan
        return sampled


def pixels(opacity: NDArray[np.floating], colour: tuple[int, int, int]) -> NDArray[np.uint32]:
    """Premultiplied ARGB in Qt's order: (h, w) uint32.

    Args:
        opacity: (h, w) in [0, 1].
        colour: red, green, blue, 0 to 255.
    """
    # Much faster than indexing.
    return _shades(*colour).take((opacity * 255 + 0.5).astype(np.uint8))


@lru_cache(maxsize=512)
def _shades(*colour: int) -> NDArray[np.uint32]:
    """A colour in each of 256 opacities: (256,) uint32."""
    alpha = np.arange(256, dtype=np.uint32)
    shades: NDArray[np.uint32] = alpha << np.uint32(24)
    for value, shift in zip(colour, (16, 8, 0), strict=True):
        shades |= (alpha * np.uint32(value) // np.uint32(255)) << np.uint32(shift)
    return shades
