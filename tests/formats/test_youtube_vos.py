from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grids import NAMES, awkward_maps, frames_like
from PIL import Image

from vsreid_studio.engine.types import Frame
from vsreid_studio.errors import UserError
from vsreid_studio.formats.footage import Footage
from vsreid_studio.formats.youtube_vos import VosObject, export_youtube_vos, read_masks, read_objects


def write(root: Path, video: str = "clip", **options: Any) -> int:
    maps = awkward_maps()
    return export_youtube_vos(root, Footage(video, frames_like(maps), maps), NAMES, **options)


def test_objects_and_layout(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_objects(tmp_path, "clip") == (
        VosObject(1, "Läuferin", ("00000", "00002", "00005", "00006")),
        VosObject(2, "自転車", ("00000", "00003")),
        VosObject(3, "rider", ("00000", "00004")),
        VosObject(4, "rider", ("00000", "00005")),
        VosObject(254, "two words", ("00004",)),
    )
    meta = json.loads((tmp_path / "meta.json").read_text(encoding="utf-8"))
    assert meta["videos"]["clip"]["objects"]["2"] == {"category": "自転車", "frames": ["00000", "00003"]}
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["Annotations", "JPEGImages", "meta.json"]
    with Image.open(tmp_path / "Annotations" / "clip" / "00004.png") as mask:
        assert mask.mode == "P" and mask.getpalette()[3:6] == [128, 0, 0]  # type: ignore[index]
    with Image.open(tmp_path / "JPEGImages" / "clip" / "00006.jpg") as picture:
        assert picture.size == (17, 12)


def test_other_videos_are_kept(tmp_path: Path) -> None:
    theirs = {"videos": {"theirs": {"objects": {"1": {"category": "cat", "frames": ["00005"]}}}}, "more": 1}
    (tmp_path / "meta.json").write_text(json.dumps(theirs))
    write(tmp_path)
    meta = json.loads((tmp_path / "meta.json").read_text(encoding="utf-8"))
    assert meta["videos"]["theirs"] == theirs["videos"]["theirs"] and meta["more"] == 1  # type: ignore[index]
    assert read_objects(tmp_path, "theirs") == (VosObject(1, "cat", ("00005",)),)
    with pytest.raises(UserError, match="names a video theirs already"):
        write(tmp_path, "theirs")
    with pytest.raises(UserError, match="names a video theirs already"):
        write(tmp_path, "theirs", overwrite=True)
    write(tmp_path, overwrite=True)
    assert len(read_objects(tmp_path, "clip")) == 5


def test_videos_that_are_exported_at_the_same_time_are_both_listed(tmp_path: Path) -> None:
    maps = awkward_maps()

    def frames() -> Iterator[Frame]:
        write(tmp_path, "other")
        yield from frames_like(maps)

    export_youtube_vos(tmp_path, Footage("clip", frames(), maps), NAMES)
    assert len(read_objects(tmp_path, "clip")) == len(read_objects(tmp_path, "other")) == 5
    write(tmp_path, "clip", overwrite=True)
    write(tmp_path, "other", overwrite=True)


@pytest.mark.parametrize("text", ["[]", "{}", '{"videos": []}', "{", "\ud800"])
def test_another_meta_json_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "meta.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError, match=r"meta\.json is not"):
        write(tmp_path)
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["meta.json"]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_objects(tmp_path, "clip")
    with pytest.raises(UserError, match="There is no folder"):
        read_masks(tmp_path, "clip")
    write(tmp_path)
    with pytest.raises(UserError, match="nothing useful of a video bear"):
        read_objects(tmp_path, "bear")
