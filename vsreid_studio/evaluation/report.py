"""The outcome of an evaluation, per instance, per sequence and overall."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .measures import Statistics, statistics

FIGURES = ("J", "F", "J&F", "J-recall", "J-decay", "F-recall", "F-decay")
"""The names of the figures, in the order of CSV columns."""


@dataclass(frozen=True)
class InstanceScore:
    """Of one instance in one sequence.

    Attributes:
        frames: names of the scored frames, e.g. '00001': all but the first and the last.
        j_series, f_series: J and F of each of them.
    """

    frames: tuple[str, ...]
    j_series: tuple[float, ...]
    f_series: tuple[float, ...]

    @cached_property
    def j(self) -> Statistics:
        """Of J over the frames."""
        return statistics(self.j_series)

    @cached_property
    def f(self) -> Statistics:
        """Of F over the frames."""
        return statistics(self.f_series)

    def figures(self) -> dict[str, float]:
        """The value of each of `FIGURES`."""
        j, f = self.j, self.f
        values = (j.mean, f.mean, (j.mean + f.mean) / 2, j.recall, j.decay, f.recall, f.decay)
        return dict(zip(FIGURES, values, strict=True))


@dataclass(frozen=True)
class Report:
    """Of a set of sequences.

    Attributes:
        sequences: scores by sequence and instance number; none for a sequence whose first frame shows no
            object.
    """

    sequences: Mapping[str, Mapping[int, InstanceScore]]

    def overall(self) -> dict[str, float]:
        """The value of each of `FIGURES`: the mean over all instances, not over sequences."""
        return _mean(score for scores in self.sequences.values() for score in scores.values())

    def sequence(self, name: str) -> dict[str, float]:
        """The mean over the instances of one sequence, for reading; empty when it has none."""
        return _mean(self.sequences[name].values())

    def as_json(self) -> dict[str, Any]:
        """{'global': figures, 'sequences': {name: {instance: figures}}}, instance numbers as text."""
        return {
            "global": self.overall(),
            "sequences": {
                name: {str(number): score.figures() for number, score in scores.items()}
                for name, scores in self.sequences.items()
            },
        }

    def rows(self) -> list[list[str]]:
        """A header, a row for each instance and a last one named 'global', of text with 6 decimals."""
        table = [["sequence", "instance", *FIGURES]]
        for name, scores in self.sequences.items():
            table += [[name, str(number), *_text(score.figures())] for number, score in scores.items()]
        return [*table, ["global", "", *_text(self.overall())]]

    def as_csv(self) -> str:
        """The rows, separated by commas."""
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(self.rows())
        return buffer.getvalue()


def _mean(scores: Iterable[InstanceScore]) -> dict[str, float]:
    figures = [score.figures() for score in scores]
    return {name: float(np.mean([each[name] for each in figures])) for name in FIGURES} if figures else {}


def _text(figures: Mapping[str, float]) -> list[str]:
    return [f"{figures[name]:.6f}" for name in FIGURES]
