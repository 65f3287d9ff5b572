"""Whatever a person hands in by mistake ends in one sentence and code 2, with nothing half-written."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from stand_ins import Calls, Clip

from vsreid_studio.app import main
from vsreid_studio.engine.runtime import models
from vsreid_studio.formats.masks import read_label_map, write_label_map
from vsreid_studio.project import Project


@pytest.fixture
def refused(
    clip: Clip, calls: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., None]:
    """Runs the clip, one option exchanged, and checks how it is refused."""

    def present() -> set[Path]:
        """All but the log of a project that is open."""
        return {path for path in tmp_path.rglob("*") if not path.name.endswith("-wal")}

    def check(sentence: str, **exchanged: str | Path) -> None:
        options = {"source": clip.source, "masks": clip.masks, "output": tmp_path / "out", **exchanged}
        source = options.pop("source")
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        before = present()
        assert main(["run", str(source), *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert sentence in captured.err
        assert captured.err.endswith(".\n")
        assert present() == before
        assert not calls.propagated

    return check


def write_video(path: Path, source: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 80, 48, "yuv420p"
        for file in sorted(source.iterdir()):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.array(Image.open(file)))))
        container.mux(stream.encode())
    return path


def test_a_truncated_video(refused: Callable[..., None], clip: Clip, tmp_path: Path) -> None:
    video = write_video(tmp_path / "cut.mov", clip.source)
    data = video.read_bytes()
    video.write_bytes(data[: len(data) // 2])
    refused("cut.mov", source=video)


def test_a_text_file_named_mp4(refused: Callable[..., None], tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    refused("cannot be opened: it is damaged or no video", source=text)


def test_no_video(refused: Callable[..., None], tmp_path: Path) -> None:
    refused("There is no video file or folder of pictures at", source=tmp_path / "nowhere.mp4")


def test_masks_of_another_size(refused: Callable[..., None], tmp_path: Path) -> None:
    write_label_map(tmp_path / "small.png", np.ones((10, 20), np.uint8))
    refused("is 20 x 10 pixels, but the video is 80 x 48", masks=tmp_path / "small.png")


def test_an_id_above_254(refused: Callable[..., None], clip: Clip, tmp_path: Path) -> None:
    labels = read_label_map(clip.masks)
    labels[0, 0] = 255
    write_label_map(tmp_path / "high.png", labels)
    refused("number its instances 1 to 254", masks=tmp_path / "high.png")


def test_no_object(refused: Callable[..., None], tmp_path: Path) -> None:
    write_label_map(tmp_path / "none.png", np.zeros((48, 80), np.uint8))
    refused("shows no object", masks=tmp_path / "none.png")


def test_no_masks(refused: Callable[..., None], tmp_path: Path) -> None:
    refused("cannot be read: no such file", masks=tmp_path / "nowhere.png")


def test_weights_that_are_missing(refused: Callable[..., None], tmp_path: Path) -> None:
    refused("are missing or cannot be read", weights=tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("damaged", [True, False])
def test_weights_that_do_not_serve(
    refused: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    def load(size: str, device: object, weights: Path, **_: object) -> object:
        return models.fill(models.torch.nn.Linear(1, 1), models.read_weights(weights), "propagation-lite")  # type: ignore[attr-defined]

    monkeypatch.setattr(models, "load_inference", load)
    file = tmp_path / "my.safetensors"
    # A header of 2 bytes, '{}': no tensor at all.
    file.write_bytes(b"\x02" + bytes(7) + (b"{" if damaged else b"{}"))
    refused("does not hold the weights" if damaged else "do not fit the network", weights=file)


def test_no_weights_shipped(refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "load_inference", lambda *_, **__: models.shipped("propagation-huge"))
    refused("No weights 'propagation-huge' are shipped")


def test_an_output_that_cannot_be_written(refused: Callable[..., None], tmp_path: Path) -> None:
    # Permission bits would not stop root.
    (tmp_path / "file").touch()
    refused("cannot be written to: not a directory", output=tmp_path / "file" / "out")
    refused("is a file where a folder is needed", output=tmp_path / "file")


def make_project(path: Path, clip: object, tmp_path: Path) -> Path:
    options = ["--masks", str(clip.masks), "--output", str(tmp_path / "first"), "--project", str(path)]  # type: ignore[attr-defined]
    assert main(["run", str(clip.source), *options]) == 0  # type: ignore[attr-defined]
    return path


def test_a_project_of_a_newer_schema(
    refused: Callable[..., None], clip: Clip, calls: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_project(tmp_path / "new.vsreid", clip, tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    calls.propagated.clear()
    capsys.readouterr()
    refused("was made by a newer version of vsreid-studio", project=path)


def test_a_project_damaged_on_disk(
    refused: Callable[..., None], clip: Clip, calls: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_project(tmp_path / "bad.vsreid", clip, tmp_path)
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)
    calls.propagated.clear()
    capsys.readouterr()
    refused("is damaged on disk and was left as it is", project=path)


def test_a_project_that_is_none(refused: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "text.vsreid").write_text("hello " * 100)
    refused("is not a vsreid-studio project", project=tmp_path / "text.vsreid")


def test_a_project_that_is_open_elsewhere(
    refused: Callable[..., None], clip: Clip, calls: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_project(tmp_path / "open.vsreid", clip, tmp_path)
    calls.propagated.clear()
    capsys.readouterr()
    with Project.open(path):
        refused("is open in another window", project=path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("not toml", "is not TOML"),
        ("[reid]\nboxes = " + "[" * 3000, "nested deeper"),
        ("[reid]\nboxes = 9999999999", "'boxes' cannot be 9999999999"),
        ("speed = 3", "has an unknown setting 'speed'"),
        ('device = "toaster"', "'device' should be one of auto, cpu, cuda, not 'toaster'"),
        ("device = 3", "'device' should be a str"),
        ("propagation = 3", "'propagation' should be a table"),
        ("[device]\nx = 1", "'device' should be a str"),
        ("[propagation]\nscales = []", "should be a list of numbers above 0"),
        ('[propagation]\nscales = ["a"]', "should be a list of numbers above 0"),
        ('[propagation]\nsize = "huge"', "'size' should be one of lite, paper"),
        ("[propagation]\nflip = 1", "'flip' should be a bool"),
        ("[reid]\nrho_reid = nan", "'rho_reid' cannot be nan"),
        ("[reid]\nboxes = -1", "'boxes' should be 0 or more"),
        ("[reid]\nrho_reid = true", "'rho_reid' should be a float"),
    ],
)
def test_wrong_settings(refused: Callable[..., None], tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "my.toml").write_text(text)
    refused(sentence, config=tmp_path / "my.toml")


def test_no_folder_of_flow(refused: Callable[..., None], tmp_path: Path) -> None:
    refused("The folder of flow", flo=tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["vall", "**", "*", "[", "../2017/val"])
def test_an_unknown_set(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / "davis" / "ImageSets" / "2017").mkdir(parents=True)
    (tmp_path / "davis" / "ImageSets" / "2017" / "val.txt").write_text("cat\n")
    arguments = ["--davis", str(tmp_path / "davis"), "--set", name, "--output", str(tmp_path / "out")]
    assert main(["run", *arguments]) == 2
    assert capsys.readouterr().err.endswith(f"has no set '{name}' in its ImageSets.\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text elsewhere")
def test_frames_whose_names_are_not_utf8(clip: Clip, calls: Calls, tmp_path: Path) -> None:
    source = os.fsencode(tmp_path / "latin")
    Path(os.fsdecode(source)).mkdir()
    for number, file in enumerate(sorted(clip.source.iterdir())):
        suffix = os.fsencode(file.suffix)
        os.link(os.fsencode(file), source + b"/\xe9_%02d" % number + suffix)
    options = [
        "--masks",
        str(clip.masks),
        "--output",
        str(tmp_path / "out"),
        "--project",
        str(tmp_path / "p.vsreid"),
    ]
    for _ in range(2):
        assert main(["run", os.fsdecode(source), *options, "--no-reid"]) == 0
    assert (tmp_path / "out" / "latin" / os.fsdecode(b"\xe9_00.png")).is_file()
    for form in ("davis", "coco", "mots"):
        export = ["export", str(tmp_path / "p.vsreid"), "--format", form, "--output", str(tmp_path / form)]
        assert main(export) == 0
