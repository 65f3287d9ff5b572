"""A simulated user at the studio: how much work is a sequence, until it is good enough?

The person draws every instance in the first frame, lets the engine propagate and find again, and answers each
proposal by the truth: yes where the recovered mask is right (`proposals.matches`), else no. Then, time after
time, they take the cell (frame and instance) with the lowest J&F that they have not drawn yet, draw the true
mask, and let the engine go on: it computes the frames that the new checkpoint has a say in, and retrieves
again. All goes through the calls that the window uses.

A `UserModel` changes this: the user clicks instead of painting, or looks at the frames that the studio
suggests instead of knowing the worst one. A suggested frame that is right they approve, which makes it a
checkpoint as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from ..engine.algorithm.protocols import Reidentification
from ..engine.events import Accept, Answer, Change, Proposal, Reject
from ..engine.extensions.doubtful import doubtful
from ..engine.runtime.pipeline import Modules
from ..engine.store.annotation import Annotation, edit
from ..engine.types import Candidates, Cell, CellKey, LabelMap, Maker, SoftMask
from ..engine.video import Video
from ..errors import UserError
from ..evaluation.comparison import frame_scores
from .clicks import Segments
from .gaps import FOUND, frames_of, matches
from .hidden import BenchmarkClip
from .user_model import ENOUGH, GOALS, Annotator, Clock, Round, UserModel, UserSession


class Remembering(Reidentification):
    """A module whose appearances are kept from one run to the next."""

    def __init__(self, reid: Reidentification) -> None:
        self._reid = reid
        self._known: dict[int, tuple[SoftMask, NDArray[np.float32]]] = {}

    def candidates(self, frame: int) -> Candidates:
        """As the module does."""
        return self._reid.candidates(frame)

    def cached(self, frame: int) -> bool:
        """As the module does."""
        return self._reid.cached(frame)

    def prepare(self, frames: Sequence[int]) -> None:
        """As the module does."""
        self._reid.prepare(frames)

    def appearance(self, frame: int, mask: SoftMask) -> NDArray[np.float32]:
        """As the module does, once for each mask: masks are immutable, and the one kept owns its id."""
        if id(mask) not in self._known:
            self._known[id(mask)] = mask, self._reid.appearance(frame, mask)
        return self._known[id(mask)][1]

    def appearances(self, masks: Sequence[tuple[int, SoftMask]]) -> NDArray[np.float32]:
        """As the module does, once for each mask."""
        new = [(frame, mask) for frame, mask in masks if id(mask) not in self._known]
        if new:
            for (_, mask), row in zip(new, self._reid.appearances(new), strict=True):
                self._known[id(mask)] = mask, row
        return np.stack([self._known[id(mask)][1] for _, mask in masks])

    def colours(self, frame: int, mask: SoftMask) -> NDArray[np.float16]:
        """As the module does."""
        return self._reid.colours(frame, mask)


def simulate(
    truth: Sequence[LabelMap],
    modules: Modules,
    reid: Reidentification | None,
    *,
    limit: int = 20,
    goal: float = GOALS[-1],
    adapt: Callable[[Annotation], Modules] | None = None,
    on_round: Callable[[Round], None] | None = None,
    user: UserModel | None = None,
    clicker: Segments | None = None,
    video: Video | None = None,
) -> UserSession:
    """Work on a sequence until J&F reaches a goal or nothing is left to correct.

    Args:
        truth: (H, W) uint8 of every frame. What is not in the first one does not count.
        limit: no more corrections than this.
        goal: J&F at which the person stops, see `GOALS`.
        adapt: makes modules, to be used instead, that are fitted to the pinned masks; called before each run
            of the engine.
        on_round: called with each round.
        user: how the person works; None for painting, and knowing the worst frame.
        clicker: answers clicks, where the person clicks.
        video: the pictures, where the person clicks.

    Raises:
        UserError: there are fewer than 3 frames, or no object in the first.
    """
    user = user or UserModel()
    hand = Annotator(Clock(user.seconds), clicker, video)
    person = _SimulatedUser(truth, modules, reid and Remembering(reid), adapt, user, hand)
    person.draw_first()
    rounds: list[Round] = []
    while True:
        person.run_engine()
        rounds.append(person.standing(len(rounds)))
        if on_round is not None:
            on_round(rounds[-1])
        if len(rounds) == 1:
            lost = person.after_gaps()
        if len(rounds) > limit or rounds[-1].both >= goal or not person.correct():
            found = sum(j > FOUND for j in lost)
            return UserSession(tuple(rounds), person.proposals, person.wrong, len(lost), found)


@dataclass
class _SimulatedUser:
    """Knows the truth, and what came of the work so far.

    Attributes:
        scores: (frames, instances, 2) float64, J and F.
        stale: frames to be scored again.
        propagated: cells computed since the first correction.
    """

    truth: Sequence[LabelMap]
    modules: Modules
    reid: Reidentification | None
    adapt: Callable[[Annotation], Modules] | None
    user: UserModel
    hand: Annotator
    proposals: int = 0
    wrong: int = 0
    propagated: int = 0
    corrected: bool = False
    stale: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        first = self.truth[0] if len(self.truth) > 2 else np.zeros((1, 1), np.uint8)
        self.instances = tuple(int(k) for k in np.unique(first[first > 0]))
        if not self.instances:
            raise UserError("A simulated person needs 3 frames, and an object in the first.")
        self.annotation = Annotation(len(self.truth))
        self.scores = np.full((len(self.truth), len(self.instances), 2), np.nan)
        self.stale.update(self.counted)

    @property
    def counted(self) -> range:
        """The frames that count."""
        return range(1, len(self.truth) - 1)

    @cached_property
    def _gaps(self) -> dict[int, list[range]]:
        gaps = BenchmarkClip((), tuple(self.truth)).gaps()
        return {k: [frames_of(gap) for gap in gaps if gap.instance == k] for k in self.instances}

    def draw_first(self) -> None:
        """The masks of frame 0."""
        self._put("draw", {CellKey(0, k): self._made(CellKey(0, k), self.user.first) for k in self.instances})

    def correct(self) -> bool:
        """Mend a mask; False when there is none that a person has not made or approved."""
        key = self._suggested() if self.user.frames == "suggested" else None
        # Where nothing is suggested any more they search, as anyone would.
        key = key or self._worst()
        if key is None:
            return False
        self._put("correct", {key: self._made(key, self.user.corrections)})
        self.corrected = True
        return True

    def _worst(self) -> CellKey | None:
        """The cell with the lowest J&F, found by searching; None where all that is left is right."""
        both = self.scores.mean(axis=2)
        for frame in range(len(self.truth)):
            for place, instance in enumerate(self.instances):
                if not self._open(CellKey(frame, instance)):
                    both[frame, place] = np.inf
        frame, place = (int(n) for n in np.unravel_index(both.argmin(), both.shape))
        if not both[frame, place] < 1:
            return None
        self.hand.clock.spend(self.user.seconds.search)
        return CellKey(frame, self.instances[place])

    def _suggested(self) -> CellKey | None:
        """The first suggestion that is really wrong; those before it are approved.

        None where nothing is suggested any more.
        """
        for doubt in doubtful(self.annotation, self.instances, most=len(self.truth)):
            key = CellKey(doubt.frame, doubt.instance)
            if not self._open(key):
                continue
            self.hand.clock.spend(self.user.seconds.look)
            cell = self.annotation.get(*key)
            assert cell is not None
            if cell.mask.iou(SoftMask.from_dense(self._true(key))) < ENOUGH:
                return key
            approved = replace(cell, origin=key.frame, pinned=True, made_by=Maker.PERSON, confidence=1.0)
            self._put("approve", {key: replace(approved, second=None, smoothed=False)})
        return None

    def _open(self, key: CellKey) -> bool:
        """Whether the cell counts and nobody has made or approved it yet."""
        cell = self.annotation.get(*key)
        return key.frame in self.counted and not (cell is not None and cell.pinned)

    def run_engine(self) -> None:
        """Propagate and find again, and answer what it asks."""
        if self.adapt is not None:
            self.modules = self.adapt(self.annotation)
        steps = self.modules.run(self.annotation, self.reid)
        try:
            answer: Answer | None = None
            while True:
                event = steps.send(answer)
                if isinstance(event, Change):
                    self._take(event)
                answer = self._judge(event) if isinstance(event, Proposal) else None
        except StopIteration:
            return
        finally:
            steps.close()

    def standing(self, corrections: int) -> Round:
        """Score what has changed."""
        for frame in self.stale.intersection(self.counted):
            masks = self.annotation.frame_masks(frame)
            self.scores[frame] = frame_scores(self.truth[frame], masks, self.instances)
        self.stale.clear()
        j, f = self.scores[1:-1].mean(axis=(0, 1))
        clock = self.hand.clock
        return Round(
            float(j),
            float(f),
            corrections=corrections,
            propagated=self.propagated,
            seconds=clock.seconds,
            interactions=clock.interactions,
        )

    def after_gaps(self) -> list[float]:
        """The mean J after each gap, over the frames that count and in which the instance is to be seen."""
        means = []
        for place, instance in enumerate(self.instances):
            hidden = {n for gap in self._gaps[instance] for n in gap}
            for gap in self._gaps[instance]:
                after = [n for n in self.counted if n >= gap.stop and n not in hidden]
                if after:
                    means.append(fmean(float(j) for j in self.scores[after, place, 0]))
        return means

    def _put(self, label: str, cells: Mapping[CellKey, Cell | None]) -> None:
        change = edit(self.annotation, label, cells)
        self.annotation.apply(change)
        self.stale.update(key.frame for key in change.after)

    def _take(self, change: Change) -> None:
        self.stale.update(key.frame for key in change.after)
        if self.corrected:
            self.propagated += sum(_is_step(cell) for cell in change.after.values() if cell is not None)

    def _judge(self, proposal: Proposal) -> Answer:
        truth = self.truth[proposal.frame]
        right = matches(truth == proposal.instance, proposal.recovered.hard(*truth.shape))
        self.proposals += 1
        self.hand.clock.spend(self.user.seconds.answer)
        self.wrong += not right
        return Accept() if right else Reject()

    def _made(self, key: CellKey, how: str) -> Cell:
        """The cell as the person leaves it."""
        if how == "painted":
            mask = self.hand.paint(self._true(key))
        else:
            others = [cell.mask for cell in self.annotation.drawn_beside(*key)]
            known = self.annotation.nearest_drawn(key.instance, key.frame)
            trusted = None if known is None else (known, self.annotation.mask(known, key.instance))
            present = self.annotation.mask(*key)
            mask = self.hand.click(key.frame, self._true(key), present, others, trusted)
        return Cell(mask, key.frame, pinned=True, made_by=Maker.PERSON)

    def _true(self, key: CellKey) -> NDArray[np.bool_]:
        truth: NDArray[np.bool_] = self.truth[key.frame] == key.instance
        return truth


def _is_step(cell: Cell) -> bool:
    """Whether a step of propagation led to it; joined maps stand for the way back, smoothed ones for none."""
    return cell.made_by is Maker.PROPAGATION and (cell.second is not None or not cell.smoothed)
