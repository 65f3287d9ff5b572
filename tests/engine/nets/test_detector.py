"""N_det: boxes that lie in the frame, and weights that fit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vsreid_studio.engine.nets.detector import (
    Detector,
    lite_detector,
    lite_network,
    paper_detector,
    paper_weights,
)
from vsreid_studio.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {name: value.clone() for name, value in lite_network().state_dict().items()}


def frame(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(120, 200), (200, 90), (61, 301)])
def test_boxes_lie_in_the_frame_and_fall_in_score(state: dict[str, Tensor], height: int, width: int) -> None:
    found = lite_detector(state, boxes=7).detect(frame(height, width))
    assert found.boxes.dtype == np.int32 and found.boxes.shape == (len(found.scores), 4)
    assert 0 < len(found.boxes) <= 7
    assert (found.boxes[:, :2] >= 0).all() and (found.boxes[:, :2] < found.boxes[:, 2:]).all()
    assert (found.boxes[:, 2] <= width).all() and (found.boxes[:, 3] <= height).all()
    assert (np.diff(found.scores) <= 0).all() and found.scores.max() <= 1
    assert found.person.dtype == np.bool_ and not found.person.any()


def test_a_read_only_frame_is_taken(state: dict[str, Tensor]) -> None:
    picture = frame(96, 128)
    picture.flags.writeable = False
    lite_detector(state).detect(picture)


def test_the_same_frame_gives_the_same_boxes(state: dict[str, Tensor]) -> None:
    detector = lite_detector(state)
    first, second = detector.detect(frame(96, 128)), detector.detect(frame(96, 128))
    assert np.array_equal(first.boxes, second.boxes) and np.array_equal(first.scores, second.scores)


def test_frames_side_by_side_give_what_they_give_alone(state: dict[str, Tensor]) -> None:
    torch.set_num_threads(2)
    detector = lite_detector(state)
    pictures = [np.roll(frame(96, 128), 10 * shift, 1) for shift in range(8)]
    alone = [detector.detect(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(detector.detect, pictures))
    for found, wanted in zip(beside, alone, strict=True):
        assert np.array_equal(found.boxes, wanted.boxes) and np.allclose(
            found.scores, wanted.scores, atol=1e-4
        )


class _Heads(nn.Module):
    detections_per_img = 0


class _Fixed(nn.Module):
    """Stands in for Faster R-CNN: two classes on one place, one elsewhere, one of no width."""

    def __init__(self) -> None:
        super().__init__()
        self.roi_heads = _Heads()

    def forward(self, pictures: list[Tensor]) -> list[dict[str, Tensor]]:
        boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 11], [20, 20, 30, 40], [5, 5, 5.2, 40]])
        return [
            {
                "boxes": boxes,
                "scores": torch.tensor([0.9, 0.8, 0.7, 0.6]),
                "labels": torch.tensor([3, 1, 1, 1]),
            }
        ]


def test_one_place_is_one_box_whatever_the_classes_and_persons_are_told() -> None:
    found = Detector(_Fixed(), person=1, sides=None).detect(frame(50, 50))
    assert found.boxes.tolist() == [[0, 0, 10, 10], [20, 20, 30, 40]]
    assert found.person.tolist() == [False, True]


def test_boxes_are_told_in_pixels_of_the_frame() -> None:
    found = Detector(_Fixed(), sides=(50, 50)).detect(frame(100, 100))
    assert found.boxes[1].tolist() == [40, 40, 60, 80]


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape"])
def test_other_weights_are_refused(state: dict[str, Tensor], change: str) -> None:
    wrong = dict(state)
    name = "roi_heads.box_predictor.cls_score.weight"
    if change == "missing":
        del wrong[name]
    elif change == "unexpected":
        wrong["stranger"] = torch.zeros(1)
    else:
        wrong[name] = torch.zeros(3, 3)
    with pytest.raises(UserError, match="lite"):
        lite_detector(wrong)


def test_paper_weights_are_never_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(UserError, match="fasterrcnn_resnet50_fpn_v2"):
        paper_weights()


def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    path = Path(tmp_path) / "weights.pth"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="weights"):
        paper_weights(path)


def test_paper_size_refuses_weights_of_another_network(state: dict[str, Tensor]) -> None:
    with pytest.raises(UserError, match="paper"):
        paper_detector(state)
