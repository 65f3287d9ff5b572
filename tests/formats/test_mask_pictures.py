from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.errors import UserError
from vsreid_studio.formats.mask_pictures import open_mask


def picture(mode: str, height: int = 9, width: int = 13) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)
    if mode == "I;16":
        return Image.fromarray(noise[..., 0].astype(np.uint16))
    whole = Image.fromarray(noise)
    return whole.convert("RGB").quantize(16) if mode == "P" else whole.convert(mode)


def png(width: int, height: int, pixels: bytes, *, interlaced: int = 0) -> bytes:
    """A grey PNG of 8 bits with some unzipped pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(body)) + name + body + sum_of(name + body) for name, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def sum_of(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_flipped_bit_is_noticed(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "m.png"
    picture(mode).save(path)
    assert open_mask(path, (9, 13)).size == (13, 9)
    data = path.read_bytes()
    for place in np.random.default_rng(1).integers(0, 8 * len(data), 100).tolist():
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"m\.png"):
            open_mask(path)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_cut_is_noticed(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "m.png"
    picture(mode).save(path)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(UserError, match="cannot be read"):
            open_mask(path)


def test_pixels_that_are_too_few_or_too_many(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    path.write_bytes(png(4, 3, bytes(15)))
    assert open_mask(path).size == (4, 3)
    for count, sentence in ((14, "lacks pixels"), (16, "more pixels"), (9_000_000, "more pixels")):
        path.write_bytes(png(4, 3, bytes(count)))
        with pytest.raises(UserError, match=sentence):
            open_mask(path)


def test_interlaced(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    # Seven passes over 5 x 5 pixels, each row with the byte of its filter.
    size = 2 + 2 + 3 + 2 * 2 + 4 + 3 * 3 + 2 * 6
    path.write_bytes(png(5, 5, bytes(size), interlaced=1))
    assert not np.asarray(open_mask(path)).any()
    for wrong in (size - 1, size + 1):
        path.write_bytes(png(5, 5, bytes(wrong), interlaced=1))
        with pytest.raises(UserError, match="pixels"):
            open_mask(path)


def test_sizes_are_looked_at_before_pixels(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    # Nobody could unzip these pixels: there are none.
    path.write_bytes(png(13_300, 13_300, b""))
    with pytest.raises(UserError, match="is 13300 x 13300 pixels, but the video is 128 x 96"):
        open_mask(path, (96, 128))
    for side, what in ((13_300, "announces 13300 x 13300 pixels, but"), (9_000, "which cannot hold them")):
        path.write_bytes(png(side, side, b""))
        with pytest.raises(UserError, match=what):
            open_mask(path)
    path.write_bytes(png(5_000, 5_000, b""))
    with pytest.raises(UserError, match="lacks pixels"):
        open_mask(path)
    Image.new("1", (33_000, 10)).save(tmp_path / "m.tif", compression="group4")
    with pytest.raises(UserError, match="announces 33000 x 10 pixels"):
        open_mask(tmp_path / "m.tif")


def test_other_formats(tmp_path: Path) -> None:
    for name in ("m.bmp", "m.tif", "m.gif", "m.webp"):
        picture("L").save(tmp_path / name, **({"lossless": True} if name == "m.webp" else {}))  # type: ignore[arg-type]
        assert open_mask(tmp_path / name).size == (13, 9)
    picture("RGB").save(tmp_path / "m.eps")
    (tmp_path / "m.png").write_bytes((tmp_path / "m.eps").read_bytes())
    with pytest.raises(UserError, match="not a picture"):
        open_mask(tmp_path / "m.png")


@pytest.mark.parametrize("suffix", ["tif", "gif", "png", "webp"])
def test_several_pictures_are_no_mask(tmp_path: Path, suffix: str) -> None:
    pages = [Image.fromarray(np.full((9, 12), 255 * (index % 2), np.uint8)) for index in range(3)]
    path = tmp_path / f"m.{suffix}"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    with pytest.raises(UserError, match="holds 3 pictures, where a mask has one"):
        open_mask(path)
    pages[0].save(path)
    assert open_mask(path).size == (12, 9)
