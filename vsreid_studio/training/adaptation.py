"""Adaptation of N_mp to one video: a short training on what a person drew in it.

Only what decides is trained, on warped and relit views of the pinned masks: the pyramid pooling and the
decoder of the RGB stream. The features stay, so that the memory keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from ..config import AdaptConfig, Config
from ..engine.algorithm.merge import merge
from ..engine.events import Progress
from ..engine.nets.compiled import CompiledTrunk
from ..engine.nets.lite0 import STRIDES
from ..engine.nets.patches import patch_box
from ..engine.nets.propagation import SIZES, MaskPropagationNet
from ..engine.nets.stream import LiteTrunk
from ..engine.runtime.engine import VideoEngine
from ..engine.store.annotation import Annotation
from ..engine.types import CellKey
from ..engine.video import Video
from .clips import Still
from .loop import Schedule
from .propagation.loss import RunLoss, collate_runs
from .propagation.runs import RunMaker

AROUND = 0.6
"""How much of the surroundings a still shows on each side, as a share of the instance's box."""
HELD_BACK = 0.5
"""How far the trained weights are drawn back to the network's own: what both share holds on other frames, too
(WiSE-FT; Wortsman et al., 2022)."""
LONGEST = 480
"""Of a still, in pixels: what is larger is warped slowly and shrunk to a patch anyway."""


def adapting_engine(config: Config, weights: Path | None = None) -> VideoEngine:
    """The engine, which can adapt N_mp to a video; see `VideoEngine`.

    Args:
        weights: a file for N_mp instead of the shipped one.

    Raises:
        UserError: the settings ask for something that is not here.
    """
    return VideoEngine(config, weights, adapt)


def adapted_parameters(network: MaskPropagationNet) -> dict[str, nn.Parameter]:
    """The parameters that adaptation trains, by name: pyramid pooling and decoder of the RGB stream."""
    parts = {"rgb.pool": network.rgb.pool, "rgb.decoder": network.rgb.decoder}
    return {
        f"{prefix}.{name}": parameter
        for prefix, part in parts.items()
        for name, parameter in part.named_parameters()
    }


def adapt(
    network: MaskPropagationNet,
    video: Video,
    annotation: Annotation,
    config: AdaptConfig,
    *,
    size: str = "lite",
    seed: int = 0,
) -> Generator[Progress, None, bytes]:
    """Train a network, in place, on the pinned masks of a video.

    Args:
        network: in float32, its norms folded or not; only `adapted_parameters` change.
        annotation: what is pinned in it counts, see `pinned_stills`.
        config: how long; nothing is done where it says 0 steps or nothing is pinned.

    Yields:
        Progress before each step.

    Returns:
        the adapted tensors by name, as a safetensors file for `models.load_propagation`.
    """
    stills = pinned_stills(video, annotation)
    parameters = adapted_parameters(network)
    network.eval().requires_grad_(False)
    own = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    instances = {number for still in stills for number in still.instances}
    total = config.steps * len(instances)
    strangers = 0.4 if len(instances) > 1 else 0.0
    # A decoy teaches the confidence only, which stays as it is.
    maker = RunMaker(stills, [], SIZES[size].patch, steps=2, strangers=strangers, grounds=0.0, decoys=0.0)
    schedule = Schedule(total, config.rate, warmup=5)
    optimizer = torch.optim.AdamW(parameters.values(), lr=config.rate, weight_decay=schedule.decay)
    loss_of = RunLoss(seed, 0)
    with _fast_trunk(network):
        for step in range(total):
            yield Progress("adapting", step, total)
            random = np.random.default_rng([seed, step])
            batch = collate_runs([maker.still_run(random) for _ in range(config.runs)])
            for group in optimizer.param_groups:
                group["lr"] = config.rate * schedule.factor(step)
            _step(network, list(parameters.values()), optimizer, loss_of, batch)
    if total:
        yield Progress("adapting", total, total)
    for name, parameter in parameters.items():
        parameter.lerp_(own[name], HELD_BACK)
    return save({name: parameter.detach().half().contiguous() for name, parameter in parameters.items()})


@contextmanager
def _fast_trunk(network: MaskPropagationNet) -> Iterator[None]:
    """Let the RGB stream's trunk run compiled, where it can: it stays as it is."""
    trunk = network.rgb.trunk
    if not isinstance(trunk, LiteTrunk) or network.rgb.log_sharpness.device.type != "cpu":
        yield
        return
    own = trunk.net
    trunk.net = CompiledTrunk(own, STRIDES, batch=1, callers=1)
    try:
        yield
    finally:
        trunk.net = own


def _step(
    network: MaskPropagationNet,
    parameters: Sequence[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    loss_of: RunLoss,
    batch: object,
) -> None:
    """One step; the parameters want gradients only while it lasts."""
    for parameter in parameters:
        parameter.requires_grad_(True)
    loss, _ = loss_of(network, batch)  # type: ignore[arg-type]
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    for parameter in parameters:
        parameter.requires_grad_(False)


def pinned_stills(video: Video, annotation: Annotation) -> list[Still]:
    """One still for each pinned mask that is not empty: a crop around it, at most `LONGEST` pixels long.

    Its labels hold all masks of the frame that are checkpoints; its only instance is the pinned one.

    Raises:
        UserError: a frame cannot be read.
    """
    stills = []
    for key, cell in annotation.cells():
        if cell.pinned and cell.mask.hard_box is not None:
            stills.append(_still(video, annotation, key))
    return stills


def _still(video: Video, annotation: Annotation, key: CellKey) -> Still:
    tight = annotation.mask(*key).hard_box
    assert tight is not None
    box = patch_box(tight, video.height, video.width, AROUND)
    known = {k: m for k, m in annotation.frame_masks(key.frame).items() if annotation.anchored(key.frame, k)}
    labels = merge(known, video.height, video.width)[box.slices]
    frame = video.frame(key.frame)[box.slices]
    scale = min(1.0, LONGEST / max(box.width, box.height))
    sides = max(1, round(box.width * scale)), max(1, round(box.height * scale))
    small = cv2.resize(np.ascontiguousarray(frame), sides, interpolation=cv2.INTER_AREA)
    shrunk = cv2.resize(np.ascontiguousarray(labels), sides, interpolation=cv2.INTER_NEAREST)
    return Still(small.astype(np.uint8, copy=False), shrunk.astype(np.uint8, copy=False), (key.instance,))
