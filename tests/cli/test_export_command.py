from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stand_ins import Calls, Clip

from vsreid_studio.app import main
from vsreid_studio.engine.events import Change
from vsreid_studio.engine.types import CellKey, Click
from vsreid_studio.engine.video import open_video
from vsreid_studio.formats.catalogue import FORMATS
from vsreid_studio.formats.coco import read_coco_masks, read_coco_video
from vsreid_studio.formats.cutouts import read_cutouts
from vsreid_studio.formats.masks import read_label_map
from vsreid_studio.formats.mots import read_mots
from vsreid_studio.formats.points import Prompt
from vsreid_studio.formats.youtube_vos import read_masks
from vsreid_studio.project import Project, VideoRef
from vsreid_studio.project.open_points import OpenPoints, note_open_points


def call(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture
def project(clip: Clip, calls: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    options: list[str | Path] = ["--masks", clip.masks, "--output", tmp_path / "out"]
    options += ["--project", tmp_path / "my.vsreid"]
    assert call("run", clip.source, *options) == 0
    capsys.readouterr()
    return tmp_path / "my.vsreid"


def test_export_both_sizes(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("export", project, "--format", "davis", "--output", tmp_path / "set") == 0
    assert capsys.readouterr().out == f"10 frames of clip are in {tmp_path / 'set'}\n"
    small = read_label_map(tmp_path / "set/Annotations/480p/clip/00009.png")
    full = read_label_map(tmp_path / "set/Annotations/Full-Resolution/clip/00009.png")
    assert (small.shape, full.shape) == ((480, 800), (48, 80))
    assert np.array_equal(full, read_label_map(tmp_path / "out/clip/00009.png"))
    assert (tmp_path / "set/ImageSets/2017/val.txt").read_text() == "clip\n"
    told, of_run = (
        json.loads((tmp_path / where).read_text())
        for where in ("set/provenance/clip.json", "out/clip/provenance.json")
    )
    assert told["weights"] and told["settings"]
    assert {name: told[name] for name in ("instances", "decisions", "weights", "settings")} == {
        name: of_run[name] for name in ("instances", "decisions", "weights", "settings")
    }
    assert call("export", project, "--output", tmp_path / "set") == 2
    assert "is there already" in capsys.readouterr().err
    assert call("export", project, "--output", tmp_path / "set", "--overwrite") == 0


def test_objects_that_are_not_computed_are_told(
    project: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert call("export", project, "--output", tmp_path / "whole") == 0
    assert "not computed" not in caplog.text
    with Project.open(project) as opened:
        gone = {key: None for key, cell in opened.annotation.cells() if key.instance == 3 and key.frame > 6}
        opened.apply(opened.annotation.set_cells("clear", gone))
        clicks = [Prompt(CellKey(n, 1), (Click(3.0, 4.0, True),), None) for n in (2, 3)]
        note_open_points(opened, [OpenPoints(one, "") for one in clicks])
    assert call("export", project, "--output", tmp_path / "part") == 0
    assert "has 2 clicked masks that are not computed yet" in caplog.text
    assert "In 3 frames some objects are not computed yet" in caplog.text


def test_one_size_and_another_name(project: Path, tmp_path: Path) -> None:
    options = ["--resolution", "Full-Resolution", "--name", "walk", "--set", "mine"]
    assert call("export", project, "--output", tmp_path / "set", *options) == 0
    assert [path.name for path in (tmp_path / "set/JPEGImages").iterdir()] == ["Full-Resolution"]
    assert (tmp_path / "set/ImageSets/2017/mine.txt").read_text() == "walk\n"


def test_a_video_that_has_moved(
    project: Path, clip: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.move(clip.source, tmp_path / "elsewhere" / "my clip")
    assert call("export", project, "--output", tmp_path / "set") == 2
    assert "is not there any more. Tell by --video where it is." in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
    assert call("export", project, "--output", tmp_path / "set", "--video", moved) == 0
    assert (tmp_path / "set/Annotations/480p/my_clip").is_dir()
    with Project.open(project) as opened:
        assert opened.video.path == moved


def test_another_video(project: Path, clip: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clip.source / "00009.png").unlink()
    assert call("export", project, "--output", tmp_path / "set") == 2
    assert "1 frame is gone (00009). Add --changed keep or --changed clear." in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
    assert call("export", project, "--output", tmp_path / "set", "--changed", "keep") == 0
    assert len(list((tmp_path / "set/Annotations/480p/clip").iterdir())) == 9


def test_a_project_without_masks(clip: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_video(clip.source) as video:
        reference = VideoRef(clip.source, video.fingerprint, 10, 48, 80)
    Project.create(tmp_path / "empty.vsreid", reference).close()
    assert call("export", tmp_path / "empty.vsreid", "--output", tmp_path / "set") == 2
    assert capsys.readouterr().err.endswith("empty.vsreid has no masks to export.\n")


def test_an_overlay_video(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "shown.mp4"
    assert call("export", project, "--format", "overlay", "--output", path, "--opacity", "1") == 0
    assert capsys.readouterr().out == f"10 frames of clip are in {path}\n"
    with Project.open(project) as opened:
        red, green, blue = bytes.fromhex(opened.instances[1].colour[1:])
    with open_video(path) as video:
        assert (video.length, video.height, video.width, video.rate) == (10, 48, 80, 24)
        assert np.abs(video.frame(0)[16, 12].astype(int) - (red, green, blue)).max() < 25
    assert call("export", project, "--format", "overlay", "--output", path) == 2
    assert "is there already" in capsys.readouterr().err
    assert call("export", project, "--format", "overlay", "--output", tmp_path / "shown") == 2
    assert "suffix .mp4" in capsys.readouterr().err


READERS = {
    "youtube-vos": lambda root: read_masks(root, "clip"),
    "coco": lambda root: read_coco_masks(root / "annotations/instances_clip.json"),
    "coco-video": lambda root: read_coco_video(root / "instances_clip.json"),
    "mots": lambda root: read_mots(root / "clip.txt", 48, 80, 10),
    "cutouts": lambda root: read_cutouts(root / "clip"),
}


@pytest.mark.parametrize("form", READERS)
def test_the_other_forms_hold_the_same_masks(
    form: str, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options: list[str | Path] = ["--format", form, "--output", tmp_path / "set"]
    assert call("export", project, *options) == 0
    assert capsys.readouterr().out == f"10 frames of clip are in {tmp_path / 'set'}\n"
    expected = [read_label_map(tmp_path / f"out/clip/{index:05d}.png") for index in range(10)]
    assert all(map(np.array_equal, READERS[form](tmp_path / "set"), expected))
    assert call("export", project, *options) == 2
    assert "is there already" in capsys.readouterr().err
    assert call("export", project, *options, "--overwrite") == 0
    assert call("export", project, *options, "--name", "a b") == 2
    assert "cannot name a sequence" in capsys.readouterr().err


def test_names_of_instances_become_categories(project: Path, tmp_path: Path) -> None:
    with Project.open(project) as opened:
        runner = replace(opened.instances[1], name="Läuferin")
        opened.apply(Change("Rename"), instances={1: runner})
    assert call("export", project, "--format", "coco-video", "--output", tmp_path / "set") == 0
    document = json.loads((tmp_path / "set/instances_clip.json").read_text(encoding="utf-8"))
    assert document["categories"][0]["name"] == "Läuferin"


def test_help_tells_of_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call("export", "--help")
    text = capsys.readouterr().out
    assert all(f"\n  {form.key} " in text for form in FORMATS)
