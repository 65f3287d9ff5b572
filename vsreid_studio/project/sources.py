"""What a project was made from: files that nothing may be written over, and clicked points.

A project keeps this beside its masks, in one setting for each cell. A record names its mask by a checksum, so
it holds for as long as the cell has that mask: after an undo the earlier record holds again, and a mask that
was painted over has none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from ..engine.types import CellKey
from ..errors import UserError
from ..formats.annotations import GivenMasks
from ..formats.classes import plain
from ..formats.points import Clicked, clicked_from
from ..formats.targets import Sources, is_same_place
from .document import Project
from .notes import Settings

_KEY = "read_from"
_TRUTH = "truth"
"""Where the window keeps the folder that the masks are compared with."""
_VALUES = "mask_values"
"""What colours, levels and labels of imported masks became."""
_MOST_VALUES = 2000
"""Colours, levels or labels that are remembered, of one kind."""
_Noted: TypeAlias = tuple[int | str, int, int | None]
"""A colour, level or label, the number of the instance it became, and its identity; None if not known."""
_BYTES = "bytes:"
"""Begins the place of a file whose name is not UTF-8."""

PREFIX = "points/"
"""Of the settings' keys."""
_MOST = 20
"""Masks of one cell that are remembered."""


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


def refuse_own(project: Project, path: Path) -> None:
    """Make sure that a file that is about to be read or written is not the open project itself.

    POSIX releases a process's locks on a file when it closes any descriptor of it: another window could then
    open the project, too.

    Raises:
        UserError: it is.
    """
    if is_same_place(path, project.path):
        raise UserError(f"{path} is the project that is open: choose another file.")


def note_source(project: Project, masks: Path) -> None:
    """Remember where masks were read from.

    Raises:
        UserError: the project cannot be written.
    """
    known = project.settings.get(_KEY, [])
    place = _place(masks.absolute())
    if isinstance(known, list) and place not in known:
        project.settings.set(_KEY, [*known, place])


def numbered_as_before(project: Project, given: GivenMasks) -> GivenMasks:
    """Masks without numbers of their own, of the instances that earlier imports of the same became.

    Of labels that are not known, those become the instances of their names, and else new ones.
    """
    instances = project.instances
    known = _values(project, _kind(given))
    labels = {it: number for it, number in given.values.items() if isinstance(it, str) and it not in known}
    for it, number in labels.items():
        named = (n for n, one in instances.items() if one.name == plain(given.names.get(number, "")))
        if (found := next((n for n in named if n not in known.values()), None)) is not None:
            known[it] = found
    if not given.values or not (known or labels):
        return given
    blank = {n for n, one in instances.items() if one.is_blank and not project.annotation.row(n)}
    return given.numbered_as(known, instances.keys() - blank)


def note_values(project: Project, given: GivenMasks) -> None:
    """Remember what instances masks without numbers of their own became.

    Raises:
        UserError: the project cannot be written.
    """
    _note(project, _kind(given), given.values)


def has_values(project: Project, given: GivenMasks) -> bool:
    """Whether it is remembered what masks such as these became."""
    return not given.values or bool(_noted(project).get(_kind(given)))


def carry_values(project: Project, fresh: Project) -> None:
    """Remember in a project what is remembered in the one that it was made from, of the same instances.

    Raises:
        UserError: the new project cannot be written.
    """
    for kind in _noted(project):
        _note(fresh, kind, _values(project, kind))


def _kind(given: GivenMasks) -> str:
    return "labels" if given.reading is None else str(given.reading)


def _values(project: Project, kind: str) -> dict[int | str, int]:
    """Instances by value, as far as they are there: another one of the same number is not meant."""
    known = project.identities
    return {
        it: number
        for it, number, identity in _noted(project).get(kind, ())
        if number in project.instances and identity in {None, known.get(number, 0)}
    }


def _note(project: Project, kind: str, values: Mapping[int | str, int]) -> None:
    """Remember instances by value, beside those that an undo may bring back."""
    known, there = project.identities, project.instances
    new: list[_Noted] = [(it, n, known.get(n, 0)) for it, n in values.items() if n in there]
    if new:
        noted = _noted(project)
        noted[kind] = [*(one for one in noted.get(kind, ()) if one not in new), *new][-_MOST_VALUES:]
        project.settings.set(_VALUES, noted)


def _noted(project: Project) -> dict[str, list[_Noted]]:
    """What is remembered, oldest first, by kind; what cannot be read is left out.

    Earlier versions did not keep the identities.
    """
    kept = project.settings.get(_VALUES)
    found: dict[str, list[_Noted]] = {}
    with suppress(AttributeError, TypeError, ValueError):
        for kind, listed in kept.items():
            found[kind] = []
            for it, number, *more in listed:
                value = it if isinstance(it, str) else int(it)
                identity = int(more[0]) if more and more[0] is not None else None
                found[kind].append((value, int(number), identity))
    return found


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


def setting_of(key: CellKey) -> str:
    """The settings' key for a cell."""
    return f"{PREFIX}{int(key.frame)}/{int(key.instance)}"


def moved_setting(name: str, frames: Mapping[int, int]) -> str | None:
    """The key of a setting once frames have other numbers; None for points in a frame that is gone.

    Args:
        frames: the new number of each frame, by its old one.
    """
    if not name.startswith(PREFIX):
        return name
    with suppress(ValueError):
        frame, instance = map(int, name.removeprefix(PREFIX).split("/"))
        if frame in frames:
            return setting_of(CellKey(frames[frame], instance))
    return None


def noted(before: object, clicked: Clicked) -> list[Any]:
    """The value of a cell's setting once another mask was made of points.

    Args:
        before: the value until now, None for none.
    """
    record = {"mask": clicked.mask, **clicked.plain()}
    earlier = [one for one in before if one != record] if isinstance(before, list) else []
    return [*earlier, record][-_MOST:]


def note_points(settings: Settings, clicked: Clicked) -> None:
    """Note that a mask was made of points.

    Raises:
        UserError: the project cannot be written.
    """
    name = setting_of(clicked.prompt.key)
    settings.set(name, noted(settings.get(name), clicked))


def points_of(settings: Settings | Mapping[str, Any]) -> dict[CellKey, tuple[Clicked, ...]]:
    """What is noted in a project, oldest first; what cannot be read is left out."""
    found: dict[CellKey, tuple[Clicked, ...]] = {}
    for name in settings:
        if not name.startswith(PREFIX):
            continue
        try:
            frame, instance = name.removeprefix(PREFIX).split("/")
            key = CellKey(int(frame), int(instance))
            found[key] = tuple(clicked_from(key, str(one["mask"]), one) for one in settings.get(name) or ())
        except (KeyError, TypeError, ValueError):
            continue
    return found
