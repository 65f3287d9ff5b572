"""Where each mask came from: the record that is exported beside the masks."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.events import Decision
from ..engine.store.annotation import Annotation
from ..engine.types import Cell, CellKey
from .atomic import replacing
from .points import Clicked

FORMAT = "vsreid-studio provenance"
VERSION = 1
_PIECES = 50_000
"""Pieces of JSON that are written at a time."""


def provenance(
    annotation: Annotation,
    names: Mapping[int, str],
    settings: Mapping[str, object],
    weights: Mapping[str, str] | None = None,
    frame_names: Sequence[str] | None = None,
    points: Mapping[CellKey, Sequence[Clicked]] | None = None,
) -> dict[str, Any]:
    """The history of every mask of an annotation.

    Args:
        names: of instances, by number; an instance without one gets 'instance N'.
        settings: what the masks depend on; dataclasses, paths, enums and NumPy numbers are made plain.
        weights: checksum of each file of weights, by its name.
        frame_names: of all frames, see `Video.names`; None for 00000 on.
        points: how masks came of points, by cell; those of another mask than the cell's are
            left out.

    Returns:
        Plain data for JSON. `frame_names` has the name of each frame; elsewhere frames are given by their
        place in it, from 0. Per instance and frame `origin` (the checkpoint c), `second` (the one on the
        other side where that had a say, too, else null), `smoothed` (whether it was drawn towards the frames
        beside it), `made_by`, `pinned`, `empty` (the instance is not in the frame), `similarity` (to the
        gallery: of the retrieval it was recovered by, or of what a propagated mask shows, else null) and
        `confidence` (the J that is to be expected; null where nobody knows it, as of imported masks that no
        person has approved); a mask that was made of points has `clicked`, too: the
        `points` as [x, y, 1 or 0], the `box` or null, whether they corrected a mask that was there
        (`corrects`), and the checksum of the click network's `weights`. Then the `decisions` on proposals,
        boxes as [x0, y0, x1, y1].
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "frames": annotation.length,
        "frame_names": [
            _text(name) for name in frame_names or (f"{index:05d}" for index in range(annotation.length))
        ],
        "settings": _plain(settings),
        "weights": dict(weights or {}),
        "instances": [
            {
                "instance": number,
                "name": _text(names.get(number, f"instance {number}")),
                "frames": [
                    _cell(frame, cell, (points or {}).get(CellKey(frame, number), ()))
                    for frame, cell in sorted(annotation.row(number).items())
                ],
            }
            for number in annotation.instances
        ],
        "decisions": [_decision(key, decision) for key, decision in sorted(annotation.decisions.items())],
    }


def record_path(root: Path, sequence: str) -> Path:
    """Where a data set has the record of a sequence: where no reader of its format looks for anything."""
    return root / "provenance" / f"{sequence}.json"


def frame_name_in(record: Mapping[str, Any], frame: int) -> str:
    """The name of a frame, from a record of any version.

    Raises:
        LookupError, TypeError: it is no such record, or has no such frame.
    """
    names = record.get("frame_names")
    return str(names[frame]) if names else f"{frame:05d}"


def write_provenance(path: Path, record: Mapping[str, Any]) -> None:
    """Write the record as JSON, atomically.

    Raises:
        UserError: it cannot be written.
    """
    pieces = json.JSONEncoder(indent=1, ensure_ascii=False, allow_nan=False).iterencode(record)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        # Many at a time: a long video's record has millions.
        while some := "".join(islice(pieces, _PIECES)):
            # A backslash of `_text` alone would make it an escape of JSON, and the lone surrogate come back.
            file.write(re.sub("[\ud800-\udfff]", lambda found: "\\" + _text(found[0]), some))
        file.write("\n")


def _cell(frame: int, cell: Cell, points: Sequence[Clicked]) -> dict[str, Any]:
    made = [one for one in points if one.made(cell.mask)] if cell.pinned else []
    return {
        "frame": int(frame),
        "origin": int(cell.origin),
        "second": _plain(cell.second),
        "smoothed": cell.smoothed,
        "made_by": cell.made_by.value,
        "pinned": bool(cell.pinned),
        "empty": cell.mask.area == 0,
        "similarity": _plain(cell.similarity),
        "confidence": _plain(cell.known_confidence),
        **({"clicked": _plain(made[-1].plain())} if made else {}),
    }


def _decision(key: CellKey, decision: Decision) -> dict[str, Any]:
    box = decision.box
    return {
        "frame": int(key.frame),
        "instance": int(key.instance),
        "verdict": decision.verdict.value,
        "box": [int(side) for side in (box.x0, box.y0, box.x1, box.y1)],
        "similarity": _plain(decision.similarity),
        "by": decision.by.value,
        "given_to": decision.given_to,
    }


def _plain(value: object) -> Any:  # noqa: PLR0911 - one line a kind reads best
    """The value in JSON's own kinds; what has none there as text, figures that are not finite as null."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        # Similarities and confidences are float32: more digits would be noise.
        return round(value, 6) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    return _text(str(value))


def _text(text: str) -> str:
    """Text that UTF-8 can hold: a file's name need not be."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
