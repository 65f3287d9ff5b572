from __future__ import annotations

import numpy as np
import pytest
from sequence_fixtures import Sequence

from vsreid_studio.benchmark.hidden import UnfitError
from vsreid_studio.benchmark.pairs import pair


def test_both_are_seen_apart_at_first(red: Sequence, green: Sequence) -> None:
    clip = pair(*red, *green)
    assert np.array_equal(clip.labels[0] == 1, red.masks[0])
    assert (clip.labels[0] == 2).sum() > 100


def test_clip_is_as_long_as_the_shorter(red: Sequence, green: Sequence) -> None:
    assert len(pair(*red, *green).frames) == len(green.frames)


def test_guest_crosses_in_front_then_behind(red: Sequence, green: Sequence) -> None:
    clip = pair(*red, *green)
    hides_host = [bool((label[mask] == 2).any()) for label, mask in zip(clip.labels, red.masks, strict=False)]
    assert any(hides_host[:22])
    assert not any(hides_host[30:])
    # On the way back the host takes a bite out of it.
    areas = [int((label == 2).sum()) for label in clip.labels]
    assert min(areas[25:]) < 0.7 * areas[0]


def test_labels_match_colours(red: Sequence, green: Sequence) -> None:
    clip = pair(*red, *green)
    for frame, label in zip(clip.frames, clip.labels, strict=True):
        host, guest = frame[label == 1].astype(int), frame[label == 2].astype(int)
        # At a soft edge the other may shine through, but not prevail.
        assert np.mean(host[:, 0] > host[:, 1]) > 0.95
        assert np.mean(guest[:, 1] > guest[:, 0]) > 0.95
        assert set(np.unique(label)) <= {0, 1, 2}


def test_sizes_are_comparable(red: Sequence, green: Sequence) -> None:
    first = pair(*red, *green).labels[0]
    assert 0.5 < (first == 2).sum() / (first == 1).sum() < 1.6


def test_same_seed_same_clip(red: Sequence, green: Sequence) -> None:
    first, again, other = (pair(*red, *green, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first.labels, again.labels, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first.labels, other.labels, strict=True))


def test_frames_of_another_size_fit(red: Sequence, green: Sequence) -> None:
    cropped = [frame[8:64, 20:100] for frame in green.frames], [mask[8:64, 20:100] for mask in green.masks]
    assert pair(*red, *cropped).labels[0].shape == red.masks[0].shape


def test_unfit_sequences_say_why(red: Sequence, green: Sequence) -> None:
    nothing = np.zeros_like(red.masks[0])
    with pytest.raises(UnfitError, match="too few"):
        pair(red.frames[:10], red.masks[:10], *green)
    with pytest.raises(UnfitError, match="first frame"):
        pair(*red, green.frames, [nothing, *green.masks[1:]])
    with pytest.raises(UnfitError, match="apart"):
        pair(red.frames, [np.ones_like(nothing)] * 50, *green)
