"""The order of frames that was found by decoding is kept in the project, and trusted only where it fits."""

from __future__ import annotations

import base64
import logging
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import encode, packed_avi, straight

from vsreid_studio.engine.video import FrameOrder, open_video
from vsreid_studio.errors import UserError
from vsreid_studio.project import Project, read_order
from vsreid_studio.project.same_video import bind_video, order_in, reference_of

DECODING = "decoding it once"


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed_avi(tmp_path_factory.mktemp("packed"))


def shown(path: Path, order: FrameOrder | None) -> list[np.ndarray]:
    """Every frame, from the last to the first, so that each is a jump."""
    with open_video(path, known=lambda: order) as video:
        return [video.frame(index) for index in reversed(range(video.length))][::-1]


def found(path: Path) -> FrameOrder:
    with open_video(path) as video:
        assert video.order is not None
        return video.order


def assert_exact(path: Path, order: FrameOrder | None) -> None:
    expected, frames = straight(path), shown(path, order)
    assert len(frames) == len(expected)
    assert all(np.array_equal(one, other) for one, other in zip(frames, expected, strict=True))


def test_a_known_order_saves_the_decoding(clip: Path, told: pytest.LogCaptureFixture) -> None:
    order = FrameOrder.from_json(found(clip).to_json())
    assert DECODING in told.text
    told.clear()
    assert_exact(clip, order)
    assert DECODING not in told.text


def test_nobody_is_asked_where_the_packets_tell(tmp_path: Path) -> None:
    def never() -> FrameOrder | None:
        raise AssertionError("asked")

    with open_video(encode(tmp_path / "plain.mp4", "libx264"), known=never) as video:
        assert video.order is None


def changed(order: FrameOrder, **how: Any) -> FrameOrder:
    packets, checks = order.packets.copy(), order.checks.copy()
    values = {"mark": order.mark, "packets": packets, "checks": checks, **how}
    return FrameOrder(**values)


def test_an_order_that_does_not_fit_is_not_used(clip: Path, told: pytest.LogCaptureFixture) -> None:
    order = found(clip)
    n = len(order.packets)
    wrong = [
        changed(order, mark="0" * 32),
        changed(order, packets=order.packets[:-1]),
        changed(order, packets=order.packets[:0], checks=order.checks[:0]),
        changed(order, packets=np.full(n, 10**6, np.int32)),
        changed(order, packets=np.full(n, -1, np.int32)),
        changed(order, packets=np.zeros(10**6, np.int32), checks=np.zeros(10**6, np.uint32)),
        # These fit, but the first frame is not what they say.
        changed(order, checks=order.checks + np.uint32(1)),
        changed(order, packets=order.packets[::-1], checks=order.checks[::-1]),
    ]
    for one in wrong:
        told.clear()
        assert_exact(clip, one)
        assert DECODING in told.text


def test_an_order_whose_later_frames_are_wrong_is_found_out_by_reading_on(
    clip: Path, told: pytest.LogCaptureFixture
) -> None:
    order = found(clip)
    swapped = list(range(len(order.packets)))
    swapped[3:5] = [4, 3]
    wrong = changed(order, packets=order.packets[swapped], checks=order.checks[swapped])
    fewer = changed(order, packets=order.packets[[0, *swapped[2:]]], checks=order.checks[[0, *swapped[2:]]])
    told.clear()
    with open_video(clip, known=lambda: wrong) as video:
        assert DECODING not in told.text
        frames = [video.frame(index) for index in range(video.length)]
        assert video.order is not None
        assert np.array_equal(video.order.packets, order.packets)
    assert all(np.array_equal(one, other) for one, other in zip(frames, straight(clip), strict=True))
    assert DECODING in told.text
    with (
        open_video(clip, known=lambda: fewer) as video,
        pytest.raises(UserError, match="has another number of frames"),
    ):
        video.frame(1)


def test_another_file_is_decoded(clip: Path, tmp_path: Path) -> None:
    other = tmp_path / clip.name
    data = bytearray(clip.read_bytes())
    data[len(data) // 2] ^= 1
    other.write_bytes(data)
    assert found(other).mark != found(clip).mark


@pytest.mark.parametrize(
    "value",
    [
        *(None, 7, "x", [], {}, [["mark", 1]], {"mark": "a"}),
        {"mark": "a", "packets": "&", "checks": "", "crc": 0},
        {"mark": "a", "packets": "AAAA", "checks": "", "crc": 0},
        {"mark": "a", "packets": {}, "checks": [], "crc": 0},
        {"mark": 3, "packets": "", "checks": "", "crc": 0},
        {"mark": "a", "packets": "é", "checks": "", "crc": 0},
    ],
)
def test_what_is_no_order_is_none(value: object) -> None:
    assert FrameOrder.from_json(value) is None


def test_three_bytes_are_no_order() -> None:

    odd = {"mark": "a", "packets": base64.b64encode(b"abc").decode(), "checks": "", "crc": zlib.crc32(b"abc")}
    assert FrameOrder.from_json(odd) is None


def test_a_project_keeps_it(clip: Path, tmp_path: Path, told: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "p.vsreid"
    with open_video(clip) as video, Project.create(path, reference_of(video)) as project:
        bind_video(project, video)
        written = project.settings.get("frame_order")
        assert written["mark"] == video.order.mark
    told.clear()
    with Project.open(path) as project:
        with open_video(clip, known=lambda: read_order(project.settings)) as video:
            bind_video(project, video)
        assert DECODING not in told.text
        project.settings.set("frame_order", {**written, "crc": 1})
        with open_video(clip, known=lambda: read_order(project.settings)) as video:
            bind_video(project, video)
        assert DECODING in told.text
        assert project.settings.get("frame_order") == written
    known = order_in(path)
    assert known is not None
    assert known.mark == written["mark"]


def test_without_a_project_nothing_is_known(tmp_path: Path) -> None:
    assert order_in(tmp_path / "none.vsreid") is None
    (tmp_path / "bad.vsreid").write_text("bad")
    assert order_in(tmp_path / "bad.vsreid") is None
