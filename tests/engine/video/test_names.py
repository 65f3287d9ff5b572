"""Which files of a folder are frames, and which are masks that lie beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.engine.video import open_video
from vsreid_studio.engine.video.names import split_masks, twins, without_mask_affix
from vsreid_studio.errors import UserError


@pytest.mark.parametrize(
    "name", ["a_mask", "a-masks", "a.mask", "amask", "mask_a", "a_gt", "a-seg", "a_label", "gt_a", "a matte"]
)
def test_names_of_masks(name: str) -> None:
    assert without_mask_affix(name) == "a"


@pytest.mark.parametrize("name", ["a", "gt", "mask", "shot_1", "label", "segway_12", "a_gtx"])
def test_other_names(name: str) -> None:
    assert without_mask_affix(name) == name


@pytest.mark.parametrize("affix", ["_mask", "_gt", "-seg", "_label", "_matte"])
def test_masks_beside_their_pictures_are_no_frames(tmp_path: Path, affix: str) -> None:
    for index in range(3):
        for name in (f"{index:05d}", f"{index:05d}{affix}"):
            Image.fromarray(np.full((9, 12), index, np.uint8)).save(tmp_path / f"{name}.png")
    with open_video(tmp_path) as video:
        assert list(video.names) == ["00000", "00001", "00002"]


def test_a_clip_that_is_called_so_is_a_clip() -> None:
    files = [Path(f"gt_{index}.png") for index in range(3)]
    assert split_masks(files) == (files, [])


@pytest.mark.parametrize("pattern", ["{}_depth", "left_{}", "{}.r"])
def test_two_kinds_of_pictures_are_no_clip(tmp_path: Path, pattern: str) -> None:
    for index in range(3):
        for name in (f"{index:05d}", pattern.format(f"{index:05d}")):
            Image.fromarray(np.full((9, 12), index, np.uint8)).save(tmp_path / f"{name}.jpg")
    with pytest.raises(UserError, match="two pictures of each frame, such as 00000 and"):
        open_video(tmp_path)


def test_single_companions_are_frames() -> None:
    assert twins(["a", "b", "b_copy"]) is None
    assert twins(["1", "2", "11", "12"]) is None
    assert twins(["a", "ab"]) is None


def test_a_picture_that_is_named_unlike_the_others_is_told(tmp_path: Path) -> None:
    for name in ("00000", "00001", "00002", "cover"):
        Image.new("RGB", (12, 9)).save(tmp_path / f"{name}.png")
    with open_video(tmp_path) as video:
        assert video.notes == ("pictures named unlike the others (cover ...) count as frames: 1",)
    (tmp_path / "cover.png").rename(tmp_path / "00003.png")
    with open_video(tmp_path) as video:
        assert video.notes == ()


def test_a_frame_of_a_kind_that_is_not_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "preview.gif").touch()
    with pytest.raises(UserError, match=r"no pictures .*, and \.gif is not read"):
        open_video(tmp_path)
    for name in ("IMG_0001", "IMG_0003"):
        Image.new("RGB", (12, 9)).save(tmp_path / f"{name}.jpg")
    (tmp_path / "IMG_0001.CR2").touch()
    with open_video(tmp_path) as video:
        assert video.length == 2
    (tmp_path / "IMG_0002.HEIC").touch()
    with pytest.raises(UserError, match=r"IMG_0002\.HEIC is named like a frame, but \.HEIC is not read"):
        open_video(tmp_path)
