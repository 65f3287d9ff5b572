"""When each frame is shown, as the file tells it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

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
