"""Training of Faster R-CNN on pictures where only some of the objects are labelled.

A proposal that lies apart from every labelled box may well be an object that nobody labelled. As negatives
such proposals would teach the detector to be silent about the very objects it is meant to find, so on
incomplete pictures only a share of them is used. Proposals that touch a labelled box without fitting it
are wrong whatever else the picture shows; they remain.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import box_iou

APART = 0.05
"""Boxes of a smaller IoU lie apart."""


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
