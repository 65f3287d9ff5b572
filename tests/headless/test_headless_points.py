"""Masks of points, and runs that begin with them, without a window."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stand_ins import Calls, Clip

from vsreid_studio.app import main
from vsreid_studio.engine.algorithm.merge import split
from vsreid_studio.engine.runtime import clicker as clickers
from vsreid_studio.engine.runtime import engine as engines
from vsreid_studio.engine.runtime.models import entries
from vsreid_studio.engine.types import (
    NO_CONTEXT,
    Box,
    CellKey,
    Click,
    ClickContext,
    Frame,
    Prediction,
    SoftMask,
)
from vsreid_studio.engine.video import open_video
from vsreid_studio.formats.masks import read_label_map, write_label_map
from vsreid_studio.formats.points import Prompt
from vsreid_studio.headless.points import masks_of_points

CENTRES = {1: (12, 16), 3: (60, 36)}
"""Of the disks in frame 0 of the clip in stand_ins.py."""
COLOURS = {1: (230, 20, 20), 3: (20, 230, 20)}


def coloured(frame: Frame, number: int) -> NDArray[np.bool_]:
    return np.all(np.abs(frame.astype(int) - COLOURS[number]) < 30, axis=2)


class ByColour:
    """Selects the disks that positive clicks hit, and lets go of those that negative ones hit."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def segment(
        self,
        frame: Frame,
        clicks: Sequence[Click],
        box: Box | None = None,
        present: SoftMask | None = None,
        context: ClickContext = NO_CONTEXT,
    ) -> Prediction:
        found = np.zeros(frame.shape[:2], np.bool_) if present is None else present.hard(*frame.shape[:2])
        for click in clicks:
            for number in COLOURS:
                disk = coloured(frame, number)
                if disk[int(click.y), int(click.x)]:
                    found = found | disk if click.adds else found & ~disk
        if box is not None:
            found[box.slices] |= (coloured(frame, 1) | coloured(frame, 3))[box.slices]
        return Prediction(SoftMask.from_dense(found), 1.0)


@pytest.fixture(autouse=True)
def by_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clickers, "Clicker", ByColour)
    monkeypatch.setattr(engines, "Clicker", ByColour)


@pytest.fixture
def points(tmp_path: Path) -> Path:
    file = tmp_path / "points.json"
    entries = [{"frame": 0, "instance": k, "points": [[*CENTRES[k], 1], [40, 2, 0]]} for k in sorted(COLOURS)]
    file.write_text(json.dumps([*entries, {"frame": 7, "instance": 3, "box": [30, 5, 50, 25]}]))
    return file


def test_segment_writes_the_frames_that_have_points(
    clip: Clip, points: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["segment", str(clip.source), "--points", str(points), "--output", str(out)]
    assert main(arguments) == 0
    assert sorted(path.name for path in out.glob("*.png")) == ["00000.png", "00007.png"]
    assert capsys.readouterr().out.split() == [str(out / "00000.png"), str(out / "00007.png")]
    assert np.array_equal(read_label_map(out / "00000.png"), read_label_map(clip.masks))
    # Numbered as the person numbers them.
    assert np.unique(read_label_map(out / "00007.png")).tolist() == [0, 3]
    before = (out / "00000.png").read_bytes()
    assert main(arguments) == 2
    assert "is there already" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
    assert (out / "00000.png").read_bytes() == before


def test_an_instance_leaves_the_pixels_of_one_that_is_drawn(clip: Clip) -> None:
    drawn = split(read_label_map(clip.masks))
    with open_video(clip.source) as video:
        everything = Box(0, 0, video.width, video.height)
        asked = Prompt(CellKey(0, 1), (Click(*CENTRES[1], adds=True),), everything)
        found = masks_of_points(video, [asked], ByColour(), {0: {3: drawn[3]}})  # type: ignore[arg-type]
    assert found[0][1].same(drawn[1])
    assert found[0][3].same(drawn[3])


def test_the_network_learns_of_the_clip(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[ClickContext] = []

    class Listening(ByColour):
        def segment(self, *given: Any) -> Prediction:
            told.append(given[4])
            return super().segment(*given)

    drawn = split(read_label_map(clip.masks))
    asked = [Prompt(CellKey(frame, 1), (Click(*CENTRES[1], adds=True),), None) for frame in (0, 1)]
    with open_video(clip.source) as video:
        clicker: Any = Listening()
        masks_of_points(video, asked, clicker, {0: {3: drawn[3]}})
        first, later = told
        assert first.others == (drawn[3],) and first.trusted is None
        assert np.array_equal(first.neighbour, video.frame(1))  # type: ignore[arg-type]
        assert not later.others and later.trusted is not None
        frame, mask = later.trusted
        assert np.array_equal(frame, video.frame(0)) and mask.same(drawn[1])


def test_segment_keeps_out_of_the_clip(clip: Clip, points: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(clip.source.iterdir())
    for folder in (clip.source, clip.source / ".." / clip.source.name):
        assert main(["segment", str(clip.source), "--points", str(points), "--output", str(folder)]) == 2
        assert "only read" in capsys.readouterr().err
    assert sorted(clip.source.iterdir()) == before


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"points": [[40, 2, 1]]}, "select nothing"),
        ({"points": [[12, 16, 0]]}, "no point that adds"),
        ({"points": [[200, 2, 1]]}, "outside the frame"),
    ],
)
def test_bad_points_write_nothing(
    clip: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str], entry: dict[str, object], words: str
) -> None:
    file, out = tmp_path / "bad.json", tmp_path / "out"
    good = {"frame": 0, "instance": 3, "points": [[60, 36, 1]]}
    file.write_text(json.dumps([good, {"frame": 1, "instance": 1, **entry}]))
    for command in ("segment", "run"):
        assert main([command, str(clip.source), "--points", str(file), "--output", str(out)]) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1
        assert not out.exists()


def test_run_begins_with_points(
    clip: Clip, calls: Calls, points: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["run", str(clip.source), "--points", str(points), "--output", str(out)]
    assert main(arguments) == 0
    assert len(list((out / "clip").glob("*.png"))) == 10
    assert np.array_equal(read_label_map(out / "clip" / "00000.png"), read_label_map(clip.masks))
    assert calls.propagated
    record = json.loads((out / "clip" / "provenance.json").read_text())
    given = {entry["instance"]: entry for entry in json.loads(points.read_text()) if entry["frame"] == 0}
    for one in record["instances"]:
        first = one["frames"][0]["clicked"]
        assert first["points"] == given[one["instance"]].get("points", []) and not first["corrects"]
        assert first["weights"] == entries()["clicks-lite"].sha256
        assert "clicked" not in one["frames"][1]
    capsys.readouterr()
    calls.propagated.clear()
    assert main(arguments) == 0
    assert "complete, left as it is" in capsys.readouterr().out and not calls.propagated
    changed = json.loads(points.read_text())
    changed[0]["points"].append([13, 16, 1])
    points.write_text(json.dumps(changed))
    assert main(arguments) == 2
    assert "other first masks" in capsys.readouterr().err


def test_points_correct_masks_that_are_there(clip: Clip, calls: Calls, tmp_path: Path) -> None:
    truth = read_label_map(clip.masks)
    mixed = (truth > 0).astype(np.uint8)
    masks, file = tmp_path / "mixed.png", tmp_path / "points.json"
    write_label_map(masks, mixed)
    file.write_text(json.dumps([{"frame": 0, "instance": 1, "points": [[60, 36, 0]]}]))
    arguments = ["run", str(clip.source), "--masks", str(masks), "--points", str(file)]
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 0
    labels = read_label_map(tmp_path / "out" / "clip" / "00000.png")
    assert np.array_equal(labels, truth == 1)


def test_data_sets_bring_their_own_masks(
    tmp_path: Path, points: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "--davis", str(tmp_path), "--set", "val", "--points", str(points)]
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 2
    assert "--points" in capsys.readouterr().err
