"""Data sets in YouTube-VOS layout: `JPEGImages` and `Annotations` by video, and `meta.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.types import LabelMap
from ..errors import UserError
from ..reading import read_json
from .catalogue import YOUTUBE_VOS
from .classes import NO_CLASSES, Classes
from .davis import mask_files
from .footage import Footage
from .frame_names import check_name
from .masks import read_label_map, write_frame, write_mask
from .owned import is_known, placing
from .provenance import record_path

META = "meta.json"


@dataclass(frozen=True)
class VosObject:
    """An object of a video, as `meta.json` has it.

    Attributes:
        number: its value in the masks, 1 to 254.
        category: its name.
        frames: names of those in which it has a pixel, in order.
    """

    number: int
    category: str
    frames: tuple[str, ...]


def export_youtube_vos(
    root: Path,
    footage: Footage,
    names: Mapping[int, str],
    *,
    overwrite: bool = False,
    classes: Classes = NO_CLASSES,
) -> int:
    """Add a video to a data set in YouTube-VOS layout, new or old, and read it back.

    See `exports.SequenceWriter` for arguments and errors.
    """
    video = check_name(footage.name)
    parts, record = YOUTUBE_VOS.parts(video), record_path(root, video)
    seen: dict[int, list[str]] = {}

    def known() -> dict[str, Any]:
        meta = _read_meta(root / META) if (root / META).exists() else {"videos": {}}
        if video in meta["videos"] and not (overwrite and is_known(root, root / parts[1], record)):
            raise UserError(f"{root / META} names a video {video} already: choose another name.")
        return meta

    def listed() -> bytes:
        meta = known()
        objects = {
            str(number): {"category": classes.kind(names, number), "frames": seen[number]}
            for number in sorted(seen)
        }
        meta["videos"][video] = {"objects": objects}
        text = json.dumps(meta, indent=1, ensure_ascii=False) + "\n"
        if {one.number: list(one.frames) for one in _objects(json.loads(text), video, root / META)} != seen:
            raise UserError(f"{root / META} would tell otherwise of {video}.")
        return text.encode()

    with placing(
        root, folders=parts, lists={Path(META): listed}, overwrite=overwrite, record=record
    ) as stage:
        known()
        seen.update(_fill(stage, video, footage))
        footage.confirm(read_masks(stage, video), root / "Annotations" / video)
    return footage.count


def read_objects(root: Path, video: str) -> tuple[VosObject, ...]:
    """The objects of a video, by number.

    Raises:
        UserError: `meta.json` cannot be read, or does not know the video.
    """
    return _objects(_read_meta(root / META), video, root / META)


def _objects(meta: Mapping[str, Any], video: str, path: Path) -> tuple[VosObject, ...]:
    try:
        objects = [
            VosObject(int(key), str(one.get("category", "")), tuple(str(frame) for frame in one["frames"]))
            for key, one in meta["videos"][video]["objects"].items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} tells nothing useful of a video {video}.") from error
    return tuple(sorted(objects, key=lambda one: one.number))


def read_masks(root: Path, video: str) -> Iterator[LabelMap]:
    """The masks of a video in order: (H, W) uint8.

    Raises:
        UserError: there is none, or one cannot be read.
    """
    return (read_label_map(path) for path in mask_files(root / "Annotations" / video))


def _fill(stage: Path, video: str, footage: Footage) -> dict[int, list[str]]:
    """Write frames and masks; returns the frames in which each instance is seen."""
    pictures, masks = (stage / part for part in YOUTUBE_VOS.parts(video))
    pictures.mkdir(parents=True)
    masks.mkdir(parents=True)
    seen: dict[int, list[str]] = {}
    for index, frame, labels in footage:
        write_frame(pictures / f"{footage.file(index)}.jpg", frame)
        write_mask(masks / f"{footage.file(index)}.png", labels)
        for number in np.unique(labels[labels > 0]).tolist():
            seen.setdefault(number, []).append(footage.file(index))
    return seen


def _read_meta(path: Path) -> dict[str, Any]:
    meta = read_json(path)
    if not isinstance(meta, dict) or not isinstance(meta.get("videos"), dict):
        raise UserError(f"{path} is not the meta.json of a YouTube-VOS data set.")
    return meta
