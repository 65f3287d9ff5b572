from __future__ import annotations

import errno
import logging
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.engine.runtime.flow import (
    DisFlow,
    FineDisFlow,
    FlowCache,
    FlowSource,
    RaftFlow,
    careful_estimator,
    consistency,
    default_estimator,
    read_flo,
    warp,
    warp_frame,
    warp_mask,
    warping_error,
    write_flo,
)
from vsreid_studio.engine.runtime.flow import cache as cache_module
from vsreid_studio.engine.runtime.flow.working_size import enlarge, shrink, working_size
from vsreid_studio.engine.types import Box, Flow, Frame, SoftMask
from vsreid_studio.engine.video import Video, open_video
from vsreid_studio.errors import UserError

HEIGHT, WIDTH = 96, 128
SHIFT = (5, -3)
"""What a scene moves by from one frame to the next, (dx, dy)."""


def scene(height: int = HEIGHT, width: int = WIDTH, step: int = 0, scale: int = 1) -> Frame:
    """A textured picture, moved by `step` times SHIFT x scale."""
    noise = np.random.default_rng(7).integers(0, 256, (60, 60, 3), np.uint8)
    size = (width + 100 * scale, height + 100 * scale)
    texture = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    x, y = (50 * scale - step * shift * scale for shift in SHIFT)
    return np.ascontiguousarray(texture[y : y + height, x : x + width], np.uint8)


def middle(flow: Flow) -> NDArray[np.float32]:
    height, width = flow.shape[:2]
    return flow[height // 4 : -height // 4, width // 4 : -width // 4]


@pytest.fixture
def video(tmp_path: Path) -> Video:
    folder = tmp_path / "scene"
    folder.mkdir()
    for step in range(4):
        Image.fromarray(scene(step=step)).save(folder / f"{step:05d}.png")
    return open_video(folder)


class CountingFlow:
    name = "counting"
    short_side = 480

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, source: Frame, target: Frame) -> Flow:
        self.calls += 1
        return np.full((*source.shape[:2], 2), (1.25, -0.5), np.float32)


@pytest.mark.parametrize(("height", "width", "scale"), [(HEIGHT, WIDTH, 1), (960, 1100, 6)])
def test_dis_finds_a_shift_at_every_size(height: int, width: int, scale: int) -> None:
    dis = DisFlow()
    small = (shrink(scene(height, width, step, scale), dis.short_side) for step in (0, 1))
    flow = enlarge(dis(*small), height, width)
    assert flow.shape == (height, width, 2)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(
        np.median(middle(flow), axis=(0, 1)), np.multiply(SHIFT, scale), atol=0.2 * scale
    )


def test_dis_does_not_depend_on_the_pair_before() -> None:
    dis = DisFlow()
    first = dis(scene(step=0), scene(step=1))
    dis(scene(step=3), scene(step=0))
    np.testing.assert_array_equal(dis(scene(step=0), scene(step=1)), first)


def test_warp_follows_the_flow() -> None:
    first, second = scene(step=0), scene(step=1)
    carried = warp(first.astype(np.float32), DisFlow()(second, first))
    inner = (slice(20, -20), slice(20, -20))
    moved = np.abs(carried[inner] - second[inner]).mean()
    still = np.abs(first[inner].astype(np.float32) - second[inner]).mean()
    assert moved < still / 5


def test_warp_samples_between_pixels_and_gives_zero_outside() -> None:
    image = np.arange(20, dtype=np.float32).reshape(4, 5) + 1
    flow = np.zeros((4, 5, 2), np.float32)
    flow[..., 0] = 0.5
    out = warp(image, flow)
    np.testing.assert_allclose(out[:, :4], (image[:, :4] + image[:, 1:]) / 2, atol=1e-5)
    np.testing.assert_allclose(out[:, 4], image[:, 4] / 2, atol=1e-5)
    flow[..., 0] = 5
    assert not warp(image, flow).any()
    assert warp(image[..., None], flow).shape == (4, 5, 1)
    with pytest.raises(ValueError, match="do not fit"):
        warp(image[:3], flow)


def test_a_region_of_a_frame_warps_as_the_whole_frame_does() -> None:
    flow = np.random.default_rng(0).normal(0, 3, (HEIGHT, WIDTH, 2)).astype(np.float32)
    region = Box(30, 20, 90, 70)
    found = warp_frame(scene(), flow, region)
    whole = warp(scene().astype(np.float32), flow)[region.slices]
    assert found.dtype == np.uint8
    # OpenCV rounds, and samples whole numbers at thirty-seconds of a pixel.
    assert np.abs(found - whole).mean() < 1.5
    assert not warp_frame(scene(), flow + 2 * WIDTH, region).any()


def test_the_warping_error_shows_where_a_flow_is_wrong() -> None:
    right = np.full((HEIGHT, WIDTH, 2), SHIFT, np.float32) * -1
    right[:, : WIDTH // 2] = 0
    region = Box(10, 10, WIDTH - 10, HEIGHT - 10)
    error = warping_error(scene(step=1)[region.slices], warp_frame(scene(), right, region))
    assert error.dtype == np.float32
    assert error.max() <= 1
    assert error[:, -40:].max() < 0.05
    assert error[:, :40].mean() > 0.3


def test_consistency_marks_what_does_not_return() -> None:
    forward = np.zeros((20, 30, 2), np.float32)
    forward[..., 0] = 4
    backward = -forward
    backward[5:10, 10:20] = 3
    good = consistency(forward, backward, 0.5)
    expected = np.ones((20, 30), np.bool_)
    expected[:, 26:] = False
    expected[5:10, 6:16] = False
    np.testing.assert_array_equal(good, expected)


def random_flow(rng: np.random.Generator, size: float) -> Flow:
    rough = rng.normal(0, size, (9, 13, 2)).astype(np.float32)
    flow = cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray(flow + rng.uniform(-size, size, 2), np.float32)


@pytest.mark.parametrize("size", [0.0, 0.4, 6.0, 40.0, 3000.0])
@pytest.mark.parametrize("noise", [0.0, 30.0])
def test_warp_mask_equals_the_warp_of_the_whole_frame(size: float, noise: float) -> None:
    rng = np.random.default_rng(int(size * 10 + noise))
    for _ in range(12):
        x0, x1 = np.sort(rng.integers(0, WIDTH + 1, 2))
        y0, y1 = np.sort(rng.integers(0, HEIGHT + 1, 2))
        values = np.zeros((HEIGHT, WIDTH), np.float32)
        values[y0:y1, x0:x1] = rng.random((y1 - y0, x1 - x0))
        mask = SoftMask.from_dense(values)
        flow = random_flow(rng, size)
        flow[rng.random((HEIGHT, WIDTH)) < 0.02] += np.float32(noise)
        dense = SoftMask.from_dense(warp(mask.dense(HEIGHT, WIDTH), flow))
        assert warp_mask(mask, flow).same(dense)


def test_warp_mask_at_the_borders() -> None:
    still = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    whole = SoftMask.from_dense(np.ones((HEIGHT, WIDTH), np.float32))
    assert warp_mask(whole, still).same(whole)
    assert warp_mask(whole, still + WIDTH).same(SoftMask.empty())
    assert warp_mask(SoftMask.empty(), still).same(SoftMask.empty())
    corner = SoftMask(Box(0, 0, 2, 2), np.full((2, 2), 255, np.uint8))
    assert warp_mask(corner, still - 3).box == Box(3, 3, 5, 5)


def test_flow_of_large_frames_scales_with_them() -> None:
    assert working_size(480, 854, 480) == (480, 854)
    assert working_size(1080, 1920, 480) == (480, 853)
    assert working_size(1920, 1080, 480) == (853, 480)
    grown = enlarge(np.ones((10, 20, 2), np.float32), 30, 40)
    assert grown.shape == (30, 40, 2)
    np.testing.assert_allclose(grown[0, 0], (2, 3))


def test_between_gives_the_flow_of_the_pair(video: Video) -> None:
    source = FlowSource(video, DisFlow())
    flow = source.between(0, 1)
    assert not flow.flags.writeable
    assert source.between(0, 1) is flow
    np.testing.assert_allclose(np.median(middle(flow), axis=(0, 1)), SHIFT, atol=0.2)
    back = np.median(middle(source.between(1, 0)), axis=(0, 1))
    np.testing.assert_allclose(back, np.multiply(SHIFT, -1), atol=0.2)
    assert not source.between(2, 2).any()
    with pytest.raises(IndexError):
        source.between(3, 4)


def test_flo_files_round_trip(tmp_path: Path) -> None:
    flow = np.random.default_rng(0).normal(0, 9, (7, 5, 2)).astype(np.float32)
    write_flo(tmp_path / "a.flo", flow)
    data = (tmp_path / "a.flo").read_bytes()
    assert data[:4] == b"PIEH"
    np.testing.assert_array_equal(read_flo(tmp_path / "a.flo"), flow)
    flow[2, 3] = 2e9, np.nan
    write_flo(tmp_path / "unknown.flo", flow)
    flow[2, 3] = 0
    np.testing.assert_array_equal(read_flo(tmp_path / "unknown.flo"), flow)


@pytest.mark.parametrize("harm", ["magic", "short", "long", "header"])
def test_wrong_flo_files_are_refused(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "bad.flo"
    write_flo(path, np.zeros((7, 5, 2), np.float32))
    data = path.read_bytes()
    harmed = {"magic": b"FLOW" + data[4:], "short": data[:-4], "long": data + b"1234", "header": data[:6]}
    path.write_bytes(harmed[harm])
    with pytest.raises(UserError, match=r"bad\.flo"):
        read_flo(path)


def test_flo_files_come_first_and_the_estimator_fills_in(video: Video, tmp_path: Path) -> None:
    folder = tmp_path / "flo"
    with pytest.raises(UserError, match="no folder"):
        FlowSource(video, CountingFlow(), flo_folder=folder)
    folder.mkdir()
    write_flo(folder / "00001.flo", np.full((HEIGHT, WIDTH, 2), 7, np.float32))
    write_flo(folder / "00001.rflo", np.full((HEIGHT, WIDTH, 2), -7, np.float32))
    write_flo(folder / "00002.flo", np.zeros((HEIGHT, WIDTH + 1, 2), np.float32))
    estimator = CountingFlow()
    source = FlowSource(video, estimator, flo_folder=folder)
    assert (source.between(1, 2) == 7).all()
    assert (source.between(2, 1) == -7).all()
    assert estimator.calls == 0
    assert (source.between(0, 1) == (1.25, -0.5)).all()
    assert (source.between(1, 3) == (1.25, -0.5)).all()
    for asked in (source.between, lambda *pair: source.at_size(*pair, HEIGHT // 2, WIDTH // 2)):
        with pytest.raises(UserError, match=rf"00002\.flo is {WIDTH + 1}x{HEIGHT} .* is {WIDTH}x{HEIGHT}\."):
            asked(2, 3)


def test_a_flow_is_remembered_small_for_longer(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsreid_studio.engine.runtime.flow.source._MEMORY_BYTES", 1)
    estimator = CountingFlow()
    source = FlowSource(video, estimator)
    first = source.between(0, 1)
    source.between(1, 2)
    np.testing.assert_array_equal(source.between(0, 1), first)
    assert estimator.calls == 2
    source.compute(0, 1)
    assert estimator.calls == 3


def test_what_is_prepared_is_computed_once_and_what_fails_is_told_when_asked(video: Video) -> None:
    estimator = CountingFlow()
    source = FlowSource(video, estimator)
    for target in (1, 2, 9):
        source.prepare(0, target)
    assert (source.between(0, 2) == (1.25, -0.5)).all()
    source.prepare(0, 1)
    source.between(0, 1)
    assert estimator.calls == 2
    for _ in range(2):
        with pytest.raises(IndexError, match="not 9"):
            source.between(0, 9)


def test_sources_share_an_estimator(video: Video) -> None:
    """The thread of one may still be at work when the next run begins: OpenCV's object would crash."""
    estimator = FineDisFlow()
    wanted = FlowSource(video, estimator).between(1, 2)
    sources = [FlowSource(video, estimator) for _ in range(12)]
    for source in sources:
        for pair in ((0, 1), (1, 2), (2, 3)):
            source.prepare(*pair)
    for source in sources:
        np.testing.assert_array_equal(source.between(1, 2), wanted)


def test_what_is_there_does_not_wait_for_what_is_being_computed(video: Video) -> None:
    begun, end = threading.Event(), threading.Event()

    class SlowFlow(CountingFlow):
        def __call__(self, source: Frame, target: Frame) -> Flow:
            if self.calls:
                begun.set()
                assert end.wait(30)
            return super().__call__(source, target)

    source = FlowSource(video, SlowFlow())
    flow = source.between(0, 1)
    source.prepare(1, 2)
    assert begun.wait(30)
    try:
        assert source.between(0, 1) is flow
        assert source.at_size(0, 1, HEIGHT // 2, WIDTH // 2).shape == (HEIGHT // 2, WIDTH // 2, 2)
    finally:
        end.set()
    assert (source.between(1, 2) == flow).all()


def test_the_cache_serves_a_later_run(video: Video, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "flow"
    first = FlowSource(video, DisFlow(), FlowCache(folder)).between(0, 1)
    file = folder / DisFlow.name / "00000-00001.npy"
    assert file.stat().st_size < HEIGHT * WIDTH * 2 * 2 + 200
    assert [path.name for path in file.parent.iterdir()] == [file.name]

    class NoFlow(CountingFlow):
        name = DisFlow.name

    estimator = NoFlow()
    np.testing.assert_array_equal(
        FlowSource(video, estimator, FlowCache(folder)).between(0, 1), first, strict=True
    )
    assert estimator.calls == 0
    np.testing.assert_array_equal(FlowSource(video, DisFlow()).between(0, 1), first)


@pytest.mark.parametrize("harm", ["cut", "empty", "text", "size", "type", "archive"])
def test_a_damaged_cache_file_is_computed_anew(video: Video, tmp_path: Path, harm: str) -> None:
    FlowSource(video, CountingFlow(), FlowCache(tmp_path)).between(0, 1)
    file = tmp_path / "counting" / "00000-00001.npy"
    good = file.read_bytes()
    with file.open("wb") as out:
        if harm == "size":
            np.save(out, np.zeros((3, 3, 2), np.float16))
        elif harm == "type":
            np.save(out, np.zeros((HEIGHT, WIDTH, 2), np.float32))
        elif harm == "archive":
            np.savez(out, np.zeros(3))
        else:
            out.write({"cut": good[: len(good) // 2], "empty": b"", "text": b"damaged"}[harm])
    estimator = CountingFlow()
    flow = FlowSource(video, estimator, FlowCache(tmp_path)).between(0, 1)
    assert (flow == (1.25, -0.5)).all()
    assert estimator.calls == 1
    assert file.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_told_once(
    video: Video, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way of the folder")
    source = FlowSource(video, CountingFlow(), FlowCache(tmp_path / "file" / "flow"))
    with caplog.at_level(logging.WARNING):
        for target in (1, 2, 3):
            assert (source.between(0, target) == (1.25, -0.5)).all()
    assert len([record for record in caplog.records if "going on without" in record.message]) == 1


def test_a_full_disk_leaves_nothing_behind(
    video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_module.np, "save", full)
    assert FlowSource(video, CountingFlow(), FlowCache(tmp_path / "flow")).between(0, 1).any()
    assert not list((tmp_path / "flow").rglob("*.*"))


def test_raft_runs_with_weights_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from torchvision.models.optical_flow import raft_small  # noqa: PLC0415

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    for choice in ("auto", "dis"):
        assert default_estimator(choice, "cpu").name == DisFlow.name  # type: ignore[arg-type]
    assert default_estimator("auto", "cuda").name == DisFlow.name
    with pytest.raises(UserError, match="weights of RAFT"):
        default_estimator("raft", "cpu")
    (tmp_path / "bad.pth").write_text("no weights")
    with pytest.raises(UserError, match=r"bad\.pth"):
        RaftFlow(tmp_path / "bad.pth")

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.save(raft_small(weights=None).state_dict(), tmp_path / "raft.pth")
        raft = RaftFlow(tmp_path / "raft.pth")
        flow = raft(scene(step=0), scene(step=1))
    finally:
        torch.set_num_threads(threads)
    assert raft.name == "raft-small"
    assert flow.shape == (HEIGHT, WIDTH, 2)
    assert flow.dtype == np.float32


def test_only_dis_has_something_finer() -> None:
    assert isinstance(careful_estimator(DisFlow()), FineDisFlow)
    assert careful_estimator(CountingFlow()) is None
