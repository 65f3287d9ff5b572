"""The arrays behind the timeline: spans, their update, and pixel columns."""

from __future__ import annotations

import numpy as np
import pytest
from timeline_scene import BIKE, LENGTH, RIDER, annotation, mask

from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Cell, CellKey, Maker, SoftMask
from vsreid_studio.gui.timeline.axis import Columns, pixels
from vsreid_studio.gui.timeline.bars import rails, shade, tone_of
from vsreid_studio.gui.timeline.spans import (
    ABSENT,
    CHECKPOINT,
    FILLED,
    PINNED,
    RECOVERED,
    UNRATED,
    SpanTrack,
    ranges,
)


def track(instance: int) -> SpanTrack:
    return SpanTrack(LENGTH, annotation().row(instance))


def test_cells_that_share_an_origin_are_one_span_gaps_included() -> None:
    assert track(RIDER).spans.tolist() == [(0, 16, 0), (16, 43, 30), (43, 100, 55), (104, 105, 104)]
    assert track(BIKE).spans.tolist() == [(0, 60, 0), (62, 66, 0), (70, 120, 90)]


def test_bars_leave_out_gaps() -> None:
    assert track(RIDER).bars.tolist() == [(0, 16, 0), (16, 40, 30), (50, 100, 55)]


def test_flags_tell_marks_apart() -> None:
    rider = track(RIDER)
    assert rider.flagged(CHECKPOINT).tolist() == [0, 30, 55]
    assert rider.flagged(RECOVERED).tolist() == [55]
    assert rider.flagged(ABSENT).tolist() == [104]
    assert rider.flagged(PINNED).tolist() == [0, 30, 104]
    assert not rider.flags[45] & FILLED


def test_frames_outside_the_video_are_left_out() -> None:
    row = {-1: Cell(mask(), 0), 3: Cell(mask(), 0), 7: Cell(mask(), 0)}
    assert SpanTrack(5, row).spans.tolist() == [(3, 4, 0)]
    assert SpanTrack(0, row).spans.tolist() == []


def test_update_finds_what_a_fresh_reading_finds() -> None:
    random = np.random.default_rng(3)
    grid = Annotation(40)
    followed = SpanTrack(40, {})
    for _ in range(300):
        first = int(random.integers(0, 40))
        frames = range(first, min(40, first + int(random.integers(1, 5))))
        kind = int(random.integers(0, 4))
        cell = Cell(SoftMask.empty() if kind == 3 else mask(), 10 * kind, confidence=float(random.random()))
        change = grid.set_cells("", {CellKey(i, 1): cell if kind else None for i in frames})
        grid.apply(change)
        followed.update(frames, grid.row(1))
        fresh = SpanTrack(40, grid.row(1))
        assert followed.spans.tolist() == fresh.spans.tolist()
        assert np.array_equal(followed.flags, fresh.flags)
        assert np.array_equal(followed.sums[1], fresh.sums[1])


def test_pinned_recovery_keeps_its_kind() -> None:
    row = {2: Cell(mask(), 2, pinned=True, made_by=Maker.RECOVERY)}
    assert SpanTrack(4, row).flags[2] == FILLED | PINNED | CHECKPOINT | RECOVERED


@pytest.mark.parametrize("at_once", [False, True])
def test_an_imported_mask_is_unrated_until_it_is_approved(at_once: bool) -> None:
    imported = Cell(mask(), 1, made_by=Maker.IMPORT)
    cells = {
        CellKey(1, 1): imported,
        CellKey(2, 1): imported,
        CellKey(3, 1): Cell(mask(), 3, pinned=True, made_by=Maker.IMPORT),
        CellKey(4, 1): Cell(mask(), 3),
        CellKey(5, 1): Cell(SoftMask.empty(), 1, made_by=Maker.IMPORT),
    }
    grid = Annotation(7, cells)
    track = SpanTrack.of(grid.records(1)) if at_once else SpanTrack(7, grid.row(1))
    assert track.flagged(UNRATED).tolist() == [1, 2]


def test_neighbouring_frames_become_ranges() -> None:
    assert list(ranges({5, 3, 4, 9})) == [(3, 6), (9, 10)]
    assert list(ranges(())) == []


@pytest.mark.parametrize("scale", [0.037, 0.5, 0.9, 1.0, 1.3, 7.0])
def test_columns_show_every_frame_and_none_twice_when_many_share_a_pixel(scale: float) -> None:
    columns = Columns.of(-2.0, scale, 2000, 900)
    shown = columns.low[columns.inside]
    assert shown[0] == 0
    assert (np.diff(shown) >= 0).all()
    if scale < 1:
        assert (columns.high[columns.inside][:-1] == shown[1:]).all()
    else:
        assert set(shown.tolist()) >= set(range(int(1900 / scale) if scale > 2 else 900))


def test_a_single_filled_frame_is_seen_among_a_hundred() -> None:
    lone = SpanTrack(10_000, {5_000: Cell(mask(), 5_000)})
    body = shade([lone], Columns.of(0, 0.01, 100, 10_000), 3).body[0]
    assert body[50] > 0.25
    assert np.count_nonzero(body) == 1


def test_tone_rises_with_confidence() -> None:
    tones = tone_of(np.array([0, 0.5, 0.9, 1.0]))
    assert (np.diff(tones) > 0).all()
    assert tones[0] > 0.1
    assert tones[-1] == 1


def test_spans_that_meet_keep_a_slit_and_the_gap_is_dotted() -> None:
    columns = Columns.of(0, 10, 1200, LENGTH)
    bars = shade([track(RIDER), SpanTrack(LENGTH, {})], columns, 3)
    body, gaps, top_rows = bars.body[0], bars.gaps[0], bars.top_rows[0]
    assert body[159] == 0
    assert body[155] > 0
    assert body[161] > 0
    assert not body[400:500].any()
    assert 0.3 < np.count_nonzero(gaps[400:499]) / 100 < 0.7
    assert top_rows[0, 160] < top_rows[0, 165]
    assert not (bars.body[1].any() or bars.gaps[1].any() or bars.top_rows[1].any())


def test_a_rail_covers_its_span_and_points_at_the_checkpoint() -> None:
    columns = Columns.of(0, 10, 1200, LENGTH)
    line, strokes = rails([SpanTrack(LENGTH, {}), track(RIDER)], columns)
    assert line[1, 165:425].all()
    assert not line[1, 1005:].any()
    assert strokes[1, 300:310].any()
    assert not (line[0].any() or strokes[0].any())


def test_reduce_and_sample_keep_unknown_frames_unknown() -> None:
    values = np.array([0.1, np.nan, 0.9, 0.5, np.nan, 0.4])
    many = Columns.of(0, 0.5, 4, 6)
    assert many.reduce(values, np.fmin)[:3].tolist() == [0.1, 0.5, 0.4]
    assert np.isnan(many.reduce(values, np.fmin)[3])
    few = Columns.of(0, 4, 24, 6).sample(values)
    assert np.isnan(few[4:8]).all()
    assert few[0] == 0.1
    # Known between unknown neighbours: it holds over its whole width.
    assert (few[20:24] == 0.4).all()


def test_pixels_are_premultiplied() -> None:
    assert pixels(np.array([[0, 1.0]]), (255, 128, 0)).tolist() == [[0, 0xFFFF8000]]
    half = int(pixels(np.array([[0.5]]), (255, 128, 0))[0, 0])
    assert (half >> 24, half >> 16 & 255, half >> 8 & 255, half & 255) == (128, 128, 64, 0)
