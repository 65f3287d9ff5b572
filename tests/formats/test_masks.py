from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.errors import UserError
from vsreid_studio.formats.mask_pixels import PALETTE, voc_palette
from vsreid_studio.formats.masks import read_label_map, write_label_map

H, W = 6, 8


def blocks(*values: int) -> NDArray[np.uint8]:
    """A (6, 8) map, background but for one row of each value."""
    labels = np.zeros((H, W), np.uint8)
    for row, value in enumerate(values):
        labels[row + 1, 2:5] = value
    return labels


def test_palette_is_that_of_pascal_voc() -> None:
    first = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)]
    assert [tuple(colour) for colour in voc_palette()[:7].tolist()] == first
    named = {7: (128, 128, 128), 8: (64, 0, 0), 15: (192, 128, 128), 22: (0, 192, 128), 255: (224, 224, 192)}
    assert all(tuple(PALETTE[number].tolist()) == colour for number, colour in named.items())
    assert len(np.unique(PALETTE, axis=0)) == 256
    assert not PALETTE.flags.writeable


def test_written_masks_are_palette_pngs_of_eight_bits(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    write_label_map(path, blocks(1, 2))
    header = path.read_bytes()[:26]
    assert header[24:26] == bytes([8, 3])  # bit depth, colour type
    with Image.open(path) as picture:
        assert picture.getpalette() == PALETTE.ravel().tolist()
    np.testing.assert_array_equal(read_label_map(path), blocks(1, 2))


def test_every_value_survives_a_round_trip(tmp_path: Path) -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    write_label_map(tmp_path / "m.png", labels)
    np.testing.assert_array_equal(read_label_map(tmp_path / "m.png", keep_void=True), labels)
    labels[-1, -1] = 0
    np.testing.assert_array_equal(read_label_map(tmp_path / "m.png"), labels)


def test_only_label_maps_are_written(tmp_path: Path) -> None:
    for wrong in (blocks(1).astype(np.int32), blocks(1)[..., None]):
        with pytest.raises(ValueError, match="label map"):
            write_label_map(tmp_path / "m.png", wrong)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_black_and_white_is_one_object(tmp_path: Path, mode: str) -> None:
    Image.fromarray(blocks(255)).convert(mode).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_label_map(tmp_path / "m.png", keep_void=True), blocks(1))


def test_black_and_white_palette_is_one_object(tmp_path: Path) -> None:
    picture = Image.fromarray(blocks(255))
    picture.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    picture.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_label_map(tmp_path / "m.png"), blocks(1))


@pytest.mark.parametrize("kind", ["palette", "colours"])
def test_void_alone_in_davis_colours_stays_void(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "m.png"
    if kind == "palette":
        write_label_map(path, blocks(255))
    else:
        Image.fromarray(PALETTE[blocks(255)]).save(path)
    assert not read_label_map(path).any()
    np.testing.assert_array_equal(read_label_map(path, keep_void=True), blocks(255))


def test_void_beside_instances(tmp_path: Path) -> None:
    Image.fromarray(blocks(1, 2, 255)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_label_map(tmp_path / "m.png"), blocks(1, 2))
    np.testing.assert_array_equal(read_label_map(tmp_path / "m.png", keep_void=True), blocks(1, 2, 255))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_palette_colours_become_numbers(tmp_path: Path, mode: str) -> None:
    Image.fromarray(PALETTE[blocks(1, 7, 200)]).convert(mode).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_label_map(tmp_path / "m.png"), blocks(1, 7, 200))


def test_an_unknown_colour_is_named(tmp_path: Path) -> None:
    colours = PALETTE[blocks(1)].copy()
    colours[0, 0] = (12, 34, 56)
    Image.fromarray(colours).save(tmp_path / "m.png")
    with pytest.raises(UserError, match=r"m\.png has the colour \(12, 34, 56\)"):
        read_label_map(tmp_path / "m.png")


def test_small_palettes_of_few_bits_are_read_by_index(tmp_path: Path) -> None:
    picture = Image.fromarray(blocks(1, 3))
    picture.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    picture.save(tmp_path / "m.png", bits=2)
    np.testing.assert_array_equal(read_label_map(tmp_path / "m.png"), blocks(1, 3))


def test_files_that_are_no_masks(tmp_path: Path) -> None:
    Image.fromarray(blocks(1)).convert("CMYK").save(tmp_path / "ink.tif")
    Image.fromarray(blocks(1)).save(tmp_path / "lossy.png", format="JPEG")
    (tmp_path / "text.png").write_text("hello")
    write_label_map(tmp_path / "whole.png", np.random.default_rng(0).integers(0, 9, (64, 64), np.uint8))
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:1200])
    sentences = {
        "lossy": "JPEG",
        "text": "not a picture",
        "cut": "cannot be read",
        "none": "no such file",
    }
    for name, sentence in sentences.items():
        with pytest.raises(UserError, match=sentence):
            read_label_map(tmp_path / f"{name}.png")
    with pytest.raises(UserError, match="pixels of kind CMYK"):
        read_label_map(tmp_path / "ink.tif")
