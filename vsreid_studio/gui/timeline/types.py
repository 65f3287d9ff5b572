"""What the timeline is given to show, beside the annotation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtGui import QColor

from ...engine.types import CellKey


class BoxState(StrEnum):
    """What became of a retrieved instance."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One instance as the timeline shows it.

    Attributes:
        number: of the instance, 1 to 254.
        name: what the person calls it.
        colour: of its cells.
        hidden: not shown on the canvas; its row is dimmed.
        locked: may not be changed; its row bears a padlock.
    """

    number: int
    name: str
    colour: QColor
    hidden: bool = False
    locked: bool = False


@dataclass(frozen=True, slots=True)
class TimelineBox:
    """A retrieved instance, drawn as a box on its row.

    Attributes:
        key: the cell where it was found again.
        similarity: to the instance's gallery, in [-1, 1].
        state: waiting for a person, accepted or rejected.
    """

    key: CellKey
    similarity: float
    state: BoxState = BoxState.WAITING

    @property
    def rank(self) -> tuple[bool, float]:
        """Sorts what a person should see first to the front."""
        return self.state is not BoxState.WAITING, -self.similarity
