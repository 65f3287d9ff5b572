"""A recovered mask that a person paints right before accepting it."""

from __future__ import annotations

from ...engine.events import Proposal
from ...engine.types import SoftMask


class Correction:
    """Strokes on a proposal; they are in no document until it is accepted.

    Attributes:
        frame, instance: the cell that is proposed.
    """

    def __init__(self, proposal: Proposal) -> None:
        self.frame, self.instance = proposal.frame, proposal.instance
        self._masks = [proposal.recovered]

    @property
    def mask(self) -> SoftMask:
        """As painted so far."""
        return self._masks[-1]

    def paint(self, mask: SoftMask) -> None:
        """Take a stroke."""
        self._masks.append(mask)

    def undo(self) -> bool:
        """Take the last stroke back; False where there is none."""
        if len(self._masks) == 1:
            return False
        self._masks.pop()
        return True
