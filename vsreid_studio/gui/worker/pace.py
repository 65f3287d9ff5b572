"""How fast a run goes, and how long it still takes."""

from __future__ import annotations

import math
from collections import deque

from ...engine.events import Progress

WINDOW = 3.0
"""Seconds over which the rate is averaged: frames differ, and the person watches the figure."""
PATIENCE = 1.5
"""Seconds that are watched before the time left is told: the first steps also load and compile."""
CALM = 4.0
"""Time constant, in seconds, with which the expected end follows the rate of the moment."""


class Pace:
    """Steps a second of the present stage, and a time left that does not jump."""

    def __init__(self) -> None:
        self._stage = ""
        self._seen: deque[tuple[float, int]] = deque()
        self._begun: tuple[float, int] | None = None
        self._end: float | None = None
        self._told = 0.0

    def take(self, when: float, progress: Progress) -> tuple[float, float | None]:
        """Note progress.

        Args:
            when: in seconds, of a monotonic clock.

        Returns:
            Steps a second, 0 while unknown; seconds left, None while unknown.
        """
        if progress.stage != self._stage or (self._seen and progress.done < self._seen[-1][1]):
            self.reset()
            self._stage = progress.stage
        self._seen.append((when, progress.done))
        while len(self._seen) > 2 and when - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        start, first = self._seen[0]
        if when <= start or progress.done <= first:
            return 0.0, None
        rate = (progress.done - first) / (when - start)
        return rate, self._left(when, progress)

    def reset(self) -> None:
        """Forget: a pause is not slowness."""
        self._seen.clear()
        self._begun = self._end = None

    def _left(self, when: float, progress: Progress) -> float | None:
        """Seconds left, by the rate of the whole stage after its first step; its end is smoothed."""
        if self._begun is None:
            self._begun = when, progress.done
        start, first = self._begun
        if when - start < PATIENCE or progress.done <= first:
            return None
        end = when + (progress.total - progress.done) * (when - start) / (progress.done - first)
        if self._end is None:
            self._end = end
        else:
            self._end += (1 - math.exp(-(when - self._told) / CALM)) * (end - self._end)
        self._told = when
        return max(0.0, self._end - when)
