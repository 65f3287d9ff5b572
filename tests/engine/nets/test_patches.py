import numpy as np
import pytest

from vsreid_studio.engine.nets.patches import (
    MOST_ASPECT,
    crop,
    flow_patch,
    inside,
    others_inside,
    paste,
    patch_box,
    reduced,
)
from vsreid_studio.engine.types import Box, SoftMask


def test_box_grows_by_the_fraction_on_each_side() -> None:
    assert patch_box(Box(100, 100, 200, 180), 480, 854, 0.15) == Box(85, 88, 215, 192)


def test_box_stays_inside_the_frame() -> None:
    assert patch_box(Box(0, 0, 854, 480), 480, 854, 0.15) == Box(0, 0, 854, 480)


def test_long_box_is_widened() -> None:
    box = patch_box(Box(400, 100, 420, 300), 480, 854, 0.0)
    assert box.height == 200
    assert box.height / box.width == pytest.approx(MOST_ASPECT)


def test_speck_keeps_context() -> None:
    box = patch_box(Box(50, 60, 51, 61), 480, 854, 0.15)
    assert box.width >= 32
    assert box.height >= 32


def test_paste_undoes_crop_of_a_smooth_map() -> None:
    rows, columns = np.mgrid[0:200, 0:300].astype(np.float32)
    smooth = (np.sin(rows / 30) * np.cos(columns / 40) + 1) / 2
    box = Box(40, 30, 240, 150)
    again = paste(crop(smooth, box, 128), box)
    assert again.shape == (120, 200)
    assert np.abs(again - smooth[box.slices]).max() < 0.05


def test_flow_patch_takes_the_common_motion_out_and_does_not_depend_on_the_scale() -> None:
    flow = np.full((100, 100, 2), (7.0, -3.0), np.float32)
    flow[40:60, 40:60] += (5.0, 0.0)
    patch = flow_patch(flow, Box(0, 0, 100, 100), 50)
    assert patch[0, 0] == pytest.approx((0, 0, 0))
    assert patch[25, 25] == pytest.approx((0.5, 0, 0.5), abs=1e-5)
    double = np.repeat(np.repeat(flow, 2, 0), 2, 1) * 2
    assert np.allclose(flow_patch(double, Box(0, 0, 200, 200), 50), patch, atol=1e-5)


def test_the_length_in_a_flow_patch_is_the_same_wherever_it_lies_in_memory() -> None:
    flow = np.random.default_rng(0).normal(0, 5, (64, 64, 2)).astype(np.float32)
    kept, first = [], flow_patch(flow, Box(0, 0, 64, 64), 64)
    for size in range(1, 60):
        kept.append(np.zeros(size * 3, np.float32))
        np.testing.assert_array_equal(flow_patch(flow, Box(0, 0, 64, 64), 64), first)


@pytest.mark.parametrize(
    ("box", "size"),
    [
        (Box(0, 0, 854, 480), (480, 854)),
        (Box(0, 0, 1900, 767), (767, 1900)),
        (Box(0, 0, 1900, 768), (384, 950)),
        (Box(9, 0, 3000, 2160), (432, 599)),
    ],
)
def test_a_large_box_is_reduced_to_no_less_than_the_patch_needs(box: Box, size: tuple[int, int]) -> None:
    assert reduced(box, 256) == size


def test_maps_at_a_reduced_size_are_averages() -> None:
    dense = np.zeros((80, 120), np.float32)
    dense[20:50, 30:90] = 1
    other = SoftMask.from_dense(np.roll(dense, 40, 1))
    mask, box = SoftMask.from_dense(dense), Box(10, 10, 110, 70)
    wanted = dense[box.slices].reshape(30, 2, 50, 2).mean((1, 3))
    assert np.abs(inside(mask, box, (30, 50)) - wanted).max() < 0.005
    assert (inside(mask, box, (60, 100)) == mask.inside(box)).all()
    found = others_inside({1: mask, 2: other, 3: SoftMask.empty()}, 1, box, (30, 50))
    assert np.abs(found - np.roll(dense, 40, 1)[box.slices].reshape(30, 2, 50, 2).mean((1, 3))).max() < 0.005


def test_a_map_found_at_a_reduced_size_fills_its_box() -> None:
    small = np.zeros((30, 50), np.float32)
    small[10:20, 15:30] = 1
    mask = SoftMask.enlarged(small, Box(10, 10, 110, 70))
    assert mask.hard_box == Box(40, 30, 70, 50)
    exact = SoftMask.enlarged(small, Box(3, 4, 53, 34))
    assert exact.box == Box(18, 14, 33, 24)
