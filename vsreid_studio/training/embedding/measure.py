"""How well an embedding finds an object again in its video: the figures that training is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...engine.nets.embedding import Embedding, crop_box
from ...engine.types import Box
from ..clips import read_frame, read_labels
from .data import strange_boxes

WRONG = 12
"""Wrong boxes a frame."""


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
            others = strange_boxes(rng, box, labels.shape, WRONG, most=0.3)
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
