from __future__ import annotations

import numpy as np
import pytest
from sequence_fixtures import Sequence

from vsreid_studio.benchmark.hidden import Gap, GapPlan, UnfitError
from vsreid_studio.benchmark.losses import distract, leave, lookalike
from vsreid_studio.engine.types import Box


@pytest.mark.parametrize("seed", range(6))
def test_a_distractor_panel_shows_the_other_object(red: Sequence, green: Sequence, seed: int) -> None:
    clip = distract(*red, *green, plan=GapPlan(12, seed=seed))
    (gap,) = clip.gaps()
    assert gap.last - gap.first == 11
    greens = [np.abs(frame.astype(int) - (20, 230, 20)).max(axis=2) < 40 for frame in clip.frames]
    assert all(greens[n].sum() > 100 for n in range(gap.first, gap.last + 1))
    assert not greens[0].any()


@pytest.mark.parametrize("seed", range(6))
def test_an_object_leaves_and_comes_back_elsewhere(red: Sequence, seed: int) -> None:
    clip = leave(*red, plan=GapPlan(10, slide=4, seed=seed))
    (gap,) = clip.gaps()
    assert gap.last - gap.first + 1 >= 10
    assert all(frame.shape == red.frames[0].shape for frame in clip.frames)
    for frame, label in zip(clip.frames, clip.labels, strict=True):
        reds = np.abs(frame.astype(int) - (230, 20, 20)).max(axis=2) < 40
        # The truth is where the object is seen, but for a pixel along its outline.
        assert abs(int(reds.sum()) - int((label == 1).sum())) <= 0.12 * max(reds.sum(), label.sum()) + 12
    before, after = Box.around(clip.labels[0] == 1), Box.around(clip.labels[-1] == 1)
    assert before is not None
    assert after is not None
    assert (before.x0, before.y0) != (after.x0, after.y0)


@pytest.mark.parametrize("seed", range(6))
def test_of_two_look_alikes_one_comes_back(red: Sequence, seed: int) -> None:
    clip = lookalike(*red, plan=GapPlan(10, slide=4, seed=seed))
    first, second = clip.gaps()
    assert first.last - first.first == 9
    assert second == Gap(2, second.first, len(clip.labels) - 1)
    assert first.first - 1 <= second.first <= first.first + 1
    assert (clip.labels[0] == 2).sum() > 100
    after = clip.frames[-1]
    reds = np.abs(after.astype(int) - (230, 20, 20)).max(axis=2) < 40
    assert np.array_equal(reds, clip.labels[-1] == 1)


def test_unfit_sequences_say_why(red: Sequence) -> None:
    nothing = np.zeros_like(red.masks[0])
    with pytest.raises(UnfitError, match="never seen"):
        distract(*red, red.frames, [nothing] * 50)
    with pytest.raises(UnfitError, match="no room"):
        leave(red.frames, [np.ones_like(nothing)] * 50)
    with pytest.raises(UnfitError, match="leave no 10"):
        leave(red.frames[:20], red.masks[:20])
    wide = nothing.copy()
    wide[20:40, 10:110] = True
    with pytest.raises(UnfitError, match="no room"):
        lookalike(red.frames, [wide] * 50)
