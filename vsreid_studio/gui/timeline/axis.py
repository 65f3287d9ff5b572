"""The time axis that ruler, plot and rows share: which frame lies at which pixel."""

from __future__ import annotations

import math
from collections.abc import Iterator

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
    def seen(self) -> float:
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
        margin = min(self.seen / 20, 8.0)
        low, high = frame + 1 + margin - self.seen, frame - margin
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
