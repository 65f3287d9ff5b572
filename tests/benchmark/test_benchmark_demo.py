from __future__ import annotations

import av
import numpy as np
import pytest

from vsreid_studio.benchmark.demo import Layer, cut_out, place, render
from vsreid_studio.benchmark.hidden import BenchmarkClip
from vsreid_studio.formats.davis import mask_files
from vsreid_studio.formats.masks import read_label_map
from vsreid_studio.paths import resources

DEMO = resources() / "demo"


def test_near_layers_hide_far_ones() -> None:
    far = Layer(np.full((10, 10, 3), 200, np.float32), np.ones((10, 10), np.float32), instance=1)
    near = Layer(np.full((10, 4, 3), 25, np.float32), np.full((10, 4), 0.5, np.float32))
    picture, seen = render([(far, place((0, 0), (5, 0))), (near, place((0, 0), (5, 0)))], 10, 20)
    assert seen[1][5].tolist() == [0] * 5 + [0.5] * 4 + [1] * 6 + [0] * 5
    assert picture[5, 6, 0] == pytest.approx(125)


def test_cut_follows_the_object_and_not_the_rough_outline() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(20, 60, (80, 80, 3), dtype=np.uint8)
    picture[20:60, 20:60] += 150
    layer = cut_out(picture, [(17, 23), (62, 18), (63, 62), (18, 58)], 6, instance=3)
    truth = np.zeros((80, 80), bool)
    truth[20:60, 20:60] = True
    found = layer.alpha > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.85
    assert layer.instance == 3


def test_shipped_clip_fits_its_truth() -> None:
    labels = tuple(read_label_map(path) for path in mask_files(DEMO / "truth"))
    with av.open(str(DEMO / "demo.mp4")) as container:
        sizes = [(frame.height, frame.width) for frame in container.decode(video=0)]
    assert sizes == [label.shape for label in labels]
    assert np.array_equal(read_label_map(DEMO / "first.png"), labels[0])
    assert set(np.unique(labels[0])) == {0, 1, 2}
    (gap,) = BenchmarkClip((), labels).gaps()
    assert gap == (1, 20, 32)
