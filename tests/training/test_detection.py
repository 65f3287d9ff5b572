"""Training of N_det: truthful boxes, doubtful negatives left out, and a run that can be taken up again."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from data_set import DATA
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from vsreid_studio.engine.nets.detector import lite_detector, lite_network
from vsreid_studio.errors import UserError
from vsreid_studio.training import detection, loop
from vsreid_studio.training.detection import PartialHeads, PartialProposals, train_partially
from vsreid_studio.training.detection_data import (
    DetectionSampleMaker,
    boxes_of,
    components,
    scenes_of,
    training_groups,
    visible_boxes,
)
from vsreid_studio.training.public import Annotated

pytestmark = pytest.mark.usefixtures("one_thread")


def picture(rng: np.random.Generator, objects: int = 1) -> tuple[np.ndarray, np.ndarray]:
    frame = rng.integers(0, 120, (64, 96, 3), dtype=np.uint8)
    labels = np.zeros((64, 96), np.uint8)
    for number in range(1, objects + 1):
        x, y = int(rng.integers(5, 60)), int(rng.integers(5, 35))
        labels[y : y + 24, x : x + 30] = number
        frame[y : y + 24, x : x + 30] = 90 + 40 * number
    return frame, labels


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder of the real layout with two stills of each kind and one short sequence of each use."""
    rng = np.random.default_rng(0)
    root = tmp_path / "data"
    for folder in ("ecssd", "coco"):
        for part in ("images", "masks"):
            (root / "stills" / folder / part).mkdir(parents=True)
        for number in range(2):
            frame, labels = picture(rng, 2)
            cv2.imwrite(str(root / "stills" / folder / "images" / f"{number}.jpg"), frame)
            Image.fromarray(labels).save(root / "stills" / folder / "masks" / f"{number}.png")
    sets = root / "davis2016" / "ImageSets" / "2016"
    sets.mkdir(parents=True)
    for davis, names in (("davis2016", ("train", "val-visible")), ("davis2017-first-frames", ("first",))):
        for name in names:
            for part in ("JPEGImages", "Annotations"):
                (root / davis / part / "480p" / name).mkdir(parents=True)
            for number in range(3):
                frame, labels = picture(rng)
                cv2.imwrite(str(root / davis / "JPEGImages" / "480p" / name / f"{number:05d}.jpg"), frame)
                Image.fromarray(labels).save(
                    root / davis / "Annotations" / "480p" / name / f"{number:05d}.png"
                )
            if davis == "davis2016":
                (sets / f"{name}.txt").write_text(f"{name}\n")
    return root


def arguments(*words: str) -> Namespace:
    parser = ArgumentParser()
    detection.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
def blank_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    state = lite_network().backbone.net.state_dict()
    monkeypatch.setattr(detection, "imagenet_lite0", lambda: state)


def test_a_run_trains_resumes_and_writes_weights_that_load(
    data: Path, tmp_path: Path, blank_backbone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--data", str(data), "--batch", "2", "--canvas", "64", "96"]
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert detection.run(arguments(*words, "--steps", "3", "--output", str(straight))) == 0
    figures = json.loads((straight / "recall.json").read_text())
    assert set(figures) == {"davis2017-first-frames", "davis2016-val-visible"}
    assert all(0 <= part["recall@20"] <= part["recall@100"] <= 1 for part in figures.values())
    log = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == 3 and np.isfinite(log[-1]["loss"])

    whole = loop.Trainer._update

    def breaks(self: loop.Trainer, loss: Tensor) -> None:
        whole(self, loss)
        if self.step == 2:
            self.save()
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.Trainer, "_update", breaks)
    with pytest.raises(KeyboardInterrupt):
        detection.train(arguments(*words, "--steps", "3", "--output", str(broken)))
    monkeypatch.setattr(loop.Trainer, "_update", whole)
    detection.train(arguments(*words, "--steps", "3", "--output", str(broken)))
    first, second = (load_file(folder / "detector.safetensors") for folder in (straight, broken))
    assert first.keys() == second.keys() == lite_network().state_dict().keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    lite_detector(second)


def test_what_lies_apart_from_labels_is_doubtful_in_incomplete_pictures_only() -> None:
    network = train_partially(lite_network(), trust=0)
    rpn, heads = network.rpn, network.roi_heads
    assert isinstance(rpn, PartialProposals) and isinstance(heads, PartialHeads) and rpn.trust == 0.5
    rpn.trust = 0
    places = torch.tensor([[0.0, 0, 20, 20], [4, 4, 30, 40], [200, 200, 220, 230], [300, 300, 320, 320]])
    target = {"boxes": torch.tensor([[0.0, 0, 20, 20]]), "labels": torch.ones(1, dtype=torch.int64)}
    open_, closed = ({**target, "complete": torch.tensor(v)} for v in (False, True))
    labels, _ = rpn.assign_targets_to_anchors([places, places], [open_, closed])
    assert labels[0].tolist() == [1, 0, -1, 0] and labels[1].tolist() == [1, 0, 0, 0]
    chosen = heads.select_training_samples([places.clone(), places.clone()], [open_, closed])[0]
    assert [200, 200, 220, 230] not in chosen[0].tolist() and [200, 200, 220, 230] in chosen[1].tolist()


def test_an_incomplete_picture_without_labels_gives_a_finite_loss() -> None:
    network = train_partially(lite_network(), trust=0)
    target = {
        "boxes": torch.zeros((0, 4)),
        "labels": torch.zeros(0, dtype=torch.int64),
        "complete": torch.tensor(False),
    }
    losses = network.train()([torch.rand(3, 64, 96)], [target])
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_samples_have_boxes_inside_and_repeat_by_seed() -> None:
    rng = np.random.default_rng(0)
    groups = [[Annotated(*picture(rng, 2), False) for _ in range(3)], [Annotated(*picture(rng), True)]]
    maker = DetectionSampleMaker(groups, 64, 96)
    for seed in range(30):
        sample = maker.sample(np.random.default_rng(seed))
        again = maker.sample(np.random.default_rng(seed))
        assert sample.frame.shape == (64, 96, 3) and sample.frame.dtype == np.uint8
        assert np.array_equal(sample.frame, again.frame) and np.array_equal(sample.boxes, again.boxes)
        assert sample.boxes.dtype == np.float32 and sample.boxes.shape[1] == 4
        assert (sample.boxes[:, :2] >= 0).all() and (sample.boxes[:, 2:] <= [96, 64]).all()
        assert (sample.boxes[:, 2:] - sample.boxes[:, :2] >= 8).all()


def test_hidden_objects_are_no_truth() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[:10, :10] = 1
    labels[20:40, 20:40] = 2
    whole = np.zeros(256)
    whole[1], whole[2] = 1000, 400
    assert visible_boxes(labels, whole).tolist() == [[20, 20, 40, 40]]


def test_parts_of_a_foreground_are_numbered_and_specks_dropped() -> None:
    labels = np.zeros((30, 30), np.uint8)
    labels[:10, :10] = labels[15:25, 15:25] = labels[29, 29] = 1
    parts = components(labels)
    assert len(boxes_of(parts)) == 2 and parts[29, 29] == 0
    assert not components(np.zeros((5, 5), np.uint8)).any()


def test_groups_tell_which_labels_are_complete(data: Path) -> None:
    groups = training_groups(data, step=2)
    assert [len(group) for group in groups] == [2, 2, 2]
    assert [group[0].complete for group in groups] == [False, True, False]


def test_nothing_to_train_on_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither"):
        training_groups(tmp_path)


def test_scenes_of_public_sets_are_shrunk() -> None:
    frame, labels = picture(np.random.default_rng(0))
    scene = scenes_of([Annotated(frame, labels, True)], short=32)[0]
    assert scene.frame.shape == (32, 48, 3) and scene.labels.shape == (32, 48) and scene.complete


def test_a_canvas_that_does_not_fit_the_strides_is_refused(data: Path) -> None:
    with pytest.raises(UserError, match="32"):
        detection.run(arguments("--data", str(data), "--output", "x", "--canvas", "60", "96"))


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the shared data")
def test_stills_give_samples_with_objects() -> None:
    groups = [group[:20] for group in training_groups_of_one_still_folder()]
    maker = DetectionSampleMaker(groups, 128, 160)
    samples = [maker.sample(np.random.default_rng(seed)) for seed in range(20)]
    assert sum(len(sample.boxes) for sample in samples) >= 20


def training_groups_of_one_still_folder() -> list[list[Annotated]]:
    from vsreid_studio.training.clips import read_stills  # noqa: PLC0415

    stills = read_stills([DATA / "stills" / "pennfudan"], least_area=0)
    return [[Annotated(still.frame, still.labels, False) for still in stills]]
