"""The masks a person gives: of whatever layout, as maps of numbered instances by frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from ..engine.types import MAX_INSTANCE, SoftMask
from ..engine.video import Video
from ..engine.video.picture_names import natural_key
from ..errors import UserError
from .annotations import GivenMasks, is_annotations, read_annotations
from .frame_names import first_mask_files, frame_of, mask_files_by_frame, mask_pictures, number_in
from .mask_coding import Reading
from .mask_reading import MaskReader

_OBJECT_FILE = re.compile(r"^(?P<frame>.+?)[ ._-](obj(ect)?[ ._-]?)?(?P<object>[0-9]{1,3})$", re.IGNORECASE)

Each: TypeAlias = Callable[[int, int, Collection[SoftMask]], object]


def read_given_masks(
    path: Path,
    video: Video,
    reading: Reading | None = None,
    *,
    frame: int | None = None,
    void: bool = False,
    each: Each = lambda done, total, masks: None,
) -> GivenMasks:
    """Read the masks that a person gives for a video.

    Args:
        path: a picture; a folder of pictures named by their frames; a folder of such folders, one for each
            object; a folder of files such as `00000_1.png`, one for each object; or what `read_annotations`
            reads.
        reading: how to take the pictures, None to guess once for all of them.
        frame: the frame of a single picture; None for the one that its name gives, else the first.
        void: take 255 for void, that is background, as in a data set's annotation, and not for a mistake.
        each: called after each file with the number read, their total, and the masks of that file; and with
            0 while all files are examined to choose the reading. What it raises ends the reading.

    Returns:
        At least one object.

    Raises:
        UserError: something is missing, unreadable, of another size, named like no frame, or numbers an
            instance above 254; or there is no object at all.
    """
    if reading is None and is_annotations(path):
        return read_annotations(path, video, frame)
    size = (video.height, video.width)
    if path.is_dir() and reading in {None, Reading.OBJECTS}:
        objects = _files_by_object(path, video)
        if objects:
            return _some(path, _of_objects(objects, size, each))
    if reading is Reading.OBJECTS:
        raise UserError(
            f"{path} holds no file for each object: folders of them, or files such as 00000_1.png."
        )
    single = frame is not None and not path.is_dir()
    files = {frame or 0: path} if single else first_mask_files(path, video)
    reader = MaskReader(files.values(), reading, size, lambda: each(0, len(files), ()))
    masks = {}
    for done, (index, file) in enumerate(sorted(files.items()), 1):
        masks[index] = reader.masks(file, void=void)
        each(done, len(files), masks[index].values())
    return _some(path, GivenMasks(masks, reader.reading, reader.text, values=reader.values))


def _some(path: Path, given: GivenMasks) -> GivenMasks:
    if not given.numbers:
        raise UserError(f"{path} shows no object: all of it is background.")
    return given


def _of_objects(objects: Mapping[str, Mapping[int, Path]], size: tuple[int, int], each: Each) -> GivenMasks:
    """Masks of which each file shows one object.

    Args:
        objects: files by frame, by the name of the object.
    """
    if len(objects) > MAX_INSTANCE:
        raise UserError(f"There are masks of {len(objects)} objects: masks number 254 instances at most.")
    done, total = 0, sum(len(files) for files in objects.values())
    listed = [file for files in objects.values() for file in files.values()]
    reader = MaskReader(listed, size=size, poll=lambda: each(0, total, ()))
    masks: dict[int, dict[int, SoftMask]] = {}
    names: dict[int, str] = {}
    for number, name in _numbered(objects).items():
        if not name.isdigit():
            names[number] = name
        files = objects[name]
        # What is void in files with other values is the object where there are none.
        whole = not any(reader.labels(file).any() for file in _polled(files.values(), each, done, total))
        for frame, file in files.items():
            there = masks.setdefault(frame, {})
            found = {} if whole else reader.masks(file, void=True)
            if len(found) == 1:
                there[number] = next(iter(found.values()))
            elif found or whole:
                mask = SoftMask.from_dense(reader.labels(file, keep_void=whole) > 0)
                there |= {number: mask} if mask.area else {}
            done += 1
            each(done, total, [there[number]] if number in there else [])
    text = f"a file for each of {len(objects)} objects"
    return GivenMasks(dict(sorted(masks.items())), Reading.OBJECTS, text, names)


def _polled(files: Iterable[Path], each: Each, done: int, total: int) -> Iterator[Path]:
    for file in files:
        each(done, total, ())
        yield file


def _numbered(objects: Mapping[str, object]) -> dict[int, str]:
    """The objects by the numbers in their names, or in the order of the names where these do not serve."""
    names = sorted(objects, key=natural_key)
    numbers = [number_in(name) for name in names]
    if len(set(numbers)) == len(names) and all(number and number <= MAX_INSTANCE for number in numbers):
        return {number: name for number, name in zip(numbers, names, strict=True) if number}
    return dict(enumerate(names, 1))


def _files_by_object(folder: Path, video: Video) -> dict[str, dict[int, Path]]:
    """Files by frame, by object; empty where the folder has another layout."""
    files = mask_pictures(folder)
    if not files:
        inner = sorted(it for it in folder.iterdir() if it.is_dir() and not it.name.startswith("."))
        return {it.name: mask_files_by_frame(it, video) for it in inner if mask_pictures(it)}
    frame_by_name = frame_of(video)
    objects: dict[str, dict[int, Path]] = {}
    for file in files:
        found = _OBJECT_FILE.match(file.stem)
        frame = frame_by_name(found["frame"]) if found else None
        if not found or frame is None or frame_by_name(file.stem) is not None:
            return {}
        if objects.setdefault(found["object"], {}).setdefault(frame, file) is not file:
            other = objects[found["object"]][frame]
            raise UserError(f"{other} and {file} are masks of the same object in the same frame.")
    return objects
