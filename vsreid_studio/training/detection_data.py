"""Pictures that N_det is trained and measured on (DAVIS, stills, COCO or VOC), and samples made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..engine.nets.detector import SHORT_SIDE
from ..engine.types import MAX_INSTANCE, Box, Frame, LabelMap
from ..errors import UserError
from .clips import degrade, read_frame, read_labels, read_stills, relight, split
from .public import Annotated, Mapped

COMPLETE = frozenset({"coco"})
"""Folders of stills where nearly all objects are labelled; elsewhere one kind or a single one is."""


def boxes_of(labels: LabelMap) -> dict[int, Box]:
    """The tight box of every object of a label map."""
    found: dict[int, Box] = {}
    for number in np.flatnonzero(np.bincount(labels.ravel())):
        box = Box.around(labels == number)
        if number and box is not None:
            found[int(number)] = box
    return found


def components(labels: LabelMap, least: float = 0.1) -> LabelMap:
    """Number the separate parts of a foreground, for masks that do not tell objects apart.

    Args:
        least: parts smaller than this share of the largest one become background.
    """
    count, parts, stats, _ = cv2.connectedComponentsWithStats((labels > 0).astype(np.uint8))
    sizes = stats[1:, cv2.CC_STAT_AREA]
    keep = [n for n in range(1, count) if sizes[n - 1] >= least * sizes.max()][:MAX_INSTANCE]
    table = np.zeros(count, np.uint8)
    table[keep] = np.arange(1, len(keep) + 1)
    result: LabelMap = table[parts]
    return result


def shrink(frame: Frame, labels: LabelMap, short: int) -> tuple[Frame, LabelMap]:
    """Both at `short` pixels on the short side, or as they are when smaller."""
    height, width = labels.shape
    scale = short / min(height, width)
    if scale >= 1:
        return frame, labels
    size = round(width * scale), round(height * scale)
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return small, cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)


def read_sequences(
    davis: Path, sequences: Sequence[str], step: int, short: int = SHORT_SIDE, complete: bool = False
) -> list[Annotated]:
    """Every `step`-th frame of sequences in DAVIS layout, shrunk to `short` pixels on the short side."""
    scenes = []
    for name in sequences:
        paths = sorted((davis / "JPEGImages" / "480p" / name).glob("*.jpg"))
        if not paths:
            raise UserError(f"The sequence {name} in {davis} has no frames.")
        for path in paths[::step]:
            mask = davis / "Annotations" / "480p" / name / f"{path.stem}.png"
            scenes.append(Annotated(*shrink(read_frame(path), read_labels(mask), short), complete))
    return scenes


def training_groups(data: Path, step: int = 4) -> list[Sequence[Annotated]]:
    """DAVIS train and each folder of stills.

    Args:
        data: holds `davis2016/` and `stills/`.

    Raises:
        UserError: there is nothing to train on.
    """
    groups: list[Sequence[Annotated]] = []
    if (data / "davis2016").is_dir():
        groups.append(read_sequences(data / "davis2016", split(data / "davis2016", "train"), step))
    for folder in sorted(path for path in (data / "stills").glob("*") if path.is_dir()):
        whole = folder.name in COMPLETE
        stills = read_stills([folder], least_area=0)
        apart = components if folder.name == "ecssd" else None
        labels = (apart(still.labels) if apart else still.labels for still in stills)
        groups.append(
            [Annotated(still.frame, part, whole) for still, part in zip(stills, labels, strict=True)]
        )
    groups = [group for group in groups if len(group)]
    if not groups:
        raise UserError(f"{data} holds neither davis2016/ nor stills/.")
    return groups


def scenes_of(pictures: Sequence[Annotated], short: int = SHORT_SIDE) -> Sequence[Annotated]:
    """COCO's or VOC's pictures as scenes, shrunk to `short` pixels on the short side, made when needed."""
    return Mapped(pictures, lambda it: Annotated(*shrink(it.frame, it.labels, short), it.complete))


GREY = (127, 127, 127)
"""What the networks read as zero."""
LEAST_VISIBLE = 0.3
"""An object counts while this share of it can be seen."""
LEAST_SIDE = 8
"""And its box is this many pixels wide and high."""


@dataclass(frozen=True, eq=False)
class DetectionSample:
    """One training picture.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        boxes: (n, 4) float32, x0 y0 x1 y1 in pixels, half open.
        complete: whether other places are background for certain.
    """

    frame: Frame
    boxes: NDArray[np.float32]
    complete: bool


class DetectionSampleMaker:
    """Draws training pictures of one size.

    Attributes:
        groups: of pictures; one is drawn in proportion to the square root of its size, so that small varied
            sets are not drowned by long sequences.
        height, width: of the samples, in pixels.
    """

    def __init__(self, groups: Sequence[Sequence[Annotated]], height: int, width: int) -> None:
        self.groups = groups
        self.height = height
        self.width = width
        weights = np.sqrt([len(group) for group in groups])
        self._shares = weights / weights.sum()

    def sample(self, rng: Generator) -> DetectionSample:
        """One picture with up to three objects pasted in."""
        scene = self._draw(rng)
        frame, labels, zoom = self._place(rng, scene)
        # Area that each object would have here if all of it were seen.
        whole = np.bincount(scene.labels.ravel(), minlength=256).astype(np.float64) * zoom
        frame = relight(rng, frame)
        for _ in range(int(rng.choice(4, p=(0.4, 0.25, 0.2, 0.15)))):
            frame, labels = self._paste(rng, frame, labels, whole)
        boxes = visible_boxes(labels, whole)
        return DetectionSample(degrade(rng, frame), boxes, scene.complete)

    def _draw(self, rng: Generator) -> Annotated:
        group = self.groups[int(rng.choice(len(self.groups), p=self._shares))]
        return group[int(rng.integers(len(group)))]

    def _place(self, rng: Generator, scene: Annotated) -> tuple[Frame, LabelMap, float]:
        """The picture somewhere in the sample, its labels, and by how much areas grew."""
        height, width = scene.labels.shape
        scale = self.height / min(height, width) * np.exp(rng.uniform(-0.35, 0.6))
        aspect = np.exp(rng.uniform(-0.15, 0.15))
        across, down = scale * aspect, scale / aspect
        left = rng.uniform(*sorted((0.0, self.width - width * across)))
        top = rng.uniform(*sorted((0.0, self.height - height * down)))
        matrix = np.array([[across, 0, left], [0, down, top]])
        if rng.random() < 0.5:
            matrix[0] = [-across, 0, left + width * across]
        return self._warp(scene.frame, matrix, GREY), self._warp(scene.labels, matrix), float(across * down)

    def _warp(
        self, image: NDArray[np.uint8], matrix: NDArray[np.float64], border: tuple[int, ...] | None = None
    ) -> NDArray[np.uint8]:
        method = cv2.INTER_NEAREST if border is None else cv2.INTER_LINEAR
        size = self.width, self.height
        warped = cv2.warpAffine(image, matrix, size, flags=method, borderValue=border or (0,))
        return warped.astype(np.uint8, copy=False)

    def _paste(
        self, rng: Generator, frame: Frame, labels: LabelMap, whole: NDArray[np.float64]
    ) -> tuple[Frame, LabelMap]:
        donor = self._draw(rng)
        boxes = boxes_of(donor.labels)
        free = np.flatnonzero(whole[1:255] == 0)
        boxes = {number: box for number, box in boxes.items() if min(box.width, box.height) >= 16}
        if not boxes or not free.size:
            return frame, labels
        number = int(rng.choice(list(boxes)))
        box = boxes[number]
        side = np.exp(rng.uniform(np.log(self.height / 12), np.log(self.height * 0.85)))
        scale = side / max(box.width, box.height)
        left = rng.uniform(-0.3 * box.width * scale, self.width - 0.7 * box.width * scale) - box.x0 * scale
        top = rng.uniform(-0.3 * box.height * scale, self.height - 0.7 * box.height * scale) - box.y0 * scale
        matrix = np.array([[scale, 0, left], [0, scale, top]])
        if rng.random() < 0.5:
            matrix[0] = [-scale, 0, left + (box.x0 + box.x1) * scale]
        mask = (donor.labels == number).astype(np.uint8) * np.uint8(255)
        soft = cv2.GaussianBlur(self._warp(mask, matrix, (0,)), (3, 3), 0)[..., None] / np.float32(255)
        picture = self._warp(relight(rng, donor.frame), matrix, GREY)
        mixed = np.rint(picture * soft + frame * (1 - soft)).astype(np.uint8)
        name = int(free[0]) + 1
        whole[name] = np.count_nonzero(mask) * scale * scale
        return mixed, np.where(soft[..., 0] > 0.5, np.uint8(name), labels)


def visible_boxes(labels: LabelMap, whole: NDArray[np.float64]) -> NDArray[np.float32]:
    """The boxes of objects of which enough is seen.

    Args:
        labels: (H, W) uint8 object numbers.
        whole: (256,) pixels of each object if nothing hid it.

    Returns:
        (n, 4) float32, x0 y0 x1 y1, half open.
    """
    seen = np.bincount(labels.ravel(), minlength=256)
    rows = [
        (box.x0, box.y0, box.x1, box.y1)
        for number, box in boxes_of(labels).items()
        if seen[number] >= LEAST_VISIBLE * whole[number] and min(box.width, box.height) >= LEAST_SIDE
    ]
    return np.array(rows, np.float32).reshape(-1, 4)
