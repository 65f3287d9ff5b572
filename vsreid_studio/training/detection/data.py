"""Pictures that N_det is trained and measured on: DAVIS, stills, and COCO or VOC where there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from ...engine.nets.detector import SHORT_SIDE
from ...engine.types import MAX_INSTANCE, Box, Frame, LabelMap
from ...errors import UserError
from ..clips import read_frame, read_labels, read_stills, split

COMPLETE = frozenset({"coco"})
"""Folders of stills where nearly all objects are labelled; elsewhere one kind or a single one is."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture with labelled objects.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 object numbers, 0 for what is not labelled.
        complete: whether what is not labelled is background.
    """

    frame: Frame
    labels: LabelMap
    complete: bool


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
) -> list[Scene]:
    """Every `step`-th frame of sequences in DAVIS layout, shrunk to `short` pixels on the short side."""
    scenes = []
    for name in sequences:
        paths = sorted((davis / "JPEGImages" / "480p" / name).glob("*.jpg"))
        if not paths:
            raise UserError(f"The sequence {name} in {davis} has no frames.")
        for path in paths[::step]:
            mask = davis / "Annotations" / "480p" / name / f"{path.stem}.png"
            scenes.append(Scene(*shrink(read_frame(path), read_labels(mask), short), complete))
    return scenes


def training_groups(data: Path, step: int = 4) -> list[Sequence[Scene]]:
    """DAVIS train and each folder of stills.

    Args:
        data: holds `davis2016/` and `stills/`.

    Raises:
        UserError: there is nothing to train on.
    """
    groups: list[Sequence[Scene]] = []
    if (data / "davis2016").is_dir():
        groups.append(read_sequences(data / "davis2016", split(data / "davis2016", "train"), step))
    for folder in sorted(path for path in (data / "stills").glob("*") if path.is_dir()):
        whole = folder.name in COMPLETE
        stills = read_stills([folder], least_area=0)
        apart = components if folder.name == "ecssd" else None
        labels = (apart(still.labels) if apart else still.labels for still in stills)
        groups.append([Scene(still.frame, part, whole) for still, part in zip(stills, labels, strict=True)])
    groups = [group for group in groups if len(group)]
    if not groups:
        raise UserError(f"{data} holds neither davis2016/ nor stills/.")
    return groups


class CocoScenes(Sequence[Scene]):
    """COCO pictures with their polygons as label maps, the smaller on top; decoded anew each time."""

    def __init__(self, images: Path, annotations: Path) -> None:
        """Read the annotation file.

        Raises:
            UserError: it cannot be read or is not a COCO instances file.
        """
        try:
            content = json.loads(annotations.read_text(encoding="utf-8"))
            self._marks: dict[int, list[dict[str, Any]]] = {}
            for mark in content["annotations"]:
                self._marks.setdefault(mark["image_id"], []).append(mark)
            self._paths = [
                (images / item["file_name"], item["id"])
                for item in content["images"]
                if item["id"] in self._marks
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{annotations} is not a COCO instances file: {error}.") from error

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Scene: ...
    @overload
    def __getitem__(self, index: slice) -> list[Scene]: ...
    def __getitem__(self, index: int | slice) -> Scene | list[Scene]:
        """A picture, shrunk; it is incomplete where a crowd is labelled as one."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        path, key = self._paths[index]
        frame = read_frame(path)
        marks = sorted(self._marks[key], key=lambda mark: -float(mark.get("area", 0)))
        single = [
            mark for mark in marks if not mark.get("iscrowd") and isinstance(mark["segmentation"], list)
        ]
        labels = _fill_polygons(frame.shape[0], frame.shape[1], single[-MAX_INSTANCE:])
        return Scene(*shrink(frame, labels, SHORT_SIDE), len(single) == len(marks))


def _fill_polygons(height: int, width: int, marks: Sequence[dict[str, Any]]) -> LabelMap:
    labels: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
    for number, mark in enumerate(marks, 1):
        parts = [np.rint(np.reshape(part, (-1, 2))).astype(np.int32) for part in mark["segmentation"]]
        cv2.fillPoly(labels, parts, (number,))
    return labels


class VocScenes(Sequence[Scene]):
    """PASCAL VOC pictures that have a `SegmentationObject` mask; decoded anew each time."""

    def __init__(self, root: Path) -> None:
        """List the masks of a `VOC2012/` folder.

        Raises:
            UserError: there are none.
        """
        self._masks = sorted((root / "SegmentationObject").glob("*.png"))
        self._images = root / "JPEGImages"
        if not self._masks:
            raise UserError(f"{root} holds no SegmentationObject/*.png.")

    def __len__(self) -> int:
        return len(self._masks)

    @overload
    def __getitem__(self, index: int) -> Scene: ...
    @overload
    def __getitem__(self, index: slice) -> list[Scene]: ...
    def __getitem__(self, index: int | slice) -> Scene | list[Scene]:
        """A picture, shrunk; VOC labels its twenty classes only."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        mask = self._masks[index]
        frame = read_frame(self._images / f"{mask.stem}.jpg")
        return Scene(*shrink(frame, read_labels(mask), SHORT_SIDE), False)
