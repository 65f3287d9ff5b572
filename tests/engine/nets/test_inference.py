"""Compiled, N_mp finds what it finds in torch."""

import pytest
import torch

from vsreid_studio.engine.nets import propagation as nets
from vsreid_studio.engine.nets import stream as streams
from vsreid_studio.engine.nets.inference import CompiledInference, Patches, TorchInference
from vsreid_studio.engine.nets.layers import compute_type
from vsreid_studio.engine.nets.lite0 import fold_norms
from vsreid_studio.engine.nets.propagation import PropagationOutput
from vsreid_studio.engine.parallel import side_by_side


@pytest.fixture(scope="module")
def network() -> nets.MaskPropagationNet:
    torch.manual_seed(0)
    network = nets.lite().eval().requires_grad_(False)
    # As if trained: else it would add nothing.
    torch.nn.init.normal_(network.finish.head.weight)
    fold_norms(network)
    return network


@pytest.fixture(scope="module")
def compiled(network: nets.MaskPropagationNet) -> CompiledInference:
    return CompiledInference(network)


@pytest.mark.parametrize("side", [64, 128])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("with_flow", [True, False])
def test_all_ways_agree(
    network: nets.MaskPropagationNet,
    compiled: CompiledInference,
    caplog: pytest.LogCaptureFixture,
    side: int,
    count: int,
    with_flow: bool,
) -> None:
    torch.manual_seed(1)
    patch, maps, carried = (torch.rand(count, channels, side, side) for channels in (3, 2, 2))
    with torch.inference_mode():
        entries = network.rgb.memorise(network.rgb.encode(patch), maps)
        memories = [[entries[row], entries[0]] if row else [] for row in range(count)]
        flow = torch.rand(count, 3, side // 2, side // 2) if with_flow else None
        logits, quality, _ = network(patch, flow, maps, carried, memories)
    given = Patches(patch, flow, maps, carried, memories)
    # The compiled network computes in bfloat16 where the processor does.
    loose = 0.05 if compute_type(torch.device("cpu")) is torch.bfloat16 else 1e-3
    for inference in (compiled, TorchInference(network)):
        found = inference.run(given)
        assert torch.allclose(found.logits, logits, atol=loose * float(logits.abs().max()))
        assert torch.allclose(found.quality, quality, atol=loose)
        assert not caplog.records, "OpenVINO's results were not used"
        assert found.coarse.shape == (count, streams.LITE.coarse, side // 16, side // 16)


def test_side_by_side_patches_are_what_they_are_alone(compiled: CompiledInference) -> None:
    torch.manual_seed(2)
    given = []
    for _ in range(5):
        patch, maps, carried = (torch.rand(1, channels, 64, 64) for channels in (3, 2, 2))
        given.append(Patches(patch, None, maps, carried, [[]]))
    alone = [compiled.run(patches) for patches in given]
    for found, wanted in zip(side_by_side(compiled.run, given), alone, strict=True):
        for part, one in zip(found, wanted, strict=True):
            assert torch.allclose(part, one, atol=0.01 * float(one.abs().max()))


def test_what_was_found_stays(compiled: CompiledInference) -> None:
    def run(seed: int) -> PropagationOutput:
        torch.manual_seed(seed)
        patch, maps, carried = (torch.rand(1, channels, 64, 64) for channels in (3, 2, 2))
        return compiled.run(Patches(patch, None, maps, carried, [[]]))

    first = run(0)
    kept = [part.clone() for part in first]
    assert not torch.equal(run(1).logits, kept[0])
    assert all(torch.equal(part, one) for part, one in zip(first, kept, strict=True))
