"""The folder of masks that a headless run ends in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine.types import LabelMap
from ..errors import UserError
from ..formats.atomic import publish, staging
from ..formats.pictures import write_mask
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


def refuse_other(folder: Path, made_from: MadeFrom) -> None:
    """Protect what was made from other input.

    Raises:
        UserError: the folder holds such, or is no folder.
    """
    if folder.is_dir() and any(folder.iterdir()):
        if other := difference(made_from, _recorded(folder)):
            raise UserError(
                f"{folder} holds files made from {other}: choose another output folder or add --overwrite."
            )
    elif folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file where a folder is needed.")


def write(
    folder: Path, names: Sequence[str], label_maps: Iterable[LabelMap], record: Mapping[str, Any]
) -> None:
    """Write masks and record as one: the folder appears, or is replaced, when all are written.

    Args:
        names: of the frames, and of their masks but for the suffix.

    Raises:
        UserError: something cannot be written; the folder is as it was.
    """
    with staging(folder.parent) as stage:
        staged = stage / "masks"
        staged.mkdir()
        for name, labels in zip(names, label_maps, strict=True):
            write_mask(staged / f"{name}.png", labels)
        write_provenance(staged / RECORD, record)
        publish([(staged, folder)], stage)


def _recorded(folder: Path) -> object:
    """What the masks in a folder were made from; None where nothing tells."""
    try:
        record = read_json(folder / RECORD)
    except UserError:
        return None
    return record.get("made_from") if isinstance(record, dict) else None
