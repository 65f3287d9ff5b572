"""Which files are opened, which track is used, and how its frames are turned."""

from __future__ import annotations

import logging
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import encode, number_of, numbered, straight, two_tracks

from vsreid_studio.engine.video import ReadOptions, open_video
from vsreid_studio.engine.video.container import Orientation
from vsreid_studio.errors import UserError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile '{other}'\n"),
        ("list.txt", "ffconcat version 1.0\nfile '{other}'\n"),
        ("list.mpd", '<?xml version="1.0"?>\n<MPD><BaseURL>{other}</BaseURL></MPD>\n'),
        ("list.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n"),
    ],
)
def test_a_playlist_is_no_video(tmp_path: Path, name: str, text: str) -> None:
    other = encode(tmp_path / "other.ts", "libx264", form="mpegts", count=3)
    path = tmp_path / name
    path.write_text(text.replace("{other}", str(other)))
    with pytest.raises(UserError, match=r"list\.\w+ is a playlist, not a video"):
        open_video(path)


@pytest.mark.parametrize(
    "name",
    ["http:x.mp4", "a:b.mp4", "-x.mp4", "concat:a|b.mp4", "subfile,,start,0,end,9,,:x.mp4", "%03d.mp4"],
)
def test_an_awkward_name_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    os.replace(encode(tmp_path / "plain.mp4", "libx264", count=3), tmp_path / name)  # noqa: PTH105
    monkeypatch.chdir(tmp_path)
    with open_video(Path(name)) as video:
        assert [number_of(video.frame(index)) for index in range(video.length)] == [0, 1, 2]


def test_a_name_that_is_an_address_reads_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode(tmp_path / "a.ts", "libx264", form="mpegts", count=3)
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.ts|a.ts", "subfile,,start,0,end,0,,:a.ts", "file:a.ts", "%1s.ts"):
        with pytest.raises(UserError, match="There is no video"):
            open_video(Path(name))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "webm", "mov"])
def test_metadata_that_is_not_utf8(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"titled.{ending}"
    codec = "libvpx" if ending == "webm" else "mpeg4"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "cafXX"
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(index), format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    assert b"cafXX" in data
    path.write_bytes(data.replace(b"cafXX", "café!".encode("latin-1")))
    with open_video(path) as video:
        assert [number_of(video.frame(index)) for index in range(video.length)] == [0, 1, 2]


@pytest.mark.parametrize(("default", "used"), [(0, 1), (1, 2), (None, 2)])
def test_the_track_of_several_is_told_and_can_be_chosen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, default: int | None, used: int
) -> None:
    path = two_tracks(tmp_path / "two.mkv", default)
    with caplog.at_level(logging.INFO), open_video(path) as video:
        assert number_of(video.frame(3)) == 3 + 10 * (used - 1)
        assert f"number {used} is used" in video.notes[0]
        plain = video.fingerprint
    assert "1 (48x32, h264), 2 (96x64, h264)" in caplog.text
    for track in (1, 2):
        with open_video(path, options=ReadOptions(track)) as video:
            assert video.width == 48 * track
            assert number_of(video.frame(4)) == 4 + 10 * (track - 1)
            assert (video.fingerprint == plain) == (track == used)
    for track in (0, 3):
        with pytest.raises(UserError, match=f"has video tracks 1 to 2, not a track {track}"):
            open_video(path, options=ReadOptions(track))


def test_a_cover_is_no_track(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "cover.mp4", 0, cover=True)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 3
    with open_video(path) as video:
        assert (video.width, video.height) == (48, 32)
        assert number_of(video.frame(2)) == 2
    with open_video(encode(tmp_path / "one.mp4", "libx264", count=2)) as video:
        assert not video.notes
    with pytest.raises(UserError, match="has one video track, not a track 2"):
        open_video(tmp_path / "one.mp4", options=ReadOptions(2))


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_frames_are_turned_and_mirrored_as_the_display_matrix_says(
    tmp_path: Path, ending: str, transpose: bool, mirror: bool, flip: bool
) -> None:
    across, down = (-1 if mirror else 1), (-1 if flip else 1)
    linear = (0, down, across, 0) if transpose else (across, 0, 0, down)
    a, b, c, d = (65536 * it for it in linear)
    path = encode(tmp_path / f"turned.{ending}", "libx264", count=3, aspect=Fraction(4, 3))
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44
    matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 30]
    data[place : place + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data)
    with open_video(path) as video:
        stored = straight(path)[1]
        assert video.orientation == Orientation(transpose, mirror, flip)  # type: ignore[attr-defined]
        assert video.pixel_aspect == (Fraction(3, 4) if transpose else Fraction(4, 3))
        upright = stored.transpose(1, 0, 2) if transpose else stored
        upright = upright[::down, ::across]
        np.testing.assert_array_equal(video.frame(1), upright)
        assert (video.height, video.width) == upright.shape[:2]
