"""Frames to look at next, found without any truth."""

from __future__ import annotations

import numpy as np
import pytest

from vsreid_studio.engine.extensions.doubtful import Doubt, DoubtfulFrames, doubtful, gaps
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Cell, CellKey, Maker, SoftMask

LENGTH = 60


def disk(x: int, side: int = 20) -> SoftMask:
    mask = np.zeros((60, 200), np.bool_)
    mask[10 : 10 + side, x : x + side] = True
    return SoftMask.from_dense(mask)


def run(**exchanged: Cell) -> Annotation:
    """A square that moves by a pixel a frame, propagated from frame 0, of which the network is sure."""
    cells = {CellKey(n, 1): Cell(disk(20 + n), 0, confidence=0.97) for n in range(LENGTH)}
    cells[CellKey(0, 1)] = Cell(disk(20), 0, pinned=True, made_by=Maker.PERSON)
    for name, cell in exchanged.items():
        cells[CellKey(int(name[1:]), 1)] = cell
    return Annotation(LENGTH, cells)


def first(annotation: Annotation) -> Doubt:
    return doubtful(annotation)[0]


def test_unsure_masks_come_first() -> None:
    doubt = first(run(**{f"f{n}": Cell(disk(20 + n), 0, confidence=0.4) for n in range(28, 35)}))
    assert 28 <= doubt.frame <= 34
    assert (doubt.first, doubt.last) == (28, 34)
    assert "unsure" in doubt.reason and "40 %" in doubt.reason


def test_a_sudden_change_of_area_is_doubted() -> None:
    doubt = first(run(f30=Cell(disk(50, 9), 0, confidence=0.97)))
    assert abs(doubt.frame - 30) <= 1
    assert "shrinks" in doubt.reason or "does not follow" in doubt.reason


def test_a_mask_that_jumps_is_doubted() -> None:
    far = {f"f{n}": Cell(disk(120 + n), 0, confidence=0.97) for n in range(40, LENGTH)}
    doubt = first(run(**far))
    assert doubt.frame in (39, 40)
    assert doubt.reason == "The mask does not follow from the one in the frame beside it."


def test_checkpoints_that_do_not_meet_are_told() -> None:
    other = {f"f{n}": Cell(disk(120 + n), LENGTH - 1, confidence=0.97) for n in range(30, LENGTH)}
    doubt = first(run(**other))
    assert doubt.frame in (29, 30)
    assert "two checked frames" in doubt.reason


def test_what_is_far_from_any_checked_frame_comes_before_what_is_near() -> None:
    doubt = first(run())
    assert doubt.frame > 30
    assert "frames away" in doubt.reason or "unsure" in doubt.reason


def test_pinned_frames_are_crossed_off() -> None:
    unsure = {f"f{n}": Cell(disk(20 + n), 0, confidence=0.4) for n in range(28, 35)}
    before = first(run(**unsure))
    pinned = {f"f{n}": Cell(disk(20 + n), n, pinned=True) for n in range(28, 35)}
    after = doubtful(run(**pinned))
    assert all(not 28 <= doubt.frame < 35 for doubt in after)
    assert not after or after[0].gain < before.gain
    everything = {f"f{n}": Cell(disk(20 + n), n, pinned=True) for n in range(LENGTH)}
    assert doubtful(run(**everything)) == []


def test_gains_descend_and_frames_do_not_repeat() -> None:
    cells = {f"f{n}": Cell(disk(20 + n), 0, confidence=0.3 + n / 200) for n in range(1, LENGTH)}
    found = doubtful(run(**cells), most=4)
    assert 2 <= len(found) <= 4
    assert [d.gain for d in found] == sorted((d.gain for d in found), reverse=True)
    assert len({d.frame for d in found}) == len(found)
    assert all(d.first <= d.frame <= d.last and d.reason.endswith(".") for d in found)


def test_many_dependent_frames_weigh_more_than_one() -> None:
    one = {"f10": Cell(disk(30), 0, confidence=0.3)}
    many = {f"f{n}": Cell(disk(20 + n), 0, confidence=0.45) for n in range(36, 50)}
    assert 36 <= first(run(**one, **many)).frame < 50


def test_an_empty_map_is_a_gap_and_not_doubtful() -> None:
    lost = {f"f{n}": Cell(SoftMask.empty(), 0, confidence=0.1) for n in range(20, 30)}
    unsure = {f"f{n}": Cell(disk(20 + n), 0, confidence=0.3) for n in range(30, 36)}
    annotation = run(**lost, **unsure)
    missing = {n for gap in gaps(annotation, 1) for n in range(gap.first, gap.last + 1)}
    doubted = {n for doubt in doubtful(annotation) for n in range(doubt.first, doubt.last + 1)}
    assert missing == set(range(20, 30))
    assert 30 in doubted and not doubted & missing


@pytest.mark.parametrize("length", [1, 2])
def test_short_clips(length: int) -> None:
    cells = {CellKey(n, 1): Cell(disk(20), 0, confidence=0.1) for n in range(length)}
    assert all(doubt.frame < length for doubt in doubtful(Annotation(length, cells)))
    assert doubtful(Annotation(length)) == []


def test_an_interrupted_search_goes_on_where_it_was() -> None:
    annotation = run(f30=Cell(disk(50, 9), 0, confidence=0.97))
    whole: list[None] = []
    expected = DoubtfulFrames().find(annotation, poll=lambda: whole.append(None))
    finder, polls, left = DoubtfulFrames(), 0, 10

    def stop() -> None:
        nonlocal polls, left
        left -= 1
        if left < 0:
            raise InterruptedError
        polls += 1

    with pytest.raises(InterruptedError):
        finder.find(annotation, poll=stop)
    assert polls == 10
    left = 1000
    assert finder.find(annotation, poll=stop) == expected
    assert polls == len(whole)
    # Nothing has changed, so only what is found is told.
    polls = 0
    assert finder.find(annotation, poll=stop) == expected
    assert polls == len(expected)


def test_where_everything_was_checked_no_map_is_read() -> None:
    def refuse() -> None:
        raise AssertionError

    pinned = run(**{f"f{n}": Cell(disk(20 + n), n, pinned=True) for n in range(LENGTH)})
    assert DoubtfulFrames().find(pinned, poll=refuse) == []
    # Nor where no map meets the next one.
    apart = run(**{f"f{n}": Cell(disk(20 + n % 2 * 60), 0, confidence=0.3) for n in range(1, LENGTH)})
    assert DoubtfulFrames().find(apart, most=0, poll=refuse) == []
    assert doubtful(apart)[0].reason == doubtful(moved(apart))[0].reason


def moved(annotation: Annotation) -> Annotation:
    """The same, with a wide faint border: maps that have to be read to see that they do not meet."""
    cells = {}
    for key, cell in annotation.cells():
        values = np.full((60, 200), 0.2, np.float32)
        values[cell.mask.hard(60, 200)] = 1
        cells[key] = Cell(
            SoftMask.from_dense(values), cell.origin, pinned=cell.pinned, confidence=cell.confidence
        )
    return Annotation(annotation.length, cells)
