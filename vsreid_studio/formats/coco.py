"""Data sets in COCO layout: pictures, or videos as YouTube-VIS has them, with masks in run lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..engine.types import LabelMap
from ..errors import UserError
from ..reading import read_json
from .catalogue import COCO, COCO_VIDEO
from .classes import NO_CLASSES, Classes, categories_json, name_of
from .footage import Footage
from .frame_names import check_name
from .marks import Mark, MarkFile, json_pieces, write_pieces
from .masks import write_frame
from .owned import placing
from .provenance import record_path
from .rle import expanded, label_map


def segmentation(counts: str, height: int, width: int) -> dict[str, Any]:
    """A mask as COCO's `segmentation` in compressed run lengths."""
    return {"size": [height, width], "counts": counts}


def lengths_of(mask: Mapping[str, Any]) -> list[int]:
    """The run lengths of a `segmentation`, compressed or plain.

    Raises:
        UserError: they are broken.
        TypeError: these are polygons.
    """
    counts = mask["counts"]
    return expanded(counts) if isinstance(counts, str) else [int(length) for length in counts]


def read_coco(path: Path, lists: Iterable[str]) -> dict[str, Any]:
    """Read JSON that has some lists.

    Raises:
        UserError: it cannot be read, or lacks one of them.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not all(isinstance(document.get(it), list) for it in lists):
        raise UserError(f"{path} is not a COCO file: it needs the lists {' and '.join(lists)}.")
    return document


def export_listing(
    root: Path,
    parts: Sequence[Path],
    footage: Footage,
    document: Callable[[Footage, MarkFile], dict[str, Any]],
    *,
    overwrite: bool,
) -> int:
    """Write a sequence's pictures and the file that lists its masks, read the file back, and publish both.

    Memory does not grow with the masks, and the file may be larger than those that are read of others.

    Args:
        root: of the data set; created when missing.
        parts: where the folder of pictures and the file go, below `root`; these two.
        footage: the sequence; consumed.
        document: what the file holds, of the footage and each frame's masks; see `json_pieces`.
        overwrite: replace what is there.

    Returns:
        The number of frames.

    Raises:
        UserError: something is there, frames and masks do not match, something cannot be written, or what was
            written reads differently. What was there is then there still.
    """
    pictures, listing = parts
    record = record_path(root, footage.name)
    with placing(root, folders=[pictures], files=[listing], overwrite=overwrite, record=record) as stage:
        for folder in (stage / pictures, stage / listing.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with MarkFile(stage) as found:
            for index, frame, labels in footage:
                write_frame(stage / pictures / f"{footage.file(index)}.jpg", frame)
                found.add(labels)
            found.confirm(footage, root / listing)
            write_pieces(stage / listing, lambda: _json(document(footage, found)), root / listing)
    return footage.count


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
    `instance_id`, `instance_name` and `instance_classed`: whether its category is a class, and not the name
    of an instance without one. Instances of one class share a category. The frames in which nothing is seen
    are images without annotations.

    See `exports.SequenceWriter` for arguments and errors.
    """
    parts = COCO.parts(check_name(footage.name))
    document = partial(_document, names=names, classes=classes)
    return export_listing(root, parts, footage, document, overwrite=overwrite)


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


def _json(document: Mapping[str, Any]) -> Iterator[str]:
    yield from json_pieces(document)
    yield "\n"


def _document(
    footage: Footage, found: MarkFile, names: Mapping[int, str], classes: Classes
) -> dict[str, Any]:
    kinds = classes.categories(names, found.seen)
    height, width = footage.height, footage.width
    there = ((index, *mark) for index in range(footage.count) for mark in found.frame(index).items())
    annotations = (
        {
            "id": place,
            "image_id": footage.number(index),
            "instance_name": name_of(names, number),
            "instance_classed": classes.has(number),
            "category_id": kinds[classes.kind(names, number)],
            "instance_id": number,
            "segmentation": segmentation(mark.counts, height, width),
            "area": mark.area,
            "bbox": mark.box,
            "iscrowd": 0,
        }
        for place, (index, number, mark) in enumerate(there, 1)
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

    See `exports.SequenceWriter` for arguments and errors.
    """
    parts = COCO_VIDEO.parts(check_name(footage.name))
    document = partial(_video_document, names=names, classes=classes)
    return export_listing(root, parts, footage, document, overwrite=overwrite)


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
    footage: Footage, found: MarkFile, names: Mapping[int, str], classes: Classes
) -> dict[str, Any]:
    kinds = classes.categories(names, found.seen)
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
        "annotations": (
            {
                "id": number,
                "video_id": 1,
                "instance_name": name_of(names, number),
                "instance_classed": classes.has(number),
                "category_id": kinds[classes.kind(names, number)],
                "iscrowd": 0,
                "height": footage.height,
                "width": footage.width,
                "length": footage.count,
                **_track(footage, found, number),
            }
            for number in found.seen
        ),
        "categories": categories_json(kinds),
    }


def _track(footage: Footage, found: MarkFile, number: int) -> dict[str, Iterator[Any]]:
    """A list over the frames for each field of the COCO record of a mask."""
    height, width = footage.height, footage.width

    def marks() -> Iterator[Mark | None]:
        return (found.get(index, number) for index in range(footage.count))

    return {
        "segmentations": (None if it is None else segmentation(it.counts, height, width) for it in marks()),
        "bboxes": (None if it is None else it.box for it in marks()),
        "areas": (None if it is None else it.area for it in marks()),
    }
