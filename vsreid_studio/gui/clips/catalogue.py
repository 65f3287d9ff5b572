"""The clips of a folder or data set, by the names of its files alone: nothing is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ...engine.video.pictures import VIDEOS, natural_key
from ...errors import UserError
from ...formats.davis import read_sequence_list
from ..davis_folders import FRAMES, holds_pictures, sequences_under
from ..opening import SUFFIX, project_places

MOST = 20_000
"""Clips that are listed."""


@dataclass(frozen=True, slots=True)
class ListedClip:
    """One clip of many.

    Attributes:
        name: for people; different for each clip of a list.
        path: what is opened: a video, a folder of pictures, or a project of a video that lies elsewhere.
        sets: names of the lists of the data set that it stands in.
    """

    name: str
    path: Path
    sets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The clips of a place.

    Attributes:
        root: the folder.
        clips: in natural order of their names.
        sets: names of the lists of the data set, such as 'val'; none of other folders.
    """

    root: Path
    clips: tuple[ListedClip, ...]
    sets: tuple[str, ...] = ()


def catalogue(root: Path, data: Path) -> Catalogue:
    """The clips of a folder: the sequences of a DAVIS data set, else videos and folders of pictures.

    Projects in it are clips, too, where they are of no clip that is listed: `run` leaves them so.

    Args:
        data: the person's data, where the projects of read-only folders and data sets lie.

    Returns:
        No clip for a folder that is a clip itself.

    Raises:
        OSError: it cannot be read.
    """
    root = root.absolute()
    if holds_pictures(root):
        return Catalogue(root, ())
    sequences = sequences_under(root)
    paths = sequences or [path for path in _visible(root) if _is_clip(path)]
    projects = {place for path in paths for place in project_places(path, data)}
    extra = [] if sequences else [it for it in _visible(root) if it.suffix == SUFFIX and it not in projects]
    clips = [ListedClip(name, path) for name, path in _named([*paths, *extra])]
    clips.sort(key=lambda clip: natural_key(clip.name))
    lists = _lists(root) if sequences else {}
    listed = [
        replace(it, sets=frozenset(n for n, names in lists.items() if it.name in names)) for it in clips
    ]
    return Catalogue(root, tuple(listed[:MOST]), tuple(lists))


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        with suppress(OSError):
            return holds_pictures(path)
        return False
    return path.suffix.lower() in VIDEOS


def _named(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Each by its name without suffix, or with it where that tells two apart."""
    listed = list(paths)
    stems = [path.name if path.is_dir() else path.stem for path in listed]
    count = Counter(stems)
    for path, stem in zip(listed, stems, strict=True):
        yield (stem if count[stem] == 1 else path.name), path


def _lists(root: Path) -> dict[str, frozenset[str]]:
    """The lists of a data set by name; of several years the newest counts."""
    parts = root.parts
    top = Path(*parts[: len(parts) - parts[::-1].index(FRAMES) - 1]) if FRAMES in parts else root
    found: dict[str, frozenset[str]] = {}
    for path in sorted((top / "ImageSets").glob("*/*.txt")):
        with suppress(UserError):
            found[path.stem] = frozenset(read_sequence_list(path))
    return dict(sorted(found.items()))
