"""Names of sequences, which become folders, files and lines of lists: the one place that checks them."""

from __future__ import annotations

import hashlib
import os
import re

from ..errors import UserError

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
    """The name, or, where it has more bytes than `room`, its beginning and what tells it from others."""
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
