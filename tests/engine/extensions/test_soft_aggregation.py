import numpy as np
import pytest

from vsreid_studio.engine.extensions.soft_aggregation import aggregated
from vsreid_studio.engine.types import Box, SoftMask


def _flat(value: float, x0: int, x1: int) -> SoftMask:
    box = Box(x0, 0, x1, 4)
    return SoftMask.from_dense(np.full((4, x1 - x0), value, np.float32), (box.x0, box.y0))


def test_alone_a_map_stays_as_it_is() -> None:
    masks = {1: _flat(0.9, 0, 4), 2: _flat(0.9, 10, 14)}
    assert aggregated(masks, 1) is masks[1]
    assert aggregated(masks, 2) is masks[2]


def test_the_more_probable_one_has_the_pixel() -> None:
    masks = {1: _flat(0.9, 0, 6), 2: _flat(0.7, 4, 10)}
    first, second = aggregated(masks, 1), aggregated(masks, 2)
    inside = Box(0, 0, 10, 4)
    found = np.stack([first.inside(inside), second.inside(inside)])
    assert np.all(found[0, :, :6] > 0.5)
    assert not np.any(found[1, :, 4:6] > 0.5)
    assert np.all(found[1, :, 6:] > 0.5), "where nobody else is, a map keeps what it has"
    assert float(found[:, 0, 5].sum()) <= 1 + 1 / 255


def test_what_is_certain_leaves_nothing_to_others() -> None:
    """A person's mask is exactly 1: odds would be infinite."""
    masks = {1: _flat(1.0, 0, 4), 2: _flat(0.99, 0, 4)}
    assert aggregated(masks, 1).inside(Box(0, 0, 4, 4)).min() > 0.9
    assert aggregated(masks, 2).area == 0


@pytest.mark.parametrize("value", [0.3, 0.5])
def test_a_map_never_gains(value: float) -> None:
    masks = {1: _flat(value, 0, 4), 2: _flat(0.01, 0, 4)}
    box = Box(0, 0, 4, 4)
    assert np.all(aggregated(masks, 1).inside(box) <= masks[1].inside(box) + 1 / 255)


def test_what_a_pixel_becomes_follows_from_the_maps_there() -> None:
    """Not from where the stored part of a rival ends."""
    values = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(4, 0)
    ramp = SoftMask.from_dense(values)
    near, everywhere = _flat(0.6, 100, 120), _flat(1 / 255, 0, 256)
    alone = aggregated({1: ramp, 2: near}, 1).inside(Box(0, 0, 256, 4))
    beside = aggregated({1: ramp, 2: near, 3: everywhere}, 1).inside(Box(0, 0, 256, 4))
    assert np.abs(alone - beside).max() < 2 / 255
    assert np.all(alone[:, 100:120] < values[:, 100:120] - 0.1)
    assert np.array_equal(alone[:, 140:], ramp.inside(Box(140, 0, 256, 4)))
