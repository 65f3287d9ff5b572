"""Crops of identities that N_reid is trained on, and its loss: online instance matching (Xiao, 2017)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..engine.types import Box, Frame, LabelMap
from ..errors import UserError
from .clips import degrade, read_frame, read_labels, read_stills, relight
from .detection_data import boxes_of, components

MARGIN = 0.4
"""Surroundings kept on each side of an object, as a share of its size: room for jittered boxes."""
LONGEST = 224
"""Views are kept at no more than this many pixels a side."""
LEAST_SIDE = 24
"""Smaller objects are not trained on."""
UNKNOWN = -1
"""The identity of a crop that shows none of the labelled ones."""


class CropMaker:
    """Draws the crops of a step.

    Attributes:
        identities: views of each.
        size: side of the crops, in pixels.
        count: identities a step, each with two crops and up to one stranger.
        jitter: how far an edge of the box is off at most, as a share of the box's side.
    """

    def __init__(
        self, identities: Sequence[Sequence[ObjectView]], size: int, count: int, jitter: float = 0.12
    ) -> None:
        self.identities = identities
        self.size = size
        self.count = count
        self.jitter = jitter

    def crops(self, rng: Generator) -> Crops:
        """The crops of a step: two of each of `count` identities, and a stranger from the picture of each."""
        pictures: list[Frame] = []
        names: list[int] = []
        for number in draw(rng, self.identities, self.count, 0.4):
            views = self.identities[number]
            pair = [views[int(n)] for n in rng.choice(len(views), 2, replace=len(views) < 2)]
            pictures += [self.changed(rng, view) for view in pair]
            names += [number, number]
            if pair[0].strangers:
                pictures.append(degrade(rng, relight(rng, self._stranger(rng, pair[0]))))
                names.append(-1)
        return Crops(np.stack(pictures), np.array(names, np.int64))

    def plain(self, view: ObjectView) -> Frame:
        """(size, size, 3): the box as it is, as the trained network will see it."""
        part = np.ascontiguousarray(view.frame[view.box.slices])
        return self._square(part)

    def changed(self, rng: Generator, view: ObjectView) -> Frame:
        """(size, size, 3): the box, jittered, under another light, perhaps before another background."""
        matrix = self._matrix(rng, view)
        place = (self.size, self.size)
        border = cv2.BORDER_REPLICATE
        warped = cv2.warpAffine(view.frame, matrix, place, flags=cv2.INTER_LINEAR, borderMode=border)
        frame: Frame = warped.astype(np.uint8, copy=False)
        if rng.random() < 0.3:
            mask = cv2.warpAffine(view.mask.astype(np.uint8), matrix, place, flags=cv2.INTER_LINEAR)
            soft = cv2.GaussianBlur(mask.astype(np.float32), (5, 5), 0)[..., None]
            ground = self._stranger(rng, self._anyone(rng))
            frame = np.rint(frame * soft + ground * (1 - soft)).astype(np.uint8)
        if rng.random() < 0.35:
            frame = self._hidden(rng, frame)
        if rng.random() < 0.25:
            small = int(self.size * rng.uniform(0.2, 0.7))
            frame = self._square(
                cv2.resize(frame, (small, small), interpolation=cv2.INTER_AREA).astype(np.uint8)
            )
        return degrade(rng, relight(rng, frame))

    def _matrix(self, rng: Generator, view: ObjectView) -> NDArray[np.float64]:
        """From pixels of the view to pixels of the crop: jitter, flip, a little rotation."""
        box = view.box
        left, right = rng.uniform(-self.jitter, self.jitter, 2) * box.width
        top, bottom = rng.uniform(-self.jitter, self.jitter, 2) * box.height
        across = self.size / max(8.0, box.width - left + right)
        down = self.size / max(8.0, box.height - top + bottom)
        matrix = np.array(
            [[across, 0, -(box.x0 + left) * across], [0, down, -(box.y0 + top) * down], [0, 0, 1]]
        )
        if rng.random() < 0.5:
            matrix = np.array([[-1, 0, self.size], [0, 1, 0], [0, 0, 1]]) @ matrix
        if rng.random() < 0.4:
            middle = (self.size / 2, self.size / 2)
            turn = cv2.getRotationMatrix2D(middle, rng.uniform(-12, 12), 1.0)
            matrix = np.vstack([turn, [0, 0, 1]]) @ matrix
        result: NDArray[np.float64] = matrix[:2]
        return result

    def _hidden(self, rng: Generator, frame: Frame) -> Frame:
        """Something else covers a part, from a side or in the middle."""
        cover = self._stranger(rng, self._anyone(rng))
        wide, high = (int(v) for v in rng.uniform(0.25, 0.65, 2) * self.size)
        if rng.random() < 0.4:
            high = self.size
        x, y = int(rng.integers(self.size - wide + 1)), int(rng.integers(self.size - high + 1))
        frame = frame.copy()
        frame[y : y + high, x : x + wide] = cover[y : y + high, x : x + wide]
        return frame

    def _anyone(self, rng: Generator) -> ObjectView:
        views = self.identities[int(rng.integers(len(self.identities)))]
        return views[int(rng.integers(len(views)))]

    def _stranger(self, rng: Generator, view: ObjectView) -> Frame:
        if not view.strangers:
            return np.full((self.size, self.size, 3), rng.integers(40, 200, 3), np.uint8)
        return self._square(view.strangers[int(rng.integers(len(view.strangers)))])

    def _square(self, picture: NDArray[np.uint8]) -> Frame:
        shrinks = picture.shape[0] * picture.shape[1] > self.size * self.size
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(picture, (self.size, self.size), interpolation=method).astype(np.uint8, copy=False)


@dataclass(frozen=True, eq=False)
class ObjectView:
    """One sight of an object.

    Attributes:
        frame: (h, w, 3) uint8 RGB, the object with its surroundings.
        mask: (h, w) bool.
        box: of the mask, in this view.
        strangers: boxes of the same picture that show something else, each (n, n, 3) uint8.
    """

    frame: Frame
    mask: NDArray[np.bool_]
    box: Box
    strangers: tuple[Frame, ...]


def view_of(frame: Frame, labels: LabelMap, number: int, box: Box, rng: Generator) -> ObjectView:
    """Cut one object and up to three strangers out of a picture.

    Args:
        frame: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 object numbers.
        number: of the object.
        box: of the object.

    Returns:
        the view, at most `LONGEST` pixels long.
    """
    height, width = labels.shape
    part = box.enlarge(MARGIN).clip(height, width)
    scale = min(1.0, LONGEST / max(part.width, part.height))
    size = max(1, round(part.width * scale)), max(1, round(part.height * scale))
    small = cv2.resize(np.ascontiguousarray(frame[part.slices]), size, interpolation=cv2.INTER_AREA)
    mask = (labels[part.slices] == number).astype(np.uint8)
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)
    inner = Box.around(mask > 0) or Box(0, 0, *size)
    others = background_boxes(rng, box, (height, width), 3)
    strangers = tuple(
        cv2.resize(np.ascontiguousarray(frame[o.slices]), (128, 128), interpolation=cv2.INTER_AREA).astype(
            np.uint8, copy=False
        )
        for o in others
    )
    return ObjectView(small.astype(np.uint8, copy=False), mask > 0, inner, strangers)


def background_boxes(
    rng: Generator, box: Box, shape: tuple[int, ...], count: int, most: float = 0.2
) -> list[Box]:
    """Up to `count` random boxes of about an object's size that overlap its box by an IoU below `most`.

    Args:
        shape: (height, width) of the picture.
    """
    height, width = shape
    found: list[Box] = []
    for _ in range(40):
        scale = np.exp(rng.uniform(-0.8, 0.5))
        wide = int(min(width, max(16, box.width * scale * rng.uniform(0.8, 1.25))))
        high = int(min(height, max(16, box.height * scale * rng.uniform(0.8, 1.25))))
        left, top = int(rng.integers(width - wide + 1)), int(rng.integers(height - high + 1))
        other = Box(left, top, left + wide, top + high)
        if other.iou(box) < most and other.intersect(box).area < 2 * most * box.area:
            found.append(other)
        if len(found) == count:
            break
    return found


def davis_identities(davis: Path, sequences: Iterable[str], step: int = 3) -> list[list[ObjectView]]:
    """One identity for each object of DAVIS sequences, with a view from every `step`-th frame.

    Args:
        davis: holds JPEGImages/480p and Annotations/480p.
    """
    rng = np.random.default_rng(0)
    identities = []
    for name in sequences:
        views: dict[int, list[ObjectView]] = {}
        for path in sorted((davis / "JPEGImages" / "480p" / name).glob("*.jpg"))[::step]:
            labels = read_labels(davis / "Annotations" / "480p" / name / f"{path.stem}.png")
            frame = read_frame(path)
            for number, box in boxes_of(labels).items():
                if min(box.width, box.height) >= LEAST_SIDE // 2:
                    views.setdefault(number, []).append(view_of(frame, labels, number, box, rng))
        identities += list(views.values())
    return identities


def still_identities(stills: Path) -> list[list[ObjectView]]:
    """One identity with a single view for each object of each picture in the folders below `stills`."""
    rng = np.random.default_rng(0)
    identities = []
    for folder in sorted(path for path in stills.glob("*") if path.is_dir()):
        for still in read_stills([folder], least_area=0.005):
            labels = components(still.labels) if folder.name == "ecssd" else still.labels
            for number, box in boxes_of(labels).items():
                if min(box.width, box.height) >= LEAST_SIDE:
                    identities.append([view_of(still.frame, labels, number, box, rng)])
    return identities


@dataclass(frozen=True, eq=False)
class Crops:
    """What is embedded in a step.

    Attributes:
        pictures: (N, S, S, 3) uint8 RGB.
        identities: (N,) int64, -1 for strangers.
    """

    pictures: NDArray[np.uint8]
    identities: NDArray[np.int64]


def draw(
    rng: Generator, identities: Sequence[Sequence[ObjectView]], count: int, seen_often: float
) -> list[int]:
    """Different identities for a step.

    Args:
        seen_often: share of those with several views, of which there are few.
    """
    several = [n for n, views in enumerate(identities) if len(views) > 1]
    single = [n for n, views in enumerate(identities) if len(views) == 1]
    many = min(len(several), round(count * seen_often) if single else count)
    few = min(len(single), count - many)
    chosen = [int(n) for n in rng.choice(several, many, replace=False)] if many else []
    chosen += [int(n) for n in rng.choice(single, few, replace=False)] if few else []
    if not chosen:
        raise UserError("There is no object to train on.")
    return chosen


class OnlineInstanceMatching(nn.Module):
    """Match embeddings against a table of identities and a circular queue of strangers.

    The table holds one unit vector for each labelled identity, the queue the latest embeddings that belong to
    none. An embedding x of identity t should be more similar to table entry t than to all the rest:

        p_t = exp(v_t x / temperature) / (sum_j exp(v_j x / temperature) + sum_k exp(u_k x / temperature))

    and the loss is -log p_t, averaged over the labelled rows of a batch. Neither memory receives
    gradients: v_t becomes momentum v_t + (1 - momentum) x, scaled to length 1, and strangers replace the
    oldest ones in the queue. Both are buffers, so a checkpoint of the model carries them.

    Attributes:
        table: (identities, d), v.
        queue: (strangers, d), u; rows of zeros where there was none yet.
        filled: () how many rows of the queue are in use.
        place: () where in the queue the next stranger goes.
    """

    table: Tensor
    queue: Tensor
    filled: Tensor
    place: Tensor

    def __init__(
        self,
        identities: int,
        dimensions: int,
        strangers: int,
        temperature: float = 0.1,
        momentum: float = 0.5,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.momentum = momentum
        self.register_buffer("table", torch.zeros(identities, dimensions))
        self.register_buffer("queue", torch.zeros(strangers, dimensions))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor, identities: Tensor) -> Tensor:
        """The loss of a batch; strangers among it enter the queue first, so that they count at once.

        Args:
            x: (n, d) of length 1.
            identities: (n,) int64, a row of the table or `UNKNOWN`.

        Returns:
            () the mean of -log p over the labelled rows; 0 when there are none.
        """
        known = identities != UNKNOWN
        self._enqueue(x[~known].detach())
        logits = self.logits(x[known])
        if not len(logits):
            return x.sum() * 0
        return functional.cross_entropy(logits, identities[known])

    def logits(self, x: Tensor) -> Tensor:
        """(n, d) to (n, identities + strangers in use): similarities over temperature."""
        # Copies: `remember` writes to the buffers while the graph may still need what they were.
        memory = torch.cat([self.table, self.queue[: int(self.filled)]])
        return x @ memory.T / self.temperature

    @torch.no_grad()
    def remember(self, x: Tensor, identities: Tensor) -> None:
        """Update the table with the labelled rows of a batch, one after the other."""
        for row, identity in zip(x.detach(), identities.tolist(), strict=True):
            if identity != UNKNOWN:
                mixed = self.momentum * self.table[identity] + (1 - self.momentum) * row
                self.table[identity] = functional.normalize(mixed, dim=0)

    @torch.no_grad()
    def _enqueue(self, rows: Tensor) -> None:
        size = len(self.queue)
        rows = rows[-size:] if size else rows[:0]
        if len(rows):
            places = (int(self.place) + torch.arange(len(rows))) % size
            self.queue[places] = rows
            self.place.fill_((int(self.place) + len(rows)) % size)
            self.filled.fill_(min(size, int(self.filled) + len(rows)))
