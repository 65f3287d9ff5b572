"""COCO and PASCAL VOC as people download them, and sequences too large for memory: made when needed."""

from __future__ import annotations

from abc import abstractmethod
from argparse import ArgumentParser, Namespace
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import cv2
import numpy as np

from ..engine.types import MAX_INSTANCE, Frame, LabelMap
from ..errors import UserError
from ..reading import MEGABYTE, expecting, read_json
from .clips import Still, read_frame, read_labels

T = TypeVar("T")
S = TypeVar("S")


class Lazy(Sequence[T]):
    """A sequence by `__len__` and `item`; slices are lists."""

    @abstractmethod
    def item(self, index: int) -> T:
        """The item of an index that is in range and not negative."""

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        """An item, or a list of them.

        Raises:
            IndexError: there is none.
        """
        places = range(len(self))[index]
        return self.item(places) if isinstance(places, int) else [self.item(place) for place in places]


class Mapped(Lazy[T], Generic[S, T]):
    """What a function makes of each item of another sequence."""

    def __init__(self, source: Sequence[S], make: Callable[[S], T]) -> None:
        self._source = source
        self._make = make

    def __len__(self) -> int:
        return len(self._source)

    def item(self, index: int) -> T:
        """The item that is made of the source's."""
        return self._make(self._source[index])


class Chained(Lazy[T]):
    """Several sequences, one after the other."""

    def __init__(self, parts: Sequence[Sequence[T]]) -> None:
        self._parts = [part for part in parts if len(part)]
        self._ends = list(accumulate(len(part) for part in self._parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def item(self, index: int) -> T:
        """The item of the part in which it lies."""
        number = bisect_right(self._ends, index)
        return self._parts[number][index - (self._ends[number - 1] if number else 0)]


_LARGEST = 2048 * MEGABYTE
"""Bytes of a file of annotations: that of COCO's train2017 has 448 MB."""


@dataclass(frozen=True, eq=False)
class Annotated:
    """A picture with labelled objects.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 object numbers, 0 for what is not labelled.
        complete: whether what is not labelled is background.
    """

    frame: Frame
    labels: LabelMap
    complete: bool


class CocoPictures(Lazy[Annotated]):
    """COCO's pictures with their masks, the smaller on top."""

    def __init__(self, images: Path, annotations: Path) -> None:
        """Read the annotation file, such as `annotations/instances_train2017.json`.

        Args:
            images: the folder of its pictures, such as `train2017`.

        Raises:
            UserError: it cannot be read or is not a COCO instances file.
        """
        content = read_json(annotations, _LARGEST)
        with expecting(f"{annotations} is not a COCO instances file"):
            self._marks: dict[int, list[dict[str, Any]]] = {}
            for mark in content["annotations"]:
                self._marks.setdefault(mark["image_id"], []).append(mark)
            self._paths = [
                (images / item["file_name"], item["id"])
                for item in content["images"]
                if item["id"] in self._marks
            ]

    def __len__(self) -> int:
        return len(self._paths)

    def item(self, index: int) -> Annotated:
        """A picture; it is incomplete where a crowd is labelled as one."""
        path, key = self._paths[index]
        frame = read_frame(path)
        marks = sorted(self._marks[key], key=lambda mark: -float(mark.get("area", 0)))
        single = [mark for mark in marks if not mark.get("iscrowd")]
        labels: LabelMap = np.zeros(frame.shape[:2], np.uint8)
        for number, mark in enumerate(single[-MAX_INSTANCE:], 1):
            _draw(labels, number, mark["segmentation"])
        return Annotated(frame, labels, len(single) == len(marks))


class VocPictures(Lazy[Annotated]):
    """PASCAL VOC's pictures that have a `SegmentationObject` mask; only its twenty classes are labelled."""

    def __init__(self, root: Path) -> None:
        """List the masks of a folder such as `VOCdevkit/VOC2012`.

        Raises:
            UserError: there are none.
        """
        self._masks = sorted((root / "SegmentationObject").glob("*.png"))
        self._images = root / "JPEGImages"
        if not self._masks:
            raise UserError(f"{root} holds no SegmentationObject/*.png.")

    def __len__(self) -> int:
        return len(self._masks)

    def item(self, index: int) -> Annotated:
        """A picture."""
        mask = self._masks[index]
        return Annotated(read_frame(self._images / f"{mask.stem}.jpg"), read_labels(mask), False)


class Stills(Lazy[Still]):
    """Annotated pictures as stills for N_mp; one without an instance of some size gives way to the next."""

    def __init__(self, pictures: Sequence[Annotated], least_area: float = 0.01) -> None:
        """List the pictures, without decoding any.

        Args:
            least_area: instances below this share of a picture are not trained on.
        """
        self._pictures = pictures
        self._least = least_area

    def __len__(self) -> int:
        return len(self._pictures)

    def item(self, index: int) -> Still:
        """A still with at least one instance fit for training.

        Raises:
            UserError: no picture has one.
        """
        for step in range(len(self)):
            found = self._pictures[(index + step) % len(self)]
            sizes = np.bincount(found.labels.ravel(), minlength=2)
            sizes[0] = 0
            worth = np.flatnonzero(sizes >= max(1, self._least * found.labels.size))
            if worth.size:
                return Still(found.frame, found.labels, tuple(int(number) for number in worth))
        raise UserError("No picture has an instance large enough to train on.")


def add_public_arguments(parser: ArgumentParser) -> None:
    """Options that name downloads of COCO and VOC."""
    parser.add_argument(
        "--coco",
        nargs=2,
        metavar=("IMAGES", "JSON"),
        help="also train on COCO: train2017 instances_train2017.json",
    )
    parser.add_argument("--voc", metavar="FOLDER", help="also train on PASCAL VOC, e.g. VOCdevkit/VOC2012")


def public_pictures(args: Namespace) -> list[Lazy[Annotated]]:
    """The sets that the options of `add_public_arguments` name.

    Raises:
        UserError: one of them cannot be read.
    """
    found: list[Lazy[Annotated]] = []
    if args.coco:
        found.append(CocoPictures(Path(args.coco[0]), Path(args.coco[1])))
    if args.voc:
        found.append(VocPictures(Path(args.voc)))
    return found


def _draw(labels: LabelMap, number: int, segmentation: Any) -> None:
    """Write an object's number where its mask is: polygons, or run lengths."""
    if isinstance(segmentation, list):
        parts = [np.rint(np.reshape(part, (-1, 2))).astype(np.int32) for part in segmentation]
        cv2.fillPoly(labels, parts, (number,))
    else:
        # These import the readers of video, which training on other data does not need to have installed.
        from ..formats.coco import lengths_of  # noqa: PLC0415
        from ..formats.rle import mask_of  # noqa: PLC0415

        labels[mask_of(lengths_of(segmentation), *labels.shape)] = number
