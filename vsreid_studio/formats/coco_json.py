"""What COCO's files of pictures and of videos have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..engine.types import LabelMap
from ..errors import UserError
from ..reading import read_json
from .atomic import staging
from .footage import Footage
from .masks import write_frame
from .owned import publish_owned, refuse_existing
from .provenance import record_path
from .rle import compressed, expanded, run_lengths


class Mark(NamedTuple):
    """What COCO tells of a mask, small enough to keep for every frame of a long video.

    Attributes:
        counts: compressed run lengths.
        area: pixels.
        box: [x, y, width, height].
    """

    counts: str
    area: int
    box: list[float]


def marks_of(labels: LabelMap) -> dict[int, Mark]:
    """The masks of a frame by instance number, ascending; (H, W) uint8."""
    height = labels.shape[0]
    return {
        number: Mark(compressed(lengths), sum(lengths[1::2]), box_of(lengths, height))
        for number, lengths in run_lengths(labels).items()
    }


def segmentation(counts: str, height: int, width: int) -> dict[str, Any]:
    """A mask as COCO's `segmentation` in compressed run lengths."""
    return {"size": [height, width], "counts": counts}


def lengths_of(mask: Mapping[str, Any]) -> list[int]:
    """The run lengths of a `segmentation`, compressed or plain.

    Raises:
        UserError: they are broken.
        TypeError: these are polygons.
    """
    counts = mask["counts"]
    return expanded(counts) if isinstance(counts, str) else [int(length) for length in counts]


def box_of(lengths: Sequence[int], height: int) -> list[float]:
    """The tight box [x, y, width, height] of a mask that has a pixel, as COCO gives it.

    Args:
        lengths: run lengths down the columns.
        height: of the frame in pixels.
    """
    bounds = np.cumsum(lengths)
    starts, ends = bounds[:-1:2], bounds[1::2] - 1
    left, right = int(starts[0] // height), int(ends[-1] // height)
    if np.any(starts // height != ends // height):
        # A run that goes on in the next column has touched the bottom and the top.
        top, bottom = 0, height - 1
    else:
        top, bottom = int((starts % height).min()), int((ends % height).max())
    return [float(side) for side in (left, top, right - left + 1, bottom - top + 1)]


def write_coco(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON in UTF-8. Not atomic: the folder is staged."""
    path.write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")


def read_coco(path: Path, lists: Iterable[str]) -> dict[str, Any]:
    """Read JSON that has some lists.

    Raises:
        UserError: it cannot be read, or lacks one of them.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not all(isinstance(document.get(it), list) for it in lists):
        raise UserError(f"{path} is not a COCO file: it needs the lists {' and '.join(lists)}.")
    return document


def export_listing(
    root: Path,
    parts: Sequence[Path],
    footage: Footage,
    document: Callable[[Footage, list[dict[int, Mark]]], dict[str, Any]],
    read: Callable[[Path], Iterator[LabelMap]],
    *,
    overwrite: bool,
) -> int:
    """Write a sequence's pictures and the file that lists its masks, read the file back, and publish both.

    Args:
        root: of the data set; created when missing.
        parts: where the folder of pictures and the file go, below `root`; these two.
        footage: the sequence; consumed.
        document: what the file holds, of the footage and each frame's masks.
        read: the label maps of the file.
        overwrite: replace what is there.

    Returns:
        The number of frames.

    Raises:
        UserError: something is there, frames and masks do not match, something cannot be written, or what was
            written reads differently. What was there is then there still.
    """
    pictures, listing = parts
    record = record_path(root, footage.name)
    refuse_existing(root, [root / pictures], overwrite, [root / listing], record)
    with staging(root, root / pictures) as stage:
        for folder in (stage / pictures, stage / listing.parent):
            folder.mkdir(parents=True, exist_ok=True)
        found: list[dict[int, Mark]] = []
        for index, frame, labels in footage:
            write_frame(stage / pictures / f"{footage.file(index)}.jpg", frame)
            found.append(marks_of(labels))
        write_coco(stage / listing, document(footage, found))
        footage.confirm(read(stage / listing), root / listing)
        publish_owned(root, [(stage / part, root / part) for part in parts], stage)
    return footage.count
