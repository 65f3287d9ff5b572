"""N_mp in both sizes, with weights at random."""

import pytest
import torch

from vsreid_studio.engine.nets import propagation as nets
from vsreid_studio.engine.nets import stream as streams
from vsreid_studio.engine.nets.layers import resized
from vsreid_studio.engine.nets.lite0 import Lite0, fold_norms


@pytest.fixture(scope="module")
def lite() -> nets.MaskPropagationNet:
    torch.manual_seed(0)
    return nets.lite().eval()


def _inputs(size: int, flow_size: int, count: int = 1) -> tuple[torch.Tensor, ...]:
    """Patch, flow, maps, and how they were carried."""
    torch.manual_seed(1)
    shapes = ((3, size), (3, flow_size), (2, size), (2, size))
    return tuple(torch.rand(count, channels, side, side) for channels, side in shapes)


@torch.inference_mode()
def test_lite_gives_logits_at_the_patch_s_size(lite: nets.MaskPropagationNet) -> None:
    logits, quality, _ = lite(*_inputs(128, 64, 2))
    assert logits.shape == (2, 1, 128, 128)
    assert quality.shape == (2,)


@torch.inference_mode()
def test_paper_gives_logits_at_stride_eight() -> None:
    network = nets.paper().eval()
    logits, quality, _ = network(*_inputs(65, 65))
    assert logits.shape == (1, 1, 9, 9)
    assert quality.shape == (1,)
    assert streams.PAPER.rates == (6, 12, 18, 24, 1)
    assert streams.PAPER.width == 512


@torch.inference_mode()
def test_folded_norms_change_nothing(lite: nets.MaskPropagationNet) -> None:
    for module in lite.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    inputs = _inputs(64, 32)
    before = lite(*inputs)[0]
    folded = nets.lite()
    folded.load_state_dict(lite.state_dict())
    fold_norms(folded.eval())
    assert torch.allclose(folded(*inputs)[0], before, atol=1e-3)


@torch.inference_mode()
def test_memory_is_read_by_likeness(lite: nets.MaskPropagationNet) -> None:
    patch, _, maps, _ = _inputs(64, 32, 2)
    maps[:, 0] = 0
    maps[0, 0, :, :32] = 1
    features = lite.rgb.encode(patch)
    entries = lite.rgb.memorise(features, maps)
    assert entries[0].keys.shape == (streams.KEY_CHANNELS, 16)
    assert torch.allclose(entries[0].keys.norm(dim=0), torch.ones(16), atol=1e-4)
    assert entries[0].share.tolist() == [1, 1, 0, 0] * 4
    value = lite.rgb.value_of(features, lite.rgb.maps(maps))
    read = lite.rgb.read(lite.rgb.key(features.coarse), value, [[entries[0]], [entries[0]]])
    # A patch that looks into its own memory finds itself: the best match is certain where its mask says.
    best_on = read[0, -2].flatten()
    assert torch.allclose(best_on[entries[0].share > 0.5], torch.ones(8), atol=1e-3)
    assert (read[0] - read[1]).abs().max() > 1e-6


@torch.inference_mode()
def test_patches_without_memory_may_stand_beside_others(lite: nets.MaskPropagationNet) -> None:
    patch, _, maps, _ = _inputs(64, 32, 2)
    entries = lite.rgb.memorise(lite.rgb.encode(patch), maps)
    features = lite.rgb.encode(patch)
    mixed = lite.rgb.segment(features, maps, [[], [entries[0]]]).logits
    for row, memory in ((0, []), (1, [entries[0]])):
        part = slice(row, row + 1)
        alone = lite.rgb.segment(lite.rgb.encode(patch[part]), maps[part], [memory]).logits
        assert torch.allclose(mixed[row], alone[0], atol=1e-4)


@torch.inference_mode()
def test_without_flow_the_rgb_stream_decides_alone(lite: nets.MaskPropagationNet) -> None:
    patch, flow, maps, carried = _inputs(128, 64)
    bare = nets.MaskPropagationNet(lite.rgb, lite.flow)
    alone = lite.rgb.segment(lite.rgb.encode(patch), maps).logits
    assert torch.equal(bare(patch, None, maps, carried)[0], alone)
    assert not torch.equal(bare(patch, flow, maps, carried)[0], alone)


@torch.inference_mode()
def test_a_finish_that_is_not_trained_changes_next_to_nothing(lite: nets.MaskPropagationNet) -> None:
    patch, flow, maps, carried = _inputs(128, 64)
    bare = nets.MaskPropagationNet(lite.rgb, lite.flow)
    streams_say = resized(bare(patch, flow, maps, carried)[0], patch)
    kept = 2 * 6 * torch.sigmoid(torch.tensor(nets.OutlineRefinement.KEEPS))
    assert torch.allclose(lite(patch, flow, maps, carried)[0], streams_say, atol=float(kept))


def _finish_after(
    steps: int, carried: torch.Tensor, wanted: torch.Tensor, maps: torch.Tensor
) -> torch.Tensor:
    """What a new finish finds after some steps of training, where the streams know nothing."""
    torch.manual_seed(0)
    finish = nets.OutlineRefinement(inner=8)
    optimizer = torch.optim.Adam(finish.parameters(), 1e-2)
    inner, patch, logits = torch.zeros(1, 8, 16, 16), torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 16, 16)
    for _ in range(steps):
        found = finish(inner, patch, maps, logits, carried)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(found, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return found.detach()


# Stripes a pixel wide, which only the guiding map shows.
STRIPES = torch.arange(32) % 2 * torch.ones(1, 1, 32, 1)


def test_the_finish_can_draw_what_the_streams_are_too_coarse_for() -> None:
    maps = torch.cat([STRIPES, torch.zeros_like(STRIPES)], 1)
    found = _finish_after(40, torch.zeros(1, 2, 32, 32), STRIPES, maps)
    assert torch.equal(found > 0, STRIPES > 0.5)


def test_the_finish_can_learn_where_the_flow_is_right() -> None:
    # Above, the guiding map is to be kept; below the flow is wrong, and nothing is there.
    carried = torch.ones(1, 2, 32, 32)
    carried[:, 0, :16] = 0
    wanted = STRIPES.clone()
    wanted[:, :, 16:] = 0
    found = _finish_after(60, carried, wanted, torch.cat([STRIPES, torch.zeros_like(STRIPES)], 1))
    away = [row for row in range(32) if not 13 <= row <= 18]
    assert torch.equal((found > 0)[:, :, away], (wanted > 0.5)[:, :, away])


def test_nearness_falls_with_every_step() -> None:
    assert nets.nearness(1) == 1
    found = [nets.nearness(steps) for steps in range(1, 30)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.01


def test_the_quality_head_teaches_the_stream_nothing(lite: nets.MaskPropagationNet) -> None:
    context = torch.rand(2, streams.LITE.width, 4, 4, requires_grad=True)
    probability = torch.rand(2, 1, 32, 32, requires_grad=True)
    lite.quality(context, probability, torch.rand(2, 1, 64, 64)).sum().backward()
    assert context.grad is None
    assert probability.grad is None
    assert lite.quality.judge[0].weight.grad is not None
    lite.zero_grad()


def test_backbone_taps_every_stride() -> None:
    features = Lite0().eval()(torch.zeros(1, 3, 64, 96))
    assert {stride: tuple(f.shape[1:]) for stride, f in features.items()} == {
        2: (16, 32, 48),
        4: (24, 16, 24),
        8: (40, 8, 12),
        16: (112, 4, 6),
        32: (192, 2, 3),
    }
