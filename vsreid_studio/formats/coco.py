"""Data sets in COCO layout: pictures, or videos as YouTube-VIS has them, with masks in run lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..engine.types import LabelMap
from ..errors import UserError
from .catalogue import COCO, COCO_VIDEO
from .classes import NO_CLASSES, Classes, categories_json, name_of
from .coco_json import Mark, export_listing, lengths_of, read_coco, segmentation
from .footage import Footage
from .frame_names import check_name
from .rle import label_map


def export_coco(
    root: Path,
    footage: Footage,
    names: Mapping[int, str],
    *,
    overwrite: bool = False,
    classes: Classes = NO_CLASSES,
) -> int:
    """Write `images/SEQUENCE/00000.jpg` on and `annotations/instances_SEQUENCE.json`, and read them back.

    An image's id is its frame's number, by its name or from 0; an annotation has besides COCO's fields
    `instance_id` and `instance_name`. Instances of one class share a category. The frames in which nothing
    is seen are images without annotations.

    Args:
        root: of the data set; created when missing.
        footage: its name has no spaces.
        names: of instances, by number.
        classes: the categories; an instance without a class has one of its own name.
        overwrite: replace the sequence if it is there.

    Returns:
        The number of frames.

    Raises:
        UserError: the sequence is there, frames and masks do not match, something cannot be written, or what
            was written reads differently. What was there is then there still.
    """
    parts = COCO.parts(check_name(footage.name))
    document = partial(_document, names=names, classes=classes)
    return export_listing(root, parts, footage, document, read_coco_masks, overwrite=overwrite)


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


def _document(
    footage: Footage, found: list[dict[int, Mark]], names: Mapping[int, str], classes: Classes
) -> dict[str, Any]:
    kinds = classes.categories(names, (number for marks in found for number in marks))
    height, width = footage.height, footage.width
    annotations: list[dict[str, Any]] = []
    for index, marks in enumerate(found):
        for number, mark in marks.items():
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": footage.number(index),
                    "instance_name": name_of(names, number),
                    "category_id": kinds[classes.kind(names, number)],
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


def export_coco_video(
    root: Path,
    footage: Footage,
    names: Mapping[int, str],
    *,
    overwrite: bool = False,
    classes: Classes = NO_CLASSES,
) -> int:
    """Write `JPEGImages/SEQUENCE/00000.jpg` on and `instances_SEQUENCE.json`, and read them back.

    The file holds one video. An annotation is a track: its id is the instance's number, and it has one
    segmentation, box and area a frame, null where the instance is not seen. An instance that is never seen
    has no track. Instances of one class share a category.

    Args:
        root: of the data set; created when missing.
        footage: its name has no spaces.
        names: of instances, by number.
        classes: the categories; an instance without a class has one of its own name.
        overwrite: replace the sequence if it is there.

    Returns:
        The number of frames.

    Raises:
        UserError: the sequence is there, frames and masks do not match, something cannot be written, or what
            was written reads differently. What was there is then there still.
    """
    parts = COCO_VIDEO.parts(check_name(footage.name))
    document = partial(_video_document, names=names, classes=classes)
    return export_listing(root, parts, footage, document, read_coco_video, overwrite=overwrite)


def read_coco_video(path: Path, video: int = 1) -> Iterator[LabelMap]:
    """The label maps of one video of the file, in order: (height, width) uint8, ids of tracks as numbers.

    Args:
        video: its id.

    Raises:
        UserError: the file cannot be read, is not of this kind, has no such video or overlapping masks.
    """
    document = read_coco(path, ("videos", "annotations"))
    try:
        wanted = next((it for it in document["videos"] if it["id"] == video), None)
        if wanted is None:
            raise UserError(f"{path} has no video {video}.")
        tracks = [it for it in document["annotations"] if it["video_id"] == video]
        for index in range(len(wanted["file_names"])):
            there = [(it["id"], it["segmentations"][index]) for it in tracks]
            masks = [(number, lengths_of(mask)) for number, mask in there if mask is not None]
            yield label_map(masks, int(wanted["height"]), int(wanted["width"]))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not a YouTube-VIS file with masks in run lengths.") from error


def _video_document(
    footage: Footage, found: list[dict[int, Mark]], names: Mapping[int, str], classes: Classes
) -> dict[str, Any]:
    seen = sorted({number for marks in found for number in marks})
    kinds = classes.categories(names, seen)
    return {
        "info": {"description": f"{footage.name}, exported by vsreid-studio"},
        "licenses": [],
        "videos": [
            {
                "id": 1,
                "height": footage.height,
                "width": footage.width,
                "length": footage.count,
                "file_names": [f"{footage.name}/{footage.file(index)}.jpg" for index in range(footage.count)],
            }
        ],
        "annotations": [
            {
                "id": number,
                "video_id": 1,
                "instance_name": name_of(names, number),
                "category_id": kinds[classes.kind(names, number)],
                "iscrowd": 0,
                "height": footage.height,
                "width": footage.width,
                "length": footage.count,
                **_track([marks.get(number) for marks in found], footage.height, footage.width),
            }
            for number in seen
        ],
        "categories": categories_json(kinds),
    }


def _track(masks: list[Mark | None], height: int, width: int) -> dict[str, list[Any]]:
    """A list over the frames for each thing that COCO tells of a mask."""
    return {
        "segmentations": [None if it is None else segmentation(it.counts, height, width) for it in masks],
        "bboxes": [None if it is None else it.box for it in masks],
        "areas": [None if it is None else it.area for it in masks],
    }
