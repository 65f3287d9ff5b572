from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.benchmark.clips import write_benchmark
from vsreid_studio.cli import benchmark
from vsreid_studio.errors import UserError
from vsreid_studio.formats.davis import DavisRoot


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    benchmark.add_parser(parser.add_subparsers())
    return parser.parse_args(["make-clips", *words])


def test_hidden_clips_form_a_davis_folder(davis: Path, tmp_path: Path) -> None:
    told: list[str] = []
    report = write_benchmark(davis, "all", tmp_path / "out", "hidden", progress=told.append)
    assert report.written == ("red-hidden", "green-hidden")
    assert report.skipped.keys() == {"brief-hidden"}
    assert told == ["red-hidden", "green-hidden", "brief-hidden"]
    made = DavisRoot(tmp_path / "out")
    assert made.sequences("hidden") == report.written
    gaps = json.loads((tmp_path / "out" / "gaps.json").read_text())
    for name in report.written:
        (gap,) = gaps[name]
        empty = [i for i in range(len(made.annotation_files(name))) if not made.annotation(name, i).any()]
        assert empty == list(range(gap["first"], gap["last"] + 1))
        assert len(empty) == 20
        assert len(list(made.frames_folder(name).iterdir())) == len(made.annotation_files(name))
    with Image.open(made.annotation_files("red-hidden")[0]) as mask:
        assert mask.mode == "P"


def test_pairs_use_each_sequence_as_host(davis: Path, tmp_path: Path) -> None:
    listing = tmp_path / "two.txt"
    listing.write_text("red\ngreen\n")
    report = write_benchmark(davis, str(listing), tmp_path / "out", "pairs", seed=1)
    assert set(report.written) == {"red-with-green", "green-with-red"}
    assert set(np.unique(DavisRoot(tmp_path / "out").annotation("red-with-green", 0))) == {0, 1, 2}


def test_failure_leaves_nothing(davis: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(UserError, match="No clip could be made"):
        write_benchmark(davis, "all", tmp_path / "out", "hidden", gap_length=200)
    (davis / "JPEGImages/480p/green/00003.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"00003\.jpg cannot be read"):
        write_benchmark(davis, "all", tmp_path / "out", "hidden")
    assert set(tmp_path.iterdir()) == before


def test_existing_output_is_refused(davis: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists already"):
        write_benchmark(davis, "all", tmp_path, "hidden")


def test_command_makes_clips_and_tells_what_it_skipped(
    davis: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    args = parse("hidden", "--davis", str(davis), "--set", "all", "--output", str(out), "--gap", "8")
    assert args.handler(args) == 0
    told = capsys.readouterr().out
    assert "skipped brief-hidden: 12 frames leave no 10" in told
    assert f"2 clips in {out}" in told


def test_command_refuses_a_gap_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("hidden", "--davis", "x", "--set", "x", "--output", "x", "--gap", "0")
    assert "at least one frame" in capsys.readouterr().err


def test_varied_clips_are_of_every_kind_that_fits(davis: Path, tmp_path: Path) -> None:
    report = write_benchmark(davis, "all", tmp_path / "out", "varied", seed=2)
    kinds = json.loads((tmp_path / "out" / "kinds.json").read_text())
    assert kinds.keys() == set(report.written)
    assert set(kinds.values()) == {"hidden", "distractor", "leaving", "lookalike"}
    gaps = json.loads((tmp_path / "out" / "gaps.json").read_text())
    made = DavisRoot(tmp_path / "out")
    for name in report.written:
        for gap in gaps[name]:
            inside = range(gap["first"], gap["last"] + 1)
            assert not any((made.annotation(name, n) == gap["instance"]).any() for n in inside)
    # Gaps and slides are of different lengths.
    assert len({gap["last"] - gap["first"] for listed in gaps.values() for gap in listed}) > 2
