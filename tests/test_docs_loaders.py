"""The Python of docs/how-to/export.md, run on exports of a project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_ins import Calls, Clip, truth

from vsreid_studio import api

pytest.importorskip("pycocotools")

PAGE = Path(__file__).parents[1] / "docs/how-to/export.md"
FOLDERS = {"davis": "DAVIS", "coco": "COCO", "coco-video": "YTVIS", "mots": "MOTS", "cutouts": "CUTOUTS"}
LAST = 9


@pytest.fixture
def exports(clip: Clip, calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project `clip` in each form that the page reads."""
    monkeypatch.chdir(tmp_path)
    api.Engine().run(clip.source, clip.masks, tmp_path / "out", project=tmp_path / "clip.vsreid")
    for form, folder in FOLDERS.items():
        api.export(tmp_path / "clip.vsreid", Path(folder), form)
    return tmp_path


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def found(code: str) -> dict[str, Any]:
    """What an example leaves in its variables."""
    names: dict[str, Any] = {"Path": Path}
    exec(code, names)
    return names


# pycocotools is older than NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_examples_read_the_masks_back(exports: Path) -> None:
    palette, coco, video, mots, cutouts = (found(code) for code in examples())
    first = truth(0)
    one, three = first == 1, first == 3
    # A small clip is written at 480 lines for DAVIS: nearest neighbours repeat each pixel ten times.
    assert np.array_equal(palette["labels"][::10, ::10], first)
    assert np.array_equal(palette["mask"][::10, ::10], one)
    assert np.array_equal(coco["mask"].astype(bool), one)
    assert len(video["masks"]) == LAST + 1
    assert np.array_equal(video["masks"][LAST].astype(bool), truth(LAST) == 1)
    assert any(mask is None for mask in video["masks"])
    assert (mots["frame"], mots["label"]) == ("0", "1")
    assert np.array_equal(mots["mask"].astype(bool), one)
    assert len(cutouts["pictures"]) == 2
    assert np.array_equal(cutouts["alpha"] > 0, one)
    assert three.any()
