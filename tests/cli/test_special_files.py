"""A pipe, a socket or a device where a file is needed is refused at once: it might be waited for."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stand_ins import Calls, Clip

from vsreid_studio.app import main
from vsreid_studio.project import Project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such files in folders")


class Pipe:
    """A named pipe that notices being opened, which would be waited for where nobody writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened = False
        self._left = False
        os.mkfifo(path)
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def _write(self) -> None:
        while not self._left:
            # Returns once somebody reads, who then finds the end.
            os.close(os.open(self.path, os.O_WRONLY))
            self.opened |= not self._left

    def close(self) -> None:
        self._left = True
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self._writer.join()
        os.close(reader)


Special = Callable[[Path], Path]


@pytest.fixture(params=["pipe", "socket", "device"])
def special(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Special]:
    """Makes one at a place; at the end none of the pipes was opened."""
    pipes: list[Pipe] = []
    sockets: list[socket.socket] = []

    def make(path: Path) -> Path:
        path.unlink(missing_ok=True)
        if request.param == "pipe":
            pipes.append(Pipe(path))
        elif request.param == "socket":
            sockets.append(socket.socket(socket.AF_UNIX))
            # A socket's whole path may have 107 letters only.
            monkeypatch.chdir(path.parent)
            sockets[-1].bind(path.name)
        else:
            path.symlink_to("/dev/null")
        return path

    yield make
    opened = [pipe.path for pipe in pipes if pipe.opened]
    for pipe in pipes:
        pipe.close()
    for one in sockets:
        one.close()
    assert not opened


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Calls a command, which is refused with one sentence, and returns that."""

    def call(*command: object) -> str:
        assert main([*map(str, command)]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert len(told.err.splitlines()) == 1 and "Traceback" not in told.err
        return told.err

    return call


@pytest.mark.parametrize("option", ["--masks", "--points", "--config", "--weights", "--project"])
def test_options_of_a_run(
    option: str,
    special: Special,
    clip: Clip,
    calls: Calls,
    tmp_path: Path,
    refused: Callable[..., str],
) -> None:
    given = special(tmp_path / "given")
    more = [] if option in ("--masks", "--points") else ["--masks", clip.masks]
    told = refused("run", clip.source, "--output", tmp_path / "out", *more, option, given)
    assert str(given) in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", ["source", "clips", "set", "list", "picture", "mask", "segment"])
def test_other_input(
    names: str,
    special: Special,
    clip: Clip,
    calls: Calls,
    tiny_davis: Path,
    tmp_path: Path,
    refused: Callable[..., str],
) -> None:
    commands: dict[str, Callable[[], list[object]]] = {
        "source": lambda: ["run", special(tmp_path / "x.mp4"), "--masks", clip.masks],
        "clips": lambda: ["run", "--clips", special(tmp_path / "list.txt")],
        "set": lambda: ["run", "--davis", tiny_davis, "--set", special(tmp_path / "set.txt")],
        "list": lambda: [
            "run",
            "--davis",
            tiny_davis,
            "--set",
            special(tiny_davis / "ImageSets/2017/both.txt").stem,
        ],
        "picture": lambda: [
            "run",
            special(sorted(clip.source.iterdir())[1]).parent,
            "--masks",
            clip.masks,
        ],
        "mask": lambda: [
            "run",
            clip.source,
            "--masks",
            special(_folder_of_masks(clip, tmp_path) / "00001.png").parent,
        ],
        "segment": lambda: ["segment", clip.source, "--points", special(tmp_path / "points.json")],
    }
    refused(*commands[names](), "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _folder_of_masks(clip: Clip, tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    folder.mkdir()
    shutil.copy(clip.masks, folder / "00000.png")
    return folder


@pytest.fixture
def project(clip: Clip, calls: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "work.vsreid"
    run = ["run", clip.source, "--masks", clip.masks, "--output", tmp_path / "done", "--project", path]
    assert main([*map(str, run)]) == 0
    capsys.readouterr()
    return path


def test_export(special: Special, project: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    classes = special(tmp_path / "classes.txt")
    out = ["--output", tmp_path / "out"]
    assert str(classes) in refused("export", project, "--format", "coco", *out, "--classes", classes)
    other = special(tmp_path / "other.vsreid")
    assert str(other) in refused("export", other, "--format", "coco", *out)
    assert not (tmp_path / "out").exists()
    with Project.open(project) as there:
        assert there.instances


def test_a_folder_of_results_with_one_in_it_is_not_replaced(
    special: Special, project: Path, clip: Clip, tmp_path: Path, refused: Callable[..., str]
) -> None:
    (place,) = (tmp_path / "done").iterdir()
    special(place / "00003.png")
    run = ["run", clip.source, "--masks", clip.masks, "--output", tmp_path / "done", "--project", project]
    assert "did not write or someone has changed since" in refused(*run, "--overwrite", "--no-reid")


@pytest.mark.parametrize("part", ["truth", "result", "page"])
def test_evaluation(
    part: str, special: Special, tiny_davis: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    masks = tiny_davis / "Annotations/480p"
    results = shutil.copytree(masks, tmp_path / "results")
    if part == "page":
        page = special(tmp_path / "page.md")
        refused("tables", "--davis", tiny_davis, "--set", "both", "--work", tmp_path / "w", "--output", page)
        return
    special({"truth": masks, "result": results}[part] / "gone" / "00003.png")
    refused("evaluate", "--truth", masks, "--results", results)
