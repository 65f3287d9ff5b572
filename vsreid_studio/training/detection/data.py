"""Pictures that N_det is trained and measured on: DAVIS, stills, and COCO or VOC where there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ...engine.nets.detector import SHORT_SIDE
from ...engine.types import MAX_INSTANCE, Box, Frame, LabelMap
from ...errors import UserError
from ..clips import read_frame, read_labels, read_stills, split
from ..public import Annotated, Mapped

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
