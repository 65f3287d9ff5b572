from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.errors import UserError
from vsreid_studio.formats.mask_coding import Reading
from vsreid_studio.formats.mask_pixels import PALETTE
from vsreid_studio.formats.mask_reading import MaskReader
from vsreid_studio.formats.masks import write_label_map

H, W = 40, 60
RED, BLUE, BLACK, WHITE = (255, 0, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)


def disk(x: int, y: int = 20, radius: int = 10) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:H, :W]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def soft(top: int = 255) -> NDArray[np.uint8]:
    return np.rint(cv2.GaussianBlur(disk(30).astype(np.float32), (0, 0), 1.5) * top).astype(np.uint8)


def two() -> NDArray[np.uint8]:
    return (disk(15) + 2 * disk(45)).astype(np.uint8)


def painted(labels: NDArray[np.uint8], *colours: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.array(colours, np.uint8)[labels]


def save(path: Path, pixels: NDArray[np.generic] | Image.Image) -> Path:
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path)
    return path


def indexed(indices: NDArray[np.uint8], *colours: tuple[int, ...]) -> Image.Image:
    picture = Image.fromarray(indices)
    picture.putpalette(np.array(colours, np.uint8).tobytes())
    return picture


@pytest.mark.parametrize("top", [255, 250, 200, 90])
@pytest.mark.parametrize("mode", ["L", "RGB", "LA"])
def test_soft_edges_are_one_object_and_stay_soft(tmp_path: Path, top: int, mode: str) -> None:
    file = save(tmp_path / "m.png", Image.fromarray(soft(top)).convert(mode))
    reader = MaskReader([file])
    assert (reader.reading, reader.text) == (Reading.SOFT, "one soft-edged object")
    (mask,) = reader.masks(file).values()
    assert mask.hard(H, W).sum() == pytest.approx(disk(30).sum(), rel=0.12)
    full = 255 if top > 127 else top
    assert np.abs(mask.dense(H, W) * full - soft(top)).max() <= 0.51
    assert np.array_equal(reader.labels(file), mask.hard(H, W))


def test_soft_of_16_bits_and_of_reals(tmp_path: Path) -> None:
    deep = save(tmp_path / "m.png", (soft().astype(np.uint16) * 257))
    real = save(tmp_path / "m.tif", soft().astype(np.float32) / 255)
    for file in (deep, real):
        reader = MaskReader([file])
        assert reader.reading is Reading.SOFT
        assert np.abs(reader.masks(file)[1].dense(H, W) * 255 - soft()).max() < 0.51
    save(tmp_path / "n.tif", soft().astype(np.float32))
    with pytest.raises(UserError, match="outside of 0 to 1"):
        MaskReader([tmp_path / "n.tif"])


def test_numbers_are_no_soft_edges(tmp_path: Path) -> None:
    labels = np.zeros((H, W), np.uint8)
    for number in range(1, 40):
        row, column = divmod(number - 1, 10)
        labels[10 * row : 10 * row + 9, 6 * column : 6 * column + 5] = 6 * number
    file = save(tmp_path / "m.png", labels)
    reader = MaskReader([file])
    assert reader.reading is Reading.PALETTE
    assert np.array_equal(reader.labels(file), labels)


def test_smoothed_numbers_are_refused(tmp_path: Path) -> None:
    labels = cv2.GaussianBlur(100 * two(), (0, 0), 1)
    with pytest.raises(UserError, match="neither instance numbers nor one soft-edged object"):
        MaskReader([save(tmp_path / "m.png", labels)])
    assert MaskReader([tmp_path / "m.png"], Reading.BINARY).labels(tmp_path / "m.png").max() == 1


def test_255_is_judged_once_for_a_sequence(tmp_path: Path) -> None:
    rim = np.where(disk(30, radius=14), 255, 0).astype(np.uint8)
    whole = np.where(disk(30), 1, rim).astype(np.uint8)
    files = [save(tmp_path / "0.png", whole), save(tmp_path / "1.png", rim)]
    reader = MaskReader(files)
    assert reader.labels(files[0]).max() == 1
    assert not reader.labels(files[1]).any()
    assert np.array_equal(reader.labels(files[1], keep_void=True), rim)
    # Alone, it is the object.
    assert MaskReader(files[1:]).labels(files[1]).any()


def test_palettes_in_black_and_white_mean_their_colours(tmp_path: Path) -> None:
    truth = disk(30)
    first_white = save(tmp_path / "a.png", indexed(1 - truth.astype(np.uint8), WHITE, BLACK))
    first_black = save(tmp_path / "b.png", indexed(truth.astype(np.uint8), BLACK, WHITE))
    for files in ([first_white], [first_black], [first_white, first_black]):
        reader = MaskReader(files)
        assert (reader.reading, reader.text) == (Reading.BINARY, "one object")
        assert all(np.array_equal(reader.labels(file), truth) for file in files)


def test_palettes_with_moved_indices_mean_their_colours(tmp_path: Path) -> None:
    davis = [tuple(colour) for colour in PALETTE[:3].tolist()]
    moved = save(
        tmp_path / "a.png", indexed(np.array([2, 0, 1], np.uint8)[two()], davis[1], davis[2], davis[0])
    )
    assert np.array_equal(MaskReader([moved]).labels(moved), two())
    own = save(tmp_path / "b.png", indexed(np.array([1, 0, 2], np.uint8)[two()], RED, BLACK, BLUE))
    assert np.array_equal(MaskReader([own]).labels(own), two())


def test_palettes_of_other_colours_keep_their_indices(tmp_path: Path) -> None:
    file = save(tmp_path / "m.png", indexed(two() * 2, (20, 20, 20), BLUE, RED, BLUE, BLUE))
    assert np.array_equal(MaskReader([file]).labels(file), two() * 2)


def test_colours_are_the_same_objects_in_every_picture(tmp_path: Path) -> None:
    files = [
        save(tmp_path / "0.png", painted((disk(15) * 1).astype(np.uint8), BLACK, RED)),
        save(tmp_path / "1.png", painted((disk(15) * 1).astype(np.uint8), BLACK, BLUE)),
        save(tmp_path / "2.png", painted(two(), BLACK, BLUE, RED)),
    ]
    reader = MaskReader(files)
    assert (reader.reading, reader.text) == (Reading.COLOURS, "each colour as an object on black")
    assert np.unique(reader.labels(files[0])).tolist() == [0, 1]
    assert np.unique(reader.labels(files[1])).tolist() == [0, 2]
    assert np.array_equal(reader.labels(files[2]), np.array([0, 2, 1])[two()])


def test_palettes_that_differ_are_compared_by_colour(tmp_path: Path) -> None:
    files = [
        save(tmp_path / "0.png", indexed(two(), BLACK, RED, BLUE)),
        save(tmp_path / "1.png", indexed(two(), BLACK, BLUE, RED)),
    ]
    reader = MaskReader(files)
    assert np.array_equal(reader.labels(files[0]), two())
    assert np.array_equal(reader.labels(files[1]), np.array([0, 2, 1])[two()])


def test_a_palette_without_black_has_a_white_ground_where_the_edges_are_white(tmp_path: Path) -> None:
    file = save(tmp_path / "a.png", indexed(1 - disk(30).astype(np.uint8), RED, WHITE))
    reader = MaskReader([file])
    assert reader.text == "each colour as an object on white"
    assert np.array_equal(reader.labels(file) == 1, disk(30))


def test_a_white_ground(tmp_path: Path) -> None:
    file = save(tmp_path / "m.png", painted(two(), WHITE, RED, BLUE))
    reader = MaskReader([file])
    assert reader.text == "each colour as an object on white"
    assert np.array_equal(reader.labels(file), two())


def test_grey_beside_palette(tmp_path: Path) -> None:
    write_label_map(tmp_path / "0.png", two())
    files = [tmp_path / "0.png", save(tmp_path / "1.png", np.zeros((H, W), np.uint8))]
    files.append(save(tmp_path / "2.png", two()))
    reader = MaskReader(files)
    assert [reader.labels(file).max() for file in files] == [2, 0, 2]


@pytest.mark.parametrize("colour", [WHITE, BLACK, RED])
@pytest.mark.parametrize("edge", ["hard", "soft"])
def test_alpha_is_the_object(tmp_path: Path, colour: tuple[int, ...], edge: str) -> None:
    alpha = soft() if edge == "soft" else disk(30).astype(np.uint8) * 255
    pixels = np.dstack([painted(np.zeros((H, W), np.uint8), colour), alpha])
    reader = MaskReader([save(tmp_path / "m.png", pixels)])
    assert reader.reading is Reading.ALPHA
    assert reader.text.startswith("one soft-edged object" if edge == "soft" else "one object")
    assert np.array_equal(np.rint(reader.masks(tmp_path / "m.png")[1].dense(H, W) * 255), alpha)


def test_a_cut_out_photo_is_its_alpha(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8)
    file = save(tmp_path / "m.png", np.dstack([noise, disk(30).astype(np.uint8) * 255]))
    assert np.array_equal(MaskReader([file]).labels(file), disk(30))


def test_colours_on_a_transparent_ground(tmp_path: Path) -> None:
    pixels = np.dstack([painted(two(), WHITE, RED, BLUE), (two() > 0).astype(np.uint8) * 255])
    file = save(tmp_path / "m.png", pixels)
    reader = MaskReader([file])
    assert (reader.reading, reader.text) == (Reading.COLOURS, "each colour as an object")
    assert np.array_equal(reader.labels(file), two())


def test_numbers_of_16_bits(tmp_path: Path) -> None:
    file = save(tmp_path / "m.png", np.array([0, 1001, 2007], np.uint16)[two()])
    reader = MaskReader([file])
    assert "16 bits" in reader.text
    assert np.array_equal(reader.labels(file), two())


def test_a_later_object_does_not_move_numbers_of_16_bits(tmp_path: Path) -> None:
    first = save(tmp_path / "0.png", np.array([0, 1001, 2007], np.uint16)[two()])
    later = save(tmp_path / "1.png", np.array([0, 1001, 300], np.uint16)[two()])
    reader = MaskReader([first, later])
    assert np.array_equal(reader.labels(first), MaskReader([first]).labels(first))
    assert np.array_equal(reader.labels(later), np.array([0, 1, 3])[two()])


@pytest.mark.parametrize("levels", [(1, 2), (1001, 1002), (300, 65535)])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_numbers_of_16_bits_in_a_file_of_colours(
    tmp_path: Path, levels: tuple[int, int], channels: int, suffix: str
) -> None:
    """Of which Pillow reads the upper half."""
    file = tmp_path / f"m.{suffix}"
    pixels = np.repeat(np.array([0, *levels], np.uint16)[two()][..., None], channels, 2)
    if channels == 4:
        pixels[..., 3] = 65535
    assert cv2.imwrite(str(file), pixels)
    assert np.array_equal(MaskReader([file]).labels(file), two())


def test_colours_of_16_bits(tmp_path: Path) -> None:
    file, other = tmp_path / "m.png", tmp_path / "other.png"
    assert cv2.imwrite(str(file), painted(two(), BLACK, RED, BLUE).astype(np.uint16) * 257 // 2)
    assert set(np.unique(MaskReader([file]).labels(file))) == {0, 1, 2}
    close = np.array([(0, 0, 0), (9, 0, 0), (8, 0, 0)], np.uint16)[two()]
    assert cv2.imwrite(str(other), close)
    with pytest.raises(UserError, match="colours that differ in 16 bits only"):
        MaskReader([other])


def test_a_photo_is_no_mask(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8)
    with pytest.raises(UserError, match="a picture and no mask"):
        MaskReader([save(tmp_path / "m.png", noise)])


def test_a_person_says_otherwise(tmp_path: Path) -> None:
    grey = save(tmp_path / "grey.png", soft())
    assert len(np.unique(MaskReader([grey], Reading.PALETTE).labels(grey, keep_void=True))) > 20
    assert np.array_equal(MaskReader([grey], Reading.BINARY).labels(grey), soft() > 127)
    coloured = save(tmp_path / "colour.png", painted(two(), BLACK, RED, BLUE))
    assert np.array_equal(MaskReader([coloured], Reading.BINARY).labels(coloured), two() > 0)
    numbered = save(tmp_path / "number.png", two())
    assert np.array_equal(MaskReader([numbered], Reading.BINARY).labels(numbered), two() > 0)
    assert np.array_equal(MaskReader([numbered], Reading.COLOURS).labels(numbered), two())
    for file, reading, sentence in (
        (grey, Reading.ALPHA, "no transparent pixel"),
        (coloured, Reading.PALETTE, "is in colours"),
        (coloured, Reading.SOFT, "is in colours"),
    ):
        with pytest.raises(UserError, match=sentence):
            MaskReader([file], reading)
