from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vsreid_studio.cli import evaluate
from vsreid_studio.errors import UserError
from vsreid_studio.formats.masks import write_label_map


def write_sequence(folder: Path, label_maps: Iterable[NDArray[np.uint8]]) -> None:
    """Masks named 00000.png on."""
    folder.mkdir(parents=True)
    for index, labels in enumerate(label_maps):
        write_label_map(folder / f"{index:05d}.png", labels)


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_parser(parser.add_subparsers())
    args = parser.parse_args(["evaluate", *map(str, arguments)])
    code: int = args.handler(args)
    return code


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Truth of bear, bus and cat; results of bear (right), bus (empty) and a folder that is no sequence."""
    labels = np.zeros((30, 40), np.uint8)
    labels[5:20, 5:20], labels[5:20, 25:35] = 1, 2
    for name in ("bear", "bus", "cat"):
        write_sequence(tmp_path / "truth" / name, [labels] * 4)
    for name, factor in (("bear", 1), ("bus", 0), ("notes", 1)):
        write_sequence(tmp_path / "results" / name, [labels * np.uint8(factor)] * 4)
    return tmp_path / "truth", tmp_path / "results"


def test_table_and_files(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, results = folders
    files = tmp_path / "out.json", tmp_path / "out.csv"
    assert run("--truth", truth, "--results", results, "--json", files[0], "--csv", files[1]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["sequence", "instances", "J", "F", "J&F"]
    assert lines[1] == ["bear", "2", "1.0000", "1.0000", "1.0000"]
    assert lines[2] == ["bus", "2", "0.0000", "0.0000", "0.0000"]
    assert lines[4] == ["global", "4", "0.5000", "0.5000", "0.5000"]
    figures = json.loads(files[0].read_text())
    assert figures["global"]["J&F"] == 0.5
    assert list(figures["sequences"]) == ["bear", "bus"]
    assert figures["sequences"]["bus"]["2"]["F"] == 0
    assert len(list(csv.reader(files[1].read_text().splitlines()))) == 6


def test_a_set_chooses_the_sequences(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, results = folders
    listing = tmp_path / "set.txt"
    listing.write_text("bear\n")
    assert run("--truth", truth, "--results", results, "--set", listing) == 0
    assert "bus" not in capsys.readouterr().out
    listing.write_text("bear\ncat\n")
    with pytest.raises(UserError, match="lack the sequence cat"):
        run("--truth", truth, "--results", results, "--set", listing)


def test_sequences_that_are_not_scored_are_told(
    folders: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    truth, results = folders
    (results / ".hidden").mkdir()
    assert run("--truth", truth, "--results", results) == 0
    assert caplog.messages == [
        "Not scored, as the results lack them: cat",
        "Not scored, as the truth lacks them: notes",
    ]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "00000.jpg").touch()
    with pytest.raises(UserError, match="it holds JPEGs, whose compression blurs instance numbers"):
        run("--truth", truth / "bear", "--results", pictures)


def test_a_file_that_cannot_be_written(folders: tuple[Path, Path], tmp_path: Path) -> None:
    truth, results = folders
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is not a folder that can be written to"):
        run("--truth", truth, "--results", results, "--json", tmp_path / "file" / "out.json")
    assert run("--truth", truth, "--results", results, "--json", tmp_path / "new" / "out.json") == 0
    assert (tmp_path / "new" / "out.json").is_file()


def test_results_must_exist(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no folder"):
        run("--truth", folders[0], "--results", tmp_path / "nowhere")


def test_two_folders_of_one_sequence(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    truth, results = folders
    assert run("--truth", truth / "cat", "--results", results / "bear") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["bear", "2", "1.0000", "1.0000", "1.0000"]
    assert run("--truth", truth / "cat", "--results", results / "bus") == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-1] == "0.0000"


def test_masks_named_by_rank_are_not_scored_a_frame_off(folders: tuple[Path, Path]) -> None:
    truth, results = folders
    for index in reversed(range(4)):
        (truth / "bear" / f"{index:05d}.png").rename(truth / "bear" / f"{index + 1:05d}.png")
    sentence = r"named 00000 to 00003, those of the truth 00001 to 00004: give both the names"
    with pytest.raises(UserError, match=sentence):
        run("--truth", truth, "--results", results)
    (results / "bear" / "00000.png").rename(results / "bear" / "00004.png")
    assert run("--truth", truth, "--results", results) == 0


def test_a_truth_of_every_second_frame_and_natural_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.zeros((30, 40), np.uint8)
    labels[5:20, 5:20] = 1
    for name, frames in {"truth": (2, 4, 6, 8, 10), "results": range(2, 11)}.items():
        (tmp_path / name).mkdir()
        for frame in frames:
            # By their names as text frame 10 would be the first, where nothing is seen.
            write_label_map(tmp_path / name / f"f{frame}.png", labels * np.uint8(frame < 10))
    assert run("--truth", tmp_path / "truth", "--results", tmp_path / "results") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["results", "1", "1.0000", "1.0000", "1.0000"]


def test_figures_are_not_written_over_masks_or_other_files(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    truth, results = folders
    (tmp_path / "notes.json").write_text('{"mine": 1}')
    places = [truth / "bear" / "x.json", results / "bear" / "00001.png", results / "bus"]
    for path in (*places, tmp_path / "notes.json"):
        with pytest.raises(UserError, match=r"only read|not what this command writes"):
            run("--truth", truth, "--results", results, "--json", path)
    with pytest.raises(UserError, match="same file"):
        run("--truth", truth, "--results", results, "--json", tmp_path / "a", "--csv", truth / "../a")
    for _ in range(2):
        assert run("--truth", truth, "--results", results, "--json", results / "scores.json") == 0
