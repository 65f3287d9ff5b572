from __future__ import annotations

import numpy as np
import pytest
from sequence_fixtures import Sequence

from vsreid_studio.benchmark.hidden import CONTEXT, Gap, GapPlan, UnfitError, hide


@pytest.mark.parametrize("seed", range(6))
def test_gap_is_as_long_as_asked_and_leaves_context(red: Sequence, seed: int) -> None:
    clip = hide(*red, plan=GapPlan(seed=seed))
    (gap,) = clip.gaps()
    assert gap.last - gap.first == 19
    assert gap.first >= CONTEXT
    assert gap.last < len(red.frames) - CONTEXT


def test_gap_starts_where_wanted(red: Sequence) -> None:
    assert hide(*red, 14, plan=GapPlan(6)).gaps() == [Gap(1, 14, 19)]


@pytest.mark.parametrize("seed", range(4))
def test_truth_is_the_mask_without_the_panel(red: Sequence, seed: int) -> None:
    clip = hide(*red, 15, plan=GapPlan(seed=seed))
    for frame, label, source, mask in zip(clip.frames, clip.labels, *red, strict=True):
        assert not (label[~mask]).any()
        # What the truth keeps still has the object's colour (a little darker in the panel's shadow).
        kept = label == 1
        assert (frame[kept, 0] > 110).all()
        assert (frame[kept, 1] < 30).all()
        covered = mask & ~kept
        assert (np.abs(frame[covered].astype(int) - source[covered]).max(axis=1) > 20).all()


def test_only_the_time_of_the_panel_is_touched(red: Sequence) -> None:
    clip = hide(*red, 15, plan=GapPlan(slide=4))
    touched = [i for i, frame in enumerate(clip.frames) if not np.array_equal(frame, red.frames[i])]
    assert touched[0] >= 11
    assert touched[-1] <= 15 + 19 + 4


@pytest.mark.parametrize("seed", range(4))
def test_panel_is_textured(red: Sequence, seed: int) -> None:
    clip = hide(*red, 15, plan=GapPlan(seed=seed))
    covered = clip.frames[25][red.masks[25]].astype(float)
    assert covered.std(axis=0).max() > 2


def test_same_seed_same_clip(red: Sequence) -> None:
    first, again, other = (
        hide(*red, plan=GapPlan(seed=3)),
        hide(*red, plan=GapPlan(seed=3)),
        hide(*red, plan=GapPlan(seed=4)),
    )
    assert all(np.array_equal(a, b) for a, b in zip(first.frames, again.frames, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first.frames, other.frames, strict=True))


def test_source_is_left_alone(red: Sequence) -> None:
    before = [frame.copy() for frame in red.frames]
    hide(*red)
    assert all(np.array_equal(a, b) for a, b in zip(before, red.frames, strict=True))


def test_object_may_be_absent_inside_the_gap(red: Sequence) -> None:
    masks = [mask if not 18 <= i < 25 else np.zeros_like(mask) for i, mask in enumerate(red.masks)]
    assert hide(red.frames, masks, 15).gaps() == [Gap(1, 15, 34)]


def test_unfit_sequences_say_why(red: Sequence) -> None:
    with pytest.raises(UnfitError, match="39 frames leave no 10"):
        hide(red.frames[:39], red.masks[:39])
    with pytest.raises(UnfitError, match="leave no"):
        hide(*red, gap_start=3)
    nothing = np.zeros_like(red.masks[0])
    with pytest.raises(UnfitError, match="first frame"):
        hide(red.frames, [nothing, *red.masks[1:]])
    with pytest.raises(UnfitError, match="not seen"):
        hide(red.frames, [nothing if i % 5 == 4 else mask for i, mask in enumerate(red.masks)])
    with pytest.raises(UnfitError, match="fills"):
        hide(red.frames, [np.ones_like(nothing)] * 50)


def test_impossible_lengths_are_refused(red: Sequence) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        hide(*red, plan=GapPlan(0))
