"""Runs made on a device resemble those of the CPU, and what leads from frame to frame is right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from moving_square import moving_square, square_stills
from torch import Tensor
from torch.nn import functional

from vsreid_studio.training.clips import Clip, Still
from vsreid_studio.training.propagation import guiding_maps
from vsreid_studio.training.propagation.device_guiding_maps import Draw
from vsreid_studio.training.propagation.device_runs import (
    DeviceRunMaker,
    degraded_maps,
    leaked,
    random_parts,
)
from vsreid_studio.training.propagation.device_sample import Views
from vsreid_studio.training.propagation.device_views import DeviceData
from vsreid_studio.training.propagation.loss import RunBatch, collate_runs
from vsreid_studio.training.propagation.runs import MEMORIES, RunMaker

SIDE = 64
CPU = torch.device("cpu")
EACH = MEMORIES + 4


@pytest.fixture(scope="module")
def clip() -> Clip:
    return moving_square(12)


@pytest.fixture(scope="module")
def stills() -> list[Still]:
    return square_stills()


def draw(seed: int = 0) -> Draw:
    return Draw(np.random.default_rng(seed), CPU)


def maker(clip: Clip, stills: list[Still], **options: float) -> DeviceRunMaker:
    return DeviceRunMaker(DeviceData(stills, [clip], CPU), SIDE, **options)  # type: ignore[arg-type]


def by_run(values: Tensor) -> Tensor:
    return values.view(-1, EACH, *values.shape[1:])


def test_paths_lead_to_the_patch_before(clip: Clip, stills: list[Still]) -> None:
    made = maker(clip, stills, strangers=0).batch(np.random.default_rng(0), 8, 0.0)
    assert made.linked.all()
    truth = by_run(made.views.truth[:, :1])[:, MEMORIES:]
    for step in range(3):
        path = made.paths[:, step]
        carried = functional.grid_sample(truth[:, step], path, align_corners=False)
        wanted = functional.avg_pool2d(truth[:, step + 1], 2)
        seen = (path.abs() < 0.95).all(-1)[:, None]
        assert ((carried > 0.5) != (wanted > 0.5))[seen].float().mean() < 0.05


def test_maps_beside_a_checkpoint_are_exact_and_near(clip: Clip, stills: list[Still]) -> None:
    made = maker(clip, stills, strangers=0).batch(np.random.default_rng(0), 24, 0.0)
    off = by_run((made.views.maps[:, 0] - made.views.truth[:, 0]).abs().mean((1, 2)))[:, MEMORIES:]
    near = by_run(made.views.carried[:, 1].amax((1, 2)))[:, MEMORIES:]
    exact = off[:, 0] < 2e-3
    assert 6 < exact.sum() < 18 and (off[:, 1:] < 2e-3).float().mean() < 0.1
    assert torch.equal(near[:, 0] == 1, exact)
    assert (near > 0).all() and (near[:, 1:] < 1).all()


def test_the_frame_before_fits_where_the_flow_is_right(stills: list[Still]) -> None:
    texture = functional.interpolate(
        torch.rand(1, 3, 12, 24, generator=torch.Generator().manual_seed(0)) * 255,
        size=(96, 192),
        mode="bicubic",
    )
    picture = texture.clamp(0, 255)[0].permute(1, 2, 0).numpy().astype(np.uint8)
    frames = np.stack([np.roll(picture, 4 * number, 1)[:, :128] for number in range(9)])
    labels = np.zeros((9, 96, 128), np.uint8)
    labels[:, 30:62, 40:80] = 1
    flow = np.zeros((8, 48, 64, 2), np.float16)
    flow[..., 0] = 2
    moving = Clip("moving", frames, labels, -flow, flow)
    made = maker(moving, stills, strangers=0).batch(np.random.default_rng(0), 12, 0.0)
    off = by_run(made.views.carried[:, 0])[:, MEMORIES:]
    assert off[..., 8:-8, 20:-20].mean((2, 3)).median() < 0.1
    still = maker(moving, stills, strangers=0).batch(np.random.default_rng(0), 4, 1.0)
    assert not still.views.carried.any() and not still.linked.any()


def test_decoys_show_nothing_of_the_instance(clip: Clip, stills: list[Still]) -> None:
    made = maker(clip, stills, strangers=0).batch(np.random.default_rng(0), 16, 1.0)
    decoys = made.views.decoy
    assert 4 < decoys.sum() < 30 and not by_run(decoys)[:, :MEMORIES].any()
    assert not made.views.truth[decoys].any()
    assert (made.views.maps[decoys, 0].amax((1, 2)) > 0.5).all()
    known = by_run(made.views.truth[:, 0])
    assert (known[:, 0].amax((1, 2)) > 0.5).all() and not known[:, 1].any()


def test_a_stranger_is_remembered_as_another_instance(clip: Clip, stills: list[Still]) -> None:
    made = maker(clip, stills, strangers=1).batch(np.random.default_rng(0), 16, 0.3)
    second = by_run(made.views.truth)[:, 1]
    strangers = made.second & (second[:, 1].amax((1, 2)) > 0.5)
    assert strangers.sum() > 5
    assert not second[strangers, 0].any()
    assert (by_run(made.views.truth[:, 1])[strangers][:, MEMORIES:].amax((1, 2, 3)) > 0.5).any()


@pytest.mark.parametrize("kind", ["still", "clip"])
def test_runs_are_like_those_of_the_cpu(clip: Clip, stills: list[Still], kind: str) -> None:
    share = float(kind == "still")
    device = maker(clip, stills)
    found = [device.batch(np.random.default_rng(seed), 8, share) for seed in range(6)]
    cpu = RunMaker(stills, [clip], SIDE)
    rngs = [np.random.default_rng([1, seed]) for seed in range(48)]
    wanted = collate_runs([cpu.still_run(rng) if kind == "still" else cpu.clip_run(rng) for rng in rngs])
    assert found[0].paths.shape[1:] == wanted.paths.shape[1:]
    for name in ("patch", "flow", "maps", "truth", "carried"):
        values = torch.cat([getattr(batch.views, name) for batch in found])
        like = getattr(wanted.views, name)
        assert values.shape[1:] == like.shape[1:] and values.dtype == like.dtype
        assert values.isfinite().all()
        assert abs(float(values.mean() - like.mean())) < 0.06, name
        assert abs(float(values.std() - like.std())) < 0.08, name
    for figure, near in ((_seconds, 0.15), (_overlaps, 0.06)):
        assert abs(np.mean([figure(batch) for batch in found]) - figure(wanted)) < near, figure.__name__


def _seconds(batch: RunBatch) -> float:
    return float(batch.second.float().mean())


def _overlaps(batch: RunBatch) -> float:
    guide, truth = batch.views.maps[:, 0], batch.views.truth[:, 0]
    seen = truth.sum((1, 2)) > 20
    shares = torch.minimum(guide, truth).sum((1, 2)) / torch.maximum(guide, truth).sum((1, 2)).clamp_min(1)
    return float(shares[seen].mean())


def test_a_batch_of_runs_follows_from_its_generator(clip: Clip, stills: list[Still]) -> None:
    first, second = (maker(clip, stills).batch(np.random.default_rng(3), 3, 0.5) for _ in range(2))
    for name in ("patch", "flow", "maps", "truth", "carried"):
        assert torch.equal(getattr(first.views, name), getattr(second.views, name))
    assert torch.equal(first.paths, second.paths)


def square(count: int) -> Tensor:
    mask = torch.zeros(count, 60, 80)
    mask[:, 20:40, 30:50] = 1
    return mask


def test_degraded_maps_lose_or_gain_parts() -> None:
    mask = square(80)
    made = degraded_maps(draw(), mask)
    areas = made.sum((1, 2)) / mask.sum((1, 2))
    lost, grown = areas < 0.99, areas > 1.01
    assert 7 < lost.sum() < 30 and 3 < grown.sum() < 25
    assert (made[lost] <= mask[lost] + 1e-6).all() and (made[grown] >= mask[grown] - 1e-6).all()
    assert areas.min() > guiding_maps.LEAST_LEFT


def test_random_parts_are_parts() -> None:
    mask = square(60)
    areas = random_parts(draw(), mask).sum((1, 2)) / mask.sum((1, 2))
    rngs = [np.random.default_rng(seed) for seed in range(60)]
    wanted = [float(guiding_maps.random_part(rng, mask[0].numpy()).sum() / mask[0].sum()) for rng in rngs]
    assert areas.max() <= 1 and abs(float(areas.mean()) - np.mean(wanted)) < 0.1


def test_leaked_maps_share_what_they_claim() -> None:
    truth = square(20)
    others = torch.zeros_like(truth)
    others[:, 20:40, 50:70] = 1
    views = Views.plain(torch.zeros(20, 3, 60, 80), torch.stack([truth, others, truth, others], 1))
    made = leaked(draw(), views)
    assert torch.equal(made.truth, truth)
    assert ((made.guide + made.others) <= 1 + 1e-6).all()
    assert (made.guide * others).any() and (made.others * truth).any()
