"""Batches of views on a device: what `sample` does to one view with OpenCV, for all of a step in torch.

How often and how strongly things happen is told there and in `clips`; here are no figures of their own.
Choices and small numbers come from NumPy, so that a batch follows from its generator; noise is drawn on the
device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .. import clips
from ..clips import Light
from . import batched, sample
from .batched import boxes, extent
from .sample import DEFORMATION, PassingObject

Chosen = NDArray[np.bool_]


class Draw:
    """The random numbers of one batch.

    Attributes:
        rng: for choices, and for what is small.
        device: where tensors go.
        noise: for what is large.
    """

    def __init__(self, rng: Generator, device: torch.device) -> None:
        self.rng = rng
        self.device = device
        self.noise = torch.Generator(device).manual_seed(int(rng.integers(2**62)))

    def tensor(self, values: Any) -> Tensor:
        """Numbers as float32."""
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)

    def index(self, chosen: Chosen) -> Tensor:
        """The numbers of the rows that are chosen."""
        return torch.from_numpy(np.flatnonzero(chosen)).to(self.device)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform numbers of a shape."""
        return self.tensor(self.rng.uniform(low, high, shape))

    def chance(self, share: float, count: int) -> Chosen:
        """Which of so many are chosen, each with the same chance."""
        return self.rng.random(count) < share

    def fields(self, strength: Tensor, cells: int, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Smooth displacements of (N,) strengths in pixels for a (..., H, W) shape: x and y, (N, H, W)."""
        coarse = self.tensor(self.rng.normal(0, 1, (len(strength), 2, cells + 2, cells + 2)))
        return batched.smooth_fields(coarse * strength[:, None, None, None], *shape[-2:])

    def affine(
        self, angle: Any, scale: Any, shift: Any, shear: Any, centre: Tensor, unit: Tensor | float = 1.0
    ) -> Tensor:
        """(N, 2, 3) affine matrices about (N, 2) centres, see `sample.random_affine`.

        Args:
            angle, scale, shift, shear: the most of each; numbers, or (N,) arrays.
            unit: (N,), what a shift of 1 is in pixels.
        """
        count = len(centre)
        turn = np.deg2rad(self.rng.uniform(-1, 1, count) * angle)
        factor = np.exp(self.rng.uniform(-1, 1, count) * scale)
        slant = self.rng.uniform(-1, 1, count) * shear
        cos, sin = np.cos(turn), np.sin(turn)
        linear = self.tensor((factor * np.array([[cos, -sin + slant], [sin, cos]])).transpose(2, 0, 1))
        moves = self.tensor(self.rng.uniform(-1, 1, (count, 2)) * np.reshape(shift, (-1, 1)))
        moves = moves * (unit[:, None] if isinstance(unit, Tensor) else unit)
        offset = centre + moves - batched.applied(linear, centre)
        return torch.cat([linear, offset[:, :, None]], 2)


@dataclass(frozen=True, eq=False)
class Views:
    """A batch of `sample.View`; lengths and meanings are those of its attributes.

    Attributes:
        patch, before: (N, 3, S, S) float32 in [0, 255].
        flow: (N, 3, S / 2, S / 2).
        moves, warped, decoy: (N,) bool; `warped` tells whether there is a `before`.
        guide, others, truth, others_truth: (N, S, S).
        near: (N,) float32.
    """

    patch: Tensor
    flow: Tensor
    moves: Tensor
    guide: Tensor
    others: Tensor
    truth: Tensor
    others_truth: Tensor
    before: Tensor
    warped: Tensor
    near: Tensor
    decoy: Tensor

    def __len__(self) -> int:
        return len(self.patch)

    def rows(self, index: Tensor) -> Views:
        """Some of the views."""
        return Views(*(getattr(self, it.name)[index] for it in fields(self)))

    def put(self, index: Tensor, views: Views) -> Views:
        """With some of the views replaced."""
        pairs = ((getattr(self, it.name), getattr(views, it.name)) for it in fields(self))
        return Views(*(old.index_copy(0, index, new) for old, new in pairs))

    def blank(self, flags: Tensor) -> Views:
        """With those that show nothing that (N,) flags name."""
        values = (getattr(self, it.name) for it in fields(self))
        return Views(*(it.masked_fill(flags.view(-1, *[1] * (it.ndim - 1)), 0) for it in values))

    def with_patch(self, patch: Tensor) -> Views:
        """With other pictures."""
        return replace(self, patch=patch)

    def mirrored(self, flags: Tensor) -> Views:
        """With those flipped left to right that (N,) flags name, the flow's x turned round."""
        turned = self.flow.flip(-1) * torch.tensor([-1.0, 1, 1], device=self.flow.device)[:, None, None]
        flow = torch.where(flags[:, None, None, None], turned, self.flow)
        flipped = {
            name: torch.where(flags.view(-1, *[1] * (old.ndim - 1)), old.flip(-1), old)
            for name in ("patch", "before", "guide", "others", "truth", "others_truth")
            if isinstance(old := getattr(self, name), Tensor)
        }
        return replace(self, flow=flow, **flipped)

    @classmethod
    def plain(cls, patch: Tensor, maps: Tensor, flow: Tensor | None = None) -> Views:
        """Views that no flow has carried.

        Args:
            maps: (N, 4, S, S): guide, others, truth, others_truth.
            flow: None for none.
        """
        count, side = len(patch), patch.shape[-1] // 2
        no = torch.zeros(count, dtype=torch.bool, device=patch.device)
        nothing = patch.new_zeros(count, 3, side, side) if flow is None else flow
        guide, others, truth, others_truth = maps.clamp(0, 1).unbind(1)
        return cls(
            patch,
            nothing,
            no if flow is None else ~no,
            guide,
            others,
            truth,
            others_truth,
            torch.zeros_like(patch),
            no,
            patch.new_zeros(count),
            no,
        )

    @staticmethod
    def joined(parts: Sequence[Views]) -> Views:
        """Several batches, one after the other."""
        return Views(*(torch.cat([getattr(part, it.name) for part in parts]) for it in fields(Views)))


@dataclass(frozen=True, eq=False)
class Cutouts:
    """Objects cut out of pictures, each stretched to one size.

    Attributes:
        frame: (N, 3, Q, Q).
        mask: (N, Q, Q).
        high, wide: (N,) their sizes before, in pixels.
    """

    frame: Tensor
    mask: Tensor
    high: Tensor
    wide: Tensor

    def rows(self, index: Tensor) -> Cutouts:
        """Some of them."""
        return Cutouts(self.frame[index], self.mask[index], self.high[index], self.wide[index])

    def where(self, flags: Tensor, others: Cutouts) -> Cutouts:
        """These where (N,) flags say so, else others."""
        deep = flags[:, None, None]
        return Cutouts(
            torch.where(deep[:, None], self.frame, others.frame),
            torch.where(deep, self.mask, others.mask),
            torch.where(flags, self.high, others.high),
            torch.where(flags, self.wide, others.wide),
        )

    @classmethod
    def of(cls, frame: Tensor, mask: Tensor, sizes: Tensor, side: int) -> Cutouts:
        """What (N, H, W) masks show in (N, 3, H, W) pictures of (N, 2) sizes; all where one is empty."""
        box, found = boxes(mask)
        whole = torch.cat([torch.zeros_like(sizes), sizes.flip(1)], 1)
        box = torch.where(found[:, None], box, whole)
        wide, high = extent(box)
        cut = batched.crops(torch.cat([frame, mask[:, None]], 1), box, side)
        return cls(cut[:, :3], cut[:, 3], high, wide)


def deform(draw: Draw, maps: Tensor, strength: Any = 1.0) -> Tensor:
    """Maps as `sample.deform` makes them, of (N,) strengths."""
    count = len(maps)
    if not count:
        return maps
    by, strength = DEFORMATION, np.broadcast_to(np.asarray(strength, np.float64), count)
    box, found = boxes(maps)
    wide, high = extent(box)
    side = (wide * high).sqrt()
    centre = torch.stack([box[:, 0] + box[:, 2], box[:, 1] + box[:, 3]], 1) / 2
    matrix = draw.affine(by.angle * strength, by.scale * strength, by.shift * strength, 0, centre, side)
    warped = draw.chance(by.warped, count) * draw.rng.random(count) * 2
    x, y = draw.fields(side * draw.tensor(by.field * strength * warped), by.cells, maps.shape)
    columns, rows = batched.pixels(maps.shape, maps.device)
    made = batched.sampled(maps[:, None], *batched.placed(batched.inverse(matrix), columns + x, rows + y))[
        :, 0
    ]
    radius = (side * draw.tensor(by.radius * strength * draw.rng.random(count))).round().clamp_min(1)
    sigma = (side * draw.tensor(by.blur * draw.rng.random(count))).clamp_min(0.5)
    most_radius, most_sigma = torch.stack([radius.max(), sigma.max()]).tolist()
    morphed, grows = draw.chance(by.morphed, count), draw.chance(0.5, count)
    for chosen, eats in ((morphed & grows, False), (morphed & ~grows, True)):
        if chosen.any():
            index = draw.index(chosen)
            old = 1 - made[index] if eats else made[index]
            new = batched.dilated(old, radius[index], int(most_radius))
            made = made.index_copy(0, index, 1 - new if eats else new)
    made = _patched(draw, made, box, side * draw.tensor(strength))
    chosen = draw.chance(by.blurred, count)
    if chosen.any():
        index = draw.index(chosen)
        soft = batched.blurred(made[index][:, None], sigma[index], most_sigma)[:, 0]
        made = made.index_copy(0, index, soft)
    return torch.where(found[:, None, None], made.clamp(0, 1), maps)


def _patched(draw: Draw, maps: Tensor, box: Tensor, side: Tensor) -> Tensor:
    """Holes in some maps, and pieces of background that they have caught, see `sample._blobs`."""
    count = len(maps)
    pieces = draw.rng.integers(1, 4, count) * draw.chance(DEFORMATION.pieces, count)
    for number in range(pieces.max()):
        index = draw.index(pieces > number)
        where = draw.uniform(0, 1, len(index), 2)
        middle = (box[index, :2] + where * (box[index, 2:] - box[index, :2])).floor()
        axes = (side[index, None] * draw.uniform(*DEFORMATION.axes, len(index), 2)).floor().clamp_min(1)
        inside = batched.ellipses(maps.shape, middle, axes, draw.uniform(0, np.pi, len(index)))
        value = draw.tensor(~draw.chance(DEFORMATION.holes, len(index)))[:, None, None]
        maps = maps.index_copy(0, index, torch.where(inside, value, maps[index]))
    return maps


def near_exact(draw: Draw, maps: Tensor) -> Tensor:
    """Maps as the flow carries exact ones over, see `sample.near_exact`."""
    box, _ = boxes(maps)
    wide, high = extent(box)
    most = (wide * high).sqrt() * sample.NEAR_FIELD
    x, y = draw.fields(most * draw.uniform(0, 1, len(maps)), sample.NEAR_CELLS, maps.shape)
    columns, rows = batched.pixels(maps.shape, maps.device)
    return batched.sampled(maps[:, None], columns + x, rows + y)[:, 0]


def coarse_guides(draw: Draw, maps: Tensor) -> Tensor:
    """Boxes and ellipses around instances, see `sample.coarse_guide`."""
    box, found = boxes(maps)
    wide, high = extent(box)
    most = sample.COARSE_OFF
    off = draw.uniform(-most, most, len(maps), 4) * torch.stack([wide, high, wide, high], 1)
    x0, y0, x1, y1 = (it[:, None, None] for it in (box + off).round().unbind(1))
    columns, rows = batched.pixels(maps.shape, maps.device)
    inside = (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
    axes = (torch.cat([x1 - x0, y1 - y0], 1)[:, :, 0] / 2).floor().clamp_min(1)
    middle = (torch.cat([x0 + x1, y0 + y1], 1)[:, :, 0] / 2).floor()
    rounds = batched.ellipses(maps.shape, middle, axes, torch.zeros_like(wide))
    chosen = draw.tensor(draw.chance(sample.COARSE_BOXES, len(maps)))[:, None, None] > 0
    return (torch.where(chosen, inside, rounds) & found[:, None, None]).float()


def template_guides(maps: Tensor, others: Tensor) -> Tensor:
    """Other masks laid into the instances' boxes, see `sample.template_guide`."""
    (box, found), (source, known) = boxes(maps), boxes(others)
    x0, y0, x1, y1 = (it[:, None, None] for it in box.unbind(1))
    left, top, right, bottom = (it[:, None, None] for it in source.unbind(1))
    columns, rows = batched.pixels(maps.shape, maps.device)
    x = left + (columns - x0 + 0.5) * (right - left) / (x1 - x0).clamp_min(1) - 0.5
    y = top + (rows - y0 + 0.5) * (bottom - top) / (y1 - y0).clamp_min(1) - 0.5
    x = torch.minimum(torch.maximum(x, left), right - 1)
    y = torch.minimum(torch.maximum(y, top), bottom - 1)
    inside = (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
    return batched.sampled(others[:, None], x, y)[:, 0] * (inside & (found & known)[:, None, None])


def guides(draw: Draw, maps: Tensor, templates: Tensor) -> Tensor:
    """Any of the guiding maps that N_mp must cope with, see `sample.guide`."""
    kind = draw.rng.random(len(maps))
    coarse, template = kind < sample.COARSE, (kind >= sample.COARSE) & (kind < sample.TEMPLATE)
    plain = kind >= sample.TEMPLATE
    made, index = torch.zeros_like(maps), draw.index(plain)
    strength = np.where(kind[plain] < sample.MILD, 1.0, 2.0)
    made = made.index_copy(0, index, deform(draw, maps[index], strength))
    if coarse.any():
        index = draw.index(coarse)
        made = made.index_copy(0, index, coarse_guides(draw, maps[index]))
    if template.any():
        index = draw.index(template)
        made = made.index_copy(0, index, template_guides(maps[index], templates[index]))
    return made


def add_passing_objects(draw: Draw, views: Views, strangers: Cutouts, ways: Sequence[PassingObject]) -> Views:
    """Paste another object into each view, see `sample.add_passing_object`."""
    count, size = len(views), views.truth.shape[-1]
    centre = torch.stack([strangers.wide, strangers.high], 1) / 2
    matrix = draw.affine(sample.PASSING_ANGLE, sample.PASSING_SCALE, 0, 0, torch.zeros_like(centre))
    scale = draw.tensor([way.scale for way in ways]) * size / torch.maximum(strangers.high, strangers.wide)
    linear = matrix[:, :, :2] * scale[:, None, None]
    middle = draw.tensor(np.stack([way.middle for way in ways])) * size
    offset = (middle - batched.applied(linear, centre))[:, :, None]
    x, y = batched.placed(
        batched.inverse(torch.cat([linear, offset], 2)), *batched.pixels((size, size), views.patch.device)
    )
    side = strangers.mask.shape[-1]
    x = (x + 0.5) * (side / strangers.wide)[:, None, None] - 0.5
    y = (y + 0.5) * (side / strangers.high)[:, None, None] - 0.5
    mask = batched.sampled(strangers.mask[:, None], x, y)[:, 0]
    frame = batched.sampled(strangers.frame, x, y, "nearest")
    flags = ([getattr(way, name) for way in ways] for name in ("in_front", "covers", "in_others"))
    in_front, covers, told = (draw.tensor(flag)[:, None, None] > 0 for flag in flags)
    around = functional.max_pool2d(views.truth[:, None], 9, 1, 4)[:, 0]
    mask = torch.where(covers, torch.maximum(mask, around), mask)
    shown = torch.where(in_front, mask, mask * (1 - views.truth))
    feather = torch.full((count,), sample.FEATHER, device=draw.device)
    alpha = batched.blurred(shown[:, None], feather, sample.FEATHER)
    hint = deform(draw, shown)
    follows = draw.tensor(draw.chance(sample.FOLLOWED, count))[:, None, None] > 0
    eaten = views.guide * (1 - deform(draw, mask))
    return replace(
        views,
        patch=frame * alpha + views.patch * (1 - alpha),
        flow=torch.where(views.moves[:, None, None, None], _stirred(draw, views.flow, shown), views.flow),
        truth=views.truth * (1 - shown),
        guide=torch.where(in_front & ~covers & follows, eaten, views.guide),
        others=torch.where(told, torch.maximum(views.others * (1 - shown), hint), views.others),
        others_truth=torch.where(
            told, torch.maximum(views.others_truth * (1 - shown), shown), views.others_truth
        ),
    )


def _stirred(draw: Draw, flow: Tensor, shown: Tensor) -> Tensor:
    """Flow patches in which what is shown moves on its own."""
    small = functional.adaptive_avg_pool2d(shown[:, None], (flow.shape[-2], flow.shape[-1]))
    motion = draw.tensor(draw.rng.normal(0, sample.STIRRED, (len(flow), 2)))
    motion = torch.cat([motion, motion.norm(dim=1, keepdim=True)], 1)[:, :, None, None]
    noise = torch.randn(flow.shape, device=flow.device, generator=draw.noise) * sample.STIRRED_NOISE
    return flow * (1 - small) + (motion + noise) * small


def relight(draw: Draw, pictures: Tensor, lights: Sequence[Light]) -> Tensor:
    """(N, 3, S, S) pictures in other lights, see `clips.relight`."""
    curves = draw.tensor(np.stack([light.curves for light in lights])).transpose(1, 2)
    lit = curves.gather(2, pictures.round().clamp(0, 255).long().flatten(2)).view(pictures.shape)
    share = draw.tensor([light.grey or 0.0 for light in lights])[:, None, None, None]
    grey = 0.299 * lit[:, :1] + 0.587 * lit[:, 1:2] + 0.114 * lit[:, 2:]
    return (lit * (1 - share) + grey * share).clamp(0, 255)


def degrade(draw: Draw, pictures: Tensor) -> Tensor:
    """(N, 3, S, S) pictures with blur, noise and JPEG, see `clips.degrade`."""
    count = len(pictures)
    shaken = draw.chance(clips.SHAKEN, count)
    if shaken.any():
        kernels = np.zeros((shaken.sum(), clips.MOST_SHAKEN, clips.MOST_SHAKEN), np.float32)
        for kernel in kernels:
            motion = clips.motion_kernel(draw.rng)
            # Its anchor, at half of its length, goes to the middle.
            first = clips.MOST_SHAKEN // 2 - len(motion) // 2
            kernel[first : first + len(motion), first : first + len(motion)] = motion
        index = draw.index(shaken)
        made = batched.filtered(pictures[index], draw.tensor(kernels))
        pictures = pictures.index_copy(0, index, made)
    blurred = draw.chance(clips.DEFOCUSED, count) & ~shaken
    if blurred.any():
        index = draw.index(blurred)
        sigma = draw.uniform(*clips.FOCUS, len(index))
        pictures = pictures.index_copy(0, index, batched.blurred(pictures[index], sigma, clips.FOCUS[1]))
    noisy = draw.chance(clips.NOISY, count)
    if noisy.any():
        index = draw.index(noisy)
        old = pictures[index]
        sigma = draw.uniform(*clips.NOISE, len(index))[:, None, None, None]
        noise = torch.randn(old.shape, device=old.device, generator=draw.noise) * sigma
        pictures = pictures.index_copy(0, index, (old + noise).clamp(0, 255))
    coded = draw.chance(clips.CODED, count)
    if coded.any():
        index = draw.index(coded)
        quality = draw.tensor(draw.rng.integers(*clips.QUALITY, len(index)))
        # Turned round, as OpenCV takes the pictures there.
        made = batched.jpeg(pictures[index].flip(1), quality).flip(1)
        pictures = pictures.index_copy(0, index, made)
    return pictures
