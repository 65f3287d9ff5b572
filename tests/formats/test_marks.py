"""What a long video exports is neither held in memory nor read back as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from grids import NAMES, awkward_maps, frames_like

from vsreid_studio.errors import UserError
from vsreid_studio.formats import coco
from vsreid_studio.formats.coco import export_coco, export_coco_video, read_coco_masks, read_coco_video
from vsreid_studio.formats.footage import Footage
from vsreid_studio.formats.marks import MarkFile, json_pieces, marks_of, write_pieces


def test_marks_come_back_by_frame_and_by_instance(tmp_path: Path) -> None:
    maps = awkward_maps()
    with MarkFile(tmp_path) as found:
        for labels in maps:
            found.add(labels)
        assert found.seen == sorted({int(k) for labels in maps for k in np.unique(labels) if k})
        for index, labels in reversed([*enumerate(maps)]):
            assert found.frame(index) == marks_of(labels)
            for number in (*found.seen, 77):
                assert found.get(index, number) == marks_of(labels).get(number)
    assert not list(tmp_path.iterdir())


def test_pieces_are_the_json_of_the_whole() -> None:
    plain = {"a": [1, {"b": None}, {"c": [2.5, "ü\n"]}], "d": [], "e": {"f": 1}, "g": [[], [0]]}

    def pieces() -> Iterator[str]:
        inner = iter([1, {"b": None}, {"c": iter([2.5, "ü\n"])}])
        return json_pieces({"a": inner, "d": iter(()), "e": {"f": 1}, "g": iter([iter(()), iter([0])])})

    assert "".join(pieces()) == json.dumps(plain, ensure_ascii=False)


@pytest.mark.parametrize("second", ["abd", "ab", "abcd"])
def test_a_file_that_is_not_what_was_to_be_written_is_refused(tmp_path: Path, second: str) -> None:
    texts = iter(["abc", second])
    with pytest.raises(UserError, match=r"x\.json was written but reads back differently"):
        write_pieces(tmp_path / "file", lambda: iter(next(texts)), Path("x.json"))


def test_an_export_may_be_larger_than_the_files_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = awkward_maps()

    def refuse(path: Path) -> None:
        raise UserError(f"{path} is larger than 256 MB.")

    with monkeypatch.context() as patched:
        patched.setattr(coco, "read_json", refuse)
        export_coco(tmp_path, Footage("clip", frames_like(maps), maps), NAMES)
        export_coco_video(tmp_path, Footage("track", frames_like(maps), maps), NAMES)
    for read, place in (
        (read_coco_masks, "annotations/instances_clip.json"),
        (read_coco_video, "instances_track.json"),
    ):
        assert all(np.array_equal(a, b) for a, b in zip(read(tmp_path / place), maps, strict=True))
