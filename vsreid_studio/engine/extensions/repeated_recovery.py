"""Repeated recovery: N_mp looks at a recovered instance again, guided by what it found before.

The authors' released program does so five times. Here a second look believes the first, right or wrong: J&F
on crossing pairs is .804 with two looks and .833 with one (docs/experiments.md), so it is off by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..algorithm.propagate import PatchPropagation
from ..algorithm.protocols import Cells
from ..types import Box, Prediction


@dataclass(frozen=True, slots=True)
class RepeatedRecovery:
    """M_mp whose recovery looks several times.

    Attributes:
        module: M_mp.
        rounds: how often.
    """

    module: PatchPropagation
    rounds: int

    def propagate(
        self, cells: Cells, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        """As the module does."""
        return self.module.propagate(cells, source, target, instances)

    def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
        """As the module does, and again around what was found."""
        found = self.module.recover(cells, frame, box, instance)
        for _ in range(self.rounds - 1):
            tight = found.mask.hard_box
            if tight is None:
                break
            found = self.module.predict_at(cells, frame, found.mask, tight, instance)
        return found
