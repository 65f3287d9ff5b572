"""N_mp of paper size goes through the same command, on patches so small that a CPU can follow."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.app import main
from vsreid_studio.formats.davis import mask_files
from vsreid_studio.training.loop import Trainer
from vsreid_studio.training.propagation import recipe

PATCH = 65


def write(root: Path, picture: Path, mask: Path, x: int) -> None:
    rows, columns = np.mgrid[0:72, 0:96]
    disk = (rows - 36) ** 2 + (columns - x) ** 2 < 18**2
    frame = np.where(disk[..., None], (230, 200, 40), (30, 60, 90)).astype(np.uint8)
    for path, image in ((picture, frame), (mask, disk.astype(np.uint8))):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One sequence of two frames, and one still."""
    root = tmp_path / "data"
    davis, still = Path("davis2016"), Path("stills/coco")
    for index in range(2):
        picture = davis / "JPEGImages/480p/one" / f"{index:05d}.jpg"
        write(root, picture, davis / "Annotations/480p/one" / f"{index:05d}.png", 40 + 4 * index)
    write(root, still / "images/a.jpg", still / "masks/a.png", 50)
    (root / davis / "ImageSets/2016").mkdir(parents=True)
    (root / davis / "ImageSets/2016/train.txt").write_text("one\n")
    return root


def test_it_trains_saves_loads_and_propagates(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "resnet101_weights", lambda: None)
    # A checkpoint of a gigabyte and a half proves nothing that those of the lite size do not.
    monkeypatch.setattr(Trainer, "save", lambda self: None)
    parser = ArgumentParser()
    recipe.add_arguments(parser)
    words = ["--size", "paper", "--patch", str(PATCH), "--groups", "1", "--workers", "0", "--steps", "2"]
    places = ["--data", str(data), "--output", str(tmp_path / "run"), "--cache", str(tmp_path / "cache")]
    weights = recipe.train(parser.parse_args(["stills", *words, *places]))
    (line,) = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["step"] == 2 and np.isfinite(json.loads(line)["loss"])
    # At a seventh of the patch that it is used with.
    (tmp_path / "small.toml").write_text("[propagation]\nscales = [0.145]\n")
    frames = data / "davis2016/JPEGImages/480p/one"
    options = ["--masks", data / "davis2016/Annotations/480p/one/00000.png", "--output", tmp_path / "masks"]
    network = ["--size", "paper", "--weights", weights, "--no-reid", "--config", tmp_path / "small.toml"]
    assert main([str(word) for word in ("run", frames, *options, *network)]) == 0
    assert len(mask_files(tmp_path / "masks" / "one")) == 2
