"""Training on a machine that holds nothing: packed, trained by time, resumed elsewhere, brought back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vsreid_studio.app import main
from vsreid_studio.engine.nets.lite0 import Lite0
from vsreid_studio.engine.runtime import models
from vsreid_studio.errors import UserError
from vsreid_studio.formats.davis import mask_files
from vsreid_studio.training import loop
from vsreid_studio.training.propagation import recipe


class Clock:
    """Half a second passes from one question for the time to the next."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.5
        return self.now


def write(picture: Path, mask: Path, x: int) -> None:
    rows, columns = np.mgrid[0:72, 0:96]
    disk = (rows - 36) ** 2 + (columns - x) ** 2 < 18**2
    frame = np.where(disk[..., None], (230, 200, 40), (30, 60, 90)).astype(np.uint8)
    for path, image in ((picture, frame), (mask, disk.astype(np.uint8))):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sequences of six frames, and two stills."""
    davis, stills = tmp_path / "data" / "davis2016", tmp_path / "data" / "stills" / "coco"
    for name in ("one", "two"):
        for index in range(6):
            picture = davis / "JPEGImages/480p" / name / f"{index:05d}.jpg"
            write(picture, davis / "Annotations/480p" / name / f"{index:05d}.png", 40 + 3 * index)
    for name in "ab":
        write(stills / "images" / f"{name}.jpg", stills / "masks" / f"{name}.png", 50)
    (davis / "ImageSets/2016").mkdir(parents=True)
    (davis / "ImageSets/2016/train.txt").write_text("one\ntwo\n")
    return tmp_path / "data"


def trained(there: Path, output: Path, stage: str, *options: str) -> Path:
    parser = ArgumentParser()
    recipe.add_arguments(parser)
    places = ["--data", str(there / "data"), "--cache", str(there / "cache"), "--output", str(output)]
    device = ["--samples-on", "device", "--device", "cpu", "--patch", "64", "--groups", "1"]
    return recipe.train(parser.parse_args([stage, *places, *device, *options]))


def test_from_the_pack_to_a_mask(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "imagenet_lite0", lambda: Lite0().state_dict())
    parts, there = tmp_path / "parts", tmp_path / "there"
    assert main(["train", "pack", "--data", str(data), "--output", str(parts), "--part-size", "20KB"]) == 0
    places = ["--data", str(there / "data"), "--cache", str(there / "cache")]
    assert main(["train", "unpack", str(parts), *places]) == 0
    clock = Clock()
    for module in (loop, recipe):
        monkeypatch.setattr(module, "time", clock)
    update = loop.Trainer._update

    def interrupted(self: loop.Trainer, loss: torch.Tensor) -> None:
        update(self, loss)
        if self.step == 4:
            self.save()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop.Trainer, "_update", interrupted)
        trained(there, tmp_path / "run", "stills", "--minutes", "0.2")
    steps, hold = torch.load(tmp_path / "run" / "last.pt", weights_only=True)["plan"]
    assert 4 < steps < 20 and 0 < hold < 4
    # The checkpoint goes to yet another machine, with another time.
    (tmp_path / "moved").mkdir()
    shutil.copy(tmp_path / "run" / "last.pt", tmp_path / "moved")
    with pytest.raises(UserError, match="other settings"):
        trained(there, tmp_path / "moved", "stills", "--steps", "9")
    weights = trained(there, tmp_path / "moved", "stills", "--minutes", "5")
    state = torch.load(tmp_path / "moved" / "last.pt", weights_only=True)
    assert (state["step"], state["plan"]) == (steps, [steps, hold])
    longer = ["--init", str(weights), "--steps", "1", "--run-frames"]
    with pytest.raises(UserError, match="has 6 frames"):
        trained(there, tmp_path / "runs", "runs", *longer, "6")
    weights = trained(there, tmp_path / "runs", "runs", *longer, "5")
    models.load_propagation("lite", torch.device("cpu"), weights)
    frames = tmp_path / "one"
    frames.mkdir()
    for index in range(2):
        shutil.copy(data / f"davis2016/JPEGImages/480p/one/{index:05d}.jpg", frames)
    mask = data / "davis2016/Annotations/480p/one/00000.png"
    words = [
        "run",
        frames,
        "--masks",
        mask,
        "--output",
        tmp_path / "masks",
        "--weights",
        weights,
        "--no-reid",
    ]
    assert main([str(word) for word in words]) == 0
    assert len(mask_files(tmp_path / "masks" / "one")) == 2


def test_public_sets_are_not_held_in_memory(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--coco and --voc"):
        trained(tmp_path, tmp_path / "run", "stills", "--voc", "VOC2012")


PROGRAM = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"PySide6", "av", "imageio", "openvino", "pyqtgraph", "shtab"}:
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
from vsreid_studio.app import main

for words in (["train", "propagation", "--help"], ["train", "pack", "--help"], ["train", "unpack", "--help"]):
    try:
        main(words)
    except SystemExit as end:
        assert not end.code
print("done")
"""


@pytest.mark.slow
def test_neither_a_window_nor_video_readers_are_needed() -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=300
    )
    assert found.stdout.endswith("done\n"), found.stderr
