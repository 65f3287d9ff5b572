"""Sizes are looked at before pixels: a few bytes can announce gigabytes."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from clips import encode
from PIL import Image

from vsreid_studio.engine.video import open_video, packets
from vsreid_studio.engine.video import pixels as pixels_module
from vsreid_studio.engine.video.pixels import check_picture_size
from vsreid_studio.errors import UserError


def gif(width: int, height: int) -> bytes:
    """Announces a picture, and has next to no pixels of it."""
    size = struct.pack("<HH", width, height)
    colours = b"\x80\x00\x00" + b"\0\0\0\xff\xff\xff"
    return b"GIF89a" + size + colours + b"," + bytes(4) + size + b"\0\x02\x02\x44\x01\x00;"


def png(width: int, height: int) -> bytes:
    """Likewise."""
    body = b""
    for name, data in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(1000))),
        (b"IEND", b""),
    ):
        body += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return b"\x89PNG\r\n\x1a\n" + body


def webp(width: int, height: int) -> bytes:
    """An animation of no frames' bytes."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + canvas
    chunks += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


@pytest.mark.parametrize("size", [(7680, 4320), (4320, 7680), (15360, 8640), (32_766, 4_000)])
def test_8k_and_16k_are_allowed(size: tuple[int, int]) -> None:
    check_picture_size(Path("x"), *size, size=size[0] * size[1] // 1000)


@pytest.mark.parametrize("size", [(9002, 21667), (32_767, 1), (20_000, 10_000)])
def test_absurd_sizes_are_not(size: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=f"announces {size[0]} x {size[1]} pixels, but"):
        check_picture_size(Path("x"), *size, size=10**9)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.gif", gif(9002, 21667)),
        ("a.gif", gif(11_000, 11_000)),
        ("a.png", png(11_000, 11_000)),
        ("clip/a.png", png(11_000, 11_000)),
        ("clip/a.png", png(33_000, 10)),
        ("a.webp", webp(11_000, 11_000)),
    ],
)
def test_a_small_file_that_announces_a_huge_picture(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"announces \d+ x \d+ pixels"):
        open_video(tmp_path / Path(name).parts[0])


def test_a_page_of_a_tiff_that_is_huge(tmp_path: Path) -> None:
    Image.new("1", (33_000, 10)).save(tmp_path / "a.tif", compression="group4")
    with pytest.raises(UserError, match="announces 33000 x 10 pixels"):
        open_video(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("codec", "form"), [("mpeg4", "avi"), ("libx264", "mp4"), ("mpeg2video", "mpeg"), ("ffv1", "matroska")]
)
def test_no_decoder_makes_pictures_above_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, form: str
) -> None:
    options: dict[str, Any] = {"form": form, "count": 3}
    path = encode(tmp_path / "clip.bin", codec, **options)
    with open_video(path) as video:
        pixels = video.width * video.height
    monkeypatch.setattr(pixels_module, "MAX_PIXELS", 8 * pixels)
    with open_video(path) as video:
        assert video.frame(2).size == 3 * pixels
    monkeypatch.setattr(pixels_module, "MAX_PIXELS", pixels // 2)
    with pytest.raises(UserError):
        open_video(path)


def test_an_mp4_that_lists_more_samples_than_bytes(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", "mpeg4", count=5)
    data = bytearray(path.read_bytes())
    table = data.index(b"stsz")
    struct.pack_into(">II", data, table + 8, 1, 50_000_000)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"lists 50000000 samples in \d+ bytes"):
        open_video(path)


def test_fragments_are_counted_too(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", "mpeg4", count=5, muxer={"movflags": "frag_keyframe+empty_moov"})
    with open_video(path) as video:
        assert video.length == 5
    data = bytearray(path.read_bytes())
    run = data.index(b"trun")
    struct.pack_into(">II", data, run + 4, 0, 2**31)
    path.write_bytes(data)
    with pytest.raises(UserError, match="lists 2147483648 samples"):
        open_video(path)


def test_packets_that_never_end_are_a_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "clip.avi", "mpeg4", count=20)
    monkeypatch.setattr(packets, "_EMPTY", 12 - path.stat().st_size)
    with open_video(path) as video:
        assert video.length == 12
