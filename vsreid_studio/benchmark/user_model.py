"""How a simulated user works, how long each action takes, and what came of it on one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..engine.extensions.clicked_masks import context_in
from ..engine.types import SoftMask
from ..engine.video import Video
from ..evaluation.comparison import Figures
from .clicks import Segments, click_through

ENOUGH, MOST_CLICKS = 0.90, 5
"""A person stops clicking at this IoU, or after so many clicks."""


_WHO = {"oracle": "oracle", "suggested": "suggestion"}
GOALS = (0.85, 0.90, 0.95)
"""J&F at which a result may be good enough, ascending."""


@dataclass(frozen=True)
class Seconds:
    """What a person's actions take, in seconds. The computer's time is not counted.

    Attributes:
        painting: a mask, with brush, lasso or polygon.
        click: finding the place and clicking.
        look: checking a suggested frame.
        answer: to a proposal.
        search: for a frame that needs a correction, without a suggestion.
    """

    painting: float = 25.0
    click: float = 2.5
    look: float = 2.0
    answer: float = 2.0
    search: float = 8.0


@dataclass(frozen=True)
class UserModel:
    """How the person works.

    Attributes:
        first: how the first mask is made.
        corrections: how masks are corrected.
        frames: who finds the frames to correct: 'oracle' is the truly worst frame, which no person can know,
            'suggested' the first of `engine.extensions.doubtful`, and the oracle's when none is left.
        seconds: what each thing takes.
    """

    first: Literal["painted", "clicked"] = "painted"
    corrections: Literal["painted", "clicked"] = "painted"
    frames: Literal["oracle", "suggested"] = "oracle"
    seconds: Seconds = field(default_factory=Seconds)

    @property
    def name(self) -> str:
        """For a table."""
        return f"first mask {self.first}, corrections {self.corrections}, frames by {_WHO[self.frames]}"

    @property
    def clicks(self) -> bool:
        """Whether anything is clicked."""
        return "clicked" in (self.first, self.corrections)


@dataclass
class Clock:
    """A person's time so far.

    Attributes:
        seconds: spent.
        interactions: masks painted, clicks, checks of frames, answers and searches.
    """

    rates: Seconds
    seconds: float = 0.0
    interactions: int = 0

    def spend(self, seconds: float, times: int = 1) -> None:
        """Count an action, or the same one several times."""
        self.seconds += seconds * times
        self.interactions += times


@dataclass(frozen=True)
class Annotator:
    """Makes masks as a person does: paints the truth, or clicks.

    Attributes:
        clicker: answers clicks; None where nothing is clicked.
        video: the pictures; None where nothing is clicked.
    """

    clock: Clock
    clicker: Segments | None = None
    video: Video | None = None

    def paint(self, truth: NDArray[np.bool_]) -> SoftMask:
        """The truth."""
        self.clock.spend(self.clock.rates.painting)
        return SoftMask.from_dense(truth)

    def click(
        self,
        frame: int,
        truth: NDArray[np.bool_],
        present: SoftMask | None,
        others: Sequence[SoftMask] = (),
        trusted: tuple[int, SoftMask] | None = None,
    ) -> SoftMask:
        """What clicks make of a mask; one that clicks have made worse is left as it was.

        Args:
            frame: its number.
            truth: (H, W) bool.
            present: the mask that is there.
            others, trusted: see `context_in`.

        Raises:
            ValueError: there is nothing that answers clicks.
        """
        if self.clicker is None or self.video is None:
            raise ValueError("there is nothing that answers clicks")
        if not truth.any():
            # One key says that the instance is not in the frame.
            self.clock.spend(self.clock.rates.click)
            return SoftMask.empty()
        picture, context = self.video.frame(frame), context_in(self.video, frame, others, trusted)
        series, clicks, mask = click_through(
            str(frame),
            picture,
            truth,
            self.clicker,
            present=present,
            context=context,
            goal=ENOUGH,
            limit=MOST_CLICKS,
        )
        self.clock.spend(self.clock.rates.click, len(clicks))
        best = int(np.argmax(series.shares))
        if best == len(series.shares) - 1:
            return mask
        if best == 0:
            return present or SoftMask.empty()
        return self.clicker.segment(picture, clicks[:best], None, present, context).mask


def goals_to(last: float) -> tuple[float, ...]:
    """Those of `GOALS` that a person who stops at a J&F of `last` works for."""
    return tuple(goal for goal in GOALS if goal <= last)


@dataclass(frozen=True, kw_only=True)
class Round(Figures):
    """How things stand after so many corrections, on the mean over instances.

    Attributes:
        corrections: masks drawn after those of the first frame.
        propagated: cells computed by propagation since the first correction.
        seconds: a person has spent, see `Seconds`; 0 where that was not counted.
        interactions: masks painted, clicks, checks of frames, answers and searches.
    """

    corrections: int
    propagated: int
    seconds: float = 0.0
    interactions: int = 0


@dataclass(frozen=True)
class UserSession:
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
