"""M_mp with a network whose weights are at random: what must hold whatever it has learnt."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vsreid_studio.config import Config, PropagationConfig
from vsreid_studio.engine.algorithm.plan import PaperPlanner
from vsreid_studio.engine.algorithm.protocols import MaskPropagation
from vsreid_studio.engine.extensions.test_time_augmentation import CAREFUL
from vsreid_studio.engine.flow import DisFlow, FineDisFlow, FlowSource, warp_mask
from vsreid_studio.engine.nets import propagation as nets
from vsreid_studio.engine.nets import stream as streams
from vsreid_studio.engine.nets.inference import TorchInference
from vsreid_studio.engine.nets.patches import patch_box
from vsreid_studio.engine.runtime.engine import assembled
from vsreid_studio.engine.runtime.pipeline import Modules
from vsreid_studio.engine.runtime.propagation import RECOVERED, nearness_of
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, SoftMask
from vsreid_studio.engine.video import Video, open_video

FRAMES = 4


@pytest.fixture(scope="module")
def network() -> nets.MaskPropagationNet:
    torch.manual_seed(0)
    network = nets.lite().eval().requires_grad_(False)
    for stream in (network.rgb, network.flow):
        _enliven(stream)
    return network


def _enliven(stream: streams.Stream) -> None:
    """Random layers fade what they see: spread every norm's output again, and the logits."""
    for module in stream.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_pre_hook(_measure)
    stream.segment(stream.encode(torch.rand(2, 3, 128, 128)), torch.rand(2, 2, 128, 128))
    for module in stream.modules():
        module._forward_pre_hooks.clear()
    stream.decoder.head.weight.mul_(3)


def _measure(norm: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(inputs[0].mean((0, 2, 3)))
    norm.running_var.copy_(inputs[0].var((0, 2, 3)))


@pytest.fixture
def video(tmp_path: Path) -> Iterator[Video]:
    """A textured square that moves two pixels a frame over a textured ground."""
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 120, (120, 160, 3), dtype=np.uint8)
    square = rng.integers(130, 255, (40, 40, 3), dtype=np.uint8)
    for number in range(FRAMES):
        frame = ground.copy()
        frame[40:80, 50 + 2 * number : 90 + 2 * number] = square
        Image.fromarray(frame).save(tmp_path / f"{number:05d}.png")
    with open_video(tmp_path) as opened:
        yield opened


def _annotation(*boxes: Box) -> Annotation:
    annotation = Annotation(FRAMES)
    cells: dict[CellKey, Cell | None] = {}
    for number, box in enumerate(boxes, 1):
        full = np.zeros((120, 160), np.bool_)
        full[box.slices] = True
        cells[CellKey(0, number)] = Cell(SoftMask.from_dense(full), 0, True, Maker.PERSON)
    annotation.apply(annotation.set_cells("draw", cells))
    return annotation


def _module(video: Video, network: nets.MaskPropagationNet, **options: object) -> MaskPropagation:
    return _modules(video, network, **options).propagation


def _modules(video: Video, network: nets.MaskPropagationNet, **options: object) -> Modules:
    config = Config(PropagationConfig(**options))  # type: ignore[arg-type]
    return assembled(config, video, TorchInference(network), FlowSource(video, DisFlow()))


SQUARE, OTHER = Box(50, 40, 90, 80), Box(100, 20, 130, 50)


def test_every_instance_gets_a_map_inside_its_patch(video: Video, network: nets.MaskPropagationNet) -> None:
    annotation = _annotation(SQUARE, OTHER)
    found = _module(video, network).propagate(annotation, 0, 1, [1, 2])
    assert sorted(found) == [1, 2]
    warped = warp_mask(annotation.mask(0, 1), FlowSource(video, DisFlow()).between(1, 0)).hard_box
    assert warped is not None
    patch = patch_box(warped, 120, 160, nets.SIZES["lite"].enlarge)
    assert found[1].mask.box.intersect(patch) == found[1].mask.box
    assert all(0 <= prediction.confidence <= 1 for prediction in found.values())


def test_patches_one_by_one_are_as_together_and_flow_is_ahead(
    video: Video, network: nets.MaskPropagationNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OneByOne(TorchInference):
        together = False

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(FlowSource, "prepare", lambda _, source, target: asked.append((source, target)))
    found = []
    for inference, instances in (
        (TorchInference(network), [1, 2]),
        (OneByOne(network), [1, 2]),
        (OneByOne(network), [1]),
    ):
        modules = assembled(Config(), video, inference, FlowSource(video, DisFlow()))
        annotation = _annotation(SQUARE, OTHER) if len(instances) > 1 else _annotation(SQUARE)
        assert modules.scheduler is not None
        modules.scheduler.expect(PaperPlanner().initial(annotation, instances, None))
        found.append(modules.propagation.propagate(annotation, 0, 1, instances))
    assert asked == 3 * [(2, 1), (3, 2)]
    together, one_by_one, _ = found
    for k in (1, 2):
        assert one_by_one[k].mask.iou(together[k].mask) > 0.98
        assert one_by_one[k].confidence == pytest.approx(together[k].confidence, abs=0.02)


def test_the_same_twice(video: Video, network: nets.MaskPropagationNet) -> None:
    first, second = (_module(video, network).propagate(_annotation(SQUARE), 0, 1, [1]) for _ in range(2))
    assert first[1].mask.same(second[1].mask)


def test_an_empty_map_stays_empty_without_the_network(
    video: Video, network: nets.MaskPropagationNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams.Stream, "encode", None)
    annotation = _annotation(SQUARE)
    nothing = Cell(SoftMask.empty(), 0)
    annotation.apply(annotation.set_cells("lose", {CellKey(1, 1): nothing}))
    module = _module(video, network)
    found = module.propagate(annotation, 1, 2, [1])
    assert not found[1].mask.box.area
    assert found[1].confidence == 1


def test_other_instances_are_seen(video: Video, network: nets.MaskPropagationNet) -> None:
    alone = _module(video, network).propagate(_annotation(SQUARE), 0, 1, [1])
    beside = _module(video, network).propagate(_annotation(SQUARE, Box(80, 50, 110, 80)), 0, 1, [1])
    assert not alone[1].mask.same(beside[1].mask)


def test_a_corrected_checkpoint_is_read_anew(video: Video, network: nets.MaskPropagationNet) -> None:
    annotation = _annotation(SQUARE)
    module = _module(video, network)
    before = module.propagate(annotation, 0, 1, [1])
    full = np.zeros((120, 160), np.bool_)
    full[40:80, 50:70] = True
    drawn = Cell(SoftMask.from_dense(full), 0, True, Maker.PERSON)
    annotation.apply(annotation.set_cells("draw", {CellKey(0, 1): drawn}))
    after = module.propagate(annotation, 0, 1, [1])
    fresh = _module(video, network).propagate(annotation, 0, 1, [1])
    assert after[1].mask.same(fresh[1].mask)
    assert not after[1].mask.same(before[1].mask)


def test_scales_and_flip_are_averaged(video: Video, network: nets.MaskPropagationNet) -> None:
    annotation = _annotation(SQUARE)
    plain = _module(video, network).propagate(annotation, 0, 1, [1])
    averaged = _module(video, network, scales=(1.0, 1.25), flip=True).propagate(annotation, 0, 1, [1])
    assert not plain[1].mask.same(averaged[1].mask)


def _drawn(annotation: Annotation, frame: int, box: Box, maker: Maker = Maker.PERSON) -> Annotation:
    full = np.zeros((120, 160), np.bool_)
    full[box.slices] = True
    cell = Cell(SoftMask.from_dense(full), frame, True, maker)
    annotation.apply(annotation.set_cells("draw", {CellKey(frame, 1): cell}))
    return annotation


def test_what_a_person_corrected_is_looked_at_carefully(
    video: Video, network: nets.MaskPropagationNet
) -> None:
    corrected = _drawn(_annotation(SQUARE, OTHER), 2, Box(54, 40, 94, 80))
    careful, plain, whole = (
        _module(video, network, augment_corrected=care, scales=scales, flip=flip)
        for care, scales, flip in ((True, (1.0,), False), (False, (1.0,), False), (False, *CAREFUL))
    )
    found = careful.propagate(corrected, 2, 3, [1])[1].mask
    assert found.same(whole.propagate(corrected, 2, 3, [1])[1].mask)
    assert not found.same(plain.propagate(corrected, 2, 3, [1])[1].mask)
    # What was drawn once, or was recovered, is looked at as ever.
    for annotation in (_annotation(SQUARE, OTHER), _drawn(_annotation(SQUARE), 2, SQUARE, Maker.RECOVERY)):
        usual = plain.propagate(annotation, 0, 1, [1])[1].mask
        assert careful.propagate(annotation, 0, 1, [1])[1].mask.same(usual)


def test_what_a_person_corrected_is_carried_by_finer_flow(
    video: Video, network: nets.MaskPropagationNet
) -> None:
    corrected = _drawn(_annotation(SQUARE, OTHER), 2, Box(54, 40, 94, 80))
    usual, fine = FlowSource(video, DisFlow()), FlowSource(video, FineDisFlow())
    inference = TorchInference(network)
    both, coarse, finer = (
        assembled(Config(), video, inference, flow, careful_flow).propagation
        for flow, careful_flow in ((usual, fine), (usual, usual), (fine, None))
    )
    found = both.propagate(corrected, 2, 3, [1])[1].mask
    assert found.same(finer.propagate(corrected, 2, 3, [1])[1].mask)
    assert not found.same(coarse.propagate(corrected, 2, 3, [1])[1].mask)
    drawn_once = _annotation(SQUARE, OTHER)
    first = both.propagate(drawn_once, 0, 1, [1])[1].mask
    assert first.same(coarse.propagate(drawn_once, 0, 1, [1])[1].mask)


def test_a_recovered_checkpoint_counts_as_farther_away(
    video: Video, network: nets.MaskPropagationNet
) -> None:
    exact = _drawn(_annotation(SQUARE), 2, SQUARE)
    recovered = _drawn(_annotation(SQUARE), 2, SQUARE, Maker.RECOVERY)
    assert nearness_of(exact, 2, 3, 1) == 1
    assert nearness_of(recovered, 2, 3, 1) == nets.nearness(1 + RECOVERED)
    assert nearness_of(exact, 1, 2, 1) == 0


@pytest.mark.parametrize("frame", [2, FRAMES - 1])
def test_recovery_stays_near_the_box(video: Video, network: nets.MaskPropagationNet, frame: int) -> None:
    module = _module(video, network, recovery_rounds=1)
    found = module.recover(_annotation(SQUARE), frame, Box(54, 40, 94, 80), 1)
    assert found.mask.box.intersect(Box(44, 30, 104, 90)) == found.mask.box


def test_recent_masks_may_join_the_memory(video: Video, network: nets.MaskPropagationNet) -> None:
    annotation = _annotation(SQUARE)
    moved = np.zeros((120, 160), np.bool_)
    moved[40:80, 52:92] = True
    sure = Cell(SoftMask.from_dense(moved), 0, confidence=0.99)
    annotation.apply(annotation.set_cells("propagate", {CellKey(1, 1): sure}))
    without = _module(video, network, recent=0).propagate(annotation, 1, 2, [1])
    with_it = _module(video, network, recent=1).propagate(annotation, 1, 2, [1])
    assert not without[1].mask.same(with_it[1].mask)
