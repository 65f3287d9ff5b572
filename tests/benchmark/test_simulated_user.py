from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vsreid_studio.benchmark.sessions import from_json, needed, render, to_json
from vsreid_studio.benchmark.simulated_user import simulate
from vsreid_studio.benchmark.user_model import Round, UserModel, UserSession
from vsreid_studio.config import Config, ReidConfig
from vsreid_studio.engine.algorithm.protocols import MaskPropagation, Reidentification
from vsreid_studio.engine.runtime.pipeline import Modules, Pipeline
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.store.view import Cells
from vsreid_studio.engine.types import (
    NO_CONTEXT,
    Box,
    Candidates,
    Click,
    ClickContext,
    Frame,
    Prediction,
    SoftMask,
)
from vsreid_studio.engine.video import Video
from vsreid_studio.errors import UserError

HEIGHT, WIDTH, LENGTH = 40, 90, 15
CONFIG = Config(reid=ReidConfig(only_better=False, verification=False, trust=False))


def modules(propagation: MaskPropagation) -> Modules:
    return Modules(Pipeline.studio(CONFIG), propagation)


def square(x: int) -> NDArray[np.bool_]:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[10:30, x : x + 20] = True
    return mask


def moving(hidden: Sequence[int] = ()) -> list[NDArray[np.uint8]]:
    """A square that moves by three pixels a frame."""
    return [
        (square(5 + 3 * n) if n not in hidden else np.zeros((HEIGHT, WIDTH), np.bool_)).astype(np.uint8)
        for n in range(LENGTH)
    ]


@dataclass
class Still(MaskPropagation):
    """Propagation that takes everything to stand still; recovery that fills the box."""

    gone: Sequence[int] = ()
    targets: list[int] = field(default_factory=list)

    def propagate(
        self, cells: Cells, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        self.targets.append(target)
        empty = SoftMask.empty()
        masks = {k: empty if target in self.gone else cells.mask(source, k) for k in instances}
        return {k: Prediction(mask, 0.9) for k, mask in masks.items()}

    def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
        full = np.zeros((HEIGHT, WIDTH), np.bool_)
        full[box.slices] = True
        return Prediction(SoftMask.from_dense(full), 0.9)


@dataclass
class Offers(Reidentification):
    """One candidate in each of some frames, all alike."""

    boxes: dict[int, tuple[int, int, int, int]]
    described: int = 0

    def candidates(self, frame: int) -> Candidates:
        n = int(frame in self.boxes)
        rows = np.array([self.boxes[frame]] if n else [], np.int32).reshape(-1, 4)
        return Candidates(rows, np.ones(n, np.float32), np.zeros(n, np.bool_), np.ones((n, 1), np.float32))

    def cached(self, frame: int) -> bool:
        return True

    def appearance(self, frame: int, mask: SoftMask) -> NDArray[np.float32]:
        self.described += 1
        return np.ones(1, np.float32)

    def colours(self, frame: int, mask: SoftMask) -> NDArray[np.float16]:
        return np.ones(1, np.float16)


def test_worst_frame_is_corrected_and_what_it_has_a_say_in_computed() -> None:
    propagation = Still()
    session = simulate(moving(), modules(propagation), None, limit=1)
    first, second = session.rounds
    assert (first.corrections, first.propagated) == (0, 0)
    assert second.corrections == 1
    assert second.both > first.both
    # The first of the frames in which the square is off by so much that not even the boundaries meet.
    worst = 8
    computed = propagation.targets[LENGTH - 1 :]
    # After it all that was nearest to the first mask, before it what lies between the two.
    assert computed == [*range(worst + 1, LENGTH), *range(worst - 1, 0, -1)]
    assert second.propagated == len(computed)


def test_corrections_end_at_the_goal_or_the_limit() -> None:
    whole = simulate(moving(), modules(Still()), None)
    assert whole.rounds[-1].both >= 0.95
    assert all(one.both < 0.95 for one in whole.rounds[:-1])
    assert [one.corrections for one in whole.rounds] == list(range(len(whole.rounds)))
    assert whole.reached(0.9).corrections <= whole.reached(0.95).corrections
    assert len(simulate(moving(), modules(Still()), None, limit=3).rounds) == 4


def test_nothing_to_do_for_an_object_that_stands_still() -> None:
    session = simulate([square(5).astype(np.uint8)] * LENGTH, modules(Still()), None)
    assert len(session.rounds) == 1
    assert session.reached(0.95) == session.rounds[0]


def test_proposals_are_answered_by_the_truth() -> None:
    hidden = range(6, 9)
    truth = moving(hidden)
    right = {n: (5 + 3 * n, 10, 25 + 3 * n, 30) for n in range(9, LENGTH)}
    offers = Offers({**right, 7: (60, 10, 80, 30), 10: (0, 0, 9, 9)})
    session = simulate(truth, modules(Still(gone=hidden)), offers, limit=0)
    # While it is hidden, and in another place, nothing is right.
    assert session.wrong == 2
    assert session.proposals >= 4
    assert (session.lost, session.found) == (1, 1)
    assert simulate(truth, modules(Still(gone=hidden)), None, limit=0).found == 0


def test_what_was_rejected_is_not_proposed_again_nor_described_twice() -> None:
    offers = Offers({7: (0, 0, 9, 9)})
    session = simulate(moving(), modules(Still()), offers, limit=4)
    assert (session.proposals, session.wrong) == (1, 1)
    # The first mask and the corrections; the last one is not compared any more.
    assert offers.described <= 5


def test_absent_instances_are_drawn_as_absent() -> None:
    truth = [square(5).astype(np.uint8)] * LENGTH
    truth[7] = np.zeros((HEIGHT, WIDTH), np.uint8)
    session = simulate(truth, modules(Still()), None, limit=5)
    assert session.rounds[0].both < 0.95
    assert session.rounds[1].both == 1


def test_adaptation_is_called_before_each_run() -> None:
    seen, used = [], Still()

    def adapt(annotation: Annotation) -> Modules:
        seen.append(len(annotation.checkpoints(1)))
        return modules(used)

    unused = Still()
    simulate(moving(), modules(unused), None, limit=2, adapt=adapt)
    assert seen == [1, 2, 3]
    assert used.targets
    assert not unused.targets


@pytest.mark.parametrize("truth", [[], moving()[:2], [np.zeros((4, 4), np.uint8)] * 5])
def test_there_must_be_something_to_do(truth: list[NDArray[np.uint8]]) -> None:
    with pytest.raises(UserError, match="3 frames"):
        simulate(truth, modules(Still()), None)


def test_page_counts_what_is_not_reached_as_the_limit() -> None:
    good = UserSession((_round(0, 0, 0.8, 0.8), _round(1, 7, 0.96, 0.96)), 3, 1, 1, 1)
    poor = UserSession((_round(0, 0, 0.8, 0.8), _round(1, 9, 0.94, 0.90)), 0, 0, 0, 0)
    assert from_json(to_json(good)) == good
    assert (needed(good, 0.95, 20), needed(poor, 0.9, 20), needed(poor, 0.95, 20)) == (1, 1, 20)
    page = render({"all parts": {"a": good, "b": poor}}, "val", 20)
    cells = "| all parts | .800 | 1.0 | 2 of 2 | 8 | 1.0 | 2 of 2 | 8 | 10.5 | 1 of 2 | 8 | 3 | 1 | 1 of 1 |"
    assert cells in page
    assert "| b | .800 | 1 | 0 | 9 | 1 | 0 | 9 | – | – | – | .920 | 0 | 0 | – |" in page


def _round(corrections: int, propagated: int, j: float, f: float) -> Round:
    return Round(j, f, corrections=corrections, propagated=propagated)


class Squares:
    """Clicks select a square of 20 pixels around the first one that adds, or shift it to the last."""

    def segment(
        self,
        frame: Frame,
        clicks: Sequence[Click],
        box: Box | None = None,
        present: SoftMask | None = None,
        context: ClickContext = NO_CONTEXT,
    ) -> Prediction:
        found = np.zeros((HEIGHT, WIDTH), np.bool_)
        adds = [click for click in clicks if click.adds]
        if adds:
            x, y = int(adds[-1].x), int(adds[-1].y)
            found[max(0, y - 10) : y + 10, max(0, x - 10) : x + 10] = True
        return Prediction(SoftMask.from_dense(found), 1.0)


class Pictures(Video):
    """Black frames."""

    def __init__(self) -> None:
        super().__init__(Path("clip.mp4"), "clip", 0)
        self.length, self.height, self.width = len(moving()), HEIGHT, WIDTH

    def _read(self, index: int) -> Frame:
        return np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def test_time_is_counted_for_what_is_painted_and_searched() -> None:
    first, second = simulate(moving(), modules(Still()), None, limit=1).rounds
    assert (first.seconds, first.interactions) == (25, 1)
    assert (second.seconds, second.interactions) == (25 + 8 + 25, 3)


def test_time_of_answers() -> None:
    offers = Offers({7: (0, 0, 9, 9)})
    session = simulate(moving(), modules(Still()), offers, limit=0)
    assert session.rounds[0].seconds == 25 + 2 * session.proposals


def test_clicks_are_counted_and_cost_less() -> None:
    user = UserModel("clicked", "clicked")
    session = simulate(
        moving(),
        modules(Still()),
        None,
        limit=1,
        user=user,
        clicker=Squares(),
        video=Pictures(),
    )
    first, second = session.rounds
    assert first.seconds == 2.5 * first.interactions
    assert 2.5 <= first.seconds <= 5 * 2.5
    assert 8 + 2.5 <= second.seconds - first.seconds <= 8 + 5 * 2.5
    assert second.both > first.both
    with pytest.raises(ValueError, match="answers clicks"):
        simulate(moving(), modules(Still()), None, limit=0, user=user)


def test_suggested_frames_are_looked_at_without_the_truth() -> None:
    class Unsure(Still):
        """Right in all frames but the later ones, of which it is unsure; sure of nothing wholly."""

        def propagate(
            self, cells: Cells, source: int, target: int, instances: Sequence[int]
        ) -> dict[int, Prediction]:
            off = 0 if target < 8 else 25
            sure = 0.85 if target < 8 else 0.4
            return {k: Prediction(SoftMask.from_dense(square(5 + off)), sure) for k in instances}

    truth = [square(5).astype(np.uint8)] * LENGTH
    session = simulate(truth, modules(Unsure()), None, limit=1, user=UserModel(frames="suggested"))
    first, second = session.rounds
    assert second.both > first.both
    looks = (second.seconds - first.seconds - 25) / 2
    assert looks == second.interactions - first.interactions - 1 >= 1


def test_a_session_of_before_time_was_counted_is_read() -> None:
    session = simulate(moving(), modules(Still()), None, limit=0)
    plain = to_json(session)
    for one in plain["rounds"]:
        del one["seconds"], one["interactions"]
    assert from_json(plain).rounds[0].seconds == 0
    assert session.within(24) is None and session.within(25) == session.rounds[0]


def test_where_nothing_is_suggested_a_person_searches() -> None:
    class Sure(Still):
        def propagate(
            self, cells: Cells, source: int, target: int, instances: Sequence[int]
        ) -> dict[int, Prediction]:
            return {k: Prediction(cells.mask(source, k), 1.0) for k in instances}

    truth = [square(5).astype(np.uint8)] * LENGTH
    truth[7] = square(15).astype(np.uint8)
    session = simulate(truth, modules(Sure()), None, limit=1, user=UserModel(frames="suggested"))
    first, second = session.rounds
    assert second.corrections == 1
    assert second.seconds - first.seconds >= 8 + 25
