"""Training of the click network, from N_mp's weights."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file

from ...engine.nets.clicks import PATCH, ClickNet, from_propagation
from ...engine.nets.lite0 import Lite0, freeze_norms
from ...engine.runtime.models import shipped
from ..backbone import float_depthwise
from ..clips import read_clips, read_stills, split
from ..loop import Schedule, Trainer, batches, write_weights
from ..propagation.recipe import STILLS
from .samples import Sample, SampleMaker, read_own
from .session_loss import SessionLoss

logger = logging.getLogger(__name__)

_FIXED_BLOCKS = {"none": 15, "late": 5}
"""For each choice of what is trained of the trunk: how many of its first blocks are not."""


def initial(init: str | None) -> ClickNet:
    """The network with the weights of a file, or with those of the shipped N_mp."""
    model = ClickNet()
    model.load_state_dict(load_file(init) if init else from_propagation(shipped("propagation-lite")))
    return model


def parameter_groups(model: ClickNet, trunk: str) -> list[dict[str, Any]]:
    """What is trained: the trunk slower than the rest, if at all, its first layers never."""
    net = model.stream.trunk.get_submodule("net")
    assert isinstance(net, Lite0)
    freeze_norms(net)
    net.requires_grad_(False)
    for block in net.blocks[_FIXED_BLOCKS[trunk] :]:
        block.requires_grad_(True)
    freeze_norms(net)
    slow = [p for p in net.parameters() if p.requires_grad]
    held = {id(p) for p in net.parameters()}
    fast = [p for p in model.parameters() if id(p) not in held]
    groups: list[dict[str, Any]] = [{"params": fast, "scale": 1.0}]
    return [*groups, {"params": slow, "scale": 0.3}] if slow else groups


def train(args: Namespace) -> Path:
    """Train; returns the safetensors file it wrote."""
    schedule = Schedule(args.steps, args.rate, warmup=50, average=args.average, seed=args.seed)
    torch.manual_seed(args.seed)
    cv2.setNumThreads(1)
    model = initial(args.init).to(memory_format=torch.channels_last)
    float_depthwise(model)
    model.train()
    groups = parameter_groups(model, args.trunk)
    root = Path(args.data)
    stills = read_stills([root / "stills" / name for name in STILLS])
    names = [name for name in split(root / "davis2016", "train") if name not in args.leave_out]
    clips = read_clips(root / "davis2016", names, Path(args.cache))
    own = read_own(Path(args.own), clips) if args.own else {}
    maker = SampleMaker(stills, clips, own, args.corrections)

    def make(step: int) -> list[Sample]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([args.seed, step])
        return [maker.sample(rng, bool(rng.random() < args.stills)) for _ in range(args.batch)]

    describe = {
        name: getattr(args, name)
        for name in ("patch", "steps", "seed", "looks", "batch", "trunk", "init", "corrections", "leave_out")
    }
    trainer = Trainer(model, groups, schedule, Path(args.output), describe)
    data = batches(make, trainer.step, schedule.steps, args.workers)
    trainer.run(data, SessionLoss(args.patch, args.looks, args.seed, trainer.step))
    result = Path(args.output) / "clicks.safetensors"
    write_weights(trainer.averaged, result)
    return result


def add_arguments(parser: ArgumentParser) -> None:
    """Options of `vsreid-studio train clicks`."""
    parser.add_argument("--data", required=True, help="folder with davis2016/ and stills/")
    parser.add_argument("--output", required=True, help="folder for the checkpoint, the log and the weights")
    parser.add_argument("--init", help="weights to begin with (default: those of the shipped N_mp)")
    parser.add_argument("--own", help="folder of masks that the engine made: */SEQUENCE/NNNNN.png")
    parser.add_argument("--cache", default="runs/cache/clips", help="folder for decoded frames and flow")
    parser.add_argument("--steps", type=int, default=2000, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (default: %(default)s)")
    parser.add_argument(
        "--average", type=float, default=0.995, help="of the average of the weights (default: %(default)s)"
    )
    parser.add_argument("--batch", type=int, default=6, help="samples a step (default: %(default)s)")
    parser.add_argument("--looks", type=int, default=3, help="looks at each (default: %(default)s)")
    parser.add_argument(
        "--stills", type=float, default=0.6, help="share of the samples (default: %(default)s)"
    )
    parser.add_argument(
        "--corrections",
        type=float,
        default=0.52,
        help="share of the samples that begin with a mask (default: %(default)s)",
    )
    parser.add_argument(
        "--leave-out", nargs="*", default=[], metavar="NAME", help="sequences to measure on, not trained on"
    )
    parser.add_argument(
        "--trunk",
        choices=sorted(_FIXED_BLOCKS),
        default="late",
        help="what is trained of the trunk (default: %(default)s)",
    )
    parser.add_argument(
        "--patch", type=int, default=PATCH, help="side of the patches in pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that make samples (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)


def run(args: Namespace) -> int:
    """The command `vsreid-studio train clicks`."""
    logger.info("wrote %s", train(args))
    return 0
