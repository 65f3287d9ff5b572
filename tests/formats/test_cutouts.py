from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from grids import NAMES, awkward_maps, frames_like
from PIL import Image

from vsreid_studio.errors import UserError
from vsreid_studio.formats.cutouts import export_cutouts, folder_name, read_cutouts
from vsreid_studio.formats.footage import Footage


def test_colours_inside_and_nothing_outside(tmp_path: Path) -> None:
    maps = awkward_maps()
    frames = frames_like(maps)
    export_cutouts(tmp_path, Footage("clip", frames, maps), NAMES)
    folders = sorted(path.name for path in (tmp_path / "clip").iterdir())
    assert folders == ["001-Läuferin", "002-自転車", "003-rider", "004-rider", "254-two_words"]
    for folder in folders:
        assert len(list((tmp_path / "clip" / folder).iterdir())) == 7
        for index, (frame, labels) in enumerate(zip(frames, maps, strict=True)):
            with Image.open(tmp_path / "clip" / folder / f"{index:05d}.png") as picture:
                assert picture.mode == "RGBA"
                found = np.asarray(picture)
            inside = labels == int(folder[:3])
            assert np.array_equal(found[..., 3], inside * 255)
            assert np.array_equal(found[..., :3], frame * inside[..., None])


def test_folder_names() -> None:
    assert folder_name(7, "a/b\\c: d.e") == "007-a_b_c_d_e"
    assert folder_name(7, "...") == "007-instance"
    assert len(folder_name(7, "自" * 300).encode()) < 255


def test_folders_of_others(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no folder such as"):
        list(read_cutouts(tmp_path))
    for name, size in (("001-a", (4, 3)), ("002-b", (4, 3))):
        (tmp_path / name).mkdir()
        Image.new("RGBA", size, (1, 2, 3, 255)).save(tmp_path / name / "00000.png")
    with pytest.raises(UserError, match="overlaps"):
        list(read_cutouts(tmp_path))
    Image.new("RGBA", (5, 5)).save(tmp_path / "002-b" / "00000.png")
    with pytest.raises(UserError, match="differs in size"):
        list(read_cutouts(tmp_path))
    Image.new("RGB", (4, 3)).save(tmp_path / "002-b" / "00000.png")
    with pytest.raises(UserError, match="no alpha"):
        list(read_cutouts(tmp_path))
    (tmp_path / "002-b" / "00000.png").write_bytes(b"x")
    with pytest.raises(UserError, match="cannot be read"):
        list(read_cutouts(tmp_path))
    (tmp_path / "002-b" / "00001.png").touch()
    with pytest.raises(UserError, match="not of the same frames"):
        list(read_cutouts(tmp_path))
