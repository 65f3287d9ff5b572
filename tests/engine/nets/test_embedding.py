"""N_reid: unit vectors that depend on the box."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vsreid_studio.engine.nets.embedding import SIZES, crop_box, embedder, lite_embedding
from vsreid_studio.engine.nets.layers import compute_type
from vsreid_studio.engine.types import Box, Frame
from vsreid_studio.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def frame() -> Frame:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    picture.flags.writeable = False
    return picture


BOXES = np.array([[0, 0, 40, 30], [100, 60, 140, 120], [10, 10, 11, 12]], np.int32)


@pytest.mark.parametrize("size", ["lite", "paper"])
def test_rows_have_unit_length(frame: Frame, size: str) -> None:
    network = SIZES[size]()
    rows = embedder(size, network.state_dict()).embed(frame, BOXES)
    assert rows.shape == (3, network.dimensions) and rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_no_boxes_give_no_rows(frame: Frame) -> None:
    rows = embedder("lite", lite_embedding().state_dict()).embed(frame, np.zeros((0, 4), np.int32))
    assert rows.shape == (0, 128) and rows.dtype == np.float32


def test_batches_do_not_change_the_result(frame: Frame) -> None:
    state = lite_embedding().state_dict()
    whole = embedder("lite", state)
    parts = embedder("lite", state)
    parts._batch = 2
    assert np.allclose(whole.embed(frame, BOXES), parts.embed(frame, BOXES), atol=0.02)


def test_folded_norms_give_the_trained_network(frame: Frame) -> None:
    network = lite_embedding().eval()
    network.low_precision = False
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
    crops = np.stack([crop_box(frame, Box(*box), 128) for box in BOXES.tolist()])
    with torch.inference_mode():
        expected = network(torch.from_numpy(crops).permute(0, 3, 1, 2)).numpy()
    ready = embedder("lite", network.state_dict())
    ready._network.low_precision = False
    # The compiled trunk computes in bfloat16 where the processor does.
    loose = 2e-3 if compute_type(torch.device("cpu")) is torch.bfloat16 else 1e-4
    assert np.allclose(ready.embed(frame, BOXES), expected, atol=loose)


def test_a_crop_is_the_box_alone() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[10:20, 10:30] = 200
    assert (crop_box(picture, Box(10, 10, 30, 20), 16) == 200).all()


def test_a_box_outside_the_frame_is_refused(frame: Frame) -> None:
    with pytest.raises(ValueError, match="covers nothing"):
        crop_box(frame, Box(130, 10, 150, 20), 16)


def test_other_weights_are_refused() -> None:
    state = lite_embedding().state_dict()
    del state["projection.bias"]
    with pytest.raises(UserError, match="lite"):
        embedder("lite", state)
