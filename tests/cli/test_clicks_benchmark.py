"""`clicks-benchmark` on a tiny data set, with a clicker that knows one colour."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.app import main
from vsreid_studio.engine.runtime import click_networks, clicker
from vsreid_studio.engine.types import NO_CONTEXT, Box, Click, ClickContext, Frame, Prediction, SoftMask
from vsreid_studio.formats.masks import read_label_map, write_label_map


class Red:
    """Selects all that is red."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    told: ClassVar[list[ClickContext]] = []

    def segment(
        self,
        frame: Frame,
        clicks: Sequence[Click],
        box: Box | None = None,
        present: SoftMask | None = None,
        context: ClickContext = NO_CONTEXT,
    ) -> Prediction:
        self.told.append(context)
        return Prediction(SoftMask.from_dense(frame[..., 0] > 200), 1.0)


@pytest.fixture
def davis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(clicker, "Clicker", Red)
    monkeypatch.setattr(click_networks, "load_network", lambda **_: None)
    root = tmp_path / "davis"
    (root / "ImageSets" / "2016").mkdir(parents=True)
    (root / "ImageSets" / "2016" / "val.txt").write_text("one\n")
    for part in ("JPEGImages", "Annotations"):
        (root / part / "480p" / "one").mkdir(parents=True)
    (tmp_path / "made" / "one").mkdir(parents=True)
    for number in range(5):
        frame, labels = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint8)
        frame[10:40, 10 + number : 50 + number] = (255, 0, 0)
        labels[10:40, 10 + number : 50 + number] = 1
        labels[0, 0] = 255
        Image.fromarray(frame).save(root / "JPEGImages/480p/one" / f"{number:05d}.jpg", quality=95)
        write_label_map(root / "Annotations/480p/one" / f"{number:05d}.png", labels)
        poor = np.where(np.arange(80) < 25, labels, 0) if number == 2 else np.where(labels == 1, 1, 0)
        write_label_map(tmp_path / "made" / "one" / f"{number:05d}.png", poor.astype(np.uint8))
    return root


def test_page_and_figures(davis: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "clicks.md"
    arguments = ["clicks-benchmark", "--davis", str(davis), "--set", "val", "--every", "2"]
    arguments += ["--masks", str(tmp_path / "made"), "--output", str(page)]
    assert main([*arguments, "--pictures", str(tmp_path / "pictures")]) == 0
    assert capsys.readouterr().out == page.read_text()
    assert "## From nothing (3 masks)" in page.read_text()
    assert "## Masks of a run below 0.85 (1 masks)" in page.read_text()
    found = json.loads(page.with_suffix(".json").read_text())
    assert set(found["From nothing"]["shares"]) == {"one/00000/1", "one/00002/1", "one/00004/1"}
    assert found["From nothing"]["figures"]["NoC@90"] == 1
    assert found["From nothing"]["figures"]["mIoU@1"] > 0.95
    assert len(list((tmp_path / "pictures").iterdir())) == 4
    assert main(arguments) == 0


def test_what_the_network_is_told(davis: Path, tmp_path: Path) -> None:
    """Of corrections the first frame; of the second instance in a frame the mask of the first."""
    file = davis / "Annotations/480p/one/00000.png"
    labels = read_label_map(file, keep_void=True)
    labels[30:40][labels[30:40] == 1] = 2
    write_label_map(file, labels)
    Red.told.clear()
    arguments = ["clicks-benchmark", "--davis", str(davis), "--set", "val", "--every", "2"]
    assert main([*arguments, "--masks", str(tmp_path / "made")]) == 0
    first, second = Red.told[0], next(one for one in Red.told if one.others)
    assert first.neighbour is not None and first.trusted is None
    (drawn,) = second.others
    # All that is red was selected for the first one.
    assert drawn.area > 1000
    (known,) = {one.trusted[1].area for one in Red.told if one.trusted is not None}
    assert known == 30 * 40


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--every", "0"], "--every"),
        (["--patch", "100"], "multiple of 32"),
        (["--set", "none"], "no set 'none'"),
        (["--output", "page.json"], "in Markdown"),
    ],
)
def test_bad_options(davis: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clicks-benchmark", "--davis", str(davis), "--set", "val", *options]) == 2
    assert words in capsys.readouterr().err


def test_nothing_of_the_data_set_is_written_over(davis: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = davis / "Annotations" / "480p" / "one" / "page.md"
    arguments = ["clicks-benchmark", "--davis", str(davis), "--set", "val", "--output", str(target)]
    assert main(arguments) == 2
    assert not target.exists()
    assert capsys.readouterr().err.count("\n") == 1
