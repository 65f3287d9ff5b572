"""What the makers of clips hand out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..engine.types import Frame, LabelMap


class UnfitError(Exception):
    """No clip can be made of a sequence; the message says why."""


class Gap(NamedTuple):
    """Frames first to last, both included, in which an instance is wholly out of sight."""

    instance: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkClip:
    """A made clip with its truth.

    Attributes:
        frames: (H, W, 3) uint8 RGB each.
        labels: (H, W) uint8 each, 0 background, 1.. instances.
    """

    frames: tuple[Frame, ...]
    labels: tuple[LabelMap, ...]

    def gaps(self) -> list[Gap]:
        """By instance, then time; what precedes an instance's first appearance is no gap."""
        runs: list[Gap] = []
        for instance in range(1, max(int(label.max()) for label in self.labels) + 1):
            seen = [number for number, label in enumerate(self.labels) if (label == instance).any()]
            ends = [*seen[1:], len(self.labels)]
            runs += [Gap(instance, a + 1, b - 1) for a, b in zip(seen, ends, strict=True) if b - a > 1]
        return runs
