"""Names of frames and of sequences: which frame a file belongs to, and what becomes a folder or file.

A frame of a folder has the name of its picture. Names of sequences become folders, files and lines of lists;
they are checked here and nowhere else.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from ..engine.video import PictureFolder, Video
from ..engine.video.picture_names import natural_key, without_mask_affix
from ..errors import UserError
from .atomic import reason

LONGEST = 255
"""Bytes that a file's name may have on every usual file system."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, with any suffix."""
_UNSAFE = re.compile(r"[^\w-]+")


def check_name(sequence: str) -> str:
    """The same name, if it can be that of a sequence's folder and a line of a list.

    Raises:
        UserError: it cannot.
    """
    bad = any(c in "/\\:" or c.isspace() or not c.isprintable() for c in sequence)
    if not sequence or sequence.startswith(".") or bad:
        shown = sequence.encode("utf-8", "backslashreplace").decode("utf-8")
        raise UserError(
            f"'{shown}' cannot name a sequence: spaces, /, \\, : and a leading dot are not allowed."
        )
    if len(os.fsencode(sequence)) > LONGEST - len("instances_.json"):
        raise UserError(f"The name {sequence[:20]}... is too long for a sequence: choose a shorter one.")
    return sequence


def fit_name(name: str) -> str:
    """A name that `check_name` passes, as near as can be to one that may not."""
    fit = re.sub(r"[\s/\\:]+", "_", "".join(c if c.isprintable() else " " for c in name).strip())
    return shortened(fit.lstrip("._"), LONGEST - len("instances_.json")) or "video"


def folder_of(name: str) -> str:
    """The folder of a run on a video of this name: the name, unless it could not be a visible folder's."""
    plain = name.lstrip(".")
    return plain if plain.strip() else "video"


def shortened(name: str, room: int) -> str:
    """The name, or, where it has more bytes than `room`, its beginning and a suffix that keeps it unique."""
    if len(os.fsencode(name)) <= room:
        return name
    mark = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    while len(os.fsencode(name)) > room - len(mark) - 1:
        name = name[:-1]
    return f"{name}-{mark}"


def safe_file_name(name: str, longest: int) -> str:
    """Of any text what every file system takes as a file's name: letters, digits, _ and -; may be empty.

    Args:
        longest: letters that are kept.
    """
    # Lone surrogates and marks of direction are no letters.
    plain = _UNSAFE.sub("_", name.encode("utf-8", "ignore").decode("utf-8"))
    plain = plain.strip("_")[:longest]
    return f"_{plain}" if _RESERVED.fullmatch(plain) else plain


log = logging.getLogger(__name__)

LOSSLESS = frozenset({".png", ".tif", ".tiff", ".bmp", ".gif", ".webp"})
"""Suffixes of pictures that masks may be kept in; JPEG blurs instance numbers."""

_NUMBER = re.compile(r"^(.*?)([0-9]+)([^0-9]*)$", re.DOTALL)


def number_in(name: str) -> int | None:
    """The last number in a name: 12 of 'shot2_frame_0012'; None when there is none."""
    found = _NUMBER.match(name)
    return int(found[2]) if found else None


def numbers_of(names: Sequence[str]) -> tuple[int, ...] | None:
    """The number of each frame by its name; None unless all have one and they ascend."""
    found = [number_in(name) for name in names]
    numbers = tuple(number for number in found if number is not None)
    ascending = all(before < after for before, after in pairwise(numbers))
    return numbers if len(numbers) == len(names) and ascending else None


def file_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of frames for a data set, whose readers sort them as text.

    The frames' own where their order as text is that of the frames and a list can hold them; else their
    numbers, of five digits or more; else 00000 on.
    """
    plain = all(re.fullmatch(r"[\w.-]+", name) and not name.startswith(".") for name in names)
    if plain and list(names) == sorted(set(names)):
        return tuple(names)
    numbers = numbers_of(names) or range(len(names))
    width = max(5, len(str(max(numbers, default=0))))
    return tuple(f"{number:0{width}d}" for number in numbers)


def span(names: Sequence[str]) -> str:
    """The first and the last of some names, for a sentence."""
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def mask_pictures(folder: Path) -> tuple[Path, ...]:
    """The mask pictures of a folder in natural order of their names, hidden ones left out.

    Its PNGs; where it has none, those of other lossless kinds, see `LOSSLESS`.

    Raises:
        UserError: the folder cannot be read, or one is a link to nothing.
    """
    try:
        files = [file for file in folder.iterdir() if file.suffix.lower() in LOSSLESS]
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be read: {reason(error)}.") from error
    found = [file for file in files if not file.name.startswith(".") and not file.is_dir()]
    found = [file for file in found if file.suffix.lower() == ".png"] or found
    if dead := next((file for file in found if not file.is_file()), None):
        raise UserError(f"The mask {dead} is no file, or a link to one that is not there any more.")
    return tuple(sorted(found, key=lambda file: natural_key(file.name)))


def first_mask_files(path: Path, video: Video) -> dict[int, Path]:
    """The files of a video's first masks by frame.

    Args:
        path: a folder, see `mask_files_by_frame`; or one file, the mask of the first frame unless it is named
            like another picture of a folder.

    Raises:
        UserError: a name fits no frame, or no file is there.
    """
    if path.is_dir():
        return mask_files_by_frame(path, video)
    number = int(path.stem) if _is_number(path.stem) else None
    if isinstance(video, PictureFolder):
        frame = _Finder(video.names).frame(path.stem)
        if frame is None and number is not None:
            raise unmatched(path, video)
        return {frame or 0: path}
    if number:
        log.warning("%s is taken for the mask of the first frame, not of frame %d", path, number)
    return {0: path}


def mask_files_by_frame(folder: Path, video: Video) -> dict[int, Path]:
    """The masks of a folder by the frame that each is named after, ascending.

    A mask bears the frame's name (`00012.png`, `frame_12.png`), perhaps with 'mask' before or behind it, or
    the frame's number (`12.png` for `frame_0012`). Where the video is a file, frames are named 00000 on.
    Those without a number in their name that fit no frame are passed over with a warning.

    Raises:
        UserError: the folder cannot be read, a name fits no frame, two fit one, or there is none.
    """
    finder, found = _Finder(video.names), dict[int, Path]()
    files = mask_pictures(folder)
    # Masks may lie in the folder of the pictures.
    if isinstance(video, PictureFolder) and folder.resolve() == video.path.resolve():
        pictures = {it.name for it in video.files}
        files = tuple(file for file in files if file.name not in pictures)
    for file in files:
        frame = finder.frame(file.stem)
        if frame is None:
            if number_in(file.stem) is not None:
                raise unmatched(file, video)
            log.warning("%s is passed over: it is named like no frame of %s", file, video.path)
        elif frame in found:
            raise UserError(f"{found[frame]} and {file} are both masks of frame {video.names[frame]}.")
        else:
            found[frame] = file
    if not found:
        raise UserError(
            f"{folder} holds no PNG named by a frame, such as {video.names[0]}.png{lossy(folder)}."
        )
    return dict(sorted(found.items()))


def frame_of(video: Video) -> Callable[[str], int | None]:
    """The frame of a video after which a file is named (its name without suffix), or None."""
    return _Finder(video.names).frame


def find_frame(name: str, names: Sequence[str]) -> int | None:
    """The frame of a name or of a number as text; numbers count from 0 where the names have none."""
    frame = _Finder(names).frame(name)
    if frame is None and _is_number(name) and numbers_of(names) is None and int(name) < len(names):
        return int(name)
    return frame


class _Finder:
    """Finds the frame that a name means."""

    def __init__(self, names: Sequence[str]) -> None:
        self._exact: Mapping[str, int] = {name: frame for frame, name in enumerate(names)}
        numbers = numbers_of(names)
        self._numbers = {number: frame for frame, number in enumerate(numbers or ())}
        self._patterns = {_pattern(name) for name in names}

    def frame(self, name: str) -> int | None:
        for stem in (name, without_mask_affix(name)):
            if (frame := self._exact.get(stem)) is not None:
                return frame
            number = number_in(stem)
            if number is not None and (_is_number(stem) or _pattern(stem) in self._patterns):
                return self._numbers.get(number)
        return None


def _pattern(name: str) -> tuple[str, str] | None:
    """What is around the last number of a name."""
    found = _NUMBER.match(name)
    return (found[1], found[3]) if found else None


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


def unmatched(file: Path, video: Video) -> UserError:
    """The error of masks whose name has a number, but that of no frame."""
    return UserError(
        f"{file} is named like no frame of {video.path}, whose frames are {span(video.names)}: "
        "give the mask the name of its frame."
    )


def lossy(folder: Path) -> str:
    """The end of a sentence on pictures ignored as JPEGs; empty without any."""
    there = any(file.suffix.lower() in {".jpg", ".jpeg"} for file in folder.iterdir())
    return "; it holds JPEGs, whose compression blurs instance numbers" if there else ""
