"""Only what this program wrote is replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vsreid_studio.errors import UserError
from vsreid_studio.formats.atomic import staging
from vsreid_studio.formats.owned import MARKER, foreign, mark_all, placing, publish_owned, refuse_existing


def put(root: Path, **files: str) -> None:
    """Publish a folder `a` with these files."""
    with staging(root) as stage:
        (stage / "a").mkdir()
        for name, text in files.items():
            (stage / "a" / name).write_text(text)
        publish_owned(root, [(stage / "a", root / "a")], stage)


def test_what_was_written_may_be_replaced(tmp_path: Path) -> None:
    put(tmp_path, one="1", two="2")
    with pytest.raises(UserError, match="or overwrite it"):
        refuse_existing(tmp_path, [tmp_path / "a"], False)
    refuse_existing(tmp_path, [tmp_path / "a"], True)
    put(tmp_path, two="3")
    assert json.loads((tmp_path / MARKER).read_text())["sha256"].keys() == {"a/two"}
    (tmp_path / "a" / ".DS_Store").touch()
    (tmp_path / "a" / "two").unlink()
    refuse_existing(tmp_path, [tmp_path / "a"], True)


@pytest.mark.parametrize("name", ["one", "added"])
def test_what_a_person_added_or_changed_is_refused_by_name(tmp_path: Path, name: str) -> None:
    put(tmp_path, one="1", two="2")
    (tmp_path / "a" / name).write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(UserError, match=rf"it has {name}, which this program did not write") as error:
            refuse_existing(tmp_path, [tmp_path / "a"], overwrite)
        assert "overwrite" not in str(error.value)


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_comes_to_its_place_while_it_is_made_is_not_replaced(tmp_path: Path, overwrite: bool) -> None:
    with (
        pytest.raises(UserError, match="which this program did not write"),
        placing(tmp_path, files=[Path("film.mp4")], overwrite=overwrite) as stage,
    ):
        (stage / "film.mp4").write_text("ours")
        (tmp_path / "film.mp4").write_text("mine")
    assert (tmp_path / "film.mp4").read_text() == "mine"


def test_lists_are_changed_by_one_after_the_other(tmp_path: Path) -> None:
    """A second one waits until the first has put its list in place, and adds to that."""
    begun = threading.Event()
    others: list[threading.Thread] = []

    def add(name: str, waits: bool) -> None:
        def listed() -> bytes:
            before = (tmp_path / "list").read_bytes() if (tmp_path / "list").exists() else b""
            if waits:
                begun.set()
                # The other one comes as far as it can meanwhile.
                others[0].join(0.2)
            return before + name.encode()

        with placing(tmp_path, files=[Path(name)], lists={Path("list"): listed}, overwrite=False) as stage:
            (stage / name).touch()
            if not waits:
                assert begun.wait(60)

    others.append(threading.Thread(target=add, args=("b", False)))
    others[0].start()
    add("a", True)
    others[0].join()
    assert (tmp_path / "list").read_text() == "ab"
    assert json.loads((tmp_path / MARKER).read_text())["sha256"].keys() == {"a", "b", "list"}


KILLED = """
import os, sys
from pathlib import Path
from vsreid_studio.formats.atomic import staging
from vsreid_studio.formats.owned import MARKER, publish_owned

rename = Path.rename
Path.rename = lambda path, target: os._exit(9) if path.name == MARKER else rename(path, target)
root = Path(sys.argv[1])
with staging(root) as stage:
    (stage / "a").mkdir()
    (stage / "a" / "one").write_text("1")
    publish_owned(root, [(stage / "a", root / "a")], stage)
"""


def test_what_was_killed_while_it_was_put_in_place_may_be_replaced(tmp_path: Path) -> None:
    """Killed between the folder and the list that tells whose it is."""
    # Not a fork of this process: one that has threads may never get past a lock that they hold.
    assert subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False).returncode == 9
    assert not (tmp_path / MARKER).exists()
    assert (tmp_path / "a" / "one").exists()
    refuse_existing(tmp_path, [tmp_path / "a"], True)
    assert {path.name for path in tmp_path.iterdir()} == {"a", MARKER}


def test_links_and_files_without_a_list_are_never_ours(tmp_path: Path) -> None:
    put(tmp_path, one="1")
    (tmp_path / "a" / "one").rename(tmp_path / "elsewhere")
    (tmp_path / "a" / "one").symlink_to(tmp_path / "elsewhere")
    assert foreign(tmp_path, tmp_path / "a") == [tmp_path / "a" / "one"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").touch()
    for text in ("", "[]", '{"sha256": 3}', "[" * 100_000):
        (tmp_path / MARKER).write_text(text)
        assert foreign(tmp_path, tmp_path / "b") == [tmp_path / "b" / "x"]


def test_a_moved_folder_keeps_its_own_list(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "00000.png").write_text("x")
    mark_all(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    refuse_existing(tmp_path / "b", [tmp_path / "b"], True)


def test_a_folder_of_an_earlier_version(tmp_path: Path) -> None:
    folder, record = tmp_path / "clip", tmp_path / "clip" / "provenance.json"
    folder.mkdir()
    for index in range(3):
        (folder / f"{index:05d}.png").touch()
    record.write_text('{"format": "vsreid-studio provenance"}')
    refuse_existing(folder, [folder], True, record=record)
    (folder / "notes.txt").touch()
    late = time.time() + 60
    os.utime(folder / "00001.png", (late, late))
    os.utime(folder / "notes.txt", (late, late))
    with pytest.raises(UserError, match=r"it has 00001\.png and 1 more, which"):
        refuse_existing(folder, [folder], True, record=record)
