from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from vsreid_studio.errors import UserError
from vsreid_studio.formats.atomic import (
    publish,
    replacing,
    staging,
    sweep,
    writable_folder,
    write_bytes,
    write_text,
)


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_replaces_a_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    write_text(target, "old\n")
    write_text(target, "Kröte\r\n")
    assert target.read_bytes() == "Kröte\r\n".encode()
    assert list(tmp_path.iterdir()) == [target]


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_bytes(tmp_path / "atomic", b"")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.bin"
    write_bytes(target, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full_disk)
        with pytest.raises(UserError, match=r"a\.bin cannot be written: no space left on device\.$"):
            write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failing_block_removes_its_temporary_file(tmp_path: Path) -> None:
    def fail() -> None:
        with replacing(tmp_path / "film.mp4") as temporary:
            assert temporary.suffix == ".mp4"
            temporary.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["missing/a.txt", "folder"])
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        write_text(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_writable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert writable_folder(tmp_path / "a" / "b").is_dir()
    assert not list((tmp_path / "a" / "b").iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file where a folder is needed"):
        writable_folder(tmp_path / "file")
    with pytest.raises(UserError, match="cannot be written to"):
        writable_folder(tmp_path / "file" / "below")
    monkeypatch.setattr("tempfile.TemporaryFile", full_disk)
    with pytest.raises(UserError, match="no space left"):
        writable_folder(tmp_path)


def test_publishing_is_all_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "old").touch()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"), staging(tmp_path) as stage:
        for name in ("one", "two"):
            (stage / name).mkdir()
            (stage / name / "new").touch()
        publish([(stage / "one", tmp_path / "one"), (stage / "two", tmp_path / "file" / "two")], stage)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "one"]
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["old"]

    with staging(tmp_path) as stage:
        (stage / "one").mkdir()
        (stage / "one" / "new").touch()
        publish([(stage / "one", tmp_path / "one")], stage)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "one"]


def test_a_full_disk_is_told_with_the_targets_name(tmp_path: Path) -> None:
    def fill() -> None:
        with staging(tmp_path, tmp_path / "masks") as stage:
            write_bytes(stage / "a" / "00000.png", b"")

    with pytest.raises(UserError, match=rf"^{tmp_path / 'masks'} cannot be written: no such file"):
        fill()
    assert not list(tmp_path.iterdir())


def killed(folder: Path, process: int) -> Path:
    """The stage of a process that was killed."""
    with staging(folder) as stage:
        gone = stage.with_name(stage.name.replace(f"-{os.getpid()}-", f"-{process}-"))
        gone.mkdir()
    (gone / "half").write_text("x")
    return gone


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_stages_of_dead_processes_are_swept(tmp_path: Path, dead: int) -> None:
    gone, living = killed(tmp_path, dead), killed(tmp_path, os.getppid())
    (tmp_path / ".vsreid-notes").mkdir()
    write_text(tmp_path / "a.txt", "a")
    assert not gone.exists()
    assert living.exists()
    assert (tmp_path / ".vsreid-notes").exists()


def test_a_stage_that_is_held_elsewhere_stays(tmp_path: Path, dead: int) -> None:
    gone = killed(tmp_path, dead)
    with FileLock(gone / ".lock"):
        sweep(tmp_path)
    assert gone.exists()
    sweep(tmp_path)
    assert not gone.exists()


KILLED = """
import os, sys
from pathlib import Path
from vsreid_studio.formats.atomic import publish, staging

root, left, rename = Path(sys.argv[1]), iter(range(int(sys.argv[2]))), Path.rename
Path.rename = lambda path, target: os._exit(9) if next(left, None) is None else rename(path, target)
with staging(root) as stage:
    for name in ("one", "two"):
        (stage / name).mkdir()
        (stage / name / "new").touch()
    publish([(stage / name, root / name) for name in ("one", "two")], stage)
    os._exit(9)
"""


@pytest.mark.parametrize("at", range(5))
def test_a_kill_while_publishing_loses_nothing(tmp_path: Path, dead: int, at: int) -> None:
    """Killed before each of the four renames, and after the last."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").touch()
    # Not a fork of this process: one that has threads may never get past a lock that they hold.
    assert subprocess.run([sys.executable, "-c", KILLED, tmp_path, str(at)], check=False).returncode == 9
    sweep(tmp_path)
    found = {path.name: [it.name for it in path.iterdir()] for path in tmp_path.iterdir()}
    assert found == {name: ["new" if at else "old"] for name in ("one", "two")}


def test_recovery_does_not_touch_what_was_changed_since(tmp_path: Path, dead: int) -> None:
    gone = killed(tmp_path, dead)
    moves = [["first", str(tmp_path / "first")], ["half", str(tmp_path / "there")]]
    (gone / ".moves").write_text(json.dumps(moves))
    os.utime(gone / ".moves", (1, 1))
    (tmp_path / "there").write_text("mine")
    sweep(tmp_path)
    assert (tmp_path / "there").read_text() == "mine"
    assert (gone / "half").exists()
