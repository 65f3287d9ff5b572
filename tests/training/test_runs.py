"""Runs of frames: what leads from one to the next, and who passes."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from moving_square import moving_square, square_stills
from torch import Tensor

from vsreid_studio.engine.flow import warping_error
from vsreid_studio.engine.nets import propagation as nets
from vsreid_studio.engine.nets.stream import Segmented
from vsreid_studio.training.clips import Clip, Still
from vsreid_studio.training.propagation import guiding_maps
from vsreid_studio.training.propagation.guiding_maps import degraded
from vsreid_studio.training.propagation.loss import RunLoss, collate_runs, segmentation_loss
from vsreid_studio.training.propagation.runs import MEMORIES, Run, RunMaker
from vsreid_studio.training.propagation.sample import View, leaked

SIDE = 64


@pytest.fixture(scope="module")
def clip() -> Clip:
    return moving_square(9)


@pytest.fixture(scope="module")
def stills() -> list[Still]:
    return square_stills()


def _run(maker: RunMaker, seed: int, kind: str = "clip") -> Run:
    rng = np.random.default_rng(seed)
    return maker.clip_run(rng) if kind == "clip" else maker.still_run(rng)


def test_flow_goes_along_the_frames_between(clip: Clip) -> None:
    assert clip.flow(5, 4)[20, 20].tolist() == [-2, 0]
    assert clip.flow(5, 2)[20, 20].tolist() == [-6, 0]
    assert clip.flow(2, 5)[20, 20].tolist() == [6, 0]


@pytest.fixture(scope="module")
def large() -> Clip:
    """The square four times as large."""
    small = moving_square(9)
    frames, labels, forward, backward = (
        np.repeat(np.repeat(part, 4, axis=1), 4, axis=2)
        for part in (small.frames, small.labels, small.forward, small.backward)
    )
    return Clip("large", frames, labels, forward * 4, backward * 4)


def touches(view: View) -> bool:
    """Whether the instance reaches an edge of its patch."""
    inside = view.truth > 0.5
    return bool(inside[0].any() or inside[-1].any() or inside[:, 0].any() or inside[:, -1].any())


def test_in_truncated_runs_the_edge_of_the_frame_cuts_the_object_off(
    large: Clip, stills: list[Still]
) -> None:
    maker, plain = (RunMaker(stills, [large], SIDE, strangers=0.0, truncated=share) for share in (1.0, 0.0))
    runs = [_run(maker, seed) for seed in range(12)]
    cut = [run for run in runs if all(touches(view) for view in run.steps)]
    assert len(cut) > len(runs) / 2
    assert all(view.truth.any() for run in cut for view in run.steps)
    # What is remembered shows all of it, and so do other runs, but for guiding maps that lack a part.
    assert not any(touches(run.known[0]) for run in cut)
    others = [_run(plain, seed) for seed in range(12)]
    assert not any(all(touches(view) for view in run.steps) for run in others)


@pytest.mark.parametrize("seed", range(6))
def test_paths_lead_to_the_patch_before(clip: Clip, stills: list[Still], seed: int) -> None:
    run = _run(RunMaker(stills, [clip], SIDE, strangers=0.0), seed)
    assert run.linked
    for path, view, before in zip(run.paths, run.steps[1:], run.steps[:-1], strict=True):
        across, down = ((path[..., axis] + 1) / 2 * SIDE - 0.5 for axis in (0, 1))
        carried = cv2.remap(before.truth, across, down, cv2.INTER_LINEAR)
        truth = cv2.resize(view.truth, carried.shape[::-1], interpolation=cv2.INTER_AREA)
        # The part that lies in both patches: the rest was outside the patch before.
        seen = (np.abs(path) < 0.95).all(axis=2)
        wrong = ((carried > 0.5) != (truth > 0.5))[seen]
        assert wrong.mean() < 0.05


def test_some_runs_begin_beside_an_exact_mask(clip: Clip, stills: list[Still]) -> None:
    maker = RunMaker(stills, [clip], SIDE, strangers=0.0)
    runs = [_run(maker, seed) for seed in range(30)]
    off = [float(np.abs(run.steps[0].guide - run.steps[0].truth).mean()) for run in runs]
    later = [float(np.abs(run.steps[1].guide - run.steps[1].truth).mean()) for run in runs]
    exact = [one < 1e-3 for one in off]
    assert 8 < sum(exact) < 25
    assert sum(one < 1e-3 for one in later) < 3


def test_what_was_carried_here_is_told(clip: Clip, stills: list[Still]) -> None:
    maker = RunMaker(stills, [clip], SIDE, strangers=0.0)
    runs = [_run(maker, seed) for seed in range(20)]
    near = [run.steps[0].near for run in runs]
    exact = [float(np.abs(run.steps[0].guide - run.steps[0].truth).mean()) < 1e-3 for run in runs]
    assert [one == 1 for one in near] == exact
    for view in (view for run in runs for view in run.steps):
        assert view.before is not None and view.before.shape == view.patch.shape
        assert 0 < view.near <= 1
    assert all(view.before is None and not view.near for view in _run(maker, 0, "still").views)


def test_some_views_of_stills_point_at_something_else(clip: Clip, stills: list[Still]) -> None:
    maker = RunMaker(stills, [clip], SIDE, strangers=0.0)
    views = [view for seed in range(15) for view in _run(maker, seed, "still").steps]
    decoys = [view for view in views if not view.truth.any()]
    assert all(view.decoy for view in decoys)
    assert 4 < len(decoys) < len(views) / 2
    assert all(view.guide.max() > 0.5 for view in decoys)
    assert all(_run(maker, seed, "still").known[0].truth.any() for seed in range(15))


def test_an_own_map_is_farther_from_its_checkpoint(clip: Clip, stills: list[Still]) -> None:
    seen = []

    class Watched(nets.MaskPropagationNet):
        def finished(
            self, rgb: Segmented, logits: Tensor, patch: Tensor, maps: Tensor, carried: Tensor
        ) -> Tensor:
            seen.append(carried[:, 1].amax((1, 2)))
            return super().finished(rgb, logits, patch, maps, carried)

    made = nets.lite()
    maker = RunMaker(stills, [clip], SIDE, strangers=0.0)
    run = next(run for run in (_run(maker, seed) for seed in range(30)) if run.steps[0].near == 1)
    RunLoss(seed=0, start=0)(Watched(made.rgb, made.flow, made.finish).eval(), collate_runs([run]))
    given = [view.near for view in run.steps]
    assert float(seen[0]) == 1
    carried_on = [float(now) == pytest.approx(float(last) * nets.nearness(2)) for last, now in pairwise(seen)]
    as_given = [float(now) == pytest.approx(own) for now, own in zip(seen[1:], given[1:], strict=True)]
    assert all(one or other for one, other in zip(carried_on, as_given, strict=True))


def test_the_frame_before_is_carried_along_and_lies_in_the_same_light() -> None:
    texture = cv2.resize(np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8), (160, 96))
    frames = np.stack([np.roll(texture, 4 * number, 1)[:, :128] for number in range(9)])
    labels = np.zeros((9, 96, 128), np.uint8)
    labels[:, 30:62, 40:80] = 1
    flow = np.zeros((8, 48, 64, 2), np.float16)
    flow[..., 0] = 2
    moving = Clip("moving", frames, labels, -flow, flow)
    maker = RunMaker([], [moving], SIDE, strangers=0.0)
    views = [view for seed in range(10) for view in _run(maker, seed).steps]
    off = [warping_error(view.patch, view.before)[8:-8, 20:-20].mean() for view in views]  # type: ignore[arg-type]
    # Blur and noise fall on the patch alone, now and then.
    assert np.median(off) < 0.1
    shifted = [warping_error(view.patch, np.roll(view.before, 8, 1))[8:-8, 20:-20].mean() for view in views]  # type: ignore[arg-type]
    assert np.median(shifted) > 0.3


@pytest.mark.parametrize("seed", range(4))
def test_a_nearly_exact_map_is_sharp_and_off_by_little(seed: int) -> None:
    mask = np.zeros((100, 120), np.float32)
    mask[20:80, 30:90] = 1
    nearly = guiding_maps.near_exact(np.random.default_rng(seed), mask)
    assert ((nearly > 0.02) & (nearly < 0.98)).mean() < 0.06
    assert ((nearly > 0.5) != (mask > 0.5)).sum() < 0.08 * mask.sum()
    assert not np.array_equal(nearly, mask)


def test_a_stranger_is_remembered_as_another_instance(clip: Clip, stills: list[Still]) -> None:
    maker = RunMaker(stills, [clip], SIDE, strangers=1.0)
    runs = [_run(maker, seed) for seed in range(12)]
    told = [run for run in runs if run.second and run.known[1].others_truth.max() > 0.5]
    assert len(told) > 4
    for run in told:
        assert not run.known[1].truth.any()
    assert any(view.others_truth.max() > 0.5 for run in told for view in run.steps)


@pytest.mark.parametrize("kind", ["clip", "still"])
def test_the_same_seed_makes_the_same_run(clip: Clip, stills: list[Still], kind: str) -> None:
    first, second = (_run(RunMaker(stills, [clip], SIDE), 3, kind) for _ in range(2))
    for one, other in zip(first.views, second.views, strict=True):
        assert np.array_equal(one.patch, other.patch)
        assert np.array_equal(one.guide, other.guide)


def test_the_loss_falls_on_one_batch(clip: Clip, stills: list[Still]) -> None:
    torch.manual_seed(0)
    model = nets.lite()
    model.requires_grad_(False)
    maker = RunMaker(stills, [clip], SIDE)
    batch = collate_runs([_run(maker, 0), _run(maker, 1, "still")])
    assert batch.views.patch.shape == (2 * (MEMORIES + maker.steps), 3, SIDE, SIDE)
    heads = [*model.rgb.decoder.parameters(), *model.quality.parameters()]
    for parameter in heads:
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(heads, 3e-3)
    losses = []
    for _ in range(8):
        # Started anew, so that every step has the same chances.
        loss, figures = RunLoss(seed=0, start=0)(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
    assert set(figures) == {"J", "J_last", "quality_off"}


@pytest.mark.parametrize("seed", range(4))
def test_mixed_up_maps_share_what_they_claim(clip: Clip, stills: list[Still], seed: int) -> None:
    rng = np.random.default_rng(seed)
    maker = RunMaker(stills, [clip], SIDE, strangers=0.0)
    view = _run(maker, seed).steps[0]
    half = np.zeros_like(view.truth)
    half[:, : SIDE // 3] = 1
    view = replace(view, guide=view.truth, others=half, others_truth=half, truth=view.truth * (1 - half))
    mixed = [leaked(rng, view) for _ in range(20)]
    for one in mixed:
        assert np.array_equal(one.truth, view.truth)
        assert np.all(np.minimum(one.guide, one.others) * half <= np.minimum(view.guide, view.others) + 1e-6)
    assert any((one.guide * half).sum() > (view.guide * half).sum() for one in mixed)
    assert any((one.others * view.truth).sum() > (view.others * view.truth).sum() for one in mixed)


def test_a_worn_map_keeps_most_of_the_instance_or_grows_by_what_is_beside_it() -> None:
    mask = np.zeros((60, 80), np.float32)
    mask[20:40, 30:50] = 1
    damaged = [degraded(np.random.default_rng(seed), mask) for seed in range(60)]
    lost = [one for one in damaged if one.sum() < mask.sum()]
    grown = [one for one in damaged if one.sum() > mask.sum()]
    assert len(lost) > 5 and len(grown) > 3 and len(lost) + len(grown) < 40
    assert all(one.sum() > 0.2 * mask.sum() and np.all(one <= mask) for one in lost)
    assert all(np.all(one >= mask) for one in grown)


def test_the_outline_counts_more_where_asked() -> None:
    truth = torch.zeros(1, 1, 64, 64)
    truth[..., 20:44, 20:44] = 1
    right = truth * 8 - 4
    off = {"outline": right.clone(), "inside": right.clone()}
    off["outline"][..., 20:44, 19] = 4
    off["inside"][..., 30:34, 30:36] = -4
    everyone = torch.ones(1)
    for place, more in (("outline", True), ("inside", False)):
        plain = segmentation_loss(off[place], truth, everyone)
        weighed = segmentation_loss(off[place], truth, everyone, outline=3.0)
        assert bool(weighed > plain) == more
