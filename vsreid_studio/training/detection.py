"""Training of N_det, the detector.

Some of these pictures have labels for a part of their objects only. A proposal that lies apart from every
labelled box may well be an object that nobody labelled. As negatives such proposals would teach the detector
to be silent about the very objects it is meant to find, so on incomplete pictures only a share of them is
used. Proposals that touch a labelled box without fitting it are wrong whatever else the picture shows; they
remain.
"""

from __future__ import annotations

import json
import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import box_iou

from ..engine.nets.detector import Detector, lite_detector, lite_network
from ..engine.nets.lite0 import freeze_norms
from ..engine.types import Box
from ..errors import UserError
from .clips import split
from .detection_data import DetectionSampleMaker, boxes_of, read_sequences, scenes_of, training_groups
from .initial_weights import imagenet_lite0
from .loop import Schedule, Trainer, batches, float_depthwise, write_weights
from .processes import join
from .public import Annotated, add_public_arguments, public_pictures

__all__ = ["add_arguments", "run"]

APART = 0.05
"""Boxes of a smaller IoU lie apart."""

logger = logging.getLogger(__name__)
FROZEN_BLOCKS = 3
"""Blocks of the trunk that keep their ImageNet weights: edges and colours, whose gradients cost most."""
COUNTS = (20, 100)
"""Recall is measured at so many boxes a picture."""


def _doubtful(boxes: Tensor, target: dict[str, Tensor], trust: float) -> Tensor:
    """Which (n, 4) boxes are not to be used as negatives of a picture: (n,) bool."""
    if bool(target["complete"]):
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    truth = target["boxes"]
    apart = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    if len(truth):
        apart = box_iou(truth, boxes).amax(0) < APART
    doubtful = apart & (torch.rand(len(boxes), device=boxes.device) >= trust)
    # The last one, the least likely of proposals, stays: without any sample the loss would be 0 / 0.
    doubtful[-1:] = False
    return doubtful


class PartialProposals(RegionProposalNetwork):  # type: ignore[misc]
    """A proposal network that overlooks doubtful anchors.

    Attributes:
        trust: share of the anchors apart from all labels that is used on incomplete pictures.
    """

    trust = 1.0

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """As in torchvision, with -1 (not used) for doubtful anchors."""
        labels, boxes = super().assign_targets_to_anchors(anchors, targets)
        for label, places, target in zip(labels, anchors, targets, strict=True):
            label[(label == 0) & _doubtful(places, target, self.trust)] = -1
        return labels, boxes


class PartialHeads(RoIHeads):  # type: ignore[misc]
    """Box heads that overlook doubtful proposals.

    Attributes:
        trust: share of the proposals apart from all labels that is used on incomplete pictures.
    """

    trust = 1.0

    def select_training_samples(self, proposals: list[Tensor], targets: list[dict[str, Tensor]]) -> Any:
        """As in torchvision, from the proposals that are not doubtful."""
        sure = [
            places[~_doubtful(places, target, self.trust)]
            for places, target in zip(proposals, targets, strict=True)
        ]
        return super().select_training_samples(sure, targets)


def train_partially(network: FasterRCNN, trust: float = 0.3) -> FasterRCNN:
    """Prepare a network for training on incomplete pictures, in place; its parameters and names stay.

    Args:
        trust: share of the negatives apart from all labels that is used on incomplete pictures. It applies in
            full to proposals, which look like objects, and half as strongly to anchors, few of which do.

    Targets need, beside `boxes` and `labels`, the key `complete`: a bool tensor ().
    """
    old = network.rpn
    rpn = PartialProposals(
        old.anchor_generator,
        old.head,
        fg_iou_thresh=0.6,
        bg_iou_thresh=0.3,
        batch_size_per_image=128,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 600, "testing": 300},
        post_nms_top_n={"training": 300, "testing": 150},
        nms_thresh=0.7,
    )
    rpn.trust = (1 + trust) / 2
    network.rpn = rpn
    heads = network.roi_heads
    partial = PartialHeads(
        heads.box_roi_pool,
        heads.box_head,
        heads.box_predictor,
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=64,
        positive_fraction=0.33,
        bbox_reg_weights=None,
        score_thresh=heads.score_thresh,
        nms_thresh=heads.nms_thresh,
        detections_per_img=heads.detections_per_img,
    )
    partial.trust = trust
    network.roi_heads = partial
    return network


class DetectionBatch(NamedTuple):
    """Some training pictures.

    Attributes:
        pictures: (N, 3, H, W) uint8 RGB.
        boxes: N times (n, 4) float32.
        complete: (N,) bool.
        seed: of the sampling of anchors and proposals.
    """

    pictures: Tensor
    boxes: tuple[Tensor, ...]
    complete: Tensor
    seed: int


def make_batch(maker: DetectionSampleMaker, count: int, seed: int, step: int) -> DetectionBatch:
    """The pictures of a step; the same for the same seed and step."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, step])
    samples = [maker.sample(rng) for _ in range(count)]
    pictures = torch.from_numpy(np.stack([sample.frame for sample in samples])).permute(0, 3, 1, 2)
    boxes = tuple(torch.from_numpy(sample.boxes) for sample in samples)
    return DetectionBatch(
        pictures.contiguous(),
        boxes,
        torch.tensor([sample.complete for sample in samples]),
        int(rng.integers(2**31)),
    )


def loss_of(model: nn.Module, batch: DetectionBatch) -> tuple[Tensor, dict[str, float]]:
    """The sum of Faster R-CNN's four losses, (), and each of them for the log."""
    # By batch, so that a resumed run samples as an unbroken one.
    torch.manual_seed(batch.seed)
    targets = [
        {"boxes": boxes, "labels": torch.ones(len(boxes), dtype=torch.int64), "complete": complete}
        for boxes, complete in zip(batch.boxes, batch.complete, strict=True)
    ]
    losses: dict[str, Tensor] = model([picture.float() / 255 for picture in batch.pictures], targets)
    total = torch.stack(list(losses.values())).sum()
    return total, {name.removeprefix("loss_"): float(loss.detach()) for name, loss in losses.items()}


def prepared(weights: dict[str, Tensor] | None, trust: float) -> FasterRCNN:
    """The network in training mode, its norms and first layers frozen.

    Args:
        weights: of a whole detector to go on from; None starts from ImageNet.
        trust: see `train_partially`.
    """
    network = lite_network()
    if weights is None:
        network.backbone.net.load_state_dict(imagenet_lite0())
    else:
        network.load_state_dict(weights)
    train_partially(network, trust).train()
    freeze_norms(network.backbone.net)
    float_depthwise(network.backbone.net)
    network.backbone.net.stem.requires_grad_(False)
    for block in network.backbone.net.blocks[:FROZEN_BLOCKS]:
        block.requires_grad_(False)
    return network.to(memory_format=torch.channels_last)


def parameter_groups(network: FasterRCNN) -> list[dict[str, Any]]:
    """Parameter groups for `Trainer`: the trunk has a quarter of the learning rate of the new layers."""
    trunk = [p for p in network.backbone.net.parameters() if p.requires_grad]
    known = {id(p) for p in network.backbone.net.parameters()}
    fresh = [p for p in network.parameters() if p.requires_grad and id(p) not in known]
    return [{"params": fresh, "scale": 1.0}, {"params": trunk, "scale": 0.25}]


def recall(
    detector: Detector, scenes: Sequence[Annotated], counts: Sequence[int] = COUNTS
) -> dict[str, float]:
    """The share of labelled objects that one of the first n boxes covers with an IoU of at least 0.5.

    Args:
        detector: gives up to max(counts) boxes.
        counts: values of n.

    Returns:
        `recall@n` for each n, in [0, 1], and the number of `objects`.
    """
    hits = dict.fromkeys(counts, 0)
    total = 0
    for scene in scenes:
        rows = detector.detect(scene.frame).boxes.tolist()
        boxes = [Box(*row) for row in rows]
        for truth in boxes_of(scene.labels).values():
            total += 1
            for count in counts:
                hits[count] += any(truth.iou(box) >= 0.5 for box in boxes[:count])
    figures = {f"recall@{count}": round(hits[count] / max(1, total), 4) for count in counts}
    return {**figures, "objects": float(total)}


def measure(weights: Path, data: Path) -> dict[str, dict[str, float]]:
    """Recall on held-out pictures: the DAVIS-2017 first frames, and every 10th frame of val-visible.

    Args:
        weights: a safetensors file of the detector.
        data: holds `davis2017-first-frames/` and `davis2016/`; one that is missing is left out.

    Returns:
        the figures of `recall` by set.
    """
    detector = lite_detector(load_file(weights), boxes=max(COUNTS))
    figures: dict[str, dict[str, float]] = {}
    first, davis = data / "davis2017-first-frames", data / "davis2016"
    if first.is_dir():
        names = sorted(path.name for path in (first / "JPEGImages" / "480p").iterdir())
        figures["davis2017-first-frames"] = recall(detector, read_sequences(first, names, 1, 480))
    if (davis / "ImageSets" / "2016" / "val-visible.txt").is_file():
        scenes = read_sequences(davis, split(davis, "val-visible"), 10, 480)
        figures["davis2016-val-visible"] = recall(detector, scenes)
    return figures


def train(args: Namespace) -> Path:
    """Train N_det with the options of `add_arguments`; a run that was stopped is resumed.

    Returns:
        the safetensors file.

    Raises:
        UserError: there is nothing to train on, or something cannot be read.
    """
    torch.manual_seed(args.seed)
    groups = training_groups(Path(args.data))
    groups += [scenes_of(pictures) for pictures in public_pictures(args)]
    logger.info("%d pictures", sum(len(group) for group in groups))
    maker = DetectionSampleMaker(groups, *args.canvas)
    network = prepared(load_file(args.init) if args.init else None, args.trust)
    keys = ("steps", "batch", "canvas", "rate", "trust", "seed")
    describe = {key: list(v) if isinstance(v := getattr(args, key), (list, tuple)) else v for key in keys}
    schedule = Schedule(args.steps, args.rate, seed=args.seed)
    trainer = Trainer(network, parameter_groups(network), schedule, Path(args.output), describe)
    data = batches(
        lambda step: make_batch(maker, args.batch, args.seed, step), trainer.step, args.steps, args.workers
    )
    trainer.run(data, loss_of)
    result = Path(args.output) / "detector.safetensors"
    write_weights(trainer.averaged, result)
    return result


def add_arguments(parser: ArgumentParser) -> None:
    """Options of `vsreid-studio train detector`."""
    parser.add_argument(
        "--data", required=True, help="folder with davis2016/ and stills/, e.g. ../shared/data"
    )
    parser.add_argument("--output", required=True, help="folder for the checkpoint, the log and the weights")
    add_public_arguments(parser)
    parser.add_argument("--init", help="weights to go on from (safetensors); default: ImageNet")
    parser.add_argument("--measure", metavar="FILE", help="do not train, measure these weights")
    parser.add_argument("--steps", type=int, default=1500, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="pictures a step (default: %(default)s)")
    parser.add_argument(
        "--canvas", type=int, nargs=2, default=[320, 448], metavar=("H", "W"), help="multiples of 32"
    )
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (default: %(default)s)")
    parser.add_argument(
        "--trust", type=float, default=0.3, help="of negatives on incomplete pictures (default: %(default)s)"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that make samples (default: 0)")
    parser.add_argument("--seed", type=int, default=0)


def run(args: Namespace) -> int:
    """The command `vsreid-studio train detector`."""
    if any(side <= 0 or side % 32 for side in args.canvas):
        raise UserError(f"--canvas takes multiples of 32, not {args.canvas}.")
    weights = Path(args.measure) if args.measure else train(args)
    if not join().leads:
        return 0
    figures = measure(weights, Path(args.data))
    logger.info("%s: %s", weights, figures)
    if not args.measure:
        (Path(args.output) / "recall.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0
