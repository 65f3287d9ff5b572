from __future__ import annotations

import struct
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.engine.flow import (
    DisFlow,
    FineDisFlow,
    FlowField,
    FlowSource,
    RaftFlow,
    careful_estimator,
    default_estimator,
    read_flo,
    warp,
    warp_frame,
    warp_mask,
    warping_error,
)
from vsreid_studio.engine.flow import field as field_module
from vsreid_studio.engine.flow import source as source_module
from vsreid_studio.engine.flow.field import resize_flow, shrink, working_size
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
    flow = resize_flow(dis(*small), height, width)
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
    found = warp_frame(scene(), flow[region.slices], region)
    wanted = warp(scene().astype(np.float32), flow)[region.slices]
    assert found.dtype == np.uint8
    # OpenCV rounds, and samples whole numbers at thirty-seconds of a pixel.
    assert np.abs(found - wanted).mean() < 1.5
    assert not warp_frame(scene(), flow[region.slices] + 2 * WIDTH, region).any()


def test_the_warping_error_shows_where_a_flow_is_wrong() -> None:
    right = np.full((HEIGHT, WIDTH, 2), SHIFT, np.float32) * -1
    right[:, : WIDTH // 2] = 0
    region = Box(10, 10, WIDTH - 10, HEIGHT - 10)
    error = warping_error(scene(step=1)[region.slices], warp_frame(scene(), right[region.slices], region))
    assert error.dtype == np.float32
    assert error.max() <= 1
    assert error[:, -40:].max() < 0.05
    assert error[:, :40].mean() > 0.3


def write_flo(path: Path, flow: Flow) -> None:
    header = struct.pack("<fii", 202021.25, flow.shape[1], flow.shape[0])
    path.write_bytes(header + flow.astype("<f4").tobytes())


def whole(field: FlowField) -> Flow:
    return field.inside(Box(0, 0, field.width, field.height))


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
        assert warp_mask(mask, FlowField(flow, HEIGHT, WIDTH)).same(dense)


def test_warp_mask_at_the_borders() -> None:
    def moved(pixels: float) -> FlowField:
        return FlowField(np.full((HEIGHT, WIDTH, 2), pixels, np.float32), HEIGHT, WIDTH)

    full = SoftMask.from_dense(np.ones((HEIGHT, WIDTH), np.float32))
    assert warp_mask(full, moved(0)).same(full)
    assert warp_mask(full, moved(WIDTH)).same(SoftMask.empty())
    assert warp_mask(SoftMask.empty(), moved(0)).same(SoftMask.empty())
    corner = SoftMask(Box(0, 0, 2, 2), np.full((2, 2), 255, np.uint8))
    assert warp_mask(corner, moved(-3)).box == Box(3, 3, 5, 5)


SIZES = [(96, 171, 120, 213), (96, 171, 540, 960), (96, 54, 853, 480), (60, 80, 60, 80), (96, 171, 121, 214)]


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize(("h", "w", "height", "width"), SIZES)
def test_a_part_of_a_flow_is_that_of_the_enlarged_whole(
    monkeypatch: pytest.MonkeyPatch, h: int, w: int, height: int, width: int, small: bool
) -> None:
    rng = np.random.default_rng(h + width)
    flow = rng.normal(0, 5, (h, w, 2)).astype(np.float16)
    enlarged = resize_flow(flow.astype(np.float32), height, width)
    monkeypatch.setattr(field_module, "SMALL_FRAME", 2**20 if small else 0)
    field = FlowField(flow, height, width)
    for box in (Box(0, 0, width, height), Box(7, 11, 47, 59), Box(width - 9, height - 5, width, height)):
        wanted = enlarged[box.slices]
        # Other builds of OpenCV may round otherwise.
        np.testing.assert_allclose(field.inside(box), wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal((-field).inside(box), -field.inside(box))
        for one in (field, -field):
            (dx_min, dy_min), (dx_max, dy_max) = one.extremes(box)
            part = one.inside(box)
            assert (part >= np.subtract((dx_min, dy_min), 1e-5)).all()
            assert (part <= np.add((dx_max, dy_max), 1e-5)).all()


def test_a_flow_on_a_coarser_grid() -> None:
    across, down = np.meshgrid(np.arange(60, dtype=np.float32), np.arange(40, dtype=np.float32))
    field = FlowField(np.dstack([across, 2 * down]), 400, 600)
    found = field.inside(Box(100, 80, 400, 240), (40, 50))
    # At the centres of parts of 6 x 4 pixels, in pixels of the frame.
    np.testing.assert_allclose(found[0, :, 0], 10 * ((100 + 6 * np.arange(50) + 3) / 10 - 0.5), rtol=1e-5)
    np.testing.assert_allclose(found[:, 0, 1], 20 * ((80 + 4 * np.arange(40) + 2) / 10 - 0.5), rtol=1e-5)
    assert field.resized(80, 120).shape == (80, 120, 2)
    np.testing.assert_allclose(
        field.resized(80, 120)[20, 60], field.inside(Box(300, 100, 305, 105), (1, 1))[0, 0] / 5
    )


def test_a_large_frame_of_which_little_is_kept() -> None:
    field = FlowField(np.zeros((384, 683, 2), np.float16), 2160, 3840)
    field.inside(Box(0, 0, 400, 400))
    assert field.nbytes < 5 * 2**20
    assert not any(isinstance(kept, np.ndarray) and kept.nbytes > 3 * 2**20 for kept in vars(field).values())


def test_a_large_mask_and_frame_are_carried_at_a_reduced_size() -> None:
    height, width = 1300, 1400
    disk = np.zeros((height, width), np.uint8)
    cv2.circle(disk, (640, 660), 560, 255, -1)
    mask = SoftMask.tight(disk)
    field = FlowField(np.full((130, 140, 2), (0.4, -0.7), np.float32), height, width)
    moved = np.roll(disk, (7, -4), (0, 1))
    found = warp_mask(mask, field).hard(height, width)
    assert (found != (moved > 0)).sum() < 0.002 * (moved > 0).sum()
    box = Box(100, 120, 1300, 1240)
    picture = cv2.cvtColor(disk, cv2.COLOR_GRAY2RGB)
    picture[:, :640] //= 2
    wanted = cv2.resize(
        np.roll(picture, (7, -4), (0, 1))[box.slices], (600, 560), interpolation=cv2.INTER_AREA
    )
    carried = warp_frame(picture, field.inside(box, (560, 600)), box)
    assert np.abs(carried.astype(int) - wanted).mean() < 1


def test_flow_of_large_frames_scales_with_them() -> None:
    assert working_size(480, 854, 480) == (480, 854)
    assert working_size(1080, 1920, 480) == (480, 853)
    assert working_size(1920, 1080, 480) == (853, 480)
    grown = resize_flow(np.ones((10, 20, 2), np.float32), 30, 40)
    assert grown.shape == (30, 40, 2)
    np.testing.assert_allclose(grown[0, 0], (2, 3))


def test_between_gives_the_flow_of_the_pair(video: Video) -> None:
    source = FlowSource(video, DisFlow())
    field = source.between(0, 1)
    assert source.between(0, 1) is field
    np.testing.assert_allclose(np.median(middle(whole(field)), axis=(0, 1)), SHIFT, atol=0.2)
    back = np.median(middle(whole(source.between(1, 0))), axis=(0, 1))
    np.testing.assert_allclose(back, np.multiply(SHIFT, -1), atol=0.2)
    assert not whole(source.between(2, 2)).any()
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
    assert (whole(source.between(1, 2)) == 7).all()
    assert (whole(source.between(2, 1)) == -7).all()
    assert estimator.calls == 0
    assert (whole(source.between(0, 1)) == (1.25, -0.5)).all()
    assert (whole(source.between(1, 3)) == (1.25, -0.5)).all()
    with pytest.raises(UserError, match=rf"00002\.flo is {WIDTH + 1}x{HEIGHT} .* is {WIDTH}x{HEIGHT}\."):
        source.between(2, 3)


def test_ready_flow_of_large_frames_is_kept_small(
    video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "SMALL_FRAME", 0)
    monkeypatch.setattr(CountingFlow, "short_side", HEIGHT // 2)
    folder = tmp_path / "flo"
    folder.mkdir()
    write_flo(folder / "00001.flo", np.full((HEIGHT, WIDTH, 2), 7, np.float32))
    field = FlowSource(video, CountingFlow(), flo_folder=folder).between(1, 2)
    assert (field.resized(HEIGHT // 2, WIDTH // 2) == 3.5).all()
    assert (whole(field) == 7).all()


def test_a_flow_is_remembered_small_for_longer(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "_FIELDS_BYTES", 1)
    estimator = CountingFlow()
    source = FlowSource(video, estimator)
    first = whole(source.between(0, 1))
    source.between(1, 2)
    np.testing.assert_array_equal(whole(source.between(0, 1)), first)
    assert estimator.calls == 2
    source.compute(0, 1)
    assert estimator.calls == 3


def test_flow_that_is_too_large_to_be_kept(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "_FIELDS_BYTES", 1)
    monkeypatch.setattr(source_module, "_HALF_BYTES", 1)
    estimator = CountingFlow()
    source = FlowSource(video, estimator)
    for _ in range(2):
        assert (whole(source.between(0, 1)) == (1.25, -0.5)).all()
    assert estimator.calls == 2


def test_what_is_prepared_is_computed_once_and_what_fails_is_told_when_asked(video: Video) -> None:
    estimator = CountingFlow()
    source = FlowSource(video, estimator)
    for target in (1, 2, 9):
        source.prepare(0, target)
    assert (whole(source.between(0, 2)) == (1.25, -0.5)).all()
    source.prepare(0, 1)
    source.between(0, 1)
    assert estimator.calls == 2
    for _ in range(2):
        with pytest.raises(IndexError, match="not 9"):
            source.between(0, 9)


def test_sources_share_an_estimator(video: Video) -> None:
    """The thread of one may still be at work when the next run begins: OpenCV's object would crash."""
    estimator = FineDisFlow()
    wanted = whole(FlowSource(video, estimator).between(1, 2))
    sources = [FlowSource(video, estimator) for _ in range(12)]
    for source in sources:
        for pair in ((0, 1), (1, 2), (2, 3)):
            source.prepare(*pair)
    for source in sources:
        np.testing.assert_array_equal(whole(source.between(1, 2)), wanted)


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
    finally:
        end.set()
    assert (whole(source.between(1, 2)) == whole(flow)).all()


def test_raft_runs_with_weights_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from torchvision.models.optical_flow import raft_small  # noqa: PLC0415

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    for choice in ("auto", "dis"):
        assert default_estimator(choice, "cpu").name == DisFlow.name
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
