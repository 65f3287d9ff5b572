"""The one way to write files: whole or not at all.

A file is written under a hidden temporary name in its own folder and then renamed, so that a reader, a full
disk or a killed process never meets half of it. A group of folders is published in the same manner.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, of the same suffix, that takes its place when the block succeeds.

    For writers that want a name and not bytes, such as video encoders. When the block fails the temporary
    file is removed and an older `path` stays as it was.

    Raises:
        UserError: the block, or putting the file in place, raised an OSError.
    """
    # Not mkstemp: it makes files that only their owner may read.
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically.

    Raises:
        UserError: it cannot be written (full disk, read-only folder, a folder of that name ...).
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file atomically, line ends as they are.

    Raises:
        UserError: it cannot be written.
    """
    write_bytes(path, text.encode("utf-8"))


def writable_folder(path: Path) -> Path:
    """Create an output folder, with its parents, unless it is there, and try it with a file.

    Returns:
        The same path.

    Raises:
        UserError: it cannot be created or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except FileExistsError as error:
        raise UserError(f"{path} is a file where a folder is needed.") from error
    except OSError as error:
        raise UserError(f"The folder {path} cannot be written to: {reason(error)}.") from error
    return path


@contextmanager
def staging(parent: Path) -> Iterator[Path]:
    """A hidden temporary folder in `parent` (on the same disk, so that renames out of it are cheap).

    It is removed at the end, whatever happens.

    Raises:
        UserError: the parent cannot be created or written to, or the block raised an OSError.
    """
    stage = writable_folder(parent) / f".{uuid.uuid4().hex}"
    try:
        stage.mkdir()
        yield stage
    except OSError as error:
        raise cannot_write(parent, error) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def publish(moves: Sequence[tuple[Path, Path]], stage: Path) -> None:
    """Rename folders out of a stage to where they belong, all of them or none.

    Args:
        moves: (staged, target) pairs. A target that exists is replaced.
        stage: the folder of `staging`; replaced targets wait in it and vanish with it.

    Raises:
        UserError: a rename failed; what had been renamed is back in its old place.
    """
    undo: list[tuple[Path, Path]] = []
    try:
        for number, (staged, target) in enumerate(moves):
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                aside = stage / f"replaced-{number}"
                target.rename(aside)
                undo.append((aside, target))
            staged.rename(target)
            undo.append((target, staged))
    except BaseException as error:
        for source, destination in reversed(undo):
            source.rename(destination)
        if isinstance(error, OSError):
            raise cannot_write(target, error) from error
        raise


def refuse_existing(folders: Iterable[Path], overwrite: bool, files: Iterable[Path] = ()) -> None:
    """Check before an export that nothing of a person's would be lost.

    Args:
        folders, files: what the export will make; an empty folder does not count as there.
        overwrite: allow those that are there to be replaced by their like.

    Raises:
        UserError: something would be lost, or a file stands where a folder belongs, or a folder where a file
            does.
    """
    for place, is_folder in (*((it, True) for it in folders), *((it, False) for it in files)):
        if place.exists() and place.is_dir() != is_folder:
            there, needed = ("file", "folder") if is_folder else ("folder", "file")
            raise UserError(f"{place} is a {there} where a {needed} is needed.")
        if not overwrite and place.exists() and not (is_folder and not any(place.iterdir())):
            raise UserError(f"{place} is there already: choose another place or ask to overwrite it.")


def cannot_write(path: Path, error: OSError) -> UserError:
    """The sentence for a failed write."""
    return UserError(f"{path} cannot be written: {reason(error)}.")


def reason(error: OSError) -> str:
    """What went wrong in the system's words, without numbers and paths, e.g. 'no space left on device'."""
    text = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
    return text[:1].lower() + text[1:].rstrip(".")
