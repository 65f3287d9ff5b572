import json
from pathlib import Path

import numpy as np
import pytest

from vsreid_studio.benchmark.gaps import score_gaps
from vsreid_studio.errors import UserError
from vsreid_studio.formats.masks import write_label_map

LENGTH, FIRST, LAST = 12, 4, 6


def _write(folder: Path, shown: list[bool]) -> None:
    folder.mkdir(parents=True)
    for number, there in enumerate(shown):
        labels = np.zeros((40, 60), np.uint8)
        if there:
            labels[10:30, 10:40] = 1
        write_label_map(folder / f"{number:05d}.png", labels)


def _clips(root: Path) -> Path:
    _write(root / "Annotations" / "480p" / "one", [not FIRST <= n <= LAST for n in range(LENGTH)])
    (root / "gaps.json").write_text(json.dumps({"one": [{"instance": 1, "first": FIRST, "last": LAST}]}))
    return root


def test_parts_are_scored_apart(tmp_path: Path) -> None:
    clips = _clips(tmp_path / "clips")
    # Found before the gap, still drawn in two of its three frames, lost after it but for the last frame.
    _write(tmp_path / "results" / "one", [n <= 5 or n == LENGTH - 2 for n in range(LENGTH)])
    (score,) = score_gaps(clips, tmp_path / "results")
    assert score.before == 1
    assert score.inside == pytest.approx(1 / 3)
    # The last frame of a sequence does not count: frames 7 to 10 do.
    assert score.after == pytest.approx(1 / 4)


def test_clips_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make-clips"):
        score_gaps(tmp_path, tmp_path)
