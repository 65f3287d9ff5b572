"""The folder of masks that a headless run ends in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine.types import LabelMap
from ..errors import UserError
from ..formats.atomic import publish, staging
from ..formats.masks import write_mask
from ..formats.owned import mark_all, refuse_existing
from ..formats.provenance import write_provenance
from ..reading import read_json
from .task import MadeFrom, difference

RECORD = "provenance.json"
"""Lies beside the masks in their folder, so that they appear together."""


def finished(folder: Path, made_from: MadeFrom, names: Sequence[str]) -> bool:
    """Whether the mask of each frame of these names is there, made from this very input."""
    if difference(made_from, _recorded(folder)):
        return False
    return all((folder / f"{name}.png").is_file() for name in names)


def refuse_other(folder: Path, made_from: MadeFrom, *, overwrite: bool) -> None:
    """Protect what a person put into the folder of masks, and what was made from other input.

    Args:
        overwrite: what was made from other input may be replaced; what a person made never.

    Raises:
        UserError: the folder holds such, or is no folder.
    """
    # Whether something is there is asked below, as it may be what this very input was made into.
    refuse_existing(folder, [folder], True, record=folder / RECORD)
    if overwrite or not folder.is_dir() or not any(folder.iterdir()):
        return
    if other := difference(made_from, _recorded(folder)):
        raise UserError(
            f"{folder} holds files made from {other}: choose another output folder or add --overwrite."
        )


def try_names(folder: Path, names: Sequence[str]) -> None:
    """Find out whether the folder and the masks can have their names where they shall lie.

    Raises:
        UserError: a name is too long for the file system, or has a letter that it does not take.
    """
    with staging(folder.parent, folder) as stage:
        (stage / folder.name).mkdir()
        for name in {max(names, key=lambda it: len(os.fsencode(it))), names[0], names[-1]}:
            (stage / folder.name / f"{name}.png").touch()


def write(
    folder: Path, names: Sequence[str], label_maps: Iterable[LabelMap], record: Mapping[str, Any]
) -> None:
    """Write masks and record as one: the folder appears, or is replaced, when all are written.

    Args:
        names: of the frames, and of their masks but for the suffix.

    Raises:
        UserError: something cannot be written, or a person put a file into the folder; it is as it was.
    """
    # Once more: a run takes hours.
    refuse_existing(folder, [folder], True, record=folder / RECORD)
    with staging(folder.parent, folder) as stage:
        staged = stage / "masks"
        staged.mkdir()
        for name, labels in zip(names, label_maps, strict=True):
            write_mask(staged / f"{name}.png", labels)
        write_provenance(staged / RECORD, record)
        mark_all(staged)
        publish([(staged, folder)], stage)


def _recorded(folder: Path) -> object:
    """What the masks in a folder were made from; None where nothing tells."""
    try:
        record = read_json(folder / RECORD)
    except UserError:
        return None
    return record.get("made_from") if isinstance(record, dict) else None
