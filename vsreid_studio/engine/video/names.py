"""Names of pictures: their natural order, and which files of a folder are masks of its pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_MASK_AFFIX = re.compile(r"[ ._-]?masks?$|^masks?[ ._-]", re.IGNORECASE)


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sorts names by the numbers in them: 'frame_2' before 'frame_10'."""
    parts = re.split(r"([0-9]+)", name.lower())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts], name


def without_mask_affix(stem: str) -> str:
    """The name of the picture that a mask's name speaks of: 'x' of 'x_mask', 'x-masks' and 'mask_x'."""
    return _MASK_AFFIX.sub("", stem) or stem


def split_masks(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Part pictures from the masks that lie beside them in one folder.

    A mask has 'mask' before or behind its name (`x_mask.png`, `mask_0001.png`), where not every file has, or
    is a PNG of the very name of a picture of another kind (`x.jpg`, `x.png`).

    Returns:
        Pictures and masks, each in the order of `files`.
    """
    every = list(files)
    others = {file.stem for file in every if file.suffix.lower() != ".png"}
    masks = {
        file
        for file in every
        if without_mask_affix(file.stem) != file.stem
        or (file.suffix.lower() == ".png" and file.stem in others)
    }
    if len(masks) == len(every):
        return every, []
    return [file for file in every if file not in masks], [file for file in every if file in masks]
