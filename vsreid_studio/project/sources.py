"""What a project was made from, which nothing may be written over."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..formats.targets import Sources
from .document import Project

_KEY = "read_from"
_TRUTH = "truth"
"""Where the window keeps the folder that the masks are compared with."""
_BYTES = "bytes:"
"""Begins the place of a file whose name is not UTF-8."""


def sources_of(project: Project, video: Path | None = None) -> Sources:
    """The project's file, its video, the masks that were read into it and what they are compared with.

    Args:
        video: where the video is now; None for where it was last seen.
    """
    read = project.settings.get(_KEY, [])
    masks = [_path(place) for place in read if isinstance(place, str)] if isinstance(read, list) else []
    truth = project.settings.get(_TRUTH)
    return Sources.of(
        project=project.path,
        video=video or project.video.path,
        masks=masks,
        ground_truth=Path(truth) if isinstance(truth, str) else None,
    )


def note_source(project: Project, masks: Path) -> None:
    """Remember where masks were read from.

    Raises:
        UserError: the project cannot be written.
    """
    known = project.settings.get(_KEY, [])
    place = _place(masks.absolute())
    if isinstance(known, list) and place not in known:
        project.settings.set(_KEY, [*known, place])


def _place(path: Path) -> str:
    text = str(path)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _BYTES + os.fsencode(path).hex()
    return text


def _path(place: str) -> Path:
    if place.startswith(_BYTES):
        with suppress(ValueError):
            return Path(os.fsdecode(bytes.fromhex(place.removeprefix(_BYTES))))
    return Path(place)
