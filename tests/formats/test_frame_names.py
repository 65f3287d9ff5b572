"""The name of a picture is the name of its frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.engine.video import Video, open_video
from vsreid_studio.errors import UserError
from vsreid_studio.formats.frame_names import (
    file_names,
    first_mask_files,
    mask_files_by_frame,
    numbers_of,
    span,
)


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(path)
    return path


def clip(folder: Path, *names: str) -> Video:
    for name in names:
        picture(folder / name)
    return open_video(folder)


def test_frames_of_a_folder_have_the_names_of_their_pictures(tmp_path: Path) -> None:
    with clip(tmp_path, "f_10.jpg", "f_9.jpg", "f_11.png") as video:
        assert (video.length, video.names) == (3, ("f_9", "f_10", "f_11"))


@pytest.mark.parametrize("mask", ["x1_mask.png", "mask_x1.png", "x1-Masks.png", "x1.png"])
def test_a_mask_beside_its_picture_is_no_frame(
    tmp_path: Path, mask: str, caplog: pytest.LogCaptureFixture
) -> None:
    with clip(tmp_path, "x1.jpg", "x2.jpg", mask) as video:
        assert video.names == ("x1", "x2")
        assert "1 masks beside the pictures" in caplog.text
        assert mask_files_by_frame(tmp_path, video) == {0: tmp_path / mask}


def test_two_pictures_of_one_name_and_links_to_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"two pictures of one name, 1.jpg and 1.tif"):
        clip(tmp_path, "1.jpg", "1.tif", "2.jpg")
    (tmp_path / "1.tif").unlink()
    (tmp_path / "3.jpg").symlink_to(tmp_path / "gone.jpg")
    with pytest.raises(UserError, match=r"3.jpg is no file, or a link to one that is not there"):
        open_video(tmp_path)


@pytest.mark.parametrize(
    ("pictures", "mask", "frame"),
    [
        (("00001.jpg", "00002.jpg"), "00001.png", 0),
        (("00001.jpg", "00002.jpg"), "2.png", 1),
        (("frame_1.png", "frame_12.png"), "0012.png", 1),
        (("frame_1.png", "frame_12.png"), "frame_012.png", 1),
        (("frame_1.png", "frame_12.png"), "frame_12_mask.png", 1),
        (("dawn.jpg", "dusk.jpg"), "dusk.png", 1),
        (("a1.jpg", "b1.jpg"), "b1.PNG", 1),
    ],
)
def test_a_mask_goes_with_the_picture_of_its_name(
    tmp_path: Path, pictures: tuple[str, str], mask: str, frame: int
) -> None:
    file = picture(tmp_path / "masks" / mask)
    with clip(tmp_path / "clip", *pictures) as video:
        assert mask_files_by_frame(file.parent, video) == {frame: file}
        assert first_mask_files(file, video) == {frame: file}


@pytest.mark.parametrize("mask", ["00000.png", "3.png", "other_1.png"])
def test_a_mask_of_no_frame_is_an_error_that_names_both_sides(tmp_path: Path, mask: str) -> None:
    file = picture(tmp_path / "masks" / mask)
    with (
        clip(tmp_path / "clip", "00001.jpg", "00002.jpg") as video,
        pytest.raises(UserError, match=rf"{mask} is named like no frame of .*clip, whose .* 00001 to 00002"),
    ):
        mask_files_by_frame(file.parent, video)


def test_a_single_file_of_another_name_is_the_first_mask(tmp_path: Path) -> None:
    with clip(tmp_path / "clip", "00001.jpg", "00002.jpg") as video:
        assert first_mask_files(tmp_path / "first.png", video) == {0: tmp_path / "first.png"}
        with pytest.raises(UserError, match="named like no frame"):
            first_mask_files(tmp_path / "00000.png", video)


def test_two_masks_of_a_frame_and_none_at_all(tmp_path: Path) -> None:
    with clip(tmp_path / "clip", "00001.jpg", "00002.jpg") as video:
        for name in ("1.png", "00001.png"):
            picture(tmp_path / "masks" / name)
        with pytest.raises(UserError, match="both masks of frame 00001"):
            mask_files_by_frame(tmp_path / "masks", video)
        picture(tmp_path / "none" / "preview.png")
        with pytest.raises(UserError, match=r"no PNG named by a frame, such as 00001.png"):
            mask_files_by_frame(tmp_path / "none", video)


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("00001", "00002"), ("00001", "00002")),
        (("frame_1", "frame_3", "frame_12"), ("00001", "00003", "00012")),
        (("a 1", "a 2"), ("00001", "00002")),
        (("b", "a"), ("00000", "00001")),
        (("9", "100000"), ("000009", "100000")),
    ],
)
def test_names_for_readers_that_sort_as_text(
    names: tuple[str, str, str] | tuple[str, str], files: tuple[str, str, str] | tuple[str, str]
) -> None:
    assert file_names(names) == files
    assert sorted(files) == list(files)


def test_numbers_and_spans() -> None:
    assert numbers_of(("a1b2", "a1b10")) == (2, 10)
    assert numbers_of(("a2", "a1")) is None
    assert numbers_of(("a", "b")) is None
    assert (span(("1",)), span(("1", "2", "3"))) == ("1", "1 to 3")
