"""Every frame carries its own number as a row of black and white blocks, which survives compression."""

from __future__ import annotations

import random
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.engine.video import ReadOptions, Video, open_video
from vsreid_studio.errors import UserError

HEIGHT, WIDTH, COUNT = 64, 96, 40
BITS = 6
OPEN_GOP = "open-gop=1:bframes=3:b-adapt=0:scenecut=0:keyint=10:min-keyint=2"


def numbered(number: int) -> NDArray[np.uint8]:
    picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            picture[8:-8, bit * 16 : bit * 16 + 16] = 220
    return picture


def number(frame: NDArray[np.uint8]) -> int:
    return sum(int(frame[HEIGHT // 2, bit * 16 + 8].mean() > 128) << bit for bit in range(BITS))


def write_video(
    path: Path,
    codec: str = "libx264",
    *,
    count: int = COUNT,
    vfr: bool = False,
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    rotation: int = 0,
) -> Path:
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream: Any = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 10
        stream.codec_context.thread_count = 1
        if not codec.startswith("libvpx"):
            stream.codec_context.max_b_frames = 2
        if rotation:
            stream.set_display_rotation(rotation)
        base = Fraction(1, 1000) if vfr else Fraction(1, 25)
        stream.codec_context.time_base = base
        time = 0
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
            frame.pts, frame.time_base = time, base
            time += (20, 50, 33, 140)[index % 4] if vfr else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def straight(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [np.asarray(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def assert_exact(path: Path, expected: list[NDArray[np.uint8]]) -> None:
    """The same pictures forward, backward and at random; without a cache that would hide a mistake."""
    count = len(expected)
    shuffled = random.Random(1).sample(range(count), count)
    for order in (list(range(count)), list(reversed(range(count))), shuffled):
        with open_video(path, cache_bytes=0) as video:
            assert video.length == count
            for index in order:
                frame = video.frame(index)
                assert number(frame) == number(expected[index]), (path.name, index)
                np.testing.assert_array_equal(frame, expected[index])


@pytest.mark.parametrize(
    ("name", "codec", "extra"),
    [
        ("b.mp4", "libx264", {}),
        ("vfr.mp4", "libx264", {"vfr": True}),
        ("fragments.mp4", "libx264", {"muxer": {"movflags": "frag_keyframe+empty_moov"}}),
        ("hevc.mov", "libx265", {"options": {"x265-params": "log-level=none"}}),
        ("vfr.mkv", "libx264", {"vfr": True}),
        ("open_gop.mkv", "libx264", {"options": {"x264-params": OPEN_GOP}}),
        ("h264.avi", "libx264", {}),
        ("mpeg4.avi", "mpeg4", {}),
        ("intra.avi", "mjpeg", {}),
        ("vp9.webm", "libvpx-vp9", {"options": {"deadline": "realtime", "cpu-used": "8"}}),
        ("vp8.webm", "libvpx", {"options": {"auto-alt-ref": "1", "lag-in-frames": "8"}}),
    ],
)
def test_a_frame_is_the_same_however_it_is_reached(
    tmp_path: Path, name: str, codec: str, extra: dict[str, Any]
) -> None:
    if codec not in av.codec.codecs_available:
        pytest.skip(f"no {codec} in this FFmpeg")
    path = tmp_path / name
    if codec == "mjpeg":
        write_mjpeg(path)
    else:
        write_video(path, codec, **extra)
    expected = straight(path)
    assert [number(frame) for frame in expected] == list(range(COUNT))
    assert_exact(path, expected)


def write_mjpeg(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for index in range(COUNT):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24").reformat(
                format="yuvj420p", dst_color_range="JPEG"
            )
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_frames_cut_off_by_an_edit_list_are_not_counted(tmp_path: Path) -> None:
    whole, part = write_video(tmp_path / "whole.mp4"), tmp_path / "part.mp4"
    with av.open(str(whole)) as source, av.open(str(part), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        assert stream.time_base is not None
        shift = int(Fraction(5, 25) / stream.time_base)
        for packet in source.demux(stream):
            if packet.size:
                assert packet.pts is not None and packet.dts is not None
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
                target.mux(packet)
    expected = straight(part)
    assert len(expected) == COUNT - 5
    assert number(expected[0]) == 5
    assert_exact(part, expected)


def test_a_clip_that_begins_with_frames_that_need_a_lost_one(tmp_path: Path) -> None:
    options = {"x264-params": OPEN_GOP}
    whole, part = write_video(tmp_path / "whole.mkv", options=options), tmp_path / "part.mkv"
    with av.open(str(whole)) as source, av.open(str(part), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        second = [index for index, packet in enumerate(packets) if packet.is_keyframe][1]
        key = packets[second].pts
        assert any((packet.pts or 0) < (key or 0) for packet in packets[second:])
        for packet in packets[second:]:
            packet.stream = copy
            target.mux(packet)
    expected = straight(part)
    assert expected
    assert_exact(part, expected)


def test_a_rotated_video_stands_upright(tmp_path: Path) -> None:
    if not hasattr(av.video.stream.VideoStream, "set_display_rotation"):
        pytest.skip("this PyAV cannot write a rotated video")
    path = write_video(tmp_path / "rotated.mp4", count=3, rotation=90)
    with open_video(path) as video:
        assert (video.height, video.width) == (WIDTH, HEIGHT)
        assert number(np.rot90(video.frame(2), -1)) == 2


def test_what_a_video_tells_of_itself(tmp_path: Path) -> None:
    path = write_video(tmp_path / "dog.mp4", count=5)
    with open_video(path) as video:
        assert (video.name, video.length, video.height, video.width) == ("dog", 5, HEIGHT, WIDTH)
        assert video.path == path
        frame = video.frame(4)
        assert frame.dtype == np.uint8
        assert not frame.flags.writeable
        assert video.frame(4) is frame
        for outside in (-1, 5):
            with pytest.raises(IndexError):
                video.frame(outside)
        fingerprint = video.fingerprint
    with pytest.raises(ValueError, match="closed"):
        video.frame(0)
    video.close()
    moved = path.rename(tmp_path / "moved.mp4")
    with open_video(moved) as video:
        assert video.fingerprint == fingerprint
    with open_video(write_video(path, count=6)) as video:
        assert video.fingerprint != fingerprint


@pytest.mark.parametrize("frames", [0, 3])
def test_the_cache_keeps_what_was_used_last(tmp_path: Path, frames: int) -> None:
    size = HEIGHT * WIDTH * 3
    with open_video(write_video(tmp_path / "a.mp4"), cache_bytes=frames * size) as video:
        seen = {index: video.frame(index) for index in range(COUNT)}
        same = [index for index in reversed(range(COUNT)) if video.frame(index) is seen[index]]
        assert same[:1] == [COUNT - 1], "the last frame stays even where the cache is smaller"
        assert len(same) <= max(frames, 1)


def test_threads_may_share_a_video(tmp_path: Path) -> None:
    wrong: list[int] = []

    def read(video: Video, seed: int) -> None:
        order = random.Random(seed).sample(range(COUNT), COUNT)
        wrong.extend(index for index in order if number(video.frame(index)) != index)

    with open_video(write_video(tmp_path / "a.mp4"), cache_bytes=5 * HEIGHT * WIDTH * 3) as video:
        threads = [threading.Thread(target=read, args=(video, seed)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


@pytest.mark.parametrize("content", [b"", b"I am not a video.\n" * 50, bytes(range(256)) * 20])
def test_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.mp4"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"text\.mp4"):
        open_video(path)


def test_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        open_video(tmp_path / "nowhere")


@pytest.mark.parametrize("muxer", [{}, {"movflags": "faststart"}])
def test_a_truncated_mp4_is_refused(tmp_path: Path, muxer: dict[str, str]) -> None:
    path = write_video(tmp_path / "short.mp4", muxer=muxer)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    with pytest.raises(UserError, match=r"short\.mp4"):
        open_video(path)


@pytest.mark.parametrize("name", ["short.mkv", "short.webm"])
def test_a_truncated_stream_format_gives_the_frames_it_has(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, "libx264" if name.endswith("mkv") else "libvpx-vp9")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    with open_video(path) as video:
        assert 1 < video.length < COUNT
        # The cut may part a B-frame from the frame behind it, which is stored first.
        assert number(video.frame(video.length - 1)) - video.length in range(-1, 2)


def test_damaged_frames_are_named_and_others_stay_right(tmp_path: Path) -> None:
    path = write_video(tmp_path / "damaged.mp4")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        places = [(p.pos, p.size, p.is_keyframe) for p in container.demux(stream) if p.size]
    keys = [index for index, place in enumerate(places) if place[2]]
    data = bytearray(path.read_bytes())
    for position, size, _ in places[keys[1] : keys[2]]:
        assert position is not None
        data[position : position + size] = b"\xff" * size
    path.write_bytes(bytes(data))
    with open_video(path, cache_bytes=0) as video:
        assert video.length == COUNT
        with pytest.raises(UserError, match=r"Frame 12 .*damaged\.mp4"):
            video.frame(12)
        for index in (25, 3, 39):
            assert number(video.frame(index)) == index


def write_pictures(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for index, name in enumerate(names):
        Image.fromarray(numbered(index)).save(folder / name)
    return folder


def test_pictures_come_in_natural_order(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "seq", ["1.png", "2.JPG", "10.jpeg", "11.webp", "100.tif"])
    (folder / "notes.txt").write_text("no picture")
    (folder / "._1.png").write_text("a hidden twin")
    with open_video(folder) as video:
        assert (video.name, video.length, video.height, video.width) == ("seq", 5, HEIGHT, WIDTH)
        for index in (4, 0, 3, 1, 2):
            assert number(video.frame(index)) == index
            assert not video.frame(index).flags.writeable
        with pytest.raises(IndexError):
            video.frame(5)
        fingerprint = video.fingerprint
    with open_video(folder.rename(tmp_path / "moved")) as video:
        assert video.fingerprint == fingerprint


@pytest.mark.parametrize("kind", ["grey", "grey16", "rgb16", "rgba", "palette", "bilevel"])
def test_every_kind_of_picture_becomes_rgb(tmp_path: Path, kind: str) -> None:
    grey = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))
    path = tmp_path / "0.png"
    wide = grey.astype(np.uint16) * 257
    if kind == "grey16":
        cv2.imwrite(str(path), wide)
    elif kind == "rgb16":
        cv2.imwrite(str(path), np.dstack([wide] * 3))
    else:
        modes = {"grey": "L", "rgba": "RGBA", "palette": "P", "bilevel": "1"}
        Image.fromarray(grey).convert(modes[kind]).save(path)
    with open_video(tmp_path) as video:
        frame = video.frame(0)
    expected = np.where(grey > 127, 255, 0) if kind == "bilevel" else grey
    assert frame.shape == (48, 64, 3)
    if kind != "bilevel":  # Pillow dithers it
        np.testing.assert_allclose(frame, np.dstack([expected] * 3), atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_exif_orientation_is_honoured(tmp_path: Path, ending: str, orientation: int) -> None:
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:16, :24], picture[16:, :24], picture[:16, 24:] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    image = Image.fromarray(picture)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"0.{ending}", exif=exif, quality=95)
    upright = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: np.rot90(picture, -1),
        7: picture[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(picture, 1),
    }[orientation]
    with open_video(tmp_path) as video:
        frame = video.frame(0)
        assert frame.shape == (video.height, video.width, 3) == upright.shape
    assert np.abs(frame[4::8, 4::8].astype(int) - upright[4::8, 4::8]).max() < 40


def test_unfit_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no pictures"):
        open_video(tmp_path)
    folder = write_pictures(tmp_path / "seq", ["0.png", "1.png"])
    Image.new("RGB", (10, 10)).save(folder / "2.png")
    with pytest.raises(UserError, match=r"2\.png is 10x10 pixels"):
        open_video(folder)
    (folder / "2.png").write_text("text")
    with pytest.raises(UserError, match=r"2\.png cannot be read"):
        open_video(folder)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_cut_picture_is_an_error_when_it_is_asked_for(tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for index in range(2):
        Image.fromarray(noise).save(tmp_path / f"{index}.{ending}")
    file = tmp_path / f"1.{ending}"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with open_video(tmp_path) as video:
        assert video.length == 2
        video.frame(0)
        with pytest.raises(UserError, match=rf"1\.{ending}"):
            video.frame(1)


def test_pictures_have_no_tracks(tmp_path: Path) -> None:
    Image.new("RGB", (12, 9)).save(tmp_path / "00000.png")
    for path in (tmp_path, tmp_path / "00000.png"):
        with open_video(path, options=ReadOptions(track=2)) as video:
            assert video.notes == ("it has no video tracks: the number of one is not used",)
