"""Files of annotations as masks that a person gives, and the cells that these become."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..engine.types import MAX_INSTANCE, Cell, CellKey, Maker, SoftMask
from ..engine.video import Video
from ..engine.video.picture_names import natural_key
from ..errors import UserError
from ..reading import read_json
from .annotation_parsers import (
    FoundAnnotations,
    Frames,
    parse_coco,
    parse_cvat,
    parse_labelme,
    parse_yolo,
    parse_youtube_vis,
)
from .frame_names import mask_pictures
from .mask_coding import Reading

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class GivenMasks:
    """Masks that were read.

    Attributes:
        masks: by frame, ascending, and by instance number, 1 to 254: P[i, k]. A frame that was given and
            shows no object is there without instances.
        reading: how pictures were taken; None for files of annotations, which leave no choice.
        text: what was taken for what, such as 'one soft-edged object'.
        names: of instances, by number, if the files have any.
        classes: names of their classes, by instance number, if the files have any.
        values: instance by what the files tell objects apart by, where they number none: a colour or level of
            pictures, see `MaskReader.values`, or a label and its place among equal ones.
    """

    masks: Mapping[int, Mapping[int, SoftMask]]
    reading: Reading | None
    text: str
    names: Mapping[int, str] = field(default_factory=dict)
    classes: Mapping[int, str] = field(default_factory=dict)
    values: Mapping[Any, int] = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The instances, ascending."""
        return tuple(sorted({number for there in self.masks.values() for number in there}))

    def as_instance(self, number: int) -> GivenMasks:
        """The same masks as those of one instance where pictures show one object and no number."""
        if self.reading not in {Reading.BINARY, Reading.SOFT, Reading.ALPHA}:
            return self
        moved = {
            frame: dict(zip([number], there.values(), strict=False)) for frame, there in self.masks.items()
        }
        return replace(self, masks=moved)

    def numbered_as(self, known: Mapping[int | str, int], taken: Collection[int]) -> GivenMasks:
        """The same masks, of the instances that the same `values` became before.

        Args:
            known: instance by value.
            taken: the instances that no other value becomes, as far as there are numbers.
        """
        used = {*taken, *known.values()}
        free = (n for n in range(1, MAX_INSTANCE + 1) if n not in used)
        values = {it: known[it] if it in known else next(free, number) for it, number in self.values.items()}
        moved = {number: values[it] for it, number in self.values.items()}
        moved |= {number: next(free, number) for number in self.numbers if number not in moved}
        masks = {frame: _renamed(there, moved) for frame, there in self.masks.items()}
        names, classes = _renamed(self.names, moved), _renamed(self.classes, moved)
        return replace(self, masks=masks, names=names, classes=classes, values=values)


def _renamed(by_number: Mapping[int, T], moved: Mapping[int, int]) -> dict[int, T]:
    return {moved.get(number, number): one for number, one in by_number.items()}


def first_cells(masks: Mapping[int, Mapping[int, SoftMask]]) -> dict[CellKey, Cell]:
    """Each object of each given mask as a pinned checkpoint.

    Args:
        masks: maps by frame and instance number, see `GivenMasks`.
    """
    return {
        CellKey(frame, number): Cell(mask, frame, pinned=True, made_by=Maker.IMPORT)
        for frame, there in masks.items()
        for number, mask in sorted(there.items())
    }


log = logging.getLogger(__name__)

SUFFIXES = (".json", ".xml", ".txt")
"""Of files of annotations."""

_MOST = 2_000_000
"""Objects in all frames together."""


def is_annotations(path: Path) -> bool:
    """Whether a path is a file of annotations, or a folder of such and of no pictures."""
    if not path.is_dir():
        return path.suffix.lower() in SUFFIXES
    return bool(_listed(path)) and not mask_pictures(path)


def read_annotations(path: Path, video: Video, frame: int | None = None) -> GivenMasks:
    """Read masks from a file of annotations, or from a folder with one for each frame.

    Args:
        path: JSON of COCO (images, or videos as in YouTube-VIS) or labelme, XML of CVAT (1.1, for images or
            video), text of YOLO; or a folder of labelme or YOLO files named by their frames.
        frame: that of a file that is for one picture; None for the frame that its name gives, else the first.

    Returns:
        Masks as they are, so that they may overlap.

    Raises:
        UserError: it cannot be read, is of no known form or another size, or names no frame of the video.
    """
    form, found = _read(path, video, frame)
    listed = []
    try:
        for one in found:
            if one.mask.area:
                listed.append(one)
            if len(listed) > _MOST:
                raise UserError(f"{path} holds more than {_MOST} masks.")
    except UserError as error:
        # What is wrong with a polygon or with run lengths does not name the place in the file.
        raise error if str(path) in str(error) else UserError(f"{path}: {error}") from error
    if not listed:
        raise UserError(f"{path} ({form}) shows no object in a frame of {video.path}.")
    return _numbered(listed, form)


def _listed(folder: Path) -> list[Path]:
    files = [it for it in folder.iterdir() if it.suffix.lower() in SUFFIXES and not it.name.startswith(".")]
    return sorted(files, key=lambda file: natural_key(file.name))


def _read(path: Path, video: Video, frame: int | None) -> tuple[str, Iterator[FoundAnnotations]]:
    """The form of a file, and what it holds."""
    frames = Frames(video, path)
    if path.is_dir():
        files = _listed(path)
        kinds = {file.suffix.lower() for file in files}
        if kinds not in ({".json"}, {".txt"}):
            raise UserError(f"{path} holds files of several kinds: give a folder of labelme or YOLO files.")
        placed = [(file, index) for file in files if (index := frames.of_file(file)) is not None]
        if not placed:
            raise UserError(
                f"No file in {path} is named like a frame of {video.path} ({video.names[0]} ...)."
            )
        first: dict[int, Path] = {}
        for file, index in placed:
            if (other := first.setdefault(index, file)) is not file:
                raise UserError(f"{other} and {file} are both of frame {video.names[index]}.")
        reader, form = (parse_labelme, "labelme") if kinds == {".json"} else (parse_yolo, "YOLO")
        return form, (one for file, index in placed for one in reader(file, frames, index))
    named = frame if frame is not None else frames.named(path.stem)
    place = named or 0
    if path.suffix.lower() == ".xml":
        return "CVAT", parse_cvat(path, frames)
    if path.suffix.lower() == ".txt":
        return "YOLO", parse_yolo(path, frames, place)
    document = read_json(path)
    keys = set(document) if isinstance(document, dict) else set()
    if {"videos", "annotations"} <= keys:
        return "YouTube-VIS", parse_youtube_vis(path, document, frames, video)
    if {"images", "annotations"} <= keys:
        return "COCO", parse_coco(path, document, frames)
    if "shapes" in keys:
        if named is None and (picture := document.get("imagePath")):
            place = frames.expected(str(picture))
        return "labelme", parse_labelme(path, frames, place)
    raise UserError(f"{path} is JSON of no known form: neither COCO, YouTube-VIS nor labelme.")


def _numbered(found: list[FoundAnnotations], form: str) -> GivenMasks:
    """Objects by number: that of the file, or in the order of appearance."""
    found = sorted(found, key=lambda one: one.frame)
    how = ""
    if any(one.identity is None for one in found):
        found, how = _identified(found)
    identities = list(dict.fromkeys(one.identity for one in found))
    if all(isinstance(it, int) and 1 <= it <= MAX_INSTANCE for it in identities):
        numbers = {it: int(it) for it in identities if it is not None}
    else:
        numbers = {it: place for place, it in enumerate(identities, 1) if it is not None}
    if len(identities) > MAX_INSTANCE:
        raise UserError(f"There are {len(identities)} objects, but masks number 254 at most.")
    masks: dict[int, dict[int, SoftMask]] = {}
    names: dict[int, str] = {}
    classes: dict[int, str] = {}
    for one in found:
        assert one.identity is not None
        number = numbers[one.identity]
        there = masks.setdefault(one.frame, {})
        there[number] = _union(there[number], one.mask) if number in there else one.mask
        if one.name or one.label:
            names.setdefault(number, one.name or one.label)
        # What was exported without classes has the instances' names in their place.
        if one.label and (one.classed or one.label != one.name):
            classes.setdefault(number, one.label)
    # Labels mean the same in another file; other identities are the file's own.
    labelled = {it: numbers[it] for it in identities if isinstance(it, str) and "\n" in it}
    count = f"{len(identities)} object{'s' if len(identities) > 1 else ''}"
    return GivenMasks(masks, None, f"{form}, {count}{how}", names, classes, labelled)


def _identified(found: list[FoundAnnotations]) -> tuple[list[FoundAnnotations], str]:
    """Give objects identities where the file has none: their class, or their place in the picture's list."""
    seen: dict[tuple[int, str], int] = {}
    listed = []
    for one in found:
        if one.identity is not None:
            listed.append(one)
            continue
        place = seen[one.frame, one.label] = seen.get((one.frame, one.label), 0) + 1
        # Unlike any identity of a group, so that this object and a group of the same class stay two.
        listed.append(replace(one, identity=f"{one.label}\n\0{place}"))
    if max(seen.values()) == 1:
        return listed, ", told apart by their names"
    if len({one.frame for one in found}) == 1:
        return listed, ""
    return listed, ", told apart by their order, as the file has no ids of tracks"


def _union(one: SoftMask, other: SoftMask) -> SoftMask:
    if not (one.box.area and other.box.area):
        return one if one.box.area else other
    box = one.box.union(other.box)
    return SoftMask.tight(np.maximum(one.stored(box), other.stored(box)), (box.x0, box.y0))
