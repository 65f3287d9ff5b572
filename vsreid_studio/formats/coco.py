"""Data sets in COCO layout: each frame an image, each mask an annotation in run lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..engine.types import Frame, LabelMap
from ..errors import UserError
from .catalogue import COCO
from .coco_json import Mark, categories_json, export_listing, lengths_of, read_coco, segmentation
from .footage import Footage, categories, name_of
from .rle import label_map
from .sequence_names import check_name


def export_coco(
    root: Path,
    sequence: str,
    frames: Iterable[Frame],
    label_maps: Iterable[LabelMap],
    names: Mapping[int, str],
    *,
    overwrite: bool = False,
    frame_names: Sequence[str] | None = None,
) -> int:
    """Write `images/SEQUENCE/00000.jpg` on and `annotations/instances_SEQUENCE.json`, and read them back.

    An image's id is its frame's number, by its name or from 0; an annotation has besides COCO's fields an
    `instance_id`. Instances of one name share a category. The frames in which nothing is seen are images
    without annotations.

    Args:
        root: of the data set; created when missing.
        sequence: a name without spaces.
        frames, label_maps: (H, W, 3) uint8 RGB and (H, W) uint8 of each frame, consumed one at a time.
        names: of instances, by number.
        frame_names: of the frames, and of their files; None for 00000 on.
        overwrite: replace the sequence if it is there.

    Returns:
        The number of frames.

    Raises:
        UserError: the sequence is there, frames and masks do not match, something cannot be written, or what
            was written reads differently. What was there is then there still.
    """
    check_name(sequence)
    footage = Footage(sequence, frames, label_maps, frame_names)
    document = partial(_document, names=names)
    return export_listing(root, COCO.parts(sequence), footage, document, read_coco_masks, overwrite=overwrite)


def read_coco_masks(path: Path) -> Iterator[LabelMap]:
    """The label map of every image, by ascending id: (height, width) uint8.

    The number in it is the annotation's `instance_id`, or its place among those of its image, from 1, in
    files that others made.

    Raises:
        UserError: the file cannot be read, is no COCO instances file, or has overlapping masks.
    """
    document = read_coco(path, ("images", "annotations"))
    marks: dict[int, list[Any]] = {}
    try:
        for mark in document["annotations"]:
            marks.setdefault(mark["image_id"], []).append(mark)
        for image in sorted(document["images"], key=lambda it: it["id"]):
            height, width = int(image["height"]), int(image["width"])
            numbered = enumerate(marks.get(image["id"], ()), 1)
            masks = [(it.get("instance_id", place), lengths_of(it["segmentation"])) for place, it in numbered]
            yield label_map(masks, height, width)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not a COCO instances file with masks in run lengths.") from error


def _document(footage: Footage, found: list[dict[int, Mark]], names: Mapping[int, str]) -> dict[str, Any]:
    kinds = categories(names, (number for marks in found for number in marks))
    height, width = footage.height, footage.width
    annotations: list[dict[str, Any]] = []
    for index, marks in enumerate(found):
        for number, mark in marks.items():
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": footage.number(index),
                    "category_id": kinds[name_of(names, number)],
                    "instance_id": number,
                    "segmentation": segmentation(mark.counts, height, width),
                    "area": mark.area,
                    "bbox": mark.box,
                    "iscrowd": 0,
                }
            )
    return {
        "info": {"description": f"{footage.name}, exported by vsreid-studio"},
        "licenses": [],
        "images": [
            {
                "id": footage.number(index),
                "file_name": f"{footage.name}/{footage.file(index)}.jpg",
                "height": height,
                "width": width,
            }
            for index in range(footage.count)
        ],
        "annotations": annotations,
        "categories": categories_json(kinds),
    }
