from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.engine.video import Video, open_video
from vsreid_studio.errors import UserError
from vsreid_studio.formats.annotations import GivenMasks
from vsreid_studio.formats.given_masks import read_given_masks
from vsreid_studio.formats.mask_coding import Reading

H, W, LENGTH = 16, 24, 5


@pytest.fixture
def video(tmp_path: Path) -> Iterator[Video]:
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(LENGTH):
        Image.new("RGB", (W, H), (index, 0, 0)).save(folder / f"{index:05d}.png")
    with open_video(folder) as found:
        yield found


def block(place: int, value: int = 1) -> NDArray[np.uint8]:
    labels = np.zeros((H, W), np.uint8)
    labels[4:12, 5 * place : 5 * place + 4] = value
    return labels


def save(path: Path, labels: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels).save(path)
    return path


def drawn(given: GivenMasks, frame: int) -> dict[int, NDArray[np.bool_]]:
    return {number: mask.hard(H, W) for number, mask in given.masks[frame].items()}


def test_numbered_pictures_by_frame(tmp_path: Path, video: Video) -> None:
    for name, labels in {"00003": block(0, 2), "1": block(1) + block(2, 254)}.items():
        save(tmp_path / "m" / f"{name}.png", labels)
    given = read_given_masks(tmp_path / "m", video)
    assert list(given.masks) == [1, 3]
    assert given.numbers == (1, 2, 254)
    assert np.array_equal(drawn(given, 1)[254], block(2) > 0)


def test_one_picture_goes_where_it_is_told(tmp_path: Path, video: Video) -> None:
    file = save(tmp_path / "first.png", block(0, 255))
    assert list(read_given_masks(file, video).masks) == [0]
    given = read_given_masks(file, video, frame=3)
    assert list(given.masks) == [3]
    assert (given.text, given.reading) == ("one object", Reading.BINARY)


@pytest.mark.parametrize("form", ["folders", "named folders", "files"])
def test_one_file_an_object(tmp_path: Path, video: Video, form: str) -> None:
    paths = {
        "folders": "{number}/{frame:05d}.png",
        "named folders": "dog {number}/{frame:05d}.png",
        "files": "{frame:05d}_{number}.png",
    }
    for number, frame in ((2, 0), (2, 1), (7, 1)):
        path = paths[form].format(number=number, frame=frame)
        save(tmp_path / "m" / path, block(0 if number == 2 else 2, 255))
    # The object is told by its place, whatever value it has.
    given = read_given_masks(tmp_path / "m", video)
    assert given.reading is Reading.OBJECTS
    assert [sorted(there) for there in given.masks.values()] == [[2], [2, 7]]
    assert np.array_equal(drawn(given, 1)[7], block(2) > 0)
    assert given.names == ({2: "dog 2", 7: "dog 7"} if form == "named folders" else {})


def test_objects_may_overlap_and_be_soft(tmp_path: Path, video: Video) -> None:
    edge = np.repeat(np.linspace(0, 255, W).astype(np.uint8)[None], H, 0)
    save(tmp_path / "m" / "a" / "00000.png", edge)
    save(tmp_path / "m" / "b" / "00000.png", edge[:, ::-1])
    given = read_given_masks(tmp_path / "m", video)
    assert given.names == {1: "a", 2: "b"}
    assert np.array_equal(given.masks[0][1].stored(given.masks[0][1].box), edge[:, 1:])


def test_objects_in_255_beside_objects_in_their_numbers(tmp_path: Path, video: Video) -> None:
    """What is void in one object's files is another object's own value."""
    for frame in range(2):
        save(tmp_path / "m" / "cat" / f"{frame:05d}.png", block(0, 255) * np.uint8(frame))
        save(tmp_path / "m" / "dog" / f"{frame:05d}.png", block(1, 1) + block(2, 255))
    given = read_given_masks(tmp_path / "m", video)
    assert given.names == {1: "cat", 2: "dog"}
    assert list(drawn(given, 0)) == [2]
    assert np.array_equal(drawn(given, 1)[1], block(0) > 0)
    assert np.array_equal(drawn(given, 1)[2], block(1) > 0)


def test_a_frame_named_like_an_object_is_a_frame(tmp_path: Path) -> None:
    for index in range(3):
        save(tmp_path / "clip" / f"shot_{index}.png", block(0))
        save(tmp_path / "m" / f"shot_{index}.png", block(0))
    with open_video(tmp_path / "clip") as video:
        given = read_given_masks(tmp_path / "m", video)
    assert list(given.masks) == [0, 1, 2]
    assert given.numbers == (1,)


def test_what_is_refused(tmp_path: Path, video: Video) -> None:
    empty = save(tmp_path / "empty.png", block(0, 0))
    void = save(tmp_path / "void.png", block(0) + block(2, 255))
    other = save(tmp_path / "other.png", np.ones((H, W + 1), np.uint8))
    for path, sentence in (
        (empty, "shows no object"),
        (void, "1 to 254"),
        (other, "is 25 x 16 pixels, but the video is 24 x 16"),
        (tmp_path / "gone.png", "no such file"),
        (tmp_path / "clip", "holds no PNG named by a frame"),
    ):
        with pytest.raises(UserError, match=sentence):
            read_given_masks(path, video)
    assert read_given_masks(void, video, void=True).numbers == (1,)
    with pytest.raises(UserError, match="no file for each object"):
        read_given_masks(void, video, Reading.OBJECTS)
    save(tmp_path / "m" / "00000_1.png", block(0))
    save(tmp_path / "m" / "00000-1.png", block(0))
    with pytest.raises(UserError, match="the same object in the same frame"):
        read_given_masks(tmp_path / "m", video)


@pytest.mark.parametrize("suffix", [".tif", ".BMP", ".gif"])
def test_a_folder_of_another_lossless_kind(tmp_path: Path, video: Video, suffix: str) -> None:
    for index in (1, 3):
        save(tmp_path / "m" / f"{index:05d}{suffix}", block(index))
    given = read_given_masks(tmp_path / "m", video)
    assert list(given.masks) == [1, 3]
    assert np.array_equal(next(iter(drawn(given, 3).values())), block(3) > 0)


def test_a_folder_of_jpegs_is_refused_with_the_reason(tmp_path: Path, video: Video) -> None:
    save(tmp_path / "m" / "00001.jpg", block(1, 255))
    with pytest.raises(UserError, match="it holds JPEGs, whose compression blurs"):
        read_given_masks(tmp_path / "m", video)
