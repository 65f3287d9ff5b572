"""Clips that lie in a folder or stand in a list, each with its masks or points beside it, as tasks."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from ..engine.video.pictures import VIDEOS
from ..errors import UserError
from ..formats.clip_folders import input_beside, input_places, is_result
from ..formats.frame_names import folder_of
from ..formats.targets import is_same_place
from ..reading import MEGABYTE, quoted, read_text
from .task import Task

log = logging.getLogger(__name__)

_NO_CLIPS = frozenset((".csv", ".json", ".log", ".md", ".srt", ".toml", ".txt", ".vsreid", ".xml"))
"""Suffixes of what often lies beside clips and is plainly none."""
_LIST_SIZE = 64 * MEGABYTE
_COLUMNS = 3


def clip_tasks(clips: Path, common: Task) -> list[Task]:
    """A task for each clip.

    Args:
        clips: a folder of videos and of folders of pictures, each with masks or points beside it; or a text
            file with a clip a line: `CLIP`, `CLIP<tab>MASKS` or `CLIP<tab>MASKS<tab>NAME`, paths relative to
            the file's folder. Empty lines, and lines that begin with #, are skipped.
        common: what all tasks share: output, flow (a folder for each clip's name) and how videos and masks
            are read.

    Returns:
        At least one, in order of names or lines. One without masks and points fails when it is carried out.

    Raises:
        UserError: there is no clip, two have the same name, or a line is wrong.
    """
    if clips.is_dir():
        found = [(clip, input_beside(clip), "") for clip in _clips_in(clips) if not _is_result(clip, common)]
    elif clips.is_file():
        found = _listed(clips)
    else:
        raise UserError(f"There is no folder or list of clips at {clips}.")
    if not found:
        raise UserError(f"{clips} holds no clips: videos or folders of pictures, with masks beside them.")
    tasks: dict[str, Task] = {}
    for source, given, told in found:
        name = folder_of(told or (source.name if source.is_dir() else source.stem))
        if name in tasks:
            raise UserError(
                f"{tasks[name].source} and {source} would both be called {name}: list the clips in a file, "
                "with a name as the third column."
            )
        tasks[name] = _task(common, name, source, given)
    return list(tasks.values())


def _task(common: Task, name: str, source: Path, given: Path | None) -> Task:
    points = given if given is not None and _are_points(given) else None
    return replace(
        common,
        name=name,
        source=source.absolute(),
        masks=None if points or given is None else given.absolute(),
        points=points and points.absolute(),
        flo_folder=common.flo_folder and common.flo_folder / name,
    )


def _clips_in(folder: Path) -> list[Path]:
    """Videos, and folders that are no masks of a clip beside them."""
    entries = sorted(it for it in folder.iterdir() if not it.name.startswith("."))
    given = input_places(entries)
    rest = [it for it in entries if it not in given]
    found = [it for it in rest if it.is_dir() or it.suffix.lower() in VIDEOS]
    strange = [it for it in rest if it not in found and it.suffix.lower() not in _NO_CLIPS]
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        log.warning("Passed over, as their names are not those of videos: %s%s", strange[0], more)
    return found


def _is_result(folder: Path, common: Task) -> bool:
    """Whether this is where masks go, or what an earlier call has written."""
    return is_same_place(folder, common.output) or is_result(folder)


def _listed(file: Path) -> list[tuple[Path, Path | None, str]]:
    found = []
    for number, line in enumerate(read_text(file, _LIST_SIZE).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) > _COLUMNS or not columns[0]:
            raise UserError(
                f"{file}, line {number}: {quoted(line)} is not CLIP<tab>MASKS<tab>NAME, of which the "
                "last two may be left out."
            )
        clip, masks, name = (*columns, "", "")[:_COLUMNS]
        if Path(name).name != name or name in {".", ".."} or not name.isprintable():
            raise UserError(f"{file}, line {number}: {quoted(name)} cannot be the name of a folder.")
        source = file.parent / clip
        found.append((source, file.parent / masks if masks else input_beside(source), name))
    return found


def _are_points(path: Path) -> bool:
    """Whether a file holds points: a JSON list, while formats of annotations are JSON objects."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
