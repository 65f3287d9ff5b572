"""Instances cut out of their frames: for each a run of RGBA PNGs, transparent outside the mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..engine.types import Frame, LabelMap
from ..errors import UserError
from .classes import name_of
from .davis import mask_files
from .footage import Footage
from .frame_names import check_name, safe_file_name
from .masks import encoded
from .owned import placing
from .provenance import record_path

_LONGEST = 48
"""Letters of a name that its folder keeps: file systems allow 255 bytes, four a letter at most."""


def export_cutouts(
    root: Path,
    footage: Footage,
    names: Mapping[int, str],
    *,
    overwrite: bool = False,
) -> int:
    """Write `SEQUENCE/001-name/00000.png` on for every instance that is ever seen, and read them back.

    Every PNG has the frame's size. Colours are exact inside the mask and black outside, where alpha is 0.
    A frame in which the instance is not seen is wholly transparent, so that pictures keep their time.

    As `exports.SequenceWriter`, without classes; it is an error, too, if there is nothing to cut out.
    """
    sequence = check_name(footage.name)
    record = record_path(root, sequence)
    with placing(root, folders=[Path(sequence)], overwrite=overwrite, record=record) as stage:
        folder = stage / sequence
        folder.mkdir()
        for index, frame, labels in footage:
            for number in np.unique(labels[labels > 0]).tolist():
                target = folder / folder_name(number, name_of(names, number))
                target.mkdir(exist_ok=True)
                _write(target / f"{footage.file(index)}.png", frame, labels == number)
        if not any(folder.iterdir()):
            raise UserError(f"There is no mask in {sequence} to cut anything out by.")
        _fill_gaps(folder, footage)
        footage.confirm(read_cutouts(folder), root / sequence)
    return footage.count


def read_cutouts(folder: Path) -> Iterator[LabelMap]:
    """The masks of a sequence's folder, in order: (H, W) uint8, 0 where all are transparent.

    Raises:
        UserError: there are no cut-outs, they differ in number or size, or overlap, or one cannot be read.
    """
    folders = sorted(it for it in folder.glob("[0-9][0-9][0-9]-*") if it.is_dir())
    if not folders:
        raise UserError(f"{folder} holds no folder such as 001-name.")
    runs = {int(it.name[:3]): mask_files(it) for it in folders}
    if len({tuple(path.name for path in run) for run in runs.values()}) > 1:
        raise UserError(f"The folders in {folder} are not of the same frames.")
    for index in range(len(next(iter(runs.values())))):
        yield _merged({number: run[index] for number, run in runs.items()})


def folder_name(number: int, name: str) -> str:
    """The folder of an instance: its number, and of its name what every file system takes."""
    plain = safe_file_name(name, _LONGEST)
    return f"{number:03d}-{plain or 'instance'}"


def _write(path: Path, frame: Frame, mask: NDArray[np.bool_]) -> None:
    """Write a cut-out and check that its colours read back equal; its mask is checked later."""
    picture = np.dstack([frame, np.full(mask.shape, 255, np.uint8)]) * mask[..., None]
    path.write_bytes(encoded(Image.fromarray(picture), "PNG"))
    with Image.open(path) as found:
        if not np.array_equal(np.asarray(found), picture):
            raise UserError(f"The cut-out {path.name} was written but reads back differently.")


def _fill_gaps(folder: Path, footage: Footage) -> None:
    """Give every instance a transparent picture for each frame in which it is not seen."""
    blank = encoded(Image.new("RGBA", (footage.width, footage.height)), "PNG")
    for target in folder.iterdir():
        for index in range(footage.count):
            path = target / f"{footage.file(index)}.png"
            if not path.exists():
                path.write_bytes(blank)


def _merged(pictures: Mapping[int, Path]) -> LabelMap:
    labels: LabelMap | None = None
    for number, path in pictures.items():
        mask = _alpha(path)
        if labels is None:
            labels = np.zeros(mask.shape, np.uint8)
        if mask.shape != labels.shape or labels[mask].any():
            raise UserError(f"{path} differs in size from another cut-out of its frame, or overlaps it.")
        labels[mask] = number
    assert labels is not None
    return labels


def _alpha(path: Path) -> NDArray[np.bool_]:
    try:
        with Image.open(path) as picture:
            if picture.mode != "RGBA":
                raise UserError(f"{path} has no alpha channel, so it is no cut-out.")
            return np.asarray(picture.getchannel("A")) > 0
    except OSError as error:
        raise UserError(f"{path} cannot be read as a picture.") from error
