"""Maps between two exact ones are drawn towards what the flow shows to be the same."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.engine.extensions.soft_aggregation import from_logits, logits
from vsreid_studio.engine.extensions.temporal_smoothing import BLOCK, FULL_SIZE, USUAL, Smoother, Strength
from vsreid_studio.engine.flow import DisFlow, FlowSource
from vsreid_studio.engine.types import Box, SoftMask
from vsreid_studio.engine.video import Video, open_video

SIZE = 96, 128


def box(number: int) -> Box:
    return Box(30 + 2 * number, 30, 70 + 2 * number, 66)


def dense(part: Box) -> np.ndarray:
    full = np.zeros(SIZE, np.float32)
    full[part.slices] = 1
    return full


@pytest.fixture
def video(tmp_path: Path) -> Iterator[Video]:
    """A textured square that moves by two pixels a frame, over a ground that stands still."""
    rng = np.random.default_rng(0)
    ground = np.kron(rng.integers(0, 90, (24, 32, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    square = np.kron(rng.integers(150, 255, (9, 10, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    for number in range(6):
        frame = ground.copy()
        frame[box(number).slices] = square
        Image.fromarray(frame).save(tmp_path / f"{number:05d}.png")
    with open_video(tmp_path) as opened:
        yield opened


def run(
    video: Video, maps: dict[int, SoftMask], frames: range, step: int = 1, strength: Strength = USUAL
) -> dict[int, SoftMask]:
    steps = Smoother(video, FlowSource(video, DisFlow()), strength).smooth(maps, frames, step)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        found: dict[int, SoftMask] = end.value
        return found


def wrong(mask: SoftMask, number: int) -> int:
    return int(np.count_nonzero(mask.hard(*SIZE) != (dense(box(number)) > 0)))


def exact() -> dict[int, SoftMask]:
    return {number: SoftMask.from_dense(dense(box(number))) for number in range(6)}


@pytest.mark.parametrize(("step", "strength"), [(1, USUAL), (-1, USUAL), (1, FULL_SIZE)])
def test_what_one_frame_lacks_comes_back_from_those_beside_it(
    video: Video, step: int, strength: Strength
) -> None:
    maps = exact()
    holed = dense(box(3))
    holed[40:56, 44:60] = 0.3
    maps[3] = SoftMask.from_dense(holed)
    before = wrong(maps[3], 3)
    found = run(video, maps, range(1, 5), step, strength)
    assert sorted(found) == [1, 2, 3, 4]
    assert before == 256
    assert wrong(found[3], 3) < 30
    assert all(wrong(found[number], number) < 30 for number in (1, 2, 4))


@pytest.mark.parametrize("strength", [USUAL, FULL_SIZE])
def test_large_frames_are_smoothed_at_a_reduced_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strength: Strength
) -> None:
    monkeypatch.setattr("vsreid_studio.engine.extensions.temporal_smoothing.SHORT_SIDE", 96)
    monkeypatch.setattr("vsreid_studio.engine.extensions.temporal_smoothing._DRAWN_SIDE", 20)
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 255, (26, 34, 3)), np.ones((8, 8, 1))).astype(np.uint8)[:203, :267]
    for number in range(3):
        Image.fromarray(picture).save(tmp_path / f"{number:05d}.png")
    full = np.zeros((203, 267), np.float32)
    full[100:, 60:220] = 1
    holed = full.copy()
    holed[130:160, 100:140] = 0.3
    maps = {0: SoftMask.from_dense(full), 1: SoftMask.from_dense(holed), 2: SoftMask.from_dense(full)}
    with open_video(tmp_path) as video:
        smoother = Smoother(video, FlowSource(video, DisFlow()), strength)
        assert smoother.shrink == 2 * strength.shrink
        found = run(video, maps, range(1, 2), strength=strength)
    wrong = found[1].hard(203, 267) != (full > 0)
    assert (holed > 0.5).sum() == (full > 0).sum() - 1200
    assert wrong.sum() < 100


def test_a_frame_without_a_neighbour_is_drawn_towards_the_other(video: Video) -> None:
    maps = exact()
    holed = dense(box(5))
    holed[40:56, 44:60] = 0.3
    maps[5] = SoftMask.from_dense(holed)
    assert wrong(run(video, maps, range(4, 6))[5], 5) < 30


def test_what_looks_different_has_no_say(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(3):
        frame = rng.integers(0, 60, (*SIZE, 3)).astype(np.uint8)
        # The one in the middle is as bright as the others are dark.
        Image.fromarray(255 - frame if number == 1 else frame).save(tmp_path / f"{number:05d}.png")
    maps = {number: SoftMask.from_dense(dense(box(0))) for number in (0, 2)}
    maps[1] = SoftMask.from_dense(dense(Box(40, 40, 90, 80)))
    with open_video(tmp_path) as video:
        found = run(video, maps, range(1, 2))
    assert np.array_equal(found[1].hard(*SIZE), maps[1].hard(*SIZE))


def test_nothing_stays_nothing(video: Video) -> None:
    empty = dict.fromkeys(range(6), SoftMask.empty())
    assert all(not mask.box.area for mask in run(video, empty, range(1, 5)).values())


def test_one_that_is_empty_stays_so_and_draws_nobody(video: Video) -> None:
    maps = exact() | {2: SoftMask.empty()}
    found = run(video, maps, range(1, 5))
    assert not found[2].box.area
    assert all(wrong(found[number], number) < 30 for number in (1, 3, 4))


def test_many_frames_are_swept_in_blocks(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsreid_studio.engine.extensions.temporal_smoothing.BLOCK", 3)
    found = run(video, exact(), range(1, 5))
    assert sorted(found) == [1, 2, 3, 4]
    assert all(wrong(mask, number) < 30 for number, mask in found.items())
    assert BLOCK > 3


def test_odd_frames_and_masks_at_their_edge(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 255, (13, 17, 3)), np.ones((4, 4, 1))).astype(np.uint8)[:51, :67]
    for number in range(3):
        Image.fromarray(picture).save(tmp_path / f"{number:05d}.png")
    full = np.zeros((51, 67), np.float32)
    full[30:, 40:] = 1
    maps = dict.fromkeys(range(3), SoftMask.from_dense(full))
    with open_video(tmp_path) as video:
        found = run(video, maps, range(1, 3))
    # The last row and column are at half the size no pixel of their own, and stay.
    assert all(np.array_equal(mask.hard(51, 67), full > 0) for mask in found.values())


def test_logits_keep_what_is_stored() -> None:
    values = (np.arange(256)[None] / 255).astype(np.float32)
    there = SoftMask.from_dense(values)
    back = from_logits(logits(values), (0, 0))
    assert back.box == there.box
    assert np.abs(back.values.astype(int) - there.values).max() <= 1
