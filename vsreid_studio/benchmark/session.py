"""What came of a simulated person's work on one sequence."""

from __future__ import annotations

from dataclasses import dataclass

from ..evaluation.comparison import Figures

GOALS = (0.85, 0.90, 0.95)
"""J&F at which a result may be good enough, ascending."""


def goals_to(last: float) -> tuple[float, ...]:
    """Those of `GOALS` that a person who stops at a J&F of `last` works for."""
    return tuple(goal for goal in GOALS if goal <= last)


@dataclass(frozen=True, kw_only=True)
class Round(Figures):
    """How things stand after so many corrections, on the mean over instances.

    Attributes:
        corrections: masks drawn after those of the first frame.
        propagated: cells computed by propagation since the first correction.
        seconds: a person has spent, see `manner.Seconds`; 0 where that was not counted.
        interactions: masks painted, clicks, checks of frames, answers and searches.
    """

    corrections: int
    propagated: int
    seconds: float = 0.0
    interactions: int = 0


@dataclass(frozen=True)
class PersonSession:
    """The work on one sequence.

    Attributes:
        rounds: one before the first correction and one after each.
        proposals: how many the person answered.
        wrong: how many of them were wrong, and hence rejected.
        lost: gaps after which an instance is to be seen again.
        found: how many of these instances were found again (J after the gap above `gaps.FOUND`), before the
            first correction.
    """

    rounds: tuple[Round, ...]
    proposals: int
    wrong: int
    lost: int
    found: int

    def reached(self, goal: float) -> Round | None:
        """The first round at or above a J&F; None if there was none."""
        return next((one for one in self.rounds if one.both >= goal), None)

    def within(self, seconds: float) -> Round | None:
        """The last round for which a person needed no longer; None if there was none."""
        return next((one for one in reversed(self.rounds) if one.seconds <= seconds), None)
