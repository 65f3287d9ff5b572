"""Training of N_mp: the paper's stages (Sec. 3.4: stills, video, flow stream, both jointly), then runs."""

from __future__ import annotations

import logging
import math
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from numpy.random import Generator
from safetensors.torch import load_file
from torch import nn

from ...engine.nets import propagation as nets
from ...engine.nets.lite0 import Lite0, freeze_norms
from ...engine.nets.propagation import SIZES
from ...engine.nets.stream import LiteTrunk, ResNetTrunk, Stream
from ...errors import UserError
from ..clips import STILLS, Clip, Still, read_clips, read_stills, split
from ..initial_weights import imagenet_lite0, resnet101_weights
from ..loop import ENDLESS, Schedule, Trainer, batches, float_depthwise, write_weights
from ..processes import computing_device
from ..public import Chained, Stills, add_public_arguments, public_pictures
from .device_runs import DeviceRunMaker
from .device_views import DeviceData, DeviceViewMaker
from .loss import Batch, PropagationLoss, RunBatch, RunLoss, collate, collate_runs
from .runs import RUN_FRAMES, RunMaker
from .sample import View
from .views import ViewMaker

logger = logging.getLogger(__name__)
B = TypeVar("B")


@dataclass(frozen=True)
class Stage:
    """One stage of the recipe.

    Attributes:
        streams: which streams are trained.
        stills: share of the groups that come from stills, the rest from video.
        rate: peak learning rate.
        own: share of the steps in which the network's own output becomes its guiding map.
        runs: the samples are runs of frames, see `runs`; the trunks stay as they are, and the finish learns.
    """

    streams: tuple[str, ...]
    stills: float
    rate: float
    own: float = 0.0
    runs: bool = False


_SAVE_EVERY = 60.0
"""Seconds between checkpoints of a run by time."""
STAGES = {
    "stills": Stage(("rgb",), 0.75, 1e-3),
    "video": Stage(("rgb",), 0.3, 6e-4, 0.3),
    "flow": Stage(("flow",), 0.0, 6e-4),
    "joint": Stage(("rgb", "flow"), 0.2, 4e-4, 0.3),
    "runs": Stage(("rgb", "flow"), 0.25, 3e-4, runs=True),
    "finish": Stage((), 0.25, 3e-4, runs=True),
}


def initial(size: str, weights: Path | None = None) -> nets.MaskPropagationNet:
    """N_mp as a stage starts from it.

    Args:
        size: a key of `SIZES`: 'lite' or 'paper', whose trunks start at random where no weights are there.
        weights: a file of the stage before; None for ImageNet trunks.

    Raises:
        UserError: the lite trunk's weights are needed and not installed.
    """
    model = SIZES[size].build()
    if weights is not None:
        model.load_state_dict(load_file(weights))
        return model
    for stream in (model.rgb, model.flow):
        trunk = stream.trunk
        if isinstance(trunk, LiteTrunk):
            trunk.net.load_state_dict(imagenet_lite0())
        elif isinstance(trunk, ResNetTrunk):
            published = resnet101_weights()
            if published is not None:
                trunk.net.load_state_dict(published)
    return model


def parameter_groups(
    model: nets.MaskPropagationNet, streams: Sequence[str], runs: bool = False
) -> list[dict[str, Any]]:
    """Parameter groups for `Trainer`; all parameters that are in none are frozen.

    The trunks have .3 of the learning rate of the rest, and their first layers are frozen.

    Args:
        streams: 'rgb', 'flow' or both.
        runs: see `Stage.runs`: freezes the trunks, and adds the outline refinement at 3 times the rate.
    """
    model.requires_grad_(False)
    for name in {"rgb", "flow"}.difference(streams):
        freeze_norms(model.get_submodule(name))
    model.quality.requires_grad_(True)
    fast: list[nn.Parameter] = list(model.quality.parameters())
    slow: list[nn.Parameter] = []
    for name in streams:
        stream = model.get_submodule(name)
        assert isinstance(stream, Stream)
        stream.requires_grad_(True)
        _freeze_first_layers(stream.trunk)
        freeze_norms(stream.trunk)
        if runs:
            stream.trunk.requires_grad_(False)
        trunk = {id(p) for p in stream.trunk.parameters()}
        slow += [p for p in stream.trunk.parameters() if p.requires_grad]
        fast += [p for p in stream.parameters() if p.requires_grad and id(p) not in trunk]
    groups = [{"params": fast, "scale": 1.0}, {"params": slow, "scale": 0.3}]
    if runs and model.finish is not None:
        model.finish.requires_grad_(True)
        # It starts from nothing, the others from what the stages before have taught them.
        groups.append({"params": list(model.finish.parameters()), "scale": 3.0})
    return groups


def _freeze_first_layers(trunk: nn.Module) -> None:
    """Edges and colours are the same everywhere, and their gradients at full size cost most."""
    if isinstance(trunk, LiteTrunk):
        net = trunk.net
        assert isinstance(net, Lite0)
        net.stem.requires_grad_(False)
        for block in net.blocks[:5]:
            block.requires_grad_(False)
    elif isinstance(trunk, ResNetTrunk):
        trunk.net.conv1.requires_grad_(False)
        trunk.net.layer1.requires_grad_(False)


def train(args: Namespace) -> Path:
    """Train one stage with the options of `add_arguments`; a run that was stopped is resumed.

    Returns:
        the safetensors file.

    Raises:
        UserError: data or weights cannot be read.
    """
    since = time.monotonic()
    stage: Stage = STAGES[args.stage]
    _check_options(args)
    steps = args.steps if args.minutes is None else ENDLESS
    schedule = Schedule(steps, args.rate or stage.rate, seed=args.seed, minutes=args.minutes)
    if args.minutes is not None:
        schedule = replace(schedule, save_every=_SAVE_EVERY)
    device = computing_device(args.device)
    torch.manual_seed(args.seed)
    cv2.setNumThreads(1)
    model = initial(args.size, Path(args.init) if args.init else None)
    if args.stage == "flow":
        model.flow.load_state_dict(model.rgb.state_dict())
    model = model.to(memory_format=torch.channels_last)
    if device.type == "cpu":
        float_depthwise(model)
    model.train()
    groups = parameter_groups(model, stage.streams, stage.runs)
    root = Path(args.data)
    stills: Sequence[Still] = []
    if stage.stills or args.stage == "flow":
        own = read_stills([root / "stills" / name for name in STILLS])
        stills = Chained([own, *(Stills(pictures) for pictures in public_pictures(args))])
    names = [name for name in split(root / "davis2016", "train") if name not in args.leave_out]
    clips = read_clips(root / "davis2016", names, Path(args.cache))
    if stage.runs:
        _check_lengths(clips, args.run_frames)
    trainer = Trainer(model, groups, schedule, Path(args.output), _described(stage, args), device, since)
    if args.samples_on == "device":
        data = _on_device(stage, args, DeviceData(stills, clips, device), trainer)
    else:
        make = _runs(stage, args, stills, clips) if stage.runs else _views(stage, args, stills, clips)
        data = batches(make, trainer.step, trainer.schedule.steps, args.workers)
    if stage.runs:
        trainer.run(data, RunLoss(args.seed, trainer.step))
    else:
        trainer.run(data, PropagationLoss(stage.streams, stage.own, args.seed, trainer.step))
    result = Path(args.output) / "propagation.safetensors"
    write_weights(trainer.averaged, result)
    return result


def _described(stage: Stage, args: Namespace) -> dict[str, object]:
    """The settings that a checkpoint must share, see `Trainer`; newer options only where they are used."""
    found: dict[str, object] = {
        "stage": args.stage,
        "size": args.size,
        "patch": args.patch,
        "steps": args.steps if args.minutes is None else "by time",
        "seed": args.seed,
    }
    if args.samples_on == "device":
        found["samples"] = "device"
    if stage.runs and args.run_frames != RUN_FRAMES:
        found["run frames"] = args.run_frames
    if stage.runs and args.truncated:
        found["truncated"] = args.truncated
    if args.leave_out:
        found["leave_out"] = sorted(args.leave_out)
    return found


def _check_options(args: Namespace) -> None:
    """Make sure that the options fit together.

    Raises:
        UserError: they do not.
    """
    if args.samples_on == "device" and (args.coco or args.voc):
        raise UserError("--samples-on device holds the data in memory: leave out --coco and --voc.")
    if args.samples_on == "device" and args.truncated:
        raise UserError("--samples-on device makes no truncated runs: leave out --truncated.")
    if args.size == "lite" and (args.patch < 64 or args.patch % 64):
        raise UserError(f"--patch {args.patch} does not fit: choose a multiple of 64, such as 256 or 320.")


def _check_lengths(clips: Sequence[Clip], frames: int) -> None:
    """Make sure that each sequence holds a run of so many frames, and the frame before it.

    Raises:
        UserError: one does not.
    """
    for clip in clips:
        if len(clip.frames) <= frames:
            raise UserError(
                f"The sequence {clip.name} has {len(clip.frames)} frames: choose a smaller --run-frames."
            )


def _views(
    stage: Stage, args: Namespace, stills: Sequence[Still], clips: Sequence[Clip]
) -> Callable[[int], Batch]:
    """Makes the batch of a step out of groups of views."""
    maker = ViewMaker(stills, clips, args.patch)

    def draw(random: Generator) -> Batch:
        views: list[View] = []
        for _ in range(args.groups):
            still = random.random() < stage.stills
            views += maker.still_group(random) if still else maker.clip_group(random)
        return collate(views, maker.views)

    return partial(_drawn, draw, args.seed)


def _runs(
    stage: Stage, args: Namespace, stills: Sequence[Still], clips: Sequence[Clip]
) -> Callable[[int], RunBatch]:
    """Makes the batch of a step out of runs."""
    maker = RunMaker(stills, clips, args.patch, args.run_frames, truncated=args.truncated)

    def draw(random: Generator) -> RunBatch:
        kinds = random.random(args.groups) < stage.stills
        return collate_runs([maker.still_run(random) if still else maker.clip_run(random) for still in kinds])

    return partial(_drawn, draw, args.seed)


def _on_device(stage: Stage, args: Namespace, data: DeviceData, trainer: Trainer) -> Iterator[Any]:
    """The batches from the trainer's step on, made on the device that trains."""
    maker: DeviceRunMaker | DeviceViewMaker = DeviceViewMaker(data, args.patch)
    if stage.runs:
        maker = DeviceRunMaker(data, args.patch, args.run_frames)
    for number in trainer.team.numbers(trainer.step, trainer.schedule.steps):
        yield maker.batch(np.random.default_rng([args.seed, number]), args.groups, stage.stills)


def _drawn(draw: Callable[[Generator], B], seed: int, step: int) -> B:
    """The batch of a step, the same in whichever process it is made."""
    cv2.setNumThreads(1)
    return draw(np.random.default_rng([seed, step]))


def add_arguments(parser: ArgumentParser) -> None:
    """Options of `vsreid-studio train propagation`."""
    parser.add_argument(
        "stage",
        choices=sorted(STAGES),
        help="stage of the recipe, in the order stills, video, flow, joint, runs, finish",
    )
    parser.add_argument("--data", required=True, help="folder with davis2016/ and stills/")
    add_public_arguments(parser)
    parser.add_argument("--output", required=True, help="folder for the checkpoint, the log and the weights")
    parser.add_argument("--init", help="weights of the stage before (safetensors)")
    parser.add_argument("--cache", default="runs/cache/clips", help="folder for decoded frames and flow")
    parser.add_argument("--size", choices=sorted(SIZES), default="lite")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, default=2000, help="optimizer steps (default: %(default)s)")
    length.add_argument(
        "--minutes",
        type=_minutes,
        help="as many steps as fit into this time, reading the data included; the first ones are timed",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: the GPU if there is one"
    )
    parser.add_argument(
        "--samples-on",
        choices=("cpu", "device"),
        default="cpu",
        help="where samples are made: by --workers, or on the device that trains, which then holds the data "
        "in its memory (default: %(default)s)",
    )
    parser.add_argument("--rate", type=float, help="peak learning rate (default: the stage's)")
    parser.add_argument(
        "--groups", type=int, default=3, help="groups of views, or runs, a step (default: %(default)s)"
    )
    parser.add_argument(
        "--run-frames",
        type=int,
        choices=range(2, 25),
        default=RUN_FRAMES,
        metavar="N",
        help="consecutive frames of a run, 2 to 24, in the stages runs and finish (default: %(default)s)",
    )
    parser.add_argument(
        "--truncated",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="share of the runs, 0 to 1, in which the edge of the frame truncates the object (default: none)",
    )
    parser.add_argument(
        "--leave-out", nargs="*", default=[], metavar="NAME", help="sequences to measure on, not trained on"
    )
    parser.add_argument(
        "--patch", type=int, default=256, help="side of the patches in pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that make samples (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)


def _number(text: str) -> float:
    """NaN where it is none, which lies in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _minutes(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise ArgumentTypeError(f"'{text}' is no number of minutes above 0")
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"'{text}' is no share between 0 and 1")
    return value


def run(args: Namespace) -> int:
    """The command `vsreid-studio train propagation`."""
    if args.stage != "stills" and not args.init:
        raise UserError(f"The stage '{args.stage}' needs --init, the weights of the stage before it.")
    logger.info("wrote %s", train(args))
    return 0
