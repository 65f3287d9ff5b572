"""Figures of published methods on the same frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from ..reading import expecting, read_json


@dataclass(frozen=True)
class Published:
    """One method's means over a set of sequences.

    Attributes:
        name: of the method.
        j, f: in [0, 1].
    """

    name: str
    j: float
    f: float

    @property
    def both(self) -> float:
        """J&F."""
        return (self.j + self.f) / 2


def read_published(path: Path, sequences: Sequence[str]) -> tuple[Published, ...]:
    """The methods whose figures on every one of the sequences are known.

    Args:
        path: JSON: {"methods": {name: {part: {sequence: {"J": .., "F": ..}}}}}; parts and other entries may
            have any name.

    Raises:
        UserError: it cannot be read, or has another form.
    """
    with expecting(f"{path} is not a list of published figures"):
        methods = read_json(path)["methods"]
        return tuple(
            Published(
                name,
                fmean(known[sequence]["J"] for sequence in sequences),
                fmean(known[sequence]["F"] for sequence in sequences),
            )
            for name, entry in methods.items()
            if set(sequences) <= (known := _by_sequence(entry)).keys()
        )


def _by_sequence(entry: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """J and F of every sequence of a method, whatever parts of the data set they are listed in."""
    parts = [part for part in entry.values() if isinstance(part, dict)]
    return {name: one for part in parts for name, one in part.items() if isinstance(one, dict)}
