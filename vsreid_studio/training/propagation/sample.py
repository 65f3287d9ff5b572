"""One patch of one instance with its guiding map, and changes to it: an object passes, maps leak."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...engine.types import Frame, Probability
from . import deform


@dataclass(frozen=True, eq=False)
class View:
    """One patch of one instance.

    Attributes:
        patch: (S, S, 3) uint8 RGB.
        flow: (S / 2, S / 2, 3) float32 as of `patches.flow_patch`; zero where `moves` is False.
        moves: whether there is flow.
        guide: (S, S) float32, the guiding map.
        others: (S, S) float32, the other instances' guiding maps.
        truth: (S, S) float32, the instance's mask.
        others_truth: (S, S) float32, the other instances' masks.
        before: (S, S, 3) uint8 RGB, the frame that the guiding map comes from, carried here by the flow; None
            where no flow has carried it.
        near: see `nets.nearness`; 0 where `before` is None.
        decoy: the guiding map lies on something else; the truth is empty.
    """

    patch: Frame
    flow: NDArray[np.float32]
    moves: bool
    guide: Probability
    others: Probability
    truth: Probability
    others_truth: Probability
    before: Frame | None = None
    near: float = 0.0
    decoy: bool = False


@dataclass(frozen=True, eq=False)
class Cutout:
    """An object cut out of a picture: (h, w, 3) uint8 RGB and (h, w) float32 mask in [0, 1]."""

    frame: Frame
    mask: Probability


@dataclass(frozen=True)
class Passage:
    """How a stranger passes in one view.

    Attributes:
        in_front: of the instance, or behind it.
        covers: hides all of the instance.
        middle: (2,) where the stranger's middle lies, x and y as shares of the patch.
        scale: its longer side, as a share of the patch's.
        told: whether its map goes into the other instances' channel.
    """

    in_front: bool
    covers: bool
    middle: NDArray[np.float64]
    scale: float
    told: bool

    @classmethod
    def anywhere(cls, rng: Generator, in_front: bool) -> Passage:
        """One that has nothing to do with the other views'."""
        near = in_front and rng.random() < 0.12
        scale = rng.uniform(1.2, 1.8) if near else rng.uniform(0.3, 0.9)
        middle = np.array([0.5, 0.5]) if near else rng.uniform(0.0, 1.0, 2)
        return cls(in_front, near and rng.random() < 0.6, middle, scale, rng.random() < 0.85)


def pass_by(rng: Generator, view: View, stranger: Cutout, way: Passage) -> View:
    """The view with another object pasted over or behind the instance; now and then it hides all of it."""
    size = view.truth.shape[0]
    high, wide = stranger.mask.shape
    matrix = deform.random_affine(rng, (wide / 2, high / 2), 20, 0.1, 0)
    matrix *= size * way.scale / max(high, wide)
    matrix[:, 2] += way.middle * size - matrix @ np.array([wide / 2, high / 2, 1])
    mask = cv2.warpAffine(stranger.mask, matrix, (size, size))
    frame = cv2.warpAffine(stranger.frame, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    if way.covers:
        mask = np.maximum(mask, cv2.dilate(view.truth, np.ones((9, 9), np.uint8)))
    shown = mask if way.in_front else mask * (1 - view.truth)
    alpha = cv2.GaussianBlur(shown, (0, 0), 0.8)[..., None]
    patch = (frame * alpha + view.patch * (1 - alpha)).astype(np.uint8)
    truth = view.truth * (1 - shown)
    guide = view.guide
    hint = deform.deform(rng, shown, 1.0)
    if way.in_front and not way.covers and rng.random() < 0.6:
        guide = guide * (1 - deform.deform(rng, mask, 1.0))
    flow = view.flow
    if view.moves:
        half = flow.shape[0]
        small = cv2.resize(shown, (half, half), interpolation=cv2.INTER_AREA)[..., None]
        motion = rng.normal(0, 0.7, 2)
        stirred = np.array([*motion, np.hypot(*motion)], np.float32) + rng.normal(0, 0.05, flow.shape)
        flow = (flow * (1 - small) + stirred * small).astype(np.float32)
    return replace(
        view,
        patch=patch,
        flow=flow,
        truth=truth,
        guide=guide,
        others=np.maximum(view.others * (1 - shown), hint) if way.told else view.others,
        others_truth=np.maximum(view.others_truth * (1 - shown), shown) if way.told else view.others_truth,
    )


def crossing(rng: Generator, steps: int, told: bool) -> list[Passage | None]:
    """A way across the patch, step by step; where it leads through the middle it may hide everything."""
    in_front = rng.random() < 0.7
    near = in_front and rng.random() < 0.25
    scale = rng.uniform(1.0, 1.7) if near else rng.uniform(0.35, 1.0)
    start, end = rng.uniform(-0.1, 1.1, (2, 2))
    if near:
        start, end = np.array([0.5, 0.5]) + rng.uniform(-0.8, 0.8, 2) * [[1], [0]]
        if rng.random() < 0.5:
            start, end = end, start
    ways: list[Passage | None] = []
    for share in np.linspace(0, 1, steps):
        middle = start + (end - start) * share
        hides = near and float(np.abs(middle - 0.5).max()) < 0.1 and rng.random() < 0.6
        ways.append(Passage(in_front, hides, middle, scale, told))
    return ways


def mixed_up(rng: Generator, view: View) -> View:
    """The view with maps that have leaked: the guide has caught some of the stranger, or lost some to it.

    Nothing of it shows in the other map: each pixel is claimed by one of the two.
    """
    guide, others = view.guide, view.others
    if rng.random() < 0.75:
        leak = deform.part(rng, view.others_truth)
        guide, others = np.maximum(guide, leak), others * (1 - leak)
    if rng.random() < 0.35:
        lost = deform.part(rng, view.truth)
        guide, others = guide * (1 - lost), np.maximum(others, lost)
    # What is mixed up is not exact any more, wherever it came from.
    return replace(view, guide=guide, others=others, near=0.0)


def mirror(view: View) -> View:
    """The view flipped left to right, the flow's x turned round."""
    flow = view.flow[:, ::-1] * np.array([-1, 1, 1], np.float32)
    return replace(
        view,
        patch=view.patch[:, ::-1],
        flow=flow,
        guide=view.guide[:, ::-1],
        others=view.others[:, ::-1],
        truth=view.truth[:, ::-1],
        others_truth=view.others_truth[:, ::-1],
        before=None if view.before is None else view.before[:, ::-1],
    )


def blank(like: View) -> View:
    """A view of the same size that shows nothing."""
    nothing = np.zeros_like(like.truth)
    return View(
        np.zeros_like(like.patch), np.zeros_like(like.flow), False, nothing, nothing, nothing, nothing
    )
