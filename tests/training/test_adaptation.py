"""Adaptation changes what it may, follows from its seed, and can be laid over the shipped weights."""

from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save

from vsreid_studio.config import AdaptConfig
from vsreid_studio.engine.events import Progress
from vsreid_studio.engine.runtime import models
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, SoftMask
from vsreid_studio.engine.video import Video, open_video
from vsreid_studio.errors import UserError
from vsreid_studio.training import adaptation
from vsreid_studio.training.adaptation import adapt, adapted_parameters, pinned_stills

CPU = torch.device("cpu")
CONFIG = AdaptConfig(steps=2, runs=1)


@pytest.fixture
def video(tmp_path: Path) -> Iterator[Video]:
    rng = np.random.default_rng(0)
    for number in range(3):
        frame = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
        Image.fromarray(frame).save(tmp_path / f"{number:05d}.png")
    with open_video(tmp_path) as opened:
        yield opened


@pytest.fixture
def annotation() -> Annotation:
    full = np.zeros((120, 160), np.bool_)
    full[40:80, 50:90] = True
    mask = SoftMask.from_dense(full)
    cells = {
        CellKey(0, 1): Cell(mask, 0, True, Maker.PERSON),
        CellKey(1, 1): Cell(mask, 0),
        CellKey(2, 1): Cell(SoftMask.empty(), 2, True, Maker.PERSON),
    }
    return Annotation(3, cells)


def _pull(steps: Generator[Progress, None, bytes]) -> tuple[list[Progress], bytes]:
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as stop:
            return told, stop.value


def test_only_pinned_masks_are_learnt_from(video: Video, annotation: Annotation) -> None:
    stills = pinned_stills(video, annotation)
    assert [still.instances for still in stills] == [(1,)]
    assert Box.around(stills[0].labels == 1) is not None
    assert int((stills[0].labels == 1).sum()) == 40 * 40


def test_it_changes_what_decides_and_nothing_else(video: Video, annotation: Annotation) -> None:
    network = models.load_propagation("lite", CPU, exact=True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    told, adapted = _pull(adapt(network, video, annotation, CONFIG))
    assert [(it.stage, it.done, it.total) for it in told] == [("adapting", n, 2) for n in range(3)]
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert changed <= adapted_parameters(network).keys() == load(adapted).keys()
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_same_work_gives_the_same_weights(video: Video, annotation: Annotation) -> None:
    made = [
        _pull(adapt(models.load_propagation("lite", CPU, exact=True), video, annotation, CONFIG))[1]
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_it_is_held_back(video: Video, annotation: Annotation, monkeypatch: pytest.MonkeyPatch) -> None:
    own = adapted_parameters(models.load_propagation("lite", CPU, exact=True))
    gone = {}
    for share in (0.0, 0.5, 1.0):
        monkeypatch.setattr(adaptation, "HELD_BACK", share)
        network = models.load_propagation("lite", CPU, exact=True)
        _pull(adapt(network, video, annotation, CONFIG))
        gone[share] = {name: value - own[name] for name, value in adapted_parameters(network).items()}
    for name, whole in gone[0.0].items():
        torch.testing.assert_close(gone[0.5][name], whole / 2, atol=1e-6, rtol=1e-3)
        torch.testing.assert_close(gone[1.0][name], torch.zeros_like(whole), atol=1e-6, rtol=0)
    assert any(bool(whole.any()) for whole in gone[0.0].values())


def test_without_anything_pinned_nothing_is_done(video: Video) -> None:
    network = models.load_propagation("lite", CPU, exact=True)
    told, _ = _pull(adapt(network, video, Annotation(3), CONFIG))
    assert told == []


def test_adapted_tensors_lie_over_the_shipped_ones(video: Video, annotation: Annotation) -> None:
    network = models.load_propagation("lite", CPU, exact=True)
    _, adapted = _pull(adapt(network, video, annotation, CONFIG))
    laid_over = models.load_propagation("lite", CPU, adapted=adapted, exact=True)
    for name, value in adapted_parameters(laid_over).items():
        assert torch.equal(value, load(adapted)[name].float())


@pytest.mark.parametrize("wrong", [b"no safetensors", save({"rgb.decoder.none": torch.zeros(1)})])
def test_what_does_not_fit_is_refused(wrong: bytes) -> None:
    with pytest.raises(UserError, match="does not fit"):
        models.load_propagation("lite", CPU, adapted=wrong)
