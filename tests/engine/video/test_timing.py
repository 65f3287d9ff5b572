"""When each frame is shown, as the file tells it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import encode

from vsreid_studio.engine.video import Timing, open_video

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("name", "codec", "how", "rate"),
    [
        ("a.mp4", "libx264", {}, Fraction(25)),
        ("ntsc.mp4", "libx264", {"rate": NTSC}, NTSC),
        ("ntsc.mkv", "libx264", {"rate": NTSC}, NTSC),
        ("ntsc.ts", "libx264", {"rate": NTSC, "form": "mpegts"}, NTSC),
        ("ntsc.avi", "mpeg4", {"rate": NTSC}, NTSC),
        ("h264.avi", "libx264", {}, Fraction(25)),
        ("600.mov", "libx264", {"clock": Fraction(1, 600), "ticks": range(0, 600, 20)}, Fraction(30)),
        ("600.avi", "mpeg4", {"rate": Fraction(600), "ticks": range(0, 3600, 120)}, Fraction(5)),
        ("60000.mp4", "libx264", {"clock": Fraction(1, 60000), "ticks": range(0, 60060, 2002)}, NTSC),
        ("bare.h264", "libx264", {"form": "h264", "b_frames": 0}, Fraction(25)),
        ("a.mpg", "mpeg2video", {"form": "vob"}, Fraction(25)),
    ],
)
def test_constant_rates(tmp_path: Path, name: str, codec: str, how: dict[str, Any], rate: Fraction) -> None:
    with open_video(encode(tmp_path / name, codec, **how)) as video:
        assert video.length == 30
        assert video.timing is not None
        np.testing.assert_allclose(video.timing.seconds, np.arange(30) / float(rate), atol=0.001)
        assert video.rate == rate
        end = (video.timing.end - video.timing.ticks[0]) * video.timing.time_base
        assert float(end) == pytest.approx(30 / float(rate), abs=0.002)
        assert bool(video.notes) == (name == "bare.h264")


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("v.mp4", "libx264", None),
        ("v.mkv", "libx264", None),
        ("v.ts", "libx264", "mpegts"),
        ("v.webm", "libvpx", None),
    ],
)
def test_variable_rates(tmp_path: Path, name: str, codec: str, form: str | None) -> None:
    steps = (20, 50, 33, 1400, 17)
    ticks = [sum(steps[place % 5] for place in range(index)) for index in range(20)]
    path = encode(tmp_path / name, codec, form=form, count=20, clock=Fraction(1, 1000), ticks=ticks)
    with open_video(path) as video:
        assert video.timing is not None
        np.testing.assert_allclose(video.timing.seconds, np.asarray(ticks) / 1000, atol=0.001)


def test_times_must_increase() -> None:
    assert Timing.constant(3, Fraction(10)).seconds.tolist() == pytest.approx([0, 0.1, 0.2])
    with pytest.raises(ValueError, match="increase"):
        Timing((0, 2, 2), Fraction(1), 5)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_last_frame_lasts_as_long_as_the_container_tells(tmp_path: Path, b_frames: int) -> None:
    ticks = [100 * index + 2000 * (index > 6) for index in range(8)]
    clock = Fraction(1, 1000)
    path = encode(tmp_path / "a.mp4", "libx264", count=8, clock=clock, ticks=ticks, b_frames=b_frames)
    with open_video(path) as video, av.open(str(path)) as container:
        assert video.timing is not None
        lasts = (video.timing.end - video.timing.ticks[-1]) * video.timing.time_base
        told = Fraction(container.duration or 0, av.time_base) - Fraction(ticks[-1], 1000)
        assert float(lasts) == pytest.approx(float(told) if told > 0.05 else 0.1, abs=0.002)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.wmv", "wmv2")])
def test_a_file_that_is_cut_short_is_told(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, codec)
    with open_video(path) as video:
        assert video.notes == ()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_video(path) as video:
        assert video.notes == (f"it is cut short: the {video.length} frames that are there are used",)
        assert video.length < 30


def test_a_damaged_frame_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = encode(tmp_path / "a.mkv", "libx264", b_frames=0)
    with av.open(str(path)) as container:
        key = [it for it in container.demux(video=0) if it.is_keyframe][1]
        part = bytes(key)[key.size // 2 :]
    data = path.read_bytes()
    assert data.count(part) == 1
    path.write_bytes(data.replace(part, bytes(len(part))))
    with open_video(path) as video:
        for index in range(video.length):
            video.frame(index)
    assert [it for it in caplog.messages if "is damaged, and shown as far as it can be decoded" in it]
