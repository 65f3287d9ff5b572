"""The confidence of masks against their J."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.app import main
from vsreid_studio.errors import UserError
from vsreid_studio.evaluation.reliability import Reliability, measure_reliability, plot


def _mask(path: Path, width: int) -> None:
    labels = np.zeros((10, 20), np.uint8)
    labels[:, :width] = 1
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels).save(path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The truth is 10 columns wide; frame 1 has them all, frame 2 five of them, frame 3 nothing."""
    cells = []
    for frame, (width, confidence) in enumerate([(10, 1.0), (10, 0.95), (5, 0.45), (0, 0.9)]):
        _mask(tmp_path / "truth" / "a" / f"{frame:05d}.png", 10)
        _mask(tmp_path / "results" / "a" / f"{frame:05d}.png", width)
        made_by = "propagation" if frame else "import"
        cell = {"frame": frame, "pinned": not frame, "empty": not width, "made_by": made_by}
        cells.append({**cell, "confidence": confidence})
    record = {"instances": [{"instance": 1, "frames": cells}]}
    (tmp_path / "results" / "a" / "provenance.json").write_text(json.dumps(record))
    return tmp_path


def test_only_what_the_engine_found_counts(run: Path) -> None:
    found = measure_reliability(run / "truth", run / "results", ["a"])
    assert found.confidence.tolist() == [0.95, 0.45]
    assert found.jaccard.tolist() == [1.0, 0.5]
    assert found.error == pytest.approx(0.05)
    assert found.correlation == pytest.approx(1)


def test_masks_of_one_confidence_are_counted_together() -> None:
    found = Reliability(np.array([0.91, 0.95, 1.0, 0.3]), np.array([1.0, 0.8, 0.9, 0.1]))
    assert [(one.count, one.jaccard) for one in found.bins] == [(1, 0.1), (3, pytest.approx(0.9))]
    assert plot(found).shape == (400, 400, 3)


def test_the_command_prints_and_draws(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = run / "plot.png"
    where = ["--truth", str(run / "truth"), "--results", str(run / "results")]
    assert main(["reliability", *where, "--plot", str(picture)]) == 0
    assert "| 0.95 | 1.00 | 1 |" in capsys.readouterr().out
    with Image.open(picture) as drawn:
        assert drawn.size == (400, 400)


def test_without_a_record_there_is_a_sentence(run: Path) -> None:
    (run / "results" / "a" / "provenance.json").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        measure_reliability(run / "truth", run / "results", ["a"])


@pytest.mark.parametrize("confidence", [[0.5], "high", None, -0.5, 1.5])
def test_a_confidence_that_is_none_is_refused(run: Path, confidence: object) -> None:
    path = run / "results" / "a" / "provenance.json"
    record = json.loads(path.read_text())
    record["instances"][0]["frames"][1]["confidence"] = confidence
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match="cannot be read"):
        measure_reliability(run / "truth", run / "results", ["a"])
