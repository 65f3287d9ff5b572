from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stand_ins import Calls, Clip

from vsreid_studio.app import main, parse
from vsreid_studio.cli.options import config_of
from vsreid_studio.cli.progress import Bar
from vsreid_studio.engine.events import Progress
from vsreid_studio.errors import Terminated
from vsreid_studio.formats.masks import read_label_map, write_label_map


def call(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


def pngs(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))


@pytest.fixture
def davis(clip: Clip, tmp_path: Path) -> Path:
    """Two sequences, one of which has void in its first annotation."""
    root = tmp_path / "davis"
    for name in ("bear", "cat"):
        pictures, masks = root / "JPEGImages/480p" / name, root / "Annotations/480p" / name
        pictures.mkdir(parents=True)
        masks.mkdir(parents=True)
        for file in sorted(clip.source.iterdir())[:4]:
            (pictures / file.name).write_bytes(file.read_bytes())
        labels = read_label_map(clip.masks)
        if name == "cat":
            labels[0, :5] = 255
        write_label_map(masks / "00000.png", labels)
    (root / "ImageSets/2017").mkdir(parents=True)
    (root / "ImageSets/2017/val.txt").write_text("bear\ncat\n")
    return root


def test_run_a_video(clip: Clip, calls: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", clip.source, "--masks", clip.masks, "--output", tmp_path / "out") == 0
    assert len(pngs(tmp_path / "out/clip")) == 10
    captured = capsys.readouterr()
    assert re.fullmatch(r".*/out/clip: 10 masks, 1 found again \(.* frames/s\)\n", captured.out)
    assert call("run", clip.source, "--masks", clip.masks, "--output", tmp_path / "out") == 0
    assert capsys.readouterr().out.endswith("/out/clip: complete, left as it is\n")


def test_without_reidentification_the_lost_stay_lost(clip: Clip, calls: Calls, tmp_path: Path) -> None:
    options: list[str | Path] = ["--masks", clip.masks, "--output", tmp_path / "out", "--no-reid"]
    assert call("run", clip.source, *options) == 0
    assert np.unique(read_label_map(tmp_path / "out/clip/00009.png")).tolist() == [0, 3]
    assert not calls.detected


def test_run_a_davis_set(davis: Path, calls: Calls, tmp_path: Path) -> None:
    assert call("run", "--davis", davis, "--set", "val", "--output", tmp_path / "out") == 0
    assert pngs(tmp_path / "out") == [f"{name}/{i:05d}.png" for name in ("bear", "cat") for i in range(4)]
    assert np.unique(read_label_map(tmp_path / "out/cat/00000.png", keep_void=True)).tolist() == [0, 1, 3]


def test_a_set_is_looked_at_before_it_is_begun(
    davis: Path, calls: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (davis / "Annotations/480p/cat/00000.png").write_bytes(b"")
    assert call("run", "--davis", davis, "--set", "val", "--output", tmp_path / "out") == 2
    assert "cat/00000.png cannot be read" in capsys.readouterr().err
    assert not calls.propagated
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_ctrl_c_and_sigterm_say_how_to_go_on(
    clip: Clip,
    calls: Calls,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    stop: type[KeyboardInterrupt],
    code: int,
) -> None:
    def interrupt(self: Bar, event: object) -> None:
        if isinstance(event, Progress) and event.done == 5:
            raise stop

    options: list[str | Path] = ["run", clip.source, "--masks", clip.masks, "--output", tmp_path / "out"]
    with monkeypatch.context() as patch:
        patch.setattr(Bar, "__call__", interrupt)
        assert call(*options) == code
    assert re.fullmatch(r"Stopped\. What is done .*clip\.vsreid: the same .*\n", capsys.readouterr().err)
    assert call(*options) == 0
    assert calls.propagated[:9] == list(range(1, 10))


def test_options_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('flow = "dis"\n[reid]\nrho_reid = 0.5\nrho_occ = 0.1\n[propagation]\nsize = "paper"\n')
    base = ["run", "x", "--output", "o", "--config", str(file)]
    config = config_of(parse([*base, "--rho-reid", "-0.25", "--flip", "--multi-scale", "--no-reid"]))
    assert (config.reid.rho_reid, config.reid.rho_occ, config.reid.enabled) == (-0.25, 0.1, False)
    assert (config.propagation.size, config.propagation.flip, config.flow) == ("paper", True, "dis")
    assert config.propagation.scales == (0.75, 1.0, 1.25)
    assert config_of(parse([*base, "--size", "lite"])).propagation.size == "lite"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["clip"], "A run needs a SOURCE and its --masks or --points, or --davis with --set."),
        (["clip", "--masks", "m", "--set", "val"], "--set goes with --davis."),
        (["--davis", "root"], "--davis needs a --set"),
        (["clip", "--davis", "root", "--set", "val"], "--davis brings its own videos and masks"),
    ],
)
def test_options_that_do_not_go_together(
    options: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", *options, "--output", tmp_path / "out") == 2
    assert capsys.readouterr().err.startswith(sentence)


@pytest.mark.parametrize(
    "option", [["--rho-reid", "2"], ["--rho-occ", "-1"], ["--adapt", "-1"], ["--size", "x"]]
)
def test_options_out_of_range(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        call("run", "clip", "--output", "o", *option)
    assert stop.value.code == 2
    assert f"argument {option[0]}" in capsys.readouterr().err


def test_progress_in_a_log_is_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsreid_studio.cli.progress._EVERY", 0.0)
    stream = io.StringIO()
    with Bar("bear", stream) as bar:
        for done in range(4):
            bar(Progress("propagating", done, 3))
            bar(Progress("smoothing", 0, 1))
            bar(Progress("judging", 0, 5))
        bar(Progress("detecting", 0, 2))
        bar(Progress("retrieving", 0, 1))
        bar(Progress("propagating", 3, 7))
        bar(Progress("propagating", 5, 7))
        bar(Progress("retrieving", 8, 9))
    text = stream.getvalue()
    assert "\r" not in text
    assert re.search(r"^bear: propagating: .* 2/3 \[.*frames/s\]$", text, re.MULTILINE)
    assert "smoothing" not in text and "judging" not in text
    assert re.search(r"^bear: finding again: 0 tried \[.*, propagating 5/7\]$", text, re.MULTILINE)
    assert re.search(r"^bear: finding again: 8 tried \[[^p]*\]$", text, re.MULTILINE)


def test_pictures_of_the_masks_are_palette_pngs(clip: Clip, calls: Calls, tmp_path: Path) -> None:
    assert call("run", clip.source, "--masks", clip.masks, "--output", tmp_path / "out") == 0
    with Image.open(tmp_path / "out/clip/00002.png") as mask:
        assert (mask.mode, mask.size) == ("P", (80, 48))
        assert mask.getpalette()[3:6] == [128, 0, 0]  # type: ignore[index]
