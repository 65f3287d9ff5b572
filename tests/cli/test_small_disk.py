"""A disk of two megabytes, nearly full: one sentence, and nothing half-written or left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from stand_ins import Calls, Clip

from vsreid_studio.app import main
from vsreid_studio.formats.masks import write_label_map

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts a disk in memory")

SIZE = 2 * 2**20
FILLER = "filler"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        done = False
    if not done:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def project(clip: Clip, calls: Calls, tmp_path: Path) -> Path:
    path = tmp_path / "work.vsreid"
    options = ["--masks", str(clip.masks), "--output", str(tmp_path / "out"), "--project", str(path)]
    assert main(["run", str(clip.source), *options, "--no-reid"]) == 0
    return path


def fill(disk: Path, left: int) -> None:
    (disk / FILLER).write_bytes(bytes(SIZE - left))


def refused(disk: Path, capsys: pytest.CaptureFixture[str], *command: object) -> str:
    """What was said, once nothing is left but what was there."""
    capsys.readouterr()
    assert main([*map(str, command)]) == 2
    assert [path.name for path in disk.iterdir()] == [FILLER]
    sentence = capsys.readouterr().err.strip().splitlines()[-1]
    assert str(disk) in sentence
    assert ".vsreid-" not in sentence
    return sentence


@pytest.mark.parametrize("left", [0, 4096, 40_000])
def test_a_run(disk: Path, clip: Clip, calls: Calls, capsys: pytest.CaptureFixture[str], left: int) -> None:
    fill(disk, left)
    options = ["--masks", clip.masks, "--output", disk / "out", "--no-reid"]
    assert "disk is full" in refused(disk, capsys, "run", clip.source, *options)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        *(("davis", "d"), ("youtube-vos", "d"), ("coco", "d"), ("coco-video", "d"), ("mots", "d")),
        *(("cutouts", "d"), ("overlay", "deep/er/o.mp4")),
    ],
)
def test_an_export(
    disk: Path, project: Path, capsys: pytest.CaptureFixture[str], form: str, name: str
) -> None:
    fill(disk, 0)
    said = refused(disk, capsys, "export", project, "--format", form, "--output", disk / name)
    assert "no space left" in said


def test_a_report(disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "truth").mkdir()
    for index in range(4):
        write_label_map(tmp_path / "truth" / f"{index:05d}.png", np.eye(9, dtype=np.uint8))
    fill(disk, 0)
    both = ["--truth", tmp_path / "truth", "--results", tmp_path / "truth"]
    assert "no space left" in refused(disk, capsys, "evaluate", *both, "--json", disk / "scores.json")


def test_what_was_there_stays(disk: Path, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = ["export", str(project), "--format", "overlay", "--output", str(disk / "o.mp4")]
    assert main(export) == 0
    before = (disk / "o.mp4").read_bytes()
    (disk / FILLER).write_bytes(b"")
    free = SIZE - sum(path.stat().st_size for path in disk.iterdir()) - 3 * 4096
    (disk / FILLER).write_bytes(bytes(max(0, free)))
    assert main([*export, "--overwrite"]) == 2
    assert (disk / "o.mp4").read_bytes() == before
    assert "no space left" in capsys.readouterr().err
