"""Training of N_reid, the embedding network."""

from __future__ import annotations

import json
import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from ..engine.nets.embedding import SIZES, Embedding, LitePool, crop_box
from ..engine.nets.lite0 import Lite0, freeze_norms
from ..engine.types import Box
from ..errors import UserError
from .clips import read_frame, read_labels, split
from .embedding_data import (
    CropMaker,
    Crops,
    ObjectView,
    OnlineInstanceMatching,
    background_boxes,
    davis_identities,
    still_identities,
)
from .initial_weights import imagenet_lite0, resnet50_weights
from .loop import Schedule, Trainer, batches, float_depthwise, write_weights
from .processes import join

__all__ = ["add_arguments", "run"]

WRONG = 12
"""Wrong boxes a frame."""

logger = logging.getLogger(__name__)
FROZEN_BLOCKS = 5
"""Blocks of the lite trunk that keep their ImageNet weights, to stride 8."""
WHITENING = 0.5
"""How far principal components are evened out at the start: 0 not at all, 1 wholly."""


@dataclass(frozen=True, eq=False)
class Search:
    """Objects to be found again: crops of (S, S, 3) uint8.

    Attributes:
        templates: (K, S, S, 3) each object in its first frame.
        queries: (Q, S, S, 3) an object later on, its box a little off as a detector's is.
        wrong: (Q, WRONG, S, S, 3) boxes beside it in the same frame.
        objects: (Q,) which object a query shows.
    """

    templates: NDArray[np.uint8]
    queries: NDArray[np.uint8]
    wrong: NDArray[np.uint8]
    objects: NDArray[np.int64]


def read_search(davis: Path, sequences: Sequence[str], size: int, frames: int = 8) -> Search:
    """Pick `frames` later frames of every sequence (one object each, as in DAVIS-2016)."""
    rng = np.random.default_rng(1)
    templates: list[NDArray[np.uint8]] = []
    queries: list[NDArray[np.uint8]] = []
    wrong: list[NDArray[np.uint8]] = []
    objects: list[int] = []
    for number, name in enumerate(sequences):
        paths = sorted((davis / "JPEGImages" / "480p" / name).glob("*.jpg"))
        for index in np.unique(np.linspace(0, len(paths) - 1, frames + 1).astype(int)):
            path = paths[index]
            labels = read_labels(davis / "Annotations" / "480p" / name / f"{path.stem}.png")
            box = Box.around(labels > 0)
            if box is None:
                continue
            frame = read_frame(path)
            if len(templates) == number:
                templates.append(crop_box(frame, box, size))
                continue
            queries.append(crop_box(frame, _jittered(rng, box).clip(*labels.shape), size))
            others = background_boxes(rng, box, labels.shape, WRONG, most=0.3)
            # Where the object leaves no room for others, corners of the frame are repeated.
            others = (others or [Box(0, 0, 48, 48)]) * WRONG
            wrong.append(np.stack([crop_box(frame, other, size) for other in others[:WRONG]]))
            objects.append(number)
    return Search(np.stack(templates), np.stack(queries), np.stack(wrong), np.array(objects, np.int64))


def _jittered(rng: np.random.Generator, box: Box) -> Box:
    shift = rng.uniform(-0.08, 0.08, 4) * (box.width, box.height, box.width, box.height)
    x0, y0, x1, y1 = (round(v) for v in shift + np.array([box.x0, box.y0, box.x1, box.y1]))
    return Box(x0, y0, max(x1, x0 + 2), max(y1, y0 + 2))


@torch.inference_mode()
def embed(network: Embedding, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(..., S, S, 3) uint8 to (..., d) float32 of length 1."""
    flat = torch.from_numpy(crops.reshape(-1, *crops.shape[-3:])).permute(0, 3, 1, 2)
    rows = torch.cat([network(part) for part in torch.split(flat, 64)]).numpy()
    result: NDArray[np.float32] = rows.reshape(*crops.shape[:-3], network.dimensions)
    return result


def measure(network: Embedding, search: Search) -> dict[str, float]:
    """Look for every template among the boxes.

    Args:
        network: in evaluation mode, or with its norms frozen.

    Returns:
        rank1: share of queries that are most similar to their own template among all templates;
        beats: share that are more similar to it than every wrong box of their frame;
        right, wrong: mean similarity to the template, of the query and of the best wrong box;
        gap: mean of their difference; gap10: its 10th percentile;
        other: mean similarity of a query to the most similar template of another object.
    """
    templates, queries = embed(network, search.templates), embed(network, search.queries)
    own = templates[search.objects]
    scores = queries @ templates.T
    right = np.einsum("qd,qd->q", queries, own)
    wrong = np.einsum("qwd,qd->qw", embed(network, search.wrong), own).max(1)
    rank1 = float(np.mean(scores.argmax(1) == search.objects))
    scores[np.arange(len(scores)), search.objects] = -1
    figures = {
        "rank1": rank1,
        "beats": np.mean(right > wrong),
        "right": right.mean(),
        "wrong": wrong.mean(),
        "gap": np.mean(right - wrong),
        "gap10": np.percentile(right - wrong, 10),
        "other": scores.max(1).mean(),
    }
    return {name: round(float(value), 4) for name, value in figures.items()}


class Matching(nn.Module):
    """The network and what it is matched against, so that one checkpoint holds both.

    Attributes:
        network: N_reid.
        oim: table and queue.
    """

    def __init__(self, network: Embedding, oim: OnlineInstanceMatching) -> None:
        super().__init__()
        self.network = network
        self.oim = oim


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Online instance matching loss of a batch, see `OnlineInstanceMatching`; table and queue are updated.

    Args:
        model: a `Matching`.
        batch: crops (N, 3, S, S) uint8 and identities (N,) int64, -1 for strangers.

    Returns:
        the loss, (), and the share of identities matched rightly for the log.
    """
    if not isinstance(model, Matching):
        raise TypeError(f"this is the loss of Matching, not of {type(model).__name__}")
    crops, identities = batch
    x = model.network(crops)
    loss = model.oim(x, identities)
    with torch.no_grad():
        known = identities >= 0
        right = model.oim.logits(x[known]).argmax(1) == identities[known]
    model.oim.remember(x, identities)
    return loss, {"matched": float(right.float().mean())}


@torch.no_grad()
def start_projection(network: Embedding, crops: NDArray[np.uint8], power: float = WHITENING) -> None:
    """Let the projection begin as the principal components of the pooled features.

    Pooled ImageNet features tell objects apart already; centred, with the strong components damped, they do
    so with a wider margin. Training starts from there instead of from noise.

    Args:
        crops: (N, S, S, 3) uint8 RGB of varied content; N at least the embedding's dimensions, or the rest
            of these starts at random and small.
        power: a component of standard deviation s is divided by s to this power.
    """
    pictures = torch.from_numpy(crops).permute(0, 3, 1, 2)
    features = torch.cat([network.pooled(part) for part in torch.split(pictures, 64)]).double()
    mean = features.mean(0)
    _, spread, axes = torch.linalg.svd(features - mean, full_matrices=False)
    spread = spread / len(features) ** 0.5
    useful = int((spread > 1e-6 * spread[0]).sum())
    count = min(network.dimensions, useful)
    # Scaled so that projected features have about unit length and the weights a usual size.
    rows = axes[:count] / spread[:count, None] ** power
    rows = rows / torch.linalg.vector_norm((features - mean) @ rows.T, dim=1).mean()
    nn.init.normal_(network.projection.weight, std=1e-3)
    network.projection.weight[:count] = rows.float()
    network.projection.bias.copy_(-(network.projection.weight.double() @ mean).float())


def initial(size: str) -> tuple[Embedding, list[nn.Module]]:
    """N_reid with an ImageNet trunk.

    Args:
        size: a key of `SIZES`: 'lite' or 'paper'.

    Returns:
        the network, and the layers whose weights are frozen; none where no ImageNet weights are there.

    Raises:
        UserError: the lite trunk's weights are not installed.
    """
    network = SIZES[size]()
    pool = network.pool
    if isinstance(pool, LitePool):
        trunk = pool.net
        assert isinstance(trunk, Lite0)
        trunk.load_state_dict(imagenet_lite0())
        return network, [trunk.stem, *trunk.blocks[:FROZEN_BLOCKS]]
    published = resnet50_weights()
    if published is None:
        return network, []
    pool.net.load_state_dict(published)
    return network, [pool.net.conv1, pool.net.layer1]


def prepared(
    identities: Sequence[Sequence[ObjectView]], maker: CropMaker, strangers: int, size: str = "lite"
) -> Matching:
    """The network in training mode; projection and table are initialised from unchanged crops.

    Args:
        identities: views of each, at least one.
        maker: cuts the crops.
        strangers: length of the queue.
        size: see `initial`.
    """
    network, kept = initial(size)
    network = network.to(memory_format=torch.channels_last).eval()
    plain = np.stack([maker.plain(views[0]) for views in identities])
    beside = [cv2.resize(s, (maker.size, maker.size)) for views in identities for s in views[0].strangers[:1]]
    start_projection(network, np.concatenate([plain, np.stack(beside).astype(np.uint8)]) if beside else plain)
    oim = OnlineInstanceMatching(len(identities), network.dimensions, strangers)
    # A copy: what inference mode made must not enter a graph.
    oim.table.copy_(torch.from_numpy(embed(network, plain).copy()))
    model = Matching(network, oim).train()
    freeze_norms(network.pool)
    float_depthwise(network.pool)
    for layer in kept:
        layer.requires_grad_(False)
    return model


def parameter_groups(network: Embedding) -> list[dict[str, Any]]:
    """Parameter groups for `Trainer`: the trunk has a fifth of the learning rate of the projection."""
    trunk = [p for p in network.pool.parameters() if p.requires_grad]
    return [{"params": list(network.projection.parameters()), "scale": 1.0}, {"params": trunk, "scale": 0.2}]


def held_out(names: Sequence[str], count: int) -> tuple[list[str], list[str]]:
    """Split sequences into those to train on and `count` evenly spread ones to measure on.

    Returns:
        (kept, held out), sorted by name.

    Raises:
        UserError: none would be left to train on.
    """
    names = sorted(names)
    if count >= len(names):
        raise UserError(f"{count} of {len(names)} sequences cannot be held out.")
    held = [names[(2 * n + 1) * len(names) // (2 * count)] for n in range(count)]
    return [name for name in names if name not in held], held


def _batch(maker: CropMaker, seed: int, step: int) -> tuple[Tensor, Tensor]:
    cv2.setNumThreads(1)
    crops: Crops = maker.crops(np.random.default_rng([seed, step]))
    pictures = torch.from_numpy(crops.pictures).permute(0, 3, 1, 2)
    return pictures, torch.from_numpy(crops.identities)


def _search(args: Namespace, held: Sequence[str], size: int) -> Search | None:
    """What to measure on: the held-out sequences, or val-visible when nothing is held out."""
    davis = Path(args.data) / "davis2016"
    if held:
        return read_search(davis, held, size)
    visible = davis / "ImageSets" / "2016" / "val-visible.txt"
    return read_search(davis, split(davis, "val-visible"), size) if visible.is_file() else None


def train(args: Namespace) -> tuple[Path, dict[str, dict[str, float]]]:
    """Train N_reid with the options of `add_arguments`; a run that was stopped is resumed.

    Returns:
        the safetensors file, and the figures of `measure` before and after; none where nothing is held out
            and val-visible is missing.

    Raises:
        UserError: data or weights cannot be read.
    """
    torch.manual_seed(args.seed)
    data = Path(args.data)
    kept, held = held_out(split(data / "davis2016", "train"), args.held)
    identities = davis_identities(data / "davis2016", kept) + still_identities(data / "stills")
    size = SIZES[args.size]().size
    maker = CropMaker(identities, size, args.identities)
    model = prepared(identities, maker, args.strangers, args.size)
    logger.info("%d identities; held out: %s", len(identities), " ".join(held) or "none")
    search = _search(args, held, size)
    figures = {"before": measure(model.network, search)} if search else {}
    logger.info("before: %s", figures)
    describe = {
        key: getattr(args, key) for key in ("steps", "identities", "strangers", "held", "rate", "seed")
    }
    if args.size != "lite":
        describe["size"] = args.size
    schedule = Schedule(args.steps, args.rate, seed=args.seed, average=0.99)
    trainer = Trainer(model, parameter_groups(model.network), schedule, Path(args.output), describe)
    steps = batches(lambda step: _batch(maker, args.seed, step), trainer.step, args.steps, args.workers)
    trainer.run(steps, loss_of)
    part = "network."
    weights = {n.removeprefix(part): v for n, v in trainer.averaged.items() if n.startswith(part)}
    result = Path(args.output) / "embedding.safetensors"
    write_weights(weights, result)
    if search and trainer.team.leads:
        figures["after"] = measure_file(result, search, args.size)
    return result, figures


def measure_file(weights: Path, search: Search, size: str) -> dict[str, float]:
    """`measure` of the weights in a safetensors file."""
    network = SIZES[size]()
    network.load_state_dict(load_file(weights))
    return measure(network.eval(), search)


def add_arguments(parser: ArgumentParser) -> None:
    """Options of `vsreid-studio train embedding`."""
    parser.add_argument(
        "--data", required=True, help="folder with davis2016/ and stills/, e.g. ../shared/data"
    )
    parser.add_argument("--output", required=True, help="folder for the checkpoint, the log and the weights")
    parser.add_argument("--size", choices=sorted(SIZES), default="lite")
    parser.add_argument("--held", type=int, default=6, help="sequences to measure on (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=600, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--identities", type=int, default=24, help="a step, two crops each (default: 24)")
    parser.add_argument("--strangers", type=int, default=512, help="length of the queue (default: 512)")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=0, help="processes that make samples (default: 0)")
    parser.add_argument("--seed", type=int, default=0)


def run(args: Namespace) -> int:
    """The command `vsreid-studio train embedding`."""
    weights, figures = train(args)
    if not join().leads:
        return 0
    logger.info("%s: %s", weights, figures)
    (Path(args.output) / "measured.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0
