"""A frame is the one that a plain decoder shows, in every container and codec, however it is reached."""

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import encode, field_stream, number_of, packed_avi, remux, straight

from vsreid_studio.engine.video import open_video
from vsreid_studio.engine.video.file import VideoFile

OPEN = {"x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0:keyint=8:min-keyint=2"}
REFRESH = {"x264-params": "intra-refresh=1:keyint=8:bframes=0"}
HEVC = {"x265-params": "log-level=none:pools=1:keyint=8:min-keyint=2"}
VP9 = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "8", "auto-alt-ref": "1"}
AV1 = {"preset": "12", "svtav1-params": "keyint=8"}

MATRIX: list[tuple[str, str, dict[str, Any]]] = [
    ("b.mp4", "libx264", {}),
    ("open.mp4", "libx264", {"options": OPEN}),
    ("refresh.mp4", "libx264", {"options": REFRESH}),
    ("fragments.mp4", "libx264", {"muxer": {"movflags": "frag_keyframe+empty_moov"}}),
    ("a.mov", "libx265", {"options": HEVC}),
    ("prores.mov", "prores_ks", {"pixels": "yuv422p10le"}),
    ("rle.mov", "qtrle", {"pixels": "rgb24"}),
    ("cinepak.mov", "cinepak", {"pixels": "rgb24"}),
    ("mpeg4.mp4", "mpeg4", {}),
    ("av1.mp4", "libsvtav1", {"options": AV1}),
    ("open.mkv", "libx264", {"options": OPEN}),
    ("refresh.mkv", "libx264", {"options": REFRESH}),
    ("interlaced.mkv", "libx264", {"options": {"x264-params": "interlaced=1:keyint=8"}}),
    ("mpeg2.mkv", "mpeg2video", {}),
    ("ffv1.mkv", "ffv1", {}),
    ("hevc.mkv", "libx265", {"options": HEVC}),
    ("vp8.webm", "libvpx", {"options": {"auto-alt-ref": "1", "lag-in-frames": "8"}}),
    ("vp9.webm", "libvpx-vp9", {"options": VP9}),
    ("h264.avi", "libx264", {}),
    ("low_delay.avi", "libx264", {"options": {"bf": "0"}, "b_frames": 0}),
    ("mpeg4.avi", "mpeg4", {}),
    ("msmpeg4.avi", "msmpeg4", {}),
    ("huffyuv.avi", "huffyuv", {"pixels": "yuv422p"}),
    ("raw.avi", "rawvideo", {}),
    ("h264.ts", "libx264", {"form": "mpegts"}),
    ("open.ts", "libx264", {"form": "mpegts", "options": OPEN}),
    ("refresh.ts", "libx264", {"form": "mpegts", "options": REFRESH}),
    ("hevc.ts", "libx265", {"form": "mpegts", "options": HEVC}),
    ("mpeg2.m2ts", "mpeg2video", {"form": "mpegts"}),
    ("mpeg2.mpg", "mpeg2video", {"form": "vob"}),
    ("mpeg1.mpg", "mpeg1video", {"form": "mpeg"}),
    ("h264.mpg", "libx264", {"form": "vob"}),
    ("bare.h264", "libx264", {"form": "h264"}),
    ("bare.hevc", "libx265", {"form": "hevc", "options": HEVC}),
    ("bare.m2v", "mpeg2video", {"form": "mpeg2video"}),
    ("bare.m4v", "mpeg4", {"form": "m4v"}),
    ("h264.flv", "libx264", {}),
    ("sorenson.flv", "flv", {}),
    ("wmv2.wmv", "wmv2", {"form": "asf"}),
    ("h263.3gp", "h263", {"size": (176, 144)}),
    ("mpeg2.mxf", "mpeg2video", {}),
    ("b.nut", "libx264", {"form": "nut"}),
    ("vp9.ivf", "libvpx-vp9", {"form": "ivf", "options": VP9}),
    ("vp8.ogv", "libvpx", {"form": "ogg"}),
    ("a.gif", "gif", {"pixels": "rgb8"}),
    ("a.apng", "apng", {"pixels": "rgb24"}),
    ("dv.avi", "dvvideo", {"size": (720, 576), "pixels": "yuv420p", "count": 3}),
    ("bare.mjpeg", "mjpeg", {"form": "mjpeg", "pixels": "yuvj420p"}),
]


def assert_exact(path: Path, expected: list[np.ndarray]) -> None:
    """Forward, with gaps, backward, at random and from end to end; no cache hides a mistake."""
    count = len(expected)
    ends = [place for pair in zip(range(count), reversed(range(count)), strict=True) for place in pair]
    ways = {
        "forward": range(count),
        "in steps": range(0, count, 11),
        "backward": range(count - 1, -1, -1),
        "at random": random.Random(1).sample(range(count), count),
        "from end to end": ends[: count // 2],
    }
    for way, order in ways.items():
        with open_video(path, cache_bytes=0) as video:
            assert video.length == count
            for index in order:
                same = np.array_equal(video.frame(index), expected[index])
                assert same, (path.name, way, index, number_of(video.frame(index)))


@pytest.mark.parametrize(("name", "codec", "how"), MATRIX, ids=[name for name, _, _ in MATRIX])
def test_frames_are_those_of_a_plain_decoder(
    tmp_path: Path, name: str, codec: str, how: dict[str, Any]
) -> None:
    path = encode(tmp_path / name, codec, **how)
    expected = straight(path)
    assert len(expected) == how.get("count", 30)
    assert [number_of(frame) for frame in expected] == list(range(len(expected)))
    assert_exact(path, expected)


def test_packed_b_frames(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = packed_avi(tmp_path)
    expected = straight(path)
    assert [number_of(frame) for frame in expected] == list(range(len(expected)))
    assert len(expected) >= 29
    with caplog.at_level(logging.INFO):
        assert_exact(path, expected)
    assert "decoding it once" in caplog.text


@pytest.mark.parametrize("name", ["fields.h264", "fields.ts", "fields.mkv", "fields.mp4", "fields.avi"])
def test_a_packet_a_field(tmp_path: Path, name: str) -> None:
    path = field_stream(tmp_path / "fields.h264")
    if name != "fields.h264":
        with av.open(str(path), options={"framerate": "50"}) as container:
            packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        assert len(packets) == 24
        path = remux(path, tmp_path / name, "mpegts" if name.endswith("ts") else None, packets)
    expected = straight(path)
    assert [number_of(frame) for frame in expected] == list(range(12))
    assert_exact(path, expected)


@pytest.mark.parametrize(
    ("ending", "form", "codec"), [("ts", "mpegts", "libx264"), ("mpg", "vob", "mpeg2video")]
)
def test_two_recordings_in_one_file(tmp_path: Path, ending: str, form: str, codec: str) -> None:
    one = encode(tmp_path / f"one.{ending}", codec, form=form, count=20)
    path = tmp_path / f"both.{ending}"
    path.write_bytes(one.read_bytes() * 2)
    assert_exact(path, straight(path))


@pytest.mark.parametrize(("ending", "form"), [("ts", "mpegts"), ("mpg", "vob"), ("m2v", "mpeg2video")])
def test_a_recording_that_begins_in_the_middle(tmp_path: Path, ending: str, form: str) -> None:
    whole = encode(tmp_path / f"whole.{ending}", "mpeg2video", form=form).read_bytes()
    path = tmp_path / f"cut.{ending}"
    path.write_bytes(whole[len(whole) * 4 // 10 // 188 * 188 :])
    expected = straight(path)
    assert 5 < len(expected) < 30
    assert_exact(path, expected)


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        ("mp4", "mpeg4"),
        ("mov", "qtrle"),
        ("avi", "msmpeg4"),
        ("wmv", "wmv2"),
        ("nut", "libx264"),
        ("flv", "flv"),
    ],
)
def test_a_jump_that_leads_to_another_picture_is_found_out(tmp_path: Path, ending: str, codec: str) -> None:
    """Every packet is marked as a key frame, as careless writers do."""
    pixels = "rgb24" if codec == "qtrle" else "yuv420p"
    plain = encode(tmp_path / f"plain.{ending}", codec, b_frames=0, gop=12, pixels=pixels)
    path = remux(plain, tmp_path / f"marked.{ending}", all_keys=True)
    with av.open(str(path)) as container:
        assert all(packet.is_keyframe for packet in container.demux(video=0) if packet.size)
    assert_exact(path, straight(path))


def test_a_long_file_is_indexed_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "long.mkv", "libx264", count=400, size=(48, 32), gop=50)
    decoded = 0
    plain = VideoFile._decode_to

    def counted(self: VideoFile, index: int, keep: range = range(0)) -> Any:
        nonlocal decoded
        decoded += 1
        return plain(self, index, keep)

    monkeypatch.setattr(VideoFile, "_decode_to", counted)
    with open_video(path) as video:
        assert video.length == 400
        assert decoded == 1
        assert video._index.checks is None  # type: ignore[attr-defined]
