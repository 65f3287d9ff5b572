"""A few steps on a tiny data set: the loss falls, a run resumes where it stopped, its weights load."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from vsreid_studio.engine.nets.lite0 import Lite0
from vsreid_studio.engine.runtime import models
from vsreid_studio.errors import UserError
from vsreid_studio.training.clips import STILLS, read_clips, read_stills
from vsreid_studio.training.propagation import guiding_maps, recipe
from vsreid_studio.training.propagation.views import ViewMaker


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sequences of a moving disk and three stills, laid out as the real data."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    davis = root / "davis2016"
    (davis / "ImageSets" / "2016").mkdir(parents=True)
    (davis / "ImageSets" / "2016" / "train.txt").write_text("one\ntwo\n")
    for name in ("one", "two"):
        pictures, masks = davis / "JPEGImages" / "480p" / name, davis / "Annotations" / "480p" / name
        pictures.mkdir(parents=True)
        masks.mkdir(parents=True)
        ground = rng.integers(0, 120, (96, 128, 3), dtype=np.uint8)
        for number in range(5):
            _picture(ground, 40 + 3 * number, pictures / f"{number:05d}.jpg", masks / f"{number:05d}.png")
    for folder in STILLS:
        pictures, masks = root / "stills" / folder / "images", root / "stills" / folder / "masks"
        pictures.mkdir(parents=True)
        masks.mkdir(parents=True)
        ground = rng.integers(0, 120, (96, 128, 3), dtype=np.uint8)
        _picture(ground, 60, pictures / "a.jpg", masks / "a.png")
    return root


def _picture(ground: np.ndarray, x: int, picture: Path, mask: Path) -> None:
    rows, columns = np.mgrid[0:96, 0:128]
    disk = (rows - 48) ** 2 + (columns - x) ** 2 < 22**2
    frame = ground.copy()
    frame[disk] = (230, 200, 40)
    Image.fromarray(frame).save(picture, quality=95)
    Image.fromarray(disk.astype(np.uint8)).save(mask)


@pytest.fixture(autouse=True)
def random_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ImageNet weights are an extra that tests must do without."""
    monkeypatch.setattr(recipe, "imagenet_lite0", _random_weights)


def _random_weights() -> dict[str, torch.Tensor]:
    return Lite0().state_dict()


def _args(data: Path, output: Path, *rest: str) -> Namespace:
    parser = ArgumentParser()
    recipe.add_arguments(parser)
    common = ["--data", str(data), "--output", str(output), "--cache", str(output / "cache")]
    small = ["--patch", "64", "--groups", "1", "--workers", "0"]
    return parser.parse_args([*rest, *common, *small])


def test_stages_run_one_after_the_other(data: Path, tmp_path: Path) -> None:
    weights: Path | None = None
    for stage in ("stills", "video", "flow", "joint", "runs", "finish"):
        init = ["--init", str(weights)] if weights else []
        weights = recipe.train(_args(data, tmp_path / stage, stage, "--steps", "2", *init))
    assert weights is not None
    models.load_propagation("lite", torch.device("cpu"), weights)
    stills, joint, runs, finished = (
        load_file(tmp_path / stage / weights.name) for stage in ("stills", "joint", "runs", "finish")
    )
    assert not torch.equal(stills["flow.decoder.head.weight"], joint["flow.decoder.head.weight"])
    assert not torch.equal(runs["rgb.decoder.head.weight"], joint["rgb.decoder.head.weight"])
    assert not torch.equal(runs["quality.judge.0.weight"], joint["quality.judge.0.weight"])
    finish = "finish.head.weight"
    assert runs[finish].any() and not joint[finish].any(), "the finish learns on runs"
    learnt = {name for name, value in finished.items() if not torch.allclose(value, runs[name], atol=1e-7)}
    assert finish in learnt
    assert {name.split(".")[0] for name in learnt} <= {"finish", "quality"}, "statistics of norms included"
    trunk = "rgb.trunk.net.blocks.14.layers.0.weight"
    assert torch.equal(runs[trunk], joint[trunk]), "runs leave the trunks as they are"
    # The first layers of the trunk are the same everywhere and stay.
    assert torch.equal(stills["rgb.trunk.net.stem.0.weight"], joint["rgb.trunk.net.stem.0.weight"])


def test_loss_falls(data: Path, tmp_path: Path) -> None:
    recipe.train(_args(data, tmp_path, "stills", "--steps", "15", "--rate", "3e-3"))
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    assert state["step"] == 15
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    # About 2.4 at the start: entropy twice 0.7, and a Dice loss near 1.
    assert logged[-1]["loss"] < 2.3


def test_run_resumes_where_it_stopped(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = recipe.train(_args(data, tmp_path / "whole", "stills", "--steps", "4"))

    class Stopped(Exception):  # noqa: N818
        pass

    update = recipe.Trainer._update  # type: ignore[attr-defined]

    def stop(self: recipe.Trainer, loss: torch.Tensor) -> None:  # type: ignore[name-defined]
        update(self, loss)
        if self.step == 2:
            self.save()
            raise Stopped

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(recipe.Trainer, "_update", stop)  # type: ignore[attr-defined]
        recipe.train(_args(data, tmp_path / "parts", "stills", "--steps", "4"))
    parts = recipe.train(_args(data, tmp_path / "parts", "stills", "--steps", "4"))
    first, second = load_file(whole), load_file(parts)
    assert all(torch.allclose(first[name].float(), second[name].float(), atol=1e-3) for name in first)


def test_other_settings_are_not_mixed_in(data: Path, tmp_path: Path) -> None:
    recipe.train(_args(data, tmp_path, "stills", "--steps", "1"))
    with pytest.raises(UserError, match="other settings"):
        recipe.train(_args(data, tmp_path, "stills", "--steps", "2"))


def test_a_patch_that_the_strides_do_not_divide_is_refused(data: Path, tmp_path: Path) -> None:
    args = _args(data, tmp_path, "stills", "--steps", "1")
    args.patch = 96
    with pytest.raises(UserError, match="multiple of 64"):
        recipe.train(args)


def test_later_stage_needs_weights(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--init"):
        recipe.run(_args(data, tmp_path, "joint"))


def test_views_follow_from_their_generator_alone(data: Path, tmp_path: Path) -> None:
    maker = ViewMaker(
        read_stills([data / "stills" / name for name in STILLS]),
        read_clips(data / "davis2016", ["one", "two"], tmp_path),
        64,
    )
    for group in (maker.still_group, maker.clip_group):
        first, second = group(np.random.default_rng(5)), group(np.random.default_rng(5))
        assert len(first) == 3
        for one, other in zip(first, second, strict=True):
            assert np.array_equal(one.patch, other.patch)
            assert np.array_equal(one.guide, other.guide)
            assert one.patch.shape == (64, 64, 3)
            assert one.flow.shape == (32, 32, 3)
            for part in (one.guide, one.others, one.truth, one.others_truth):
                assert part.min() >= 0
                assert part.max() <= 1


def test_deformed_guides_still_overlap_the_mask() -> None:
    mask = np.zeros((100, 100), np.float32)
    mask[30:70, 30:70] = 1
    overlaps = []
    for seed in range(40):
        found = guiding_maps.deform(np.random.default_rng(seed), mask) > 0.5
        overlaps.append((found & (mask > 0)).sum() / (found | (mask > 0)).sum())
    assert 0.5 < np.mean(overlaps) < 0.95
    assert np.std(overlaps) > 0.03


def test_template_guide_fills_the_instance_box() -> None:
    mask, other = np.zeros((2, 60, 80), np.float32)
    mask[10:30, 20:60] = 1
    other[20:40, 5:15] = 1
    assert np.array_equal(guiding_maps.template_guide(mask, other), mask)
