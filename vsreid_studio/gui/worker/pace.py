"""How fast a run goes, and how long it still takes."""

from __future__ import annotations

from collections import deque

from ...engine.events import Progress

WINDOW = 3.0
"""Seconds that are averaged over: frames differ, and the person watches the figure."""


class Pace:
    """Steps a second of the present stage."""

    def __init__(self) -> None:
        self._stage = ""
        self._seen: deque[tuple[float, int]] = deque()

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
        return rate, (progress.total - progress.done) / rate

    def reset(self) -> None:
        """Forget: a pause is not slowness."""
        self._seen.clear()
