"""Which masks of a project were made of points, and by which weights.

A project keeps this beside its masks, in one setting for each cell. A record names its mask by a checksum, so
it holds for as long as the cell has that mask: after an undo the earlier record holds again, and a mask that
was painted over has none.
"""

from __future__ import annotations

from typing import Any

from ..engine.types import CellKey
from ..formats.points import Clicked, clicked_from
from .notes import Settings

PREFIX = "points/"
"""Of the settings' keys."""
_MOST = 20
"""Masks of one cell that are remembered."""


def setting_of(key: CellKey) -> str:
    """The settings' key for a cell."""
    return f"{PREFIX}{int(key.frame)}/{int(key.instance)}"


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


def points_of(settings: Settings) -> dict[CellKey, tuple[Clicked, ...]]:
    """What is noted in a project, oldest first; what cannot be read is left out."""
    found: dict[CellKey, tuple[Clicked, ...]] = {}
    for name in settings:
        if not name.startswith(PREFIX):
            continue
        try:
            frame, instance = name.removeprefix(PREFIX).split("/")
            key = CellKey(int(frame), int(instance))
            found[key] = tuple(clicked_from(key, str(one["mask"]), one) for one in settings.get(name))
        except (KeyError, TypeError, ValueError):
            continue
    return found
