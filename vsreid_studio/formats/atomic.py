"""The one way to write files: whole or not at all.

Files are made in a *stage*, a hidden folder beside their place, and renamed out of it, so that a reader, a
full disk or a killed process never meets half of one. A stage bears its host and process in its name, and
holds a lock while that process lives: who writes in a folder first clears away the stages there that no
living process holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import UserError

_STAGE = re.compile(r"\.vsreid-([0-9a-f]{8})-([0-9]+)-[0-9a-f]{8}")
_LOCK = ".lock"
_MOVES = ".moves"
_GONE_AFTER = 3600
"""Seconds after which a stage that nobody holds is cleared away although its process cannot be looked up."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path on the disk of `path`, of the same name, that takes its place when the block succeeds.

    For writers that want a name and not bytes, such as video encoders. When the block fails the temporary
    file is removed and an older `path` stays as it was.

    Raises:
        UserError: the block, or putting the file in place, raised an OSError.
    """
    try:
        with _stage_in(path.parent) as stage:
            yield stage / path.name
            (stage / path.name).replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error


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


def refuse_unwritable(path: Path) -> None:
    """Try whether an output folder can be created and written to; folders that are made for it go again.

    Raises:
        UserError: it cannot.
    """
    missing = _missing(path)
    try:
        writable_folder(path)
    finally:
        _remove(missing)


def in_folder(path: Path) -> Path:
    """The same path, when the folder that it lies in is there, see `writable_folder`."""
    writable_folder(path.parent)
    return path


@contextmanager
def staging(parent: Path, target: Path | None = None) -> Iterator[Path]:
    """A stage in `parent`, on the same disk, so that renames out of it are cheap.

    It is removed at the end, whatever happens, and when the block fails so are folders that were made for it.

    Args:
        target: what messages name instead of what is in the stage; None for the parent.

    Raises:
        UserError: the parent cannot be created or written to, or the block raised an OSError.
    """
    missing = _missing(parent)
    known = target or parent
    try:
        writable_folder(parent)
        with _stage_in(parent) as stage:
            try:
                yield stage
            except UserError as error:
                # Nobody knows the hidden folder.
                hidden = re.escape(str(stage)) + r"(/\S*)?"
                error.args = (re.sub(hidden, lambda _: str(known), str(error)),)
                raise
    except BaseException as error:
        _remove(missing)
        if isinstance(error, OSError):
            raise cannot_write(known, error) from error
        raise


def _missing(folder: Path) -> list[Path]:
    """The folder and those above it that are not there, the innermost first."""
    return [one for one in (folder, *folder.parents) if not one.exists()]


def _remove(folders: Sequence[Path]) -> None:
    """Remove folders as far as they are empty."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def publish(moves: Sequence[tuple[Path, Path]], stage: Path) -> None:
    """Rename files and folders out of a stage to where they belong, all of them or none.

    Args:
        moves: (staged, target) pairs. A target that exists is replaced.
        stage: replaced targets wait in it until all is in place, and vanish with it.

    Raises:
        UserError: a rename failed; what had been renamed is back in its old place.
    """
    undo: list[tuple[Path, Path]] = []
    target = stage
    try:
        # Of a kill from here on, the next call in the folder makes good; see `_recover`.
        noted = [[os.path.relpath(staged, stage), str(target.absolute())] for staged, target in moves]
        (stage / _MOVES).write_text(json.dumps(noted), encoding="ascii")
        for number, (staged, target) in enumerate(moves):
            target.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(target):
                aside = _aside(stage, number)
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


def sweep(folder: Path) -> None:
    """Clear away the stages in a folder that no living process holds; finish what one had begun."""
    try:
        found = [entry for entry in os.scandir(folder) if entry.name.startswith(".vsreid-")]
    except OSError:
        return
    for entry in found:
        name = _STAGE.fullmatch(entry.name)
        if name is not None and entry.is_dir(follow_symlinks=False):
            with suppress(OSError, ValueError):
                _clear(Path(entry.path), name[1], int(name[2]))


def _clear(stage: Path, host: str, process: int) -> None:
    local = host == _host() and sys.platform != "win32"
    if local and _alive(process):
        local = False
    age = time.time() - stage.stat().st_mtime
    if not local and age < _GONE_AFTER:
        return
    if (stage / _LOCK).exists():
        lock = FileLock(stage / _LOCK)
        try:
            lock.acquire(blocking=False)
        except (Timeout, NotImplementedError):
            return
        lock.release()
    _recover(stage)
    shutil.rmtree(stage)


def _recover(stage: Path) -> None:
    """Put in place what a process that was killed while it published had moved aside or not yet moved.

    Raises:
        OSError, ValueError: that cannot be done; the stage stays.
    """
    if not (stage / _MOVES).is_file():
        return
    noted = json.loads((stage / _MOVES).read_text(encoding="ascii"))
    moves = [(stage / staged, Path(target)) for staged, target in noted]
    since = (stage / _MOVES).stat().st_mtime
    begun = any(not os.path.lexists(staged) for staged, _ in moves) or any(
        os.path.lexists(_aside(stage, number)) for number in range(len(moves))
    )
    for number, (staged, target) in enumerate(moves):
        aside = _aside(stage, number)
        if begun and os.path.lexists(staged):
            if os.path.lexists(target):
                if _newest(target) > since:
                    raise ValueError(f"{target} was changed meanwhile")
                target.rename(aside)
            staged.rename(target)
        elif os.path.lexists(aside) and not os.path.lexists(target):
            aside.rename(target)


def _aside(stage: Path, number: int) -> Path:
    return stage / f".replaced-{number}"


def _newest(place: Path) -> float:
    times = [place.lstat().st_mtime]
    for folder, _, files in os.walk(place):
        times += [os.lstat(Path(folder, file)).st_mtime for file in files]
    return max(times)


def _host() -> str:
    return hashlib.sha256(platform.node().encode(errors="replace")).hexdigest()[:8]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def _stage_in(folder: Path) -> Iterator[Path]:
    """A new stage in a folder that exists; it is removed at the end, whatever happens.

    Raises:
        OSError: it cannot be made.
    """
    sweep(folder)
    stage = folder / f".vsreid-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    stage.mkdir()
    lock = FileLock(stage / _LOCK)
    try:
        # Some network drives have no locks; the name still gives the owner of the stage.
        with suppress(OSError, NotImplementedError, Timeout):
            lock.acquire(blocking=False)
        yield stage
    finally:
        lock.release()
        shutil.rmtree(stage, ignore_errors=True)


def cannot_write(path: Path, error: OSError) -> UserError:
    """The sentence for a failed write."""
    return UserError(f"{path} cannot be written: {reason(error)}.")


def reason(error: OSError) -> str:
    """What went wrong in the system's words, without numbers and paths, e.g. 'no space left on device'."""
    text = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
    return text[:1].lower() + text[1:].rstrip(".")
