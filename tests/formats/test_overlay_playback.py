"""An overlay plays as its source does: time, sound, pixel aspect, orientation."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import encode, number_of

from vsreid_studio.engine.video import Video, open_video
from vsreid_studio.formats.masks import Paint
from vsreid_studio.formats.overlay import write_overlay

MS = Fraction(1, 1000)
STEPS = (20, 50, 33, 1400, 17)
UNEVEN = [sum(STEPS[place % 5] for place in range(index)) for index in range(20)]


def overlay(video: Video, path: Path) -> Path:
    frames = (video.frame(index) for index in range(video.length))
    empty = np.zeros((video.height, video.width), np.uint8)
    assert write_overlay(path, frames, [empty] * video.length, Paint(), source=video) == video.length
    return path


def shown(path: Path) -> tuple[list[float], list[int]]:
    """The frames' times in seconds, on the container's clock, and their numbers."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [float(it.time or 0) for it in frames], [
            number_of(np.asarray(it.to_ndarray(format="rgb24"), np.uint8)) for it in frames
        ]


@pytest.mark.parametrize(
    ("name", "codec", "how"),
    [
        ("even.mp4", "libx264", {}),
        ("uneven.mp4", "libx264", {"clock": MS, "ticks": UNEVEN, "count": 20}),
        ("uneven.mkv", "libx264", {"clock": MS, "ticks": UNEVEN, "count": 20}),
        ("ever longer.mkv", "libx264", {"clock": MS, "ticks": [20 * n * n for n in range(20)], "count": 20}),
        ("uneven.ts", "libx264", {"clock": MS, "ticks": UNEVEN, "count": 20, "form": "mpegts"}),
        ("late.mkv", "libx264", {"clock": MS, "ticks": [500 + t for t in UNEVEN], "count": 20}),
        ("600.avi", "mpeg4", {"rate": Fraction(600), "ticks": range(0, 3600, 120)}),
        ("600.mov", "libx264", {"clock": Fraction(1, 600), "ticks": range(0, 600, 20)}),
        ("60000.mp4", "libx264", {"clock": Fraction(1, 60000), "ticks": range(0, 60060, 2002)}),
        (
            "fine.nut",
            "ffv1",
            {"clock": Fraction(1, 10**8), "ticks": range(0, 3 * 10**8, 10**7), "form": "nut"},
        ),
        ("h264.avi", "libx264", {}),
        ("a.mpg", "mpeg2video", {"form": "vob"}),
        ("a.gif", "gif", {"pixels": "rgb8", "rate": Fraction(10)}),
        ("bare.h264", "libx264", {"form": "h264"}),
        ("one.mp4", "libx264", {"count": 1}),
    ],
)
def test_every_frame_keeps_its_time(tmp_path: Path, name: str, codec: str, how: dict[str, Any]) -> None:
    with open_video(encode(tmp_path / name, codec, **how)) as video:
        assert video.timing is not None
        times, numbers = shown(overlay(video, tmp_path / "overlay.mp4"))
        assert numbers == list(range(video.length))
        np.testing.assert_allclose(times, video.timing.seconds, atol=0.0015)
        lasts = (video.timing.end - video.timing.ticks[0]) * video.timing.time_base
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(float(lasts), abs=0.005)


def test_pixels_keep_their_aspect(tmp_path: Path) -> None:
    turned = [0, 1, 0, -1, 0, 0, 0, 0, 1]
    for name, matrix in (("wide.mp4", None), ("turned.mp4", turned)):
        path = encode(tmp_path / name, "libx264", count=3, aspect=Fraction(64, 45), matrix=matrix)
        with open_video(path) as video:
            expected = Fraction(45, 64) if matrix else Fraction(64, 45)
            assert video.pixel_aspect == expected
            target = overlay(video, tmp_path / f"overlay of {name}")
            size = video.height, video.width
        with open_video(target) as video:
            assert (video.height, video.width) == size
            assert video.pixel_aspect == expected


def beeps(length: float, rate: int, channels: int = 1) -> np.ndarray:
    """(channels, samples) float: a click every quarter of a second."""
    sound = np.zeros((channels, int(length * rate)), np.float32)
    for time in np.arange(0.25, length, 0.25):
        sound[:, int(time * rate) : int((time + 0.02) * rate)] = 0.8
    return sound


def with_sound(path: Path, codec: str, *, tracks: int = 1, video_from: int = 0, rate: int = 48000) -> Path:
    """25 frames from tick `video_from` on, beside sound from 0 to 1.5 s that clicks at each quarter."""
    form = {".mts": "mpegts", ".mpg": "vob"}.get(path.suffix)
    with av.open(str(path), "w", format=form) as container:
        seen = {".avi": "mpeg4", ".mpg": "mpeg2video"}.get(path.suffix, "libx264")
        stream: Any = container.add_stream(seen, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        heard: list[Any] = [container.add_stream(codec, rate=rate) for _ in range(tracks)]
        for track in heard:
            track.codec_context.layout = "mono"
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 8 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = video_from + index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        samples = beeps(1.5, rate)
        for track in heard:
            for place in range(0, samples.shape[1], 1024):
                block = av.AudioFrame.from_ndarray(samples[:, place : place + 1024], "fltp", "mono")
                block.sample_rate, block.pts, block.time_base = rate, place, Fraction(1, rate)
                container.mux(track.encode(block))
            container.mux(track.encode(None))
    return path


def clicks(path: Path) -> tuple[list[float], float]:
    """When the sound clicks, in seconds, and when the first frame is shown."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).time or 0.0
    times: list[float] = []
    with av.open(str(path)) as container:
        for block in container.decode(audio=0):
            loud = np.abs(block.to_ndarray().astype(float).reshape(-1))
            scale = 1.0 if "flt" in block.format.name else 32768.0
            found = np.flatnonzero(loud > 0.3 * scale)
            if found.size:
                time = float(block.time or 0) + found[0] / block.sample_rate
                if not times or time - times[-1] > 0.1:
                    times.append(time)
    return times, float(first)


@pytest.mark.parametrize(
    ("name", "codec", "kept"),
    [
        ("talk.mp4", "aac", "aac"),
        ("talk.mkv", "aac", "aac"),
        ("adts.mts", "aac", "aac"),
        ("talk.mkv", "libmp3lame", "mp3"),
        ("talk.mkv", "ac3", "ac3"),
        ("talk.mkv", "flac", "flac"),
        ("talk.mkv", "libopus", "opus"),
        ("talk.avi", "pcm_s16le", "aac"),
        ("talk.mkv", "pcm_f32le", "aac"),
        ("talk.mkv", "mp2", "aac"),
        ("talk.mpg", "mp2", "aac"),
        ("talk.mpg", "ac3", "ac3"),
    ],
)
@pytest.mark.parametrize("late", [0, 10])
def test_the_sound_stays_beside_the_frames(
    tmp_path: Path, name: str, codec: str, kept: str, late: int
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"no {codec}")
    path = with_sound(tmp_path / name, codec, video_from=late)
    with open_video(path) as video:
        assert video.sound == path
        target = overlay(video, tmp_path / "overlay.mp4")
    with av.open(str(target)) as container:
        (stream,) = container.streams.audio
        assert stream.codec_context.name.removesuffix("float").removeprefix("lib") == kept
    before, first = clicks(path)
    after, start = clicks(target)
    ahead = [time - first for time in before if time - first > 0.01]
    heard = [time - start for time in after if time - start > 0.01]
    assert len(heard) >= 3
    np.testing.assert_allclose(heard[-3:], ahead[-3:], atol=0.03)


def test_all_sound_tracks_are_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = with_sound(tmp_path / "two.mkv", "pcm_s16le", tracks=2, rate=44100)
    with open_video(path) as video, caplog.at_level(logging.INFO):
        target = overlay(video, tmp_path / "overlay.mp4")
    assert "Sound track 2 (pcm_s16le) is encoded as AAC" in caplog.text
    with av.open(str(target)) as container:
        assert len(container.streams.audio) == 2


def test_sound_that_cannot_be_placed_is_told(tmp_path: Path) -> None:
    one = with_sound(tmp_path / "one.mts", "aac").read_bytes()
    path = tmp_path / "joined.mts"
    path.write_bytes(one + one)
    with open_video(path) as video:
        if video.timing is not None and video.sound is None:
            assert any("without the sound" in note for note in video.notes)
        overlay(video, tmp_path / "overlay.mp4")


def test_a_name_with_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = encode(tmp_path / "plain.mp4", "libx264", count=3)
    monkeypatch.chdir(tmp_path)
    with open_video(source) as video:
        overlay(video, Path("http:over lay.mp4"))
    assert shown(tmp_path / "http:over lay.mp4")[1] == [0, 1, 2]
