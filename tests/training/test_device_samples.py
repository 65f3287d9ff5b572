"""Samples made on a device resemble those of the CPU: each operation, and what comes out in the end."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from vsreid_studio.engine.nets.patches import crop, flow_patch, patch_box
from vsreid_studio.engine.types import Box
from vsreid_studio.training import clips as cpu_clips
from vsreid_studio.training.clips import Clip, Light, Still
from vsreid_studio.training.propagation import batched, guiding_maps
from vsreid_studio.training.propagation.device_guiding_maps import (
    Draw,
    coarse_guides,
    deform,
    near_exact,
    template_guides,
)
from vsreid_studio.training.propagation.device_sample import Cutouts, degrade, relight
from vsreid_studio.training.propagation.device_views import DeviceData, DeviceViewMaker
from vsreid_studio.training.propagation.loss import Batch, collate
from vsreid_studio.training.propagation.views import ViewMaker

SIDE = 64
CPU = torch.device("cpu")


def texture(seed: int, height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def disk(height: int, width: int, x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return ((columns - x) ** 2 + (rows - y) ** 2 < radius**2).astype(np.uint8)


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    """Disks that move four pixels a frame to the right; the flow says so."""
    made = []
    for seed, (height, width) in enumerate([(96, 128), (96, 112)]):
        ground = texture(seed, height, width)
        labels = np.stack([disk(height, width, 36 + 4 * number, 50, 20) for number in range(9)])
        frames = np.where(labels[..., None] > 0, np.array([200, 80, 30], np.uint8), ground[None])
        still = np.zeros((8, height // 2, width // 2, 2), np.float16)
        forward, backward = still.copy(), still.copy()
        forward[..., 0], backward[..., 0] = -2, 2
        made.append(Clip(f"disk{seed}", frames, labels, forward, backward))
    return made


@pytest.fixture(scope="module")
def stills() -> list[Still]:
    """Of two sizes; the second has two instances."""
    first = disk(80, 100, 50, 40, 22)
    second = disk(100, 72, 24, 50, 16) + 2 * disk(100, 72, 56, 60, 14)
    return [Still(texture(5, 80, 100), first, (1,)), Still(texture(6, 100, 72), second, (1, 2))]


def draw(seed: int = 0) -> Draw:
    return Draw(np.random.default_rng(seed), CPU)


def maps(*arrays: np.ndarray) -> Tensor:
    return torch.from_numpy(np.stack([np.asarray(array, np.float32) for array in arrays]))


def pictures(*arrays: np.ndarray) -> Tensor:
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float()


def test_boxes_are_those_of_the_engine() -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(5, 55, (8, 2))
    masks = [disk(60, 80, float(x), float(y), rng.uniform(3, 20)) for x, y in places]
    found, there = batched.boxes(maps(*masks, np.zeros((60, 80))))
    assert there.tolist() == [True] * 8 + [False]
    sizes = torch.tensor([[60.0, 80.0]]).expand(8, 2)
    enlarge = torch.from_numpy(rng.uniform(0.1, 0.4, 8))
    patches = batched.patch_boxes(found[:8], sizes, enlarge)
    for row, mask in enumerate(masks):
        box = Box.around(mask > 0)
        assert box is not None
        assert found[row].tolist() == [box.x0, box.y0, box.x1, box.y1]
        wanted = patch_box(box, 60, 80, float(enlarge[row]))
        assert patches[row].tolist() == [wanted.x0, wanted.y0, wanted.x1, wanted.y1]


@pytest.mark.parametrize("box", [Box(10, 5, 50, 60), Box(0, 0, 160, 120), Box(30, 20, 150, 110)])
def test_crops_are_those_of_the_engine(box: Box) -> None:
    picture = cv2.GaussianBlur(texture(1, 120, 160), (0, 0), 2)
    place = torch.tensor([[box.x0, box.y0, box.x1, box.y1]], dtype=torch.float32)
    found = batched.crops(pictures(picture), place, SIDE)[0].permute(1, 2, 0).numpy()
    assert np.abs(found - crop(picture, box, SIDE)).mean() < 1.5


def test_flow_patches_are_those_of_the_engine() -> None:
    flow = cv2.resize(np.random.default_rng(0).normal(0, 3, (6, 8, 2)).astype(np.float32), (80, 60))
    box = Box(10, 12, 60, 55)
    place = torch.tensor([[10.0, 12, 60, 55]])
    found = batched.flow_patches(torch.from_numpy(flow).permute(2, 0, 1)[None], place, 32)
    wanted = flow_patch(flow[box.slices], box, 32)
    assert np.abs(found[0].permute(1, 2, 0).numpy() - wanted).max() < 0.1


def test_what_lies_outside_is_as_with_opencv() -> None:
    picture = texture(2, 40, 50)
    rows, columns = np.mgrid[0:40, 0:50].astype(np.float32)
    x, y = columns * 1.7 - 20.3, rows * 1.5 - 11.2
    # The picture lies in the corner of a larger one.
    framed = np.pad(picture, ((0, 8), (0, 6), (0, 0)), constant_values=255)
    places = torch.from_numpy(x)[None], torch.from_numpy(y)[None]
    for kind, border in (("mirror", cv2.BORDER_REFLECT), ("nearest", cv2.BORDER_REPLICATE)):
        found = batched.sampled(pictures(framed), *places, kind, torch.tensor([[40.0, 50.0]]))  # type: ignore[arg-type]
        wanted = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=border)
        # OpenCV rounds places to 1/32.
        assert np.abs(found[0].permute(1, 2, 0).numpy() - wanted).mean() < 1.5


def test_affine_matrices_are_inverted() -> None:
    matrices = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (9, 2, 3)))
    x, y = (torch.from_numpy(np.random.default_rng(1 + n).normal(0, 50, (9, 4, 5))) for n in range(2))
    there = batched.placed(batched.inverse(matrices), *batched.placed(matrices, x, y))
    torch.testing.assert_close(there[0], x)
    torch.testing.assert_close(there[1], y)


@pytest.mark.parametrize("radius", [1, 3, 6])
def test_maps_grow_as_with_opencv(radius: int) -> None:
    mask = disk(80, 80, 40, 40, 15).astype(np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    found = batched.dilated(maps(mask), torch.tensor([float(radius)]), 9)[0].numpy()
    assert abs(found.sum() / cv2.dilate(mask, kernel).sum() - 1) < 0.05


def test_pictures_are_blurred_as_with_opencv() -> None:
    picture = texture(3, 40, 50)
    found = batched.blurred(pictures(picture, picture), torch.tensor([0.8, 3.0]), 3.0)
    for row, sigma in enumerate((0.8, 3.0)):
        wanted = cv2.GaussianBlur(picture, (0, 0), sigma)
        assert np.abs(found[row].permute(1, 2, 0).numpy() - wanted).mean() < 1


@pytest.mark.parametrize("quality", [25, 60, 79])
def test_jpeg_leaves_what_opencv_leaves(quality: int) -> None:
    picture = texture(4, 70, 90)
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    wanted = cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(float)
    found = batched.jpeg(pictures(picture).flip(1), torch.tensor([float(quality)])).flip(1)
    off = np.abs(found[0].permute(1, 2, 0).numpy() - wanted).mean()
    assert off < 0.5 * np.abs(picture - wanted).mean()


def test_light_is_that_of_the_cpu() -> None:
    picture = texture(5, 40, 50)
    found = relight(
        draw(), pictures(*[picture] * 6), [Light.drawn(np.random.default_rng(n)) for n in range(6)]
    )
    for seed, made in enumerate(found):
        wanted = cpu_clips.relight(np.random.default_rng(seed), picture).astype(float)
        assert np.abs(made.permute(1, 2, 0).numpy() - wanted).max() < 2


def test_blur_and_noise_come_now_and_then() -> None:
    picture = pictures(texture(6, 64, 64))
    made = degrade(draw(), picture.expand(60, -1, -1, -1))
    changed = (made - picture).abs().mean((1, 2, 3)) > 0
    assert 0.2 < changed.float().mean() < 0.6
    assert made.min() >= 0 and made.max() <= 255 + 1e-3


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_maps_are_deformed_as_on_the_cpu(strength: float) -> None:
    mask = disk(100, 120, 60, 50, 28).astype(np.float32)
    rngs = [np.random.default_rng(seed) for seed in range(150)]
    wanted = np.array([_likeness(guiding_maps.deform(rng, mask, strength), mask) for rng in rngs])
    made = deform(draw(), maps(mask).expand(150, -1, -1), strength)
    found = np.array([_likeness(one, mask) for one in made.numpy()])
    for quantile in (0.1, 0.5, 0.9):
        assert abs(np.quantile(found, quantile) - np.quantile(wanted, quantile)) < 0.06
    assert not deform(draw(), torch.zeros(3, 20, 20)).any()


def _likeness(found: np.ndarray, mask: np.ndarray) -> float:
    return float(np.minimum(found, mask).sum() / np.maximum(found, mask).sum())


def test_nearly_exact_maps_are_sharp_and_off_by_little() -> None:
    mask = disk(100, 120, 60, 50, 28).astype(np.float32)
    made = near_exact(draw(), maps(mask).expand(20, -1, -1)).numpy()
    alone = [guiding_maps.near_exact(np.random.default_rng(seed), mask) for seed in range(20)]
    wanted = [_likeness(one, mask) for one in alone]
    assert abs(np.mean([_likeness(one, mask) for one in made]) - np.mean(wanted)) < 0.01


def test_coarse_and_foreign_guides_fill_the_box() -> None:
    mask, other = np.zeros((2, 60, 80), np.float32)
    mask[10:30, 20:60] = 1
    other[20:40, 5:15] = 1
    torch.testing.assert_close(template_guides(maps(mask), maps(other)), maps(mask), atol=1e-5, rtol=0)
    coarse = coarse_guides(draw(), maps(mask).expand(40, -1, -1))
    shares = (coarse * maps(mask)).sum((1, 2)) / torch.maximum(coarse, maps(mask)).sum((1, 2))
    assert shares.min() > 0.6 and coarse.sum((1, 2)).std() > 50


def batches(maker: DeviceViewMaker, stills: float, count: int = 1) -> list[Batch]:
    return [maker.batch(np.random.default_rng(seed), 8, stills) for seed in range(count)]


def test_a_batch_follows_from_its_generator(stills: list[Still], clips: list[Clip]) -> None:
    maker = DeviceViewMaker(DeviceData(stills, clips, CPU), SIDE)
    (first,), (second,) = (batches(maker, 0.5) for _ in range(2))
    other = maker.batch(np.random.default_rng(9), 8, 0.5)
    for name in ("patch", "flow", "moves", "maps", "truth", "carried", "decoy"):
        assert torch.equal(getattr(first, name), getattr(second, name))
    assert not torch.equal(first.patch, other.patch)


@pytest.mark.parametrize("kind", ["still", "clip"])
def test_views_are_like_those_of_the_cpu(stills: list[Still], clips: list[Clip], kind: str) -> None:
    device = DeviceViewMaker(DeviceData(stills, clips, CPU), SIDE)
    found = batches(device, float(kind == "still"), 8)
    cpu = ViewMaker(stills, clips, SIDE)
    rngs = [np.random.default_rng([1, seed]) for seed in range(64)]
    groups = [cpu.still_group(rng) if kind == "still" else cpu.clip_group(rng) for rng in rngs]
    wanted = collate([view for group in groups for view in group], 3)
    for name in ("patch", "flow", "maps", "truth", "carried"):
        one, like = getattr(found[0], name), getattr(wanted, name)
        assert one.shape[1:] == like.shape[1:] and one.dtype == like.dtype
        assert one.is_contiguous(memory_format=torch.channels_last)
        values = torch.cat([getattr(batch, name) for batch in found])
        assert values.isfinite().all()
        assert abs(float(values.mean() - like.mean())) < 0.06
        assert abs(float(values.std() - like.std())) < 0.08
    assert all(bool(batch.moves.all()) == (kind == "clip") for batch in found)
    for figure, near in ((_overlaps, 0.06), (_emptiness, 0.05), (_parts, 0.08)):
        assert abs(np.mean([figure(batch) for batch in found]) - figure(wanted)) < near, figure.__name__


def _overlaps(batch: Batch) -> float:
    """Mean soft IoU of guiding maps with the masks."""
    guide, truth = batch.maps[:, 0], batch.truth[:, 0]
    seen = truth.sum((1, 2)) > 20
    shares = torch.minimum(guide, truth).sum((1, 2)) / torch.maximum(guide, truth).sum((1, 2)).clamp_min(1)
    return float(shares[seen].mean())


def _emptiness(batch: Batch) -> float:
    return float((batch.truth[:, 0].sum((1, 2)) < 20).float().mean())


def _parts(batch: Batch) -> float:
    """How often another instance is in the second channel."""
    return float((batch.maps[:, 1].amax((1, 2)) > 0.5).float().mean())


def test_pictures_and_masks_are_warped_alike(clips: list[Clip], stills: list[Still]) -> None:
    """The disk has one colour, which the ground seldom has: where it is, the mask is."""
    maker = DeviceViewMaker(DeviceData(stills, clips, CPU), SIDE)
    made = maker.clip_groups(draw(), 6)
    red = made.patch[:, 0] - made.patch[:, 1] > 90
    inside = made.truth > 0.9
    assert (red & inside).sum() / inside.sum() > 0.95


def test_cutouts_hold_what_their_masks_show() -> None:
    mask = disk(60, 80, 30, 25, 12)
    picture = np.where(mask[..., None] > 0, np.array([250, 0, 0], np.uint8), np.array([0, 0, 250], np.uint8))
    cut = Cutouts.of(pictures(picture), maps(mask), torch.tensor([[60.0, 80.0]]), 32)
    assert cut.wide.tolist() == cut.high.tolist() == [23.0]
    assert cut.frame[0, 0][cut.mask[0] > 0.95].min() > 200
