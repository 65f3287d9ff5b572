"""Masks as MOTS text (KITTI MOTS): a line for each mask, `frame id class height width rle`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from ..engine.types import MAX_INSTANCE, LabelMap
from ..errors import UserError
from .atomic import reason
from .catalogue import MOTS
from .classes import NO_CLASSES, Classes
from .footage import Footage
from .frame_names import check_name
from .marks import MarkFile, write_pieces
from .owned import placing
from .provenance import record_path
from .rle import expanded, label_map

IGNORED = "(ignored region)"
"""In the list of classes the line of a number that no class has."""
_IGNORED_CLASS = 10
"""Evaluations of MOTS leave out what has this class."""
_CLASS = 1000
"""An object's id is its class times this plus its instance number, as in KITTI MOTS."""


def export_mots(
    root: Path,
    footage: Footage,
    names: Mapping[int, str],
    *,
    overwrite: bool = False,
    classes: Classes = NO_CLASSES,
) -> int:
    """Write `SEQUENCE.txt` and the names of its classes, `SEQUENCE.labels.txt`, and read them back.

    Frames have the numbers of their names, else 0 on; classes are numbered from 1 in the order of the lines
    of the second file, of which the tenth is no class; instances of one class share it. An id modulo 1000 is
    the instance's number. Lines come by frame, then by instance.

    See `exports.SequenceWriter` for arguments and errors.
    """
    sequence = check_name(footage.name)
    text, listing = MOTS.parts(sequence)
    record = record_path(root, sequence)
    with placing(root, files=[text, listing], overwrite=overwrite, record=record) as stage:
        with MarkFile(stage) as found:
            for _, _, labels in footage:
                found.add(labels)
            found.confirm(footage, root / text)
            listed = [*classes.categories(names, found.seen)]
            if len(listed) >= _IGNORED_CLASS:
                listed.insert(_IGNORED_CLASS - 1, IGNORED)
            kinds = {kind: n for n, kind in enumerate(listed, 1) if n != _IGNORED_CLASS}
            lines = partial(_lines, footage, found, partial(classes.kind, names), kinds)
            write_pieces(stage / text, lines, root / text)
        (stage / listing).write_text("".join(f"{kind}\n" for kind in listed), encoding="utf-8")
        if read_labels(stage / listing) != tuple(listed):
            raise UserError(f"{root / listing} was written but reads back differently.")
    return footage.count


def read_mots(path: Path, height: int, width: int, frames: int | Sequence[int]) -> Iterator[LabelMap]:
    """The label maps of a file of MOTS text, in order: (height, width) uint8, ids modulo 1000 as numbers.

    Args:
        height, width: of the video.
        frames: its frames' numbers, or how many there are from 0 on, as the text has no lines for frames
            without masks.

    Raises:
        UserError: the file cannot be read, a line is broken, of another size or of a frame out of the video,
            or masks overlap.
    """
    masks: dict[int, list[tuple[int, str]]] = {}
    numbers = range(frames) if isinstance(frames, int) else frames
    known = set(numbers)
    for place, line in enumerate(_read(path).splitlines(), 1):
        if not line.strip():
            continue
        frame, number, size, text = _parsed(path, place, line)
        if size != (height, width) or frame not in known:
            raise UserError(f"Line {place} of {path} is of another size, or of a frame out of the video.")
        masks.setdefault(frame, []).append((number, text))
    for frame in numbers:
        there = ((number, expanded(text)) for number, text in masks.get(frame, ()))
        yield label_map(there, height, width)


def read_labels(path: Path) -> tuple[str, ...]:
    """The names of the classes, from class 1 on.

    Raises:
        UserError: the file cannot be read.
    """
    return tuple(_read(path).split("\n")[:-1])


def _lines(
    footage: Footage, found: MarkFile, kind_of: Callable[[int], str], kinds: Mapping[str, int]
) -> Iterator[str]:
    for frame in range(footage.count):
        for number, mark in found.frame(frame).items():
            kind = kinds[kind_of(number)]
            size = f"{footage.height} {footage.width}"
            yield f"{footage.number(frame)} {kind * _CLASS + number} {kind} {size} {mark.counts}\n"


def _parsed(path: Path, place: int, line: str) -> tuple[int, int, tuple[int, int], str]:
    """Frame, instance, (height, width) and run lengths of a line."""
    try:
        frame, identity, _, height, width = (int(word) for word in line.split()[:5])
        (text,) = line.split()[5:]
    except ValueError as error:
        raise UserError(f"Line {place} of {path} is not 'frame id class height width rle'.") from error
    number = identity % _CLASS
    if not 1 <= number <= MAX_INSTANCE:
        raise UserError(f"Line {place} of {path} has the id {identity}, which is of no instance.")
    return frame, number, (height, width), text


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {reason(error)}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file.") from error
