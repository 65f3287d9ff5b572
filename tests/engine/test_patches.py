import numpy as np
import pytest

from vsreid_studio.engine.runtime.patches import MOST_ASPECT, crop, flow_patch, paste, patch_box
from vsreid_studio.engine.types import Box


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
