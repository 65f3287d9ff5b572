"""Training of N_mp in the paper's stages (Sec. 3.4): stills, video, flow stream, both streams jointly."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from ..engine.nets import propagation as nets
from ..engine.nets.lite0 import Lite0, freeze_norms
from ..engine.nets.propagation import SIZES
from ..engine.tensors import map_tensor, picture_tensor
from ..errors import UserError
from .backbone import imagenet_lite0, resnet101_weights
from .clips import read_clips, read_stills, split
from .loop import Schedule, Trainer, batches, write_weights
from .precision import float_depthwise
from .views import View, ViewMaker

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """One stage of the recipe.

    Attributes:
        streams: which streams are trained.
        stills: share of the groups that come from stills, the rest from video.
        rate: peak learning rate.
        own: share of the steps in which the network's own output becomes its guiding map.
    """

    streams: tuple[str, ...]
    stills: float
    rate: float
    own: float


STAGES = {
    "stills": Stage(("rgb",), 0.75, 1e-3, 0.0),
    "video": Stage(("rgb",), 0.3, 6e-4, 0.3),
    "flow": Stage(("flow",), 0.0, 6e-4, 0.0),
    "joint": Stage(("rgb", "flow"), 0.2, 4e-4, 0.3),
}
STILLS = ("ecssd", "ccp", "coco", "pennfudan")


@dataclass(frozen=True, eq=False)
class Batch:
    """Groups of views as tensors; view v of group g lies at row g * views + v.

    Attributes:
        patch: (N, 3, S, S) float32, scaled as `picture_tensor` does.
        flow: (N, 3, S / 2, S / 2) float32.
        moves: (N,) bool, whether there is flow.
        maps: (N, 2, S, S) float32: guiding map, the others' maps.
        truth: (N, 2, S, S) float32: the instance's mask, the others' masks.
        views: views in a group.
    """

    patch: Tensor
    flow: Tensor
    moves: Tensor
    maps: Tensor
    truth: Tensor
    views: int


def collate(views: Sequence[View], group: int) -> Batch:
    """Stack views, `group` of them a group."""
    like = torch.zeros(())
    return Batch(
        picture_tensor(np.stack([view.patch for view in views]), like),
        map_tensor(np.stack([view.flow for view in views]), like),
        torch.tensor([view.moves for view in views]),
        map_tensor(np.stack([np.stack([view.guide, view.others], 2) for view in views]), like),
        map_tensor(np.stack([np.stack([view.truth, view.others_truth], 2) for view in views]), like),
        group,
    )


def segmentation_loss(logits: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy plus Dice.

    Args:
        logits: (N, 1, h, w), enlarged to the truth's size.
        truth: (N, 1, S, S) in [0, 1].
        weights: (N,), how much each patch counts.
    """
    logits = functional.interpolate(
        logits.float(), size=truth.shape[-2:], mode="bilinear", align_corners=False
    )
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean((1, 2, 3))
    found = logits.sigmoid()
    common, both = (found * truth).sum((1, 2, 3)), found.sum((1, 2, 3)) + truth.sum((1, 2, 3))
    # The constant makes an empty map right, and a few stray pixels cheap, where the truth is empty.
    dice = 1 - (2 * common + 100) / (both + 100)
    return ((entropy * 2 + dice) * weights).sum() / weights.sum().clamp_min(1)


def memories(
    stream: nets.Stream, features: nets.Features, batch: Batch, random: np.random.Generator
) -> list[list[nets.MemoryEntry]]:
    """For each view, some of its group's other views as memory; now and then none."""
    entries = stream.memorise(features, batch.truth)
    usable = batch.truth[:, 0].mean((1, 2)) > 0.01
    chosen = []
    for row in range(len(entries)):
        first = row - row % batch.views
        peers = [n for n in range(first, first + batch.views) if n != row and usable[n]]
        chosen.append([entries[n] for n in peers if random.random() < 0.7])
    return chosen


class PropagationLoss:
    """The loss of one stage for (model, batch); its randomness follows from the step's number."""

    def __init__(self, stage: Stage, seed: int, start: int) -> None:
        self.stage = stage
        self.seed = seed
        self.step = start

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss, and J of the averaged prediction."""
        assert isinstance(model, nets.MaskPropagationNet)
        random = np.random.default_rng([self.seed, 77, self.step])
        self.step += 1
        with torch.autocast(batch.patch.device.type, torch.bfloat16):
            rgb, flow = self._logits(model, batch, random)
        truth, everywhere = batch.truth[:, :1], torch.ones(len(batch.truth))
        moves = batch.moves.float()
        if flow is None and rgb is not None:
            total, mean = segmentation_loss(rgb, truth, everywhere), rgb
        elif rgb is None and flow is not None:
            total, mean = segmentation_loss(flow, truth, moves), flow
        elif rgb is not None and flow is not None:
            mean = torch.where(batch.moves[:, None, None, None], (rgb + flow) / 2, rgb)
            total = segmentation_loss(mean, truth, everywhere)
            total = total + 0.3 * segmentation_loss(rgb, truth, everywhere)
            total = total + 0.3 * segmentation_loss(flow, truth, moves)
        else:
            raise ValueError("a stage trains at least one stream")
        return total, {"J": _mean_jaccard(mean, truth)}

    def _logits(
        self, model: nets.MaskPropagationNet, batch: Batch, random: np.random.Generator
    ) -> tuple[Tensor | None, Tensor | None]:
        rgb = flow = None
        maps = batch.maps
        if "rgb" in self.stage.streams:
            features = model.rgb.encode(batch.patch)
            memory = memories(model.rgb, features, batch, random)
            if random.random() < self.stage.own:
                maps = self._own_guides(model.rgb, features, maps, memory, random)
            rgb = model.rgb.segment(features, maps, memory)
        if "flow" in self.stage.streams:
            flow = model.flow(batch.flow, functional.avg_pool2d(maps, 2))
            if rgb is not None:
                flow = functional.interpolate(flow, size=rgb.shape[-2:], mode="bilinear", align_corners=False)
        return rgb, flow

    @staticmethod
    @torch.no_grad()
    def _own_guides(
        stream: nets.Stream,
        features: nets.Features,
        maps: Tensor,
        memory: list[list[nets.MemoryEntry]],
        random: np.random.Generator,
    ) -> Tensor:
        """Half of the guiding maps replaced by what the network makes of them, errors included."""
        found = stream.segment(features, maps, memory).float().sigmoid()
        found = functional.interpolate(found, size=maps.shape[-2:], mode="bilinear", align_corners=False)
        own = torch.from_numpy(random.random(len(maps)) < 0.5) & (found.amax((1, 2, 3)) > 0.5)
        guide = torch.where(own[:, None, None, None], found, maps[:, :1])
        return torch.cat([guide, maps[:, 1:]], 1)


@torch.no_grad()
def _mean_jaccard(logits: Tensor, truth: Tensor) -> float:
    logits = functional.interpolate(
        logits.float(), size=truth.shape[-2:], mode="bilinear", align_corners=False
    )
    found, wanted = logits > 0, truth > 0.5
    union = (found | wanted).sum((1, 2, 3))
    share = (found & wanted).sum((1, 2, 3)) / union.clamp_min(1)
    return float(torch.where(union > 0, share, torch.ones_like(share)).mean())


def initial(size: str) -> nets.MaskPropagationNet:
    """N_mp with ImageNet trunks."""
    model = SIZES[size].build()
    for stream in (model.rgb, model.flow):
        trunk = stream.trunk
        if isinstance(trunk, nets.LiteTrunk):
            trunk.net.load_state_dict(imagenet_lite0())
        elif isinstance(trunk, nets.ResNetTrunk):
            published = resnet101_weights()
            if published is not None:
                trunk.net.load_state_dict(published)
    return model


def parameter_groups(model: nets.MaskPropagationNet, streams: Sequence[str]) -> list[dict[str, Any]]:
    """What a stage trains: the trunks slower than the rest, their first layers not at all."""
    model.requires_grad_(False)
    fast: list[nn.Parameter] = []
    slow: list[nn.Parameter] = []
    for name in streams:
        stream = model.get_submodule(name)
        assert isinstance(stream, nets.Stream)
        stream.requires_grad_(True)
        _freeze_first_layers(stream.trunk)
        freeze_norms(stream.trunk)
        trunk = {id(p) for p in stream.trunk.parameters()}
        slow += [p for p in stream.trunk.parameters() if p.requires_grad]
        fast += [p for p in stream.parameters() if p.requires_grad and id(p) not in trunk]
    return [{"params": fast, "scale": 1.0}, {"params": slow, "scale": 0.3}]


def _freeze_first_layers(trunk: nn.Module) -> None:
    """Edges and colours are the same everywhere, and their gradients at full size cost most."""
    if isinstance(trunk, nets.LiteTrunk):
        net: Lite0 = trunk.net
        net.stem.requires_grad_(False)
        for block in net.blocks[:5]:
            block.requires_grad_(False)
    elif isinstance(trunk, nets.ResNetTrunk):
        trunk.net.conv1.requires_grad_(False)
        trunk.net.layer1.requires_grad_(False)


def train(args: Namespace) -> Path:
    """One stage; returns the safetensors file it wrote."""
    stage: Stage = STAGES[args.stage]
    schedule = Schedule(args.steps, args.rate or stage.rate, seed=args.seed)
    torch.manual_seed(args.seed)
    cv2.setNumThreads(1)
    model = initial(args.size)
    if args.init:
        model.load_state_dict(load_file(args.init))
    if args.stage == "flow":
        model.flow.load_state_dict(model.rgb.state_dict())
    model = model.to(memory_format=torch.channels_last)
    float_depthwise(model)
    model.train()
    groups = parameter_groups(model, stage.streams)
    data = Path(args.data)
    stills = (
        read_stills([data / "stills" / name for name in STILLS])
        if stage.stills or args.stage == "flow"
        else []
    )
    clips = read_clips(data / "davis2016", split(data / "davis2016", "train"), Path(args.cache))
    maker = ViewMaker(stills, clips, args.patch)

    def make(step: int) -> Batch:
        cv2.setNumThreads(1)
        random = np.random.default_rng([args.seed, step])
        views: list[View] = []
        for _ in range(args.groups):
            still = random.random() < stage.stills
            views += maker.still_group(random) if still else maker.clip_group(random)
        return collate(views, maker.views)

    describe = {
        "stage": args.stage,
        "size": args.size,
        "patch": args.patch,
        "steps": args.steps,
        "seed": args.seed,
    }
    trainer = Trainer(model, groups, schedule, Path(args.output), describe)
    loss = PropagationLoss(stage, args.seed, trainer.step)
    trainer.run(batches(make, trainer.step, schedule.steps, args.workers), loss)
    result = Path(args.output) / "propagation.safetensors"
    write_weights(trainer.averaged, result)
    return result


def add_arguments(parser: ArgumentParser) -> None:
    """Options of `vsreid-studio train propagation`."""
    parser.add_argument(
        "stage", choices=sorted(STAGES), help="stage of the recipe, in the order stills, video, flow, joint"
    )
    parser.add_argument("--data", required=True, help="folder with davis2016/ and stills/")
    parser.add_argument("--output", required=True, help="folder for the checkpoint, the log and the weights")
    parser.add_argument("--init", help="weights of the stage before (safetensors)")
    parser.add_argument("--cache", default="runs/cache/clips", help="folder for decoded frames and flow")
    parser.add_argument("--size", choices=sorted(SIZES), default="lite")
    parser.add_argument("--steps", type=int, default=2000, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--rate", type=float, help="peak learning rate (default: the stage's)")
    parser.add_argument(
        "--groups", type=int, default=3, help="groups of three views a step (default: %(default)s)"
    )
    parser.add_argument(
        "--patch", type=int, default=256, help="side of the patches in pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that make samples (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)


def run(args: Namespace) -> int:
    """The command `vsreid-studio train propagation`."""
    if args.stage != "stills" and not args.init:
        raise UserError(f"The stage '{args.stage}' needs --init, the weights of the stage before it.")
    logger.info("wrote %s", train(args))
    return 0
