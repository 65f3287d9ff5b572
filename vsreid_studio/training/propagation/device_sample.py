"""Batches of views on a device: what `sample` does to one view with OpenCV, for all of a step in torch.

How often and how strongly things happen is told there and in `clips`; here are no figures of their own.
Choices and small numbers come from NumPy, so that a batch follows from its generator; noise is drawn on the
device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .. import clips
from ..clips import Light
from . import batched, sample
from .batched import boxes, extent
from .device_guiding_maps import Draw, deform
from .sample import PassingObject


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
