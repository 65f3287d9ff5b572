"""The benchmark of scale, on material small enough for a test."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from vsreid_studio.app import main
from vsreid_studio.benchmark.scale import ScaleFigure, figures_in, mask_at, measure, table
from vsreid_studio.benchmark.scale_headless import fill, headless, run
from vsreid_studio.engine.types import Box
from vsreid_studio.errors import UserError
from vsreid_studio.gui.benchmark.scale import Pulse, imported
from vsreid_studio.project import Project


def test_figures_become_a_table() -> None:
    figures = [ScaleFigure("window", "stall", 60.0, "ms", 50.0), ScaleFigure("file", "size", 1234.0, "MB")]
    lines = ["noise", *(json.dumps({n: getattr(one, n) for n in ScaleFigure.__slots__}) for one in figures)]
    assert list(figures_in(lines)) == figures
    head, _, first, second = table(list(figures_in(lines))).splitlines()
    assert head.startswith("| process")
    assert first == "| window | stall | 60 ms | 50 ms | over |"
    assert second == "| file | size | 1,234 MB |  |  |"


def test_masks_lie_inside_the_frame_and_differ() -> None:
    whole = Box(0, 0, 1920, 1080)
    assert all(
        mask_at(i, k).box.intersect(whole) == mask_at(i, k).box for i in range(70) for k in range(1, 30)
    )
    assert mask_at(3, 1).same(mask_at(3, 1))
    assert mask_at(3, 1) is not mask_at(3, 1)
    assert not mask_at(3, 1).same(mask_at(4, 1))


def test_a_project_is_filled_and_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path, 4, 2)
    headless(tmp_path, 4, 2)
    found = {one.name: one for one in figures_in(capsys.readouterr().out.splitlines())}
    assert found["open the project"].value > 0
    assert found["peak, having read every mask"].value >= found["memory after opening"].value
    assert len(list((tmp_path / "masks").iterdir())) == 4


def test_a_run_and_an_import_are_measured(
    qtbot: QtBot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, 4, 2)
    run(tmp_path, 4, 2)
    imported(tmp_path, 4, 2)
    found = {(one.part, one.name): one for one in figures_in(capsys.readouterr().out.splitlines())}
    assert found["run", "peak, 4 frames"].value > 0
    assert found["import", "import 4 x 2 masks"].value > 0
    assert {"longest stall while undoing it", "longest stall while redoing it"} <= {name for _, name in found}
    with Project.open(tmp_path / "run.vsreid") as project:
        assert len(project.annotation) == 8
        assert len(project.candidates("synthetic").frames()) == 3
    with Project.open(tmp_path / "long.vsreid") as project:
        assert project.annotation.count_masks(2) == 4


def test_parts_need_material(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no material"):
        list(measure(["headless"], 4, 2, tmp_path / "new", print))


def test_the_figures_of_the_parts_before_one_that_fails_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    material = tmp_path / "material"
    material.mkdir()
    (material / "masks").mkdir()
    options = ["--frames", "4", "--instances", "2", "--material", str(material)]
    assert main(["benchmark", "--scale", "--parts", "index", "headless", *options]) == 2
    out, err = capsys.readouterr()
    assert "build the index of 4 x 2 cells" in out
    assert "The part 'headless' failed: " in err


def test_the_pulse_tells_waiting_from_work(qtbot: QtBot) -> None:
    pulse = Pulse()
    qtbot.wait(20)
    pulse.longest()
    time.sleep(0.1)
    stall, work = pulse.longest()
    assert stall >= 100 > work
    end = time.thread_time() + 0.05
    while time.thread_time() < end:
        pass
    stall, work = pulse.longest()
    assert work >= 50
    pulse.stop()
