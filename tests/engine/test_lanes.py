"""Two lanes find what one does."""

import threading

import pytest
import torch

from vsreid_studio.engine.lanes import Lanes, Patches
from vsreid_studio.engine.nets import propagation as nets


@pytest.fixture(scope="module")
def network() -> nets.MaskPropagationNet:
    torch.manual_seed(0)
    return nets.lite().eval().requires_grad_(False)


@pytest.fixture
def two_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("with_flow", [True, False])
def test_lanes_change_no_figure(network, two_threads, count: int, with_flow: bool) -> None:
    patch, maps = torch.rand(count, 3, 64, 64), torch.rand(count, 2, 64, 64)
    with torch.inference_mode():
        entries = network.rgb.memorise(network.rgb.encode(patch), maps)
        memories = [[entries[row]] if row else [] for row in range(count)]
        flow = torch.rand(count, 3, 32, 32) if with_flow else None
        logits, quality = network(patch, flow, maps, memories)
    found = Lanes(network).run(Patches(patch, flow, maps, memories))
    assert torch.allclose(found.logits, logits, atol=1e-4)
    assert torch.allclose(found.quality, quality, atol=1e-3)
    assert found.coarse.shape == (count, nets.LITE.coarse, 4, 4)
    assert torch.get_num_threads() == 2, "the caller's threads are as they were"


def test_work_for_later_is_done_and_may_fail(network, two_threads) -> None:
    lanes, done = Lanes(network), threading.Event()
    lanes.later(lambda: 1 // 0)
    lanes.later(done.set)
    assert done.wait(5)
