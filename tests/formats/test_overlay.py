from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import ArrayLike

from vsreid_studio.engine.types import Frame, LabelMap
from vsreid_studio.engine.video import open_video
from vsreid_studio.errors import UserError
from vsreid_studio.formats.masks import Paint, painted, rgb_of
from vsreid_studio.formats.overlay import write_overlay

ORANGE, BLUE = (230, 159, 0), (0, 114, 178)
PAINT = Paint({1: ORANGE, 2: BLUE}, opacity=0.5)
GREY = 100


def frames(count: int, height: int = 64, width: int = 96) -> list[Frame]:
    return [np.full((height, width, 3), GREY, np.uint8) for _ in range(count)]


def labels(count: int, height: int = 64, width: int = 96) -> list[LabelMap]:
    """Instance 1 moves along the top, 2 stays at the bottom."""
    maps = []
    for index in range(count):
        one = np.zeros((height, width), np.uint8)
        one[8:28, 4 * index + 4 : 4 * index + 24] = 1
        one[40:60, 60:80] = 2
        maps.append(one)
    return maps


def near(pixel: ArrayLike, colour: ArrayLike, tolerance: int = 12) -> bool:
    return bool((np.abs(np.asarray(pixel, int) - np.asarray(colour, int)) <= tolerance).all())


def tint(colour: Iterable[int]) -> list[int]:
    return [(GREY + value) // 2 for value in colour]


def test_the_colours_are_where_the_masks_are(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    assert write_overlay(path, frames(6), labels(6), PAINT, rate=Fraction(30000, 1001)) == 6
    with open_video(path) as video:
        assert (video.length, video.height, video.width) == (6, 64, 96)
        assert video.rate == Fraction(30000, 1001)
        for index in (0, 5):
            frame = video.frame(index)
            assert near(frame[18, 4 * index + 14], tint(ORANGE))
            assert near(frame[50, 70], tint(BLUE))
            assert near(frame[34, 30], (GREY,) * 3)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    assert [found.name for found in tmp_path.iterdir()] == ["out.mp4"]


def test_without_a_rate_and_with_odd_sizes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.mp4"
    write_overlay(path, frames(3, 63, 95), labels(3, 63, 95), PAINT)
    with open_video(path) as video:
        assert (video.length, video.height, video.width, video.rate) == (3, 64, 96, 24)


def test_painting() -> None:
    frame, one = frames(1)[0], labels(1)[0]
    picture = painted(frame, one, PAINT)
    assert tuple(picture[8, 14]) == ORANGE
    assert near(picture[18, 14], tint(ORANGE), 1)
    assert (frame == GREY).all()
    assert near(painted(frame, one, Paint({1: ORANGE}, 0.5, outline=False))[8, 14], tint(ORANGE), 1)
    # An instance without a colour is not shown, and leaves no hole in another's outline.
    assert (painted(frame, one, Paint({1: ORANGE}))[40:] == GREY).all()
    assert painted(frame, np.zeros_like(one), PAINT) is frame
    assert rgb_of("#e69f00") == ORANGE
    with pytest.raises(ValueError, match="opacity"):
        Paint(opacity=1.5)


def test_what_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with pytest.raises(UserError, match="is there already"):
        write_overlay(path, frames(2), labels(2), PAINT)

    def broken() -> Iterator[Frame]:
        yield frames(1)[0]
        raise UserError("Frame 1 cannot be read.")

    with pytest.raises(UserError, match="Frame 1"):
        write_overlay(path, broken(), labels(2), PAINT, overwrite=True)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
    assert write_overlay(path, frames(2), labels(2), PAINT, overwrite=True) == 2


@pytest.mark.parametrize(
    ("pictures", "masks", "name", "sentence"),
    [
        (frames(2), labels(1), "out.mp4", "as many masks as frames"),
        (frames(1), labels(1, 32, 96), "out.mp4", "differ in size"),
        ([*frames(1), *frames(1, 32, 96)], [*labels(1), *labels(1, 32, 96)], "out.mp4", "one size"),
        ([], [], "out.mp4", "no frame"),
        (frames(1), labels(1), "out.avi", "suffix .mp4"),
    ],
)
def test_unfit_input(
    tmp_path: Path, pictures: list[Frame], masks: list[LabelMap], name: str, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        write_overlay(tmp_path / name, pictures, masks, PAINT)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", [500, 20_000])
def test_a_full_disk(tmp_path: Path, limit: int) -> None:
    noise = [np.random.default_rng(index).integers(0, 255, (64, 96, 3), np.uint8) for index in range(8)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(UserError, match=r"cannot be written: file too large"):
            write_overlay(tmp_path / "out.mp4", noise, labels(8), PAINT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError):
        write_overlay(tmp_path / "file" / "out.mp4", frames(1), labels(1), PAINT)
