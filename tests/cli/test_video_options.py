"""--track and --range: chosen once, kept in the project, and used by whoever opens it next."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import number_of, two_tracks
from PIL import Image
from stand_ins import Calls, Clip

from vsreid_studio.app import main
from vsreid_studio.engine.video import AS_USUAL, ReadOptions, ValueRange
from vsreid_studio.gui.opening import open_document
from vsreid_studio.project import Project, read_options


def call(*arguments: str | Path | float) -> int:
    return main([str(argument) for argument in arguments])


def picture(clip: Clip, index: int) -> np.ndarray:
    with Image.open(clip.source / f"{index:05d}.png") as image:
        return np.asarray(image).astype(int)


@pytest.fixture
def deep(clip: Clip, tmp_path: Path) -> Path:
    """The clip of the fakes with 12 bits in 16."""
    folder = tmp_path / "deep"
    folder.mkdir()
    for file in clip.source.iterdir():
        bgr = cv2.imread(str(file))
        assert bgr is not None
        cv2.imwrite(str(folder / file.name), bgr.astype(np.uint16) * 16)
    return folder


def exported(project: Path, folder: Path, *more: str | float) -> np.ndarray:
    options = ("--resolution", "Full-Resolution", "--name", "x", *more)
    assert call("export", project, "--output", folder, *options) == 0
    with Image.open(folder / "JPEGImages/Full-Resolution/x/00002.jpg") as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_range_is_told_and_kept(
    clip: Clip, calls: Calls, deep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "deep.vsreid"
    run = ("run", deep, "--masks", clip.masks, "--output", tmp_path / "out", "--project", project)
    assert call(*run, "--range", 5, 5) == 2
    assert "--range 5 5 is no range" in capsys.readouterr().err
    assert call(*run) == 0
    with Project.open(project) as opened:
        assert read_options(opened.settings) == AS_USUAL
    plain = exported(project, tmp_path / "plain")
    assert plain.mean() == pytest.approx(picture(clip, 2).mean(), abs=1)
    # Other pictures are another input.
    assert call(*run, "--range", 0, 4500) == 2
    project, chosen = tmp_path / "dark.vsreid", ReadOptions(value_range=ValueRange(0, 4500))
    run = ("run", deep, "--masks", clip.masks, "--output", tmp_path / "dark", "--project", project)
    assert call(*run, "--range", 0, 4500) == 0
    with Project.open(project) as opened:
        assert read_options(opened.settings) == chosen
    dark = exported(project, tmp_path / "half")
    assert dark.mean() * 4500 / 4080 == pytest.approx(picture(clip, 2).mean(), abs=1)
    again = exported(project, tmp_path / "again", "--range", 0, 4080)
    assert again.mean() == pytest.approx(picture(clip, 2).mean(), abs=1)


def test_the_window_reads_as_the_project_says(clip: Clip, deep: Path, tmp_path: Path) -> None:
    chosen = ReadOptions(value_range=ValueRange(0, 4500))
    for options in (chosen, None):
        document = open_document(deep, tmp_path / "data", options=options)
        assert document.video.options == chosen
        assert np.abs(1.1 * document.video.frame(1).astype(int) - picture(clip, 1)).mean() < 2
        path = document.project.path
        document.close()
    other = ReadOptions(value_range=ValueRange(0, 4080))
    for options in (other, None):
        document = open_document(path, tmp_path / "data", options=options)
        assert document.video.options == other
        document.close()


def test_a_track_is_a_video_of_its_own(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "two.mkv", 0)
    chosen = open_document(path, tmp_path / "data", options=ReadOptions(track=2))
    assert (chosen.video.width, number_of(chosen.video.frame(1))) == (96, 11)
    project = chosen.project.path
    chosen.close()
    usual = open_document(path, tmp_path / "data")
    assert (usual.video.width, number_of(usual.video.frame(1))) == (48, 1)
    assert usual.project.path != project
    usual.close()
    again = open_document(project, tmp_path / "data")
    assert number_of(again.video.frame(2)) == 12
    again.close()


def test_a_data_set_has_no_track(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    davis = ("run", "--davis", tmp_path, "--set", "val", "--output", tmp_path / "out")
    assert call(*davis, "--track", 1) == 2
    assert "--track" in capsys.readouterr().err
