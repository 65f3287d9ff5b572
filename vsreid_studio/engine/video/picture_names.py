"""Names of the pictures of a folder: their order, masks among them, and those that belong to another clip."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

_DIGITS = re.compile(r"[0-9]+")
_MASK_AFFIX = re.compile(r"[ ._-]?masks?$|^masks?[ ._-]", re.IGNORECASE)
_WORDS = (
    "gt|ground[ _-]?truth|seg|segm|segmentation|labels?|mattes?|alpha|annotations?|annos?|instances?|inst"
)
_OTHER_AFFIX = re.compile(rf"[ ._-]({_WORDS})$|^({_WORDS})[ ._-]", re.IGNORECASE)
"""Words that names of masks bear beside the name of their picture."""


def natural_key(name: str) -> str:
    """Sorts names by the numbers in them, and else without regard to case: 'frame_2' before 'frame_10'.

    A number is written with its length before it, so that it sorts as text: no thread runs while a list is
    sorted, and tuples of parts would take .1 s for 10,000 names.
    """
    return f"{_DIGITS.sub(_sortable, name.lower())}\0{name}"


def _sortable(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0")
    # Below any letter, so that 'a1' comes before 'ab', and 'a' before both.
    return f"\1{chr(len(digits))}{digits}"


def without_mask_affix(stem: str) -> str:
    """The name of the picture that a mask's name speaks of: 'x' of 'x_mask', 'mask_x', 'x_gt' and so on."""
    return _OTHER_AFFIX.sub("", _MASK_AFFIX.sub("", stem) or stem) or stem


def split_masks(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Part pictures from the masks that lie beside them in one folder.

    A mask has 'mask' before or behind its name (`x_mask.png`, `mask_0001.png`), where not every file has;
    another such word ('gt', 'seg', 'label' ...) where the picture is there, too; or is a PNG of the very name
    of a picture of another kind (`x.jpg`, `x.png`).

    Returns:
        Pictures and masks, each in the order of `files`.
    """
    every = list(files)
    stems = {file.stem for file in every}
    others = {file.stem for file in every if file.suffix.lower() != ".png"}
    masks = {
        file
        for file in every
        if _MASK_AFFIX.search(file.stem)
        or (without_mask_affix(file.stem) != file.stem and without_mask_affix(file.stem) in stems)
        or (file.suffix.lower() == ".png" and file.stem in others)
    }
    if len(masks) == len(every):
        return every, []
    return [file for file in every if file not in masks], [file for file in every if file in masks]


def unlike_others(names: Sequence[str]) -> list[str]:
    """Those of some names that differ from more than half of them in more than their numbers."""
    forms = [pattern_of(name) for name in names]
    form, count = Counter(forms).most_common(1)[0]
    return (
        [name for name, own in zip(names, forms, strict=True) if own != form]
        if 2 * count > len(names)
        else []
    )


def pattern_of(name: str) -> str:
    """A name with # in place of each number: 'shot#_#' of 'shot2_0012'."""
    return re.sub(r"[0-9]+", "#", name)


def paired_kinds(names: Sequence[str]) -> tuple[str, str] | None:
    """A picture and its companion, where each has one with the same letters before or behind its name.

    Such as '0001' and '0001_depth': two kinds of pictures, which are no one clip.

    Args:
        names: of the pictures of a folder, without suffix.
    """
    stems, pairs = set(names), dict[tuple[str, str], list[tuple[str, str]]]()
    for name in names:
        for cut in range(1, len(name)):
            head, rest = name[:cut], name[cut:]
            for stem, added in ((head, ("", rest)), (rest, (head, ""))):
                if stem in stems and not any(letter.isdigit() for letter in "".join(added)):
                    pairs.setdefault(added, []).append((stem, name))
    found = max(pairs.values(), key=len, default=[])
    return found[0] if len(found) > 1 and 2 * len(found) == len(stems) else None
