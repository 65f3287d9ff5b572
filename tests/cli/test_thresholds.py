from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vsreid_studio import app
from vsreid_studio.benchmark.candidates import Thresholds, best, render
from vsreid_studio.benchmark.gaps import Accepted, GapSummary


def thresholds(clips: Path, folder: Path, *options: str) -> int:
    given = ["--clips", str(clips), "--output", str(folder / "page.md"), "--work", str(folder / "work")]
    return app.main(["thresholds", *given, *options])


def test_what_finds_again_is_chosen(tiny_davis: Path, tmp_path: Path, calls: Any) -> None:
    (tmp_path / "usual.toml").write_text("[reid]\ntrust = false\nleast_confidence = 0.65\n")
    options = ["--rho-reid", "0.5", "1", "--rho-occ", "0.2", "0.3", "--least-confidence", "0.2", "1"]
    options += ["--config", str(tmp_path / "usual.toml")]
    assert thresholds(tiny_davis, tmp_path, *options) == 0
    text = (tmp_path / "page.md").read_text()
    assert "| 0.5 | 0.2 | 0.65 | 1.000 | " in text
    # Nothing is more similar than 1, so nothing is found.
    assert "| 1 | 0.3 | 0.65 | 1.000 | .000 | .000 | 0 | 0 |" in text
    assert "| 1 | 0.2 |" not in text
    assert "rho_reid = 0.5\nrho_occ = 0.2\nleast_confidence = " in text
    calls.propagated.clear()
    thresholds(tiny_davis, tmp_path, *options)
    assert not calls.propagated, "what was tried is kept"


def test_a_threshold_is_no_percentage(tiny_davis: Path, tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit, match="2"):
        thresholds(tiny_davis, tmp_path, "--rho-reid", "65")
    assert "should lie between 0 and 1" in capsys.readouterr().err


def test_wrong_acceptances_weigh_more_than_a_little_accuracy() -> None:
    loose = GapSummary(0.9, 0.9, 0.85, 1.0, Accepted(10, 2))
    strict = GapSummary(0.9, 0.9, 0.8, 0.9, Accepted(8, 0))
    tried = {Thresholds(0.6, 0.3, 0.7): loose, Thresholds(0.7, 0.3, 0.7): strict}
    assert best(tried) == Thresholds(0.7, 0.3, 0.7)
    assert "```toml" not in render(tried, "command", ["a"], chosen=False)


@pytest.mark.parametrize("occ", [(0.1, 0.5), (0.5, 0.1)])
def test_of_equal_ones_the_strictest_is_chosen(occ: tuple[float, float]) -> None:
    same = GapSummary(0.9, 0.9, 0.85, 1.0, None)
    tried = {Thresholds(rho, o, least): same for rho in (0.6, 0.7) for o in occ for least in (0.7, 0.8)}
    assert best(tried) == Thresholds(0.7, 0.1, 0.8)
