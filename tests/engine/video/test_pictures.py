"""Clips in one picture file, and pictures with more than 8 bits a sample."""

from __future__ import annotations

import logging
import random
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clips import number_of, numbered
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.engine.video import PictureStack, ReadOptions, ValueRange, open_video
from vsreid_studio.engine.video.picture_names import (
    natural_key,
    paired_kinds,
    split_masks,
    without_mask_affix,
)
from vsreid_studio.engine.video.pixels import fitting_range
from vsreid_studio.errors import UserError


def write_tiff(path: Path, samples: NDArray[Any], order: str = "<") -> Path:
    """An uncompressed TIFF of one grey page with samples of any type."""
    form = {"u": 1, "i": 2, "f": 3, "c": 6}[samples.dtype.kind]
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()  # type: ignore[arg-type]
    height, width = samples.shape
    shorts = {258: samples.itemsize * 8, 259: 1, 262: 1, 277: 1, 339: form}
    longs = {256: width, 257: height, 273: 8, 278: height, 279: len(data)}
    entries = b"".join(
        struct.pack(f"{order}HHIHH", tag, 3, 1, shorts[tag], 0)
        if tag in shorts
        else struct.pack(f"{order}HHII", tag, 4, 1, longs[tag])
        for tag in sorted(shorts | longs)
    )
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(data))
    path.write_bytes(head + data + struct.pack(f"{order}H", 10) + entries + bytes(4))
    return path


def all_ways(path: Path, count: int) -> None:
    for order in (range(count), range(count - 1, -1, -1), random.Random(2).sample(range(count), count)):
        with open_video(path, cache_bytes=0) as video:
            assert isinstance(video, PictureStack)
            assert [number_of(video.frame(index)) for index in order] == list(order)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_the_pages_of_a_tiff_are_frames(tmp_path: Path, compression: str | None) -> None:
    pages = [Image.fromarray(numbered(index)) for index in range(6)]
    path = tmp_path / "stack.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:], compression=compression)
    with open_video(path) as video:
        assert (video.name, video.length, video.height, video.width) == ("stack", 6, 64, 96)
        assert video.timing is None
        assert not video.notes
    all_ways(path, 6)


@pytest.mark.parametrize("mode", ["RGBA", "CMYK", "P", "L"])
def test_pages_of_every_kind_have_their_colours(tmp_path: Path, mode: str) -> None:
    pages = [Image.fromarray(numbered(index)) for index in range(3)]
    if mode == "RGBA":
        for page in pages:
            page.putalpha(Image.fromarray(numbered(0)[..., 0]))
    kept = [page if mode == "RGBA" else page.convert(mode) for page in pages]
    path = tmp_path / "stack.tif"
    kept[0].save(path, save_all=True, append_images=kept[1:])
    with open_video(path) as video:
        for index, page in enumerate(kept):
            expected = numbered(index) if mode == "RGBA" else np.asarray(page.convert("RGB"))
            np.testing.assert_allclose(video.frame(index), expected, atol=3)


def test_thumbnails_in_a_tiff_are_no_frames(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    page, small = Image.fromarray(numbered(0)), Image.fromarray(numbered(9, 48, 32))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    page.save(path, save_all=True, append_images=[small, Image.fromarray(numbered(1))])
    data = path.read_bytes()
    with Image.open(path) as image:
        image.seek(1)
        marked = image.tag_v2.get(254) == 1  # type: ignore[attr-defined]
    if not marked:
        pytest.skip("this Pillow writes no subfile type")
    assert data
    all_ways(path, 2)


@pytest.mark.parametrize("deep", ["uint16", "float32"])
def test_pages_with_many_bits(tmp_path: Path, deep: str) -> None:
    path = tmp_path / "deep.tif"
    pages = [numbered(index)[..., 0].astype(np.float64) for index in range(4)]
    scale = 16 if deep == "uint16" else 1 / 255
    assert cv2.imwritemulti(str(path), [(page * scale).astype(deep) for page in pages])
    with open_video(path) as video:
        shown = "0 to 4095" if deep == "uint16" else "0 to 1"
        assert f"samples of {shown} are shown as black to white" in video.notes[0]
        np.testing.assert_allclose(video.frame(3)[..., 1], pages[3], atol=1.5)
    all_ways(path, 4)


def test_pages_of_several_sizes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    Image.fromarray(numbered(0)).save(path, save_all=True, append_images=[Image.new("RGB", (10, 20))])
    with pytest.raises(
        UserError, match=r"Page 2 of .*stack\.tif is 10x20 pixels, but the first one is 96x64"
    ):
        open_video(path)


@pytest.mark.parametrize("alpha", [False, True])
def test_an_animated_webp_has_its_times(tmp_path: Path, alpha: bool) -> None:
    pictures = [Image.fromarray(numbered(index)) for index in range(12)]
    if alpha:
        for picture in pictures:
            picture.putalpha(128)
    path = tmp_path / "clip.webp"
    times = [40, 200, 33, 0, *[50] * 8]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=times, lossless=True)
    with open_video(path) as video:
        assert video.length == 12
        assert video.timing is not None
        assert (video.timing.seconds[:5] * 1000).round().tolist() == [0, 40, 240, 273, 373]
        assert video.timing.end == 40 + 200 + 33 + 100 + 8 * 50
        if not alpha:
            np.testing.assert_array_equal(video.frame(7), numbered(7))
    all_ways(path, 12)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "ppm", "tif"])
def test_a_single_picture_is_a_clip_of_one_frame(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"one.{ending}"
    Image.fromarray(numbered(5)).save(path)
    all_ways(path, 0)
    with open_video(path) as video:
        assert (video.length, number_of(video.frame(0)), video.rate) == (1, 5, None)


def write_deep(folder: Path, kind: str, factor: float) -> list[NDArray[np.float64]]:
    folder.mkdir()
    greys = [numbered(index)[..., 0].astype(np.float64) for index in range(3)]
    for index, grey in enumerate(greys):
        if kind == "png":
            cv2.imwrite(str(folder / f"{index}.png"), (grey * factor).astype(np.uint16))
        elif kind == "rgb png":
            cv2.imwrite(str(folder / f"{index}.png"), np.dstack([(grey * factor).astype(np.uint16)] * 3))
        elif kind == "rgba png":
            cv2.imwrite(str(folder / f"{index}.png"), np.dstack([(grey * factor).astype(np.uint16)] * 4))
        elif kind == "pgm":
            cv2.imwrite(str(folder / f"{index}.pgm"), (grey * factor).astype(np.uint16))
        else:
            order = ">" if kind.endswith("big") else "<"
            write_tiff(folder / f"{index}.tif", (grey * factor).astype(kind.removesuffix(" big")), order)
    return greys


@pytest.mark.parametrize(
    ("kind", "factor", "shown"),
    [
        ("png", 1, "0 to 255"),
        ("png", 4, "0 to 1023"),
        ("png", 16, "0 to 4095"),
        ("rgb png", 64, "0 to 16383"),
        ("rgba png", 16, "0 to 4095"),
        ("png", 257, "0 to 65535"),
        ("pgm", 16, "0 to 4095"),
        ("uint16", 16, "0 to 4095"),
        ("uint16 big", 16, "0 to 4095"),
        ("int16", 100, "0 to 32767"),
        ("float32", 1 / 255, "0 to 1"),
        ("float32 big", 1 / 255, "0 to 1"),
        ("float64", 1 / 255, "0 to 1"),
        ("float32", 1000, None),
    ],
)
def test_deep_pictures_can_be_seen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, factor: float, shown: str | None
) -> None:
    greys = write_deep(tmp_path / "clip", kind, factor)
    with caplog.at_level(logging.INFO), open_video(tmp_path / "clip") as video:
        for index in (2, 0):
            frame = video.frame(index)
            assert number_of(frame) == index
            if shown is not None and kind != "int16":
                high = float(shown.rsplit(maxsplit=1)[1])
                expected = np.clip(greys[index] * factor * 255 / high, 0, 255)
                np.testing.assert_allclose(frame[..., 0], expected, atol=1.5)
    assert "--range LOW HIGH" in caplog.text
    if shown is not None:
        assert shown in caplog.text


def test_the_range_can_be_chosen_and_is_one_for_the_clip(tmp_path: Path) -> None:
    greys = write_deep(tmp_path / "clip", "png", 16)
    chosen = ReadOptions(value_range=ValueRange(1000, 3000))
    with open_video(tmp_path / "clip", options=chosen) as video:
        assert video.options == chosen
        assert not video.notes
        expected = np.clip((greys[1] * 16.0 - 1000) * 255 / 2000, 0, 255)
        np.testing.assert_allclose(video.frame(1)[..., 2], expected, atol=1)
    plain = tmp_path / "plain"
    plain.mkdir()
    Image.fromarray(numbered(3)).save(plain / "0.png")
    with open_video(plain, options=chosen) as video:
        assert "have 8 bits" in video.notes[0]
        np.testing.assert_array_equal(video.frame(0), numbered(3))
    for low, high in ((1, 1), (2, 1), (float("nan"), 1), (0, float("inf"))):
        with pytest.raises(ValueError, match="from a number to a larger one"):
            ValueRange(low, high)


def test_fitting_ranges() -> None:
    assert fitting_range([np.array([-5, 9], np.int16)]) == ValueRange(-5, 9)
    assert fitting_range([np.array([7], np.uint32), np.array([2**20], np.uint32)]) == ValueRange(7, 2**20)
    assert fitting_range([np.array([0.1, np.nan, 0.7], np.float32)]) == ValueRange(0, 1)
    assert fitting_range([np.full(3, np.nan)]) == ValueRange(0, 1)
    assert fitting_range([np.full(3, 5.0)]) == ValueRange(5, 6)
    dots = np.concatenate([np.linspace(0, 100, 10_000), [1e30, np.inf]])
    assert fitting_range([dots]).high == pytest.approx(100, abs=1)
    samples = np.array([np.nan, np.inf, -np.inf, 0.5])
    assert ValueRange(0, 1).apply(samples).tolist() == [0, 255, 0, 128]


@pytest.mark.parametrize(
    "value", [{}, {"track": 3}, {"range": [0.0, 4095.0]}, {"track": 1, "range": [-1.0, 1.0]}]
)
def test_options_are_kept(value: dict[str, Any]) -> None:
    assert ReadOptions.from_json(value).to_json() == value


@pytest.mark.parametrize("value", [7, {"track": "x"}, {"range": []}, {"range": [2, 1]}, {"range": "ab"}])
def test_options_that_make_no_sense(value: object) -> None:
    with pytest.raises(UserError, match="makes no sense"):
        ReadOptions.from_json(value)


def test_what_is_not_supported_is_not_called_damaged(tmp_path: Path) -> None:
    grey = numbered(0)[..., 0]
    for dtype, words in (("float16", "floating-point samples of 16 bits"), ("complex64", "complex samples")):
        path = write_tiff(tmp_path / f"{dtype}.tif", grey.astype(dtype))
        with pytest.raises(UserError, match=f"{words}.*not supported"):
            open_video(path)
    jpeg = tmp_path / "deep.jpg"
    Image.fromarray(numbered(0)).save(jpeg)
    data = bytearray(jpeg.read_bytes())
    data[data.index(b"\xff\xc0") + 4] = 12
    jpeg.write_bytes(data)
    with pytest.raises(
        UserError, match=r"deep\.jpg is a JPEG of 12 bits, which is not supported|cannot be read"
    ):
        open_video(jpeg).frame(0)
    (tmp_path / "x.png").write_bytes(b"\x00\x00\x00\x1cftypheic" + bytes(40))
    with pytest.raises(UserError, match=r"x\.png cannot be read: it is no JPEG, PNG, WebP, TIFF, BMP or PNM"):
        open_video(tmp_path / "x.png")
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"x\.png cannot be read: it is empty"):
        open_video(tmp_path / "x.png")


@pytest.mark.parametrize("name", ["clip.webp", "stack.tif"])
def test_a_stack_that_is_cut_short(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    pages = [Image.fromarray(rng.integers(0, 255, (64, 96, 3), np.uint8)) for _ in range(5)]
    path = tmp_path / name
    pages[0].save(path, save_all=True, append_images=pages[1:])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=name.replace(".", r"\.")), open_video(path) as video:
        for index in range(5):
            video.frame(min(index, video.length - 1))
        raise UserError(f"{video.length} frames of {name}")


def test_names_sort_by_their_numbers_and_without_regard_to_case() -> None:
    ordered = ["", "00", "7", "A", "a", "a0", "a01", "a1", "a1b", "a2", "a2b9", "a2b10", "a10", "a10a"]
    ordered += ["a 2", "ab", "frame_9", "frame_10", "Frame_11", "é2"]
    for seed in range(5):
        mixed = random.Random(seed).sample(ordered, len(ordered))
        assert sorted(mixed, key=natural_key) == ordered


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
    assert paired_kinds(["a", "b", "b_copy"]) is None
    assert paired_kinds(["1", "2", "11", "12"]) is None
    assert paired_kinds(["a", "ab"]) is None


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


def test_colours_of_64_bits(tmp_path: Path) -> None:
    picture = numbered(3)
    cv2.imwrite(str(tmp_path / "0.tif"), picture[..., ::-1] / 255)
    with open_video(tmp_path) as video:
        np.testing.assert_array_equal(video.frame(0), picture)


def test_pnm_whose_white_is_below_255_and_that_ends_with_a_number(tmp_path: Path) -> None:
    samples = numbered(3) // 64
    text = " ".join(map(str, samples.ravel()))
    size = f"# mine\n{samples.shape[1]} {samples.shape[0]}\n3\n"
    (tmp_path / "0.ppm").write_text(f"P3\n{size}{text}")
    (tmp_path / "1.ppm").write_bytes(f"P6\n{size}".encode() + samples.tobytes())
    with open_video(tmp_path) as video:
        for index in range(2):
            np.testing.assert_array_equal(video.frame(index), samples * 85)


@pytest.mark.parametrize("ending", ["png", "webp"])
def test_animations_in_a_folder_are_told(tmp_path: Path, ending: str) -> None:
    pictures = [Image.fromarray(numbered(index)) for index in range(3)]
    pictures[0].save(tmp_path / f"0.{ending}", save_all=True, append_images=pictures[1:], lossless=True)
    with open_video(tmp_path) as video:
        assert video.notes == ("of pictures that are animations only the first frame is used",)
