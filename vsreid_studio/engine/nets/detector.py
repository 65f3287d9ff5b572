"""N_det: Faster R-CNN (Ren et al., 2015) as class-agnostic object detector, in both sizes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection import (
    FasterRCNN,
    FasterRCNN_ResNet50_FPN_V2_Weights,
    fasterrcnn_resnet50_fpn_v2,
)
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, nms
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from ...errors import UserError
from ..types import Frame
from .compiled import CompiledTrunk
from .layers import mixed_precision
from .lite0 import STRIDES, Lite0, fold_norms

SHORT_SIDE = 320
"""Frames are seen at this many pixels on the short side by the lite detector."""
LONG_SIDE = 640
"""And never longer than this."""
PERSON = 1
"""The class 'person' of COCO, as torchvision numbers it."""
_CHANNELS = 64
_LEVELS = (8, 16, 32)
# Sides of square anchors by level, the last for the pooled one, in pixels of the resized frame: from what
# covers a sixteenth of a 480p frame's height to what fills it.
_ANCHORS = ((16, 28), (48, 80), (128, 200), (300, 440))
_RATIOS = (0.4, 1.0, 2.5)


class Detections(NamedTuple):
    """What N_det finds in one frame, best first.

    Attributes:
        boxes: (n, 4) int32, x0 y0 x1 y1 in pixels of the frame, half open, inside it and not empty.
        scores: (n,) float32 in [0, 1], descending.
        person: (n,) bool; all False from a detector without that label.
    """

    boxes: NDArray[np.int32]
    scores: NDArray[np.float32]
    person: NDArray[np.bool_]


class PyramidTrunk(nn.Module):
    """`Lite0` with a light feature pyramid (Lin et al., 2017) at strides 8, 16, 32 and 64.

    Attributes:
        out_channels: of every level (torchvision reads it).
        low_precision: compute in bfloat16 where the device does; the levels come out as float32 all the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.net: Lite0 | CompiledTrunk = Lite0()
        self.pyramid = FeaturePyramidNetwork([STRIDES[s] for s in _LEVELS], _CHANNELS, LastLevelMaxPool())
        self.out_channels = _CHANNELS
        self.low_precision = True

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W) scaled to (x - 127) / 128, H and W multiples of 32, to levels by name."""
        x = x.contiguous(memory_format=torch.channels_last)
        with mixed_precision(x.device, self.low_precision):
            features = self.net(x)
            levels = self.pyramid({str(stride): features[stride] for stride in _LEVELS})
        return {name: level.float() for name, level in levels.items()}


class _NoResize(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Normalises and pads only: pictures come in at the size they are to be seen in."""

    def resize(
        self, image: Tensor, target: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Both as they are."""
        return image, target


class _Predictor(nn.Module):
    """Score and refined box of a region; one box for all classes."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(inner, 2)
        self.bbox_pred = nn.Linear(inner, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C) to logits (N, 2) and box regression (N, 8)."""
        return self.cls_score(x), self.bbox_pred(x)


def lite_network() -> FasterRCNN:
    """Faster R-CNN on `Lite0` with two classes, background and object; weights at random.

    It takes RGB pictures (3, H, W) float32 in [0, 1] whose short side is about `SHORT_SIDE`.
    """
    trunk = PyramidTrunk()
    pool = MultiScaleRoIAlign([str(s) for s in _LEVELS], 7, 2, canonical_scale=112)
    network = FasterRCNN(
        trunk,
        rpn_anchor_generator=AnchorGenerator(_ANCHORS, (_RATIOS,) * len(_ANCHORS)),
        rpn_pre_nms_top_n_test=300,
        rpn_post_nms_top_n_test=150,
        box_roi_pool=pool,
        box_head=TwoMLPHead(_CHANNELS * 7 * 7, 256),
        box_predictor=_Predictor(256),
        box_score_thresh=0.01,
        box_nms_thresh=0.6,
    )
    # What (x - 127) / 128 is for pictures in [0, 1].
    network.transform = _NoResize(SHORT_SIDE, LONG_SIDE, [127 / 255] * 3, [128 / 255] * 3)
    return network


class Detector:
    """N_det, ready to run.

    Attributes:
        boxes: most boxes a frame.
        overlap: of two boxes with a greater IoU, whatever their classes, only the better one stays.
    """

    def __init__(
        self,
        network: FasterRCNN,
        *,
        boxes: int = 20,
        overlap: float = 0.6,
        person: int | None = None,
        sides: tuple[int, int] | None = (SHORT_SIDE, LONG_SIDE),
        device: torch.device | str = "cpu",
    ) -> None:
        """Take a network with its weights.

        Args:
            person: the class that means a person, None without one.
            sides: short and longest side to resize frames to; None leaves that to the network.
        """
        self.boxes = boxes
        self.overlap = overlap
        self._person = person
        self._sides = sides
        self._device = torch.device(device)
        self._network = network.to(self._device).eval()
        self._network.roi_heads.detections_per_img = max(100, boxes)

    @torch.inference_mode()
    def detect(self, frame: Frame) -> Detections:
        """Candidate boxes of a (H, W, 3) uint8 RGB frame (Algorithm 2, line 2)."""
        height, width = frame.shape[:2]
        small = self._resized(frame)
        picture = torch.from_numpy(small).to(self._device).permute(2, 0, 1).float().div(255)
        found: dict[str, Tensor] = self._network([picture])[0]
        keep = nms(found["boxes"], found["scores"], self.overlap)
        zoom = np.array([width / small.shape[1], height / small.shape[0]] * 2, np.float32)
        boxes = np.rint(found["boxes"][keep].float().cpu().numpy() * zoom).astype(np.int32)
        boxes = boxes.clip(0, np.array([width, height] * 2, np.int32))
        whole = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))[: self.boxes]
        labels = found["labels"][keep].cpu().numpy()[whole]
        person = labels == self._person if self._person is not None else np.zeros(len(whole), np.bool_)
        scores = found["scores"][keep].float().cpu().numpy()[whole]
        return Detections(np.ascontiguousarray(boxes[whole]), scores, person)

    def _resized(self, frame: Frame) -> Frame:
        if self._sides is None:
            return np.ascontiguousarray(frame)
        short, longest = self._sides
        height, width = frame.shape[:2]
        scale = min(short / min(height, width), longest / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return cv2.resize(frame, size, interpolation=method).astype(np.uint8, copy=False)


def lite_detector(
    state: Mapping[str, Tensor], boxes: int = 20, device: torch.device | str = "cpu"
) -> Detector:
    """The CPU detector with trained weights.

    Raises:
        UserError: weights are missing, left over or of another shape.
    """
    network = lite_network()
    _fill(network, state, "lite")
    trunk = network.backbone
    assert isinstance(trunk, PyramidTrunk)
    fold_norms(trunk)
    if torch.device(device).type == "cpu":
        trunk.net = CompiledTrunk(trunk.net, _LEVELS, batch=1)
    return Detector(network, boxes=boxes, device=device)


def paper_weights(path: Path | None = None) -> dict[str, Tensor]:
    """COCO weights of torchvision's `fasterrcnn_resnet50_fpn_v2`, from a file; never downloaded.

    Args:
        path: where they are; by default where torch.hub keeps what it has downloaded.

    Raises:
        UserError: there is no such file, or it holds no weights.
    """
    if path is None:
        name = Path(FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1.url).name
        path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.is_file():
        raise UserError(f"The detector of size 'paper' needs torchvision's COCO weights at {path}.")
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what its reader of zip and pickle happens to
        raise UserError(f"{path} does not hold the weights of a network.") from error
    return state


def paper_detector(
    state: Mapping[str, Tensor], boxes: int = 20, device: torch.device | str = "cpu"
) -> Detector:
    """The GPU detector with the weights of `paper_weights`; it knows persons.

    Raises:
        UserError: weights are missing, left over or of another shape.
    """
    options: dict[str, Any] = {"box_score_thresh": 0.02, "box_nms_thresh": 0.6}
    network = fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, **options)
    _fill(network, state, "paper")
    return Detector(network, boxes=boxes, person=PERSON, sides=None, device=device)


def _fill(network: nn.Module, state: Mapping[str, Tensor], size: str) -> None:
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise UserError(f"These are not the weights of the detector of size '{size}': {error}") from error
