"""What this program wrote, and may therefore replace, by a list with checksums beside it.

The list is the hidden file `.vsreid.json` of the folder that was written to (for a data set its root). What
is not on it, or differs from its checksum, is a person's: it is never replaced, and refused by name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from ..errors import UserError
from .atomic import cannot_write, publish, reason, staging, sweep
from .targets import Sources

MARKER = ".vsreid.json"
_FORMAT = "vsreid-studio files"
_IGNORED = re.compile(r"\._.*|\.DS_Store|Thumbs\.db|desktop\.ini", re.IGNORECASE)
"""What file managers leave in folders."""
_NAMED_BY_FRAME = re.compile(r"[0-9]{5,}\.(jpg|png)")
_NO_LISTS: Mapping[Path, Callable[[], bytes | None]] = MappingProxyType({})
_SLACK = 2.0
"""Seconds that the clocks of file systems round times to."""


def refuse_existing(
    root: Path,
    folders: Iterable[Path],
    overwrite: bool,
    files: Iterable[Path] = (),
    record: Path | None = None,
) -> None:
    """Check before writing that nothing of a person's would be lost.

    What an earlier call was killed over is finished first: its files are not on the list yet.

    Args:
        root: the folder that has, or gets, the list.
        folders, files: what will be replaced, `root` itself or below it; an empty folder does not count as
            there.
        overwrite: replace those that are there, if this program wrote all that is in them.
        record: the provenance that earlier versions, which left no list, wrote after the rest.

    Raises:
        UserError: something would be lost, or a file stands where a folder belongs, or a folder where a file
            does.
    """
    sweep(root)
    _refuse_existing(root, folders, overwrite, files, record)


def _refuse_existing(
    root: Path, folders: Iterable[Path], overwrite: bool, files: Iterable[Path], record: Path | None
) -> None:
    for place, is_folder in (*((it, True) for it in folders), *((it, False) for it in files)):
        if place.exists() and place.is_dir() != is_folder:
            there, needed = ("file", "folder") if is_folder else ("folder", "file")
            raise UserError(f"{place} is a {there} where a {needed} is needed.")
        if not os.path.lexists(place) or not any(_files(place)):
            continue
        strange = foreign(root, place, record)
        if strange:
            what = "has" if is_folder else "is"
            raise UserError(
                f"{place} is there already and is not replaced: it {what} "
                f"{_listed(strange, place, is_folder)}, which this program did not write or someone has "
                "changed since. Choose another place."
            )
        if not overwrite:
            raise UserError(f"{place} is there already: choose another place, or overwrite it (--overwrite).")


def is_known(root: Path, place: Path, record: Path) -> bool:
    """Whether this program has written a place, as far as it is known without reading its files.

    Args:
        root, record: see `refuse_existing`.
        place: a file or a folder.
    """
    return record.is_file() or any(_is_below(name, place, root) for name in _read(root))


def foreign(root: Path, place: Path, record: Path | None = None) -> list[Path]:
    """The files of a place that this program did not write, or that have changed since.

    Args:
        root, record: see `refuse_existing`.
        place: a file or a folder.

    Raises:
        UserError: something cannot be read.
    """
    known = _read(root)
    try:
        if any(_is_below(name, place, root) for name in known):
            return [file for file in _files(place) if known.get(_name(file, root)) != _checksum_of_own(file)]
        return [file for file in _files(place) if not _of_earlier_version(file, record)]
    except OSError as error:
        raise UserError(f"{place} cannot be read: {reason(error)}.") from error


@contextmanager
def placing(
    root: Path,
    *,
    folders: Sequence[Path] = (),
    files: Sequence[Path] = (),
    lists: Mapping[Path, Callable[[], bytes | None]] = _NO_LISTS,
    overwrite: bool,
    record: Path | None = None,
) -> Iterator[Path]:
    """Write below `root` in a stage: all of it is put in place when the block ends, or nothing.

    Args:
        root, overwrite, record: see `refuse_existing`.
        folders, files: what the block writes, below the stage as later below `root`; at least one.
        lists: files that name other things, too, each with a function that returns its new content, or None
            to leave it. Called when the block has ended and nobody else writes: what another export has
            added to the list meanwhile is there.

    Yields:
        The stage, an empty folder.

    Raises:
        UserError: as `refuse_existing`, also of what has come there during the block, or something cannot be
            written; what was there is there still.
    """
    parts = (*folders, *files)
    there = [root / it for it in folders], overwrite, [root / it for it in files], record
    refuse_existing(root, *there)
    with staging(root, root / parts[0]) as stage:
        yield stage
        with _alone_in(root):
            _refuse_existing(root, *there)
            moves = [(stage / it, root / it) for it in parts]
            for place, content in lists.items():
                if (data := content()) is not None:
                    (stage / place).parent.mkdir(parents=True, exist_ok=True)
                    (stage / place).write_bytes(data)
                    moves.append((stage / place, root / place))
            _publish_owned(root, moves, stage)


def publish_owned(root: Path, moves: Sequence[tuple[Path, Path]], stage: Path) -> None:
    """As `atomic.publish`, and put what is placed on the list of `root`.

    Args:
        moves: (staged, target) pairs; targets lie below `root`.

    Raises:
        UserError: something cannot be written; what was there is there still.
    """
    with _alone_in(root):
        _publish_owned(root, moves, stage)


@contextmanager
def _alone_in(root: Path) -> Iterator[None]:
    """Let one process or thread after the other change what the lists below `root` name.

    Where the system or the drive has no such locks, nobody waits.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415  (there is none on Windows)

    # Of the folder itself, so that no file is left.
    folder = os.open(root, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _publish_owned(root: Path, moves: Sequence[tuple[Path, Path]], stage: Path) -> None:
    try:
        listed = _read(root)
        for staged, target in moves:
            listed = {name: mark for name, mark in listed.items() if not _is_below(name, target, root)}
            for file in _files(staged):
                listed[_name(target / file.relative_to(staged), root)] = checksum(file)
        write_marker(stage, listed)
    except OSError as error:
        raise cannot_write(root, error) from error
    publish([*moves, (stage / MARKER, root / MARKER)], stage)


def mark_all(folder: Path) -> None:
    """Put all files of a staged folder on a list inside it.

    Raises:
        OSError: it cannot be written.
    """
    write_marker(folder, {_name(file, folder): checksum(file) for file in _files(folder)})


def write_marker(folder: Path, listed: Mapping[str, str]) -> None:
    """Write a list, not atomically: the folder is staged.

    Raises:
        OSError: it cannot be written.
    """
    document = {"format": _FORMAT, "version": 1, "sha256": dict(sorted(listed.items()))}
    (folder / MARKER).write_text(json.dumps(document, indent=1) + "\n", encoding="ascii")


def checksum(path: Path) -> str:
    """SHA-256 of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum_of_own(path: Path) -> str:
    """A link, a pipe or a device is never ours, and is not read."""
    return checksum(path) if path.is_file() and not path.is_symlink() else ""


def _read(root: Path) -> dict[str, str]:
    """Checksums by name; empty where there is no list."""
    try:
        document = json.loads((root / MARKER).read_text(encoding="ascii"))
        return {str(name): str(mark) for name, mark in document["sha256"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _files(place: Path) -> Iterator[Path]:
    """All files of a place, sorted; the list and what file managers leave are left out."""
    if place.is_symlink() or not place.is_dir():
        if os.path.lexists(place):
            yield place
        return
    for folder, _, names in sorted(os.walk(place)):
        for name in sorted(names):
            if name != MARKER and not _IGNORED.fullmatch(name):
                yield Path(folder, name)


def _name(file: Path, root: Path) -> str:
    # A name that is not UTF-8 is kept by JSON's escapes.
    return file.relative_to(root).as_posix()


def _is_below(name: str, place: Path, root: Path) -> bool:
    if place == root:
        return True
    top = _name(place, root)
    return name == top or name.startswith(f"{top}/")


def _of_earlier_version(file: Path, record: Path | None) -> bool:
    """Whether a file is named by a frame, or is the record, and was last changed before that was written."""
    if record is None or not record.is_file() or file.is_symlink():
        return False
    try:
        written = json.loads(record.read_text(encoding="utf-8")).get("format")
    except (OSError, ValueError, AttributeError, RecursionError):
        return False
    ours = file == record or _NAMED_BY_FRAME.fullmatch(file.name) or file.suffix in {".json", ".txt"}
    unchanged = file.stat().st_mtime <= record.stat().st_mtime + _SLACK
    return written == "vsreid-studio provenance" and bool(ours) and unchanged


def _listed(files: Sequence[Path], place: Path, is_folder: bool) -> str:
    """The first of some files, and how many more."""
    if not is_folder:
        return "a file"
    first = files[0].relative_to(place) if place in files[0].parents else files[0]
    return f"{first}" if len(files) == 1 else f"{first} and {len(files) - 1} more"


def refuse_report(path: Path, sources: Sources, like: str) -> None:
    """Check before the work that a report may be written.

    Args:
        path: the report; the file of an earlier call is replaced, any other is not.
        sources: what is never written over.
        like: how every report of the kind begins, white space apart.

    Raises:
        UserError: the report would lie on or in a source, or replace a file of another kind.
    """
    sources.refuse(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder where a file is needed.")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UserError(f"{path} cannot be written: {above} is not a folder that can be written to.")
    if path.exists() and not (path.is_file() and _begins(path, like)):
        raise UserError(f"{path} is there already, and is not what this command writes: choose another name.")


def _begins(path: Path, like: str) -> bool:
    """Whether a file is empty or begins so, white space apart; a picture tells it in its header."""
    try:
        with path.open("rb") as file:
            head = file.read(4096).decode("utf-8", "replace")
    except OSError:
        return False
    text, sign = "".join(head.split()), "".join(like.split())
    return not head or text.startswith(sign) or (head[1:4] == "PNG" and sign in text)
