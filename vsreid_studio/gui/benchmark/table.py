"""Figures and how much of their budget they take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

_SHARE = 95


@dataclass(frozen=True, slots=True)
class WindowFigure:
    """One thing that was measured.

    Attributes:
        name: what was done.
        budget: milliseconds that it may take.
        wall: milliseconds on the clock, one a repetition.
        cpu: milliseconds of the processor, which other programs delay less; as many.
    """

    name: str
    budget: float
    wall: Sequence[float]
    cpu: Sequence[float]

    @property
    def fits(self) -> bool:
        """Whether the 95th percentile on the clock is within the budget."""
        return high(self.wall) <= self.budget


def high(times: Sequence[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(times, _SHARE))


def table(figures: Iterable[WindowFigure]) -> Iterable[str]:
    """One line a figure, below a head; all times in milliseconds."""
    yield (
        f"{'milliseconds':42}{'n':>4}{'median':>9}{'p95':>9}{'CPU p95':>9}"
        f"{'budget':>8}{'share':>7}{'CPU share':>11}"
    )
    for one in figures:
        wall, cpu = high(one.wall), high(one.cpu)
        yield (
            f"{one.name:42}{len(one.wall):4}{np.median(one.wall):9.1f}{wall:9.1f}{cpu:9.1f}"
            f"{one.budget:8.0f}{wall / one.budget:7.2f}{cpu / one.budget:11.2f}"
            f"{'' if one.fits else '  over'}"
        )
