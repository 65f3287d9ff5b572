from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from grids import HEIGHT, NAMES, WIDTH, awkward_maps, frames_like

from vsreid_studio.errors import UserError
from vsreid_studio.formats.classes import Classes
from vsreid_studio.formats.footage import Footage
from vsreid_studio.formats.mots import IGNORED, export_mots, read_labels, read_mots


def test_lines(tmp_path: Path) -> None:
    maps = awkward_maps()
    export_mots(tmp_path, Footage("clip", frames_like(maps), maps), NAMES)
    lines = (tmp_path / "clip.txt").read_text("ascii").splitlines()
    assert [line.split()[:5] for line in lines[:4]] == [
        ["0", "1001", "1", "12", "17"],
        ["0", "2002", "2", "12", "17"],
        ["0", "3003", "3", "12", "17"],
        ["0", "3004", "3", "12", "17"],
    ]
    assert "3 2002 2 12 17 0\\6" in lines
    assert "4 5254 5 12 17 P3<P3" in lines
    labels = ("Läuferin", "自転車", "rider", "never seen", "two words")
    assert read_labels(tmp_path / "clip.labels.txt") == labels
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["clip.labels.txt", "clip.txt"]


@pytest.mark.parametrize("count", [9, 10, 12])
def test_no_class_has_the_number_of_ignored_regions(tmp_path: Path, count: int) -> None:
    """Evaluations of MOTS leave class 10 out."""
    names = [f"kind {number}" for number in range(1, count + 1)]
    classes = Classes(dict(enumerate(names, 1)), {1: count})
    maps = [np.ones((HEIGHT, WIDTH), np.uint8)]
    export_mots(tmp_path, Footage("clip", frames_like(maps), maps), {1: "one"}, classes=classes)
    _, identity, kind, *_ = (tmp_path / "clip.txt").read_text("ascii").split()
    labels = read_labels(tmp_path / "clip.labels.txt")
    assert kind != "10" and identity == f"{kind}001"
    assert labels[int(kind) - 1] == names[-1]
    assert [label for label in labels if label != IGNORED] == names
    assert [place for place, label in enumerate(labels, 1) if label == IGNORED] == [10][: count > 9]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 1001 1 12 17", "Line 1 .* is not 'frame id class"),
        ("\nzero 1001 1 12 17 0\\6", "Line 2 .* is not 'frame id class"),
        ("0 1000 1 12 17 0\\6", "has the id 1000"),
        ("0 1255 1 12 17 0\\6", "has the id 1255"),
        ("0 1001 1 12 18 0\\6", "Line 1 .* another size"),
        ("7 1001 1 12 17 0\\6", "out of the video"),
        ("0 1001 1 12 17 0\\5", "do not fill"),
        ("0 1001 1 12 17 0\\6\n0 1002 1 12 17 0\\6", "overlaps"),
        ("0 1001 1 12 17 \xa0", "not a text file"),
    ],
)
def test_broken_text(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=sentence):
        list(read_mots(path, HEIGHT, WIDTH, 7))


def test_text_of_others(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("1 2003 2 2 3 024\n")
    with pytest.raises(UserError, match="no such file"):
        list(read_mots(tmp_path / "gone.txt", 2, 3, 2))
    first, second = read_mots(tmp_path / "x.txt", 2, 3, 2)
    assert not first.any() and np.array_equal(second, [[3, 0, 0], [3, 0, 0]])
