"""One patch of one instance with its guiding map, and other objects that pass in it (Sec. 3.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...engine.types import Frame, Probability
from .guiding_maps import deform, random_affine, random_part

PASSING_ANGLE, PASSING_SCALE = 20, 0.1
"""Limits of a passing object's rotation in degrees, and of the logarithm of its scale."""
FEATHER = 0.8
"""Sigma of the edges of what is pasted, in pixels."""
FOLLOWED = 0.6
"""Probability that the guiding map loses what a passing object covers."""
STIRRED, STIRRED_NOISE = 0.7, 0.05
"""Sigmas of a passing object's own flow, and of the noise in it."""
CAUGHT, GIVEN = 0.75, 0.35
"""Probabilities that the guiding map has taken a part of the other object, and lost a part to it."""


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
class PassingObject:
    """Where another object is in one view.

    Attributes:
        in_front: of the instance, or behind it.
        covers: hides all of the instance.
        middle: (2,) its centre, x and y as shares of the patch.
        scale: its longer side, as a share of the patch's.
        in_others: whether its map goes into the other instances' channel.
    """

    in_front: bool
    covers: bool
    middle: NDArray[np.float64]
    scale: float
    in_others: bool

    @classmethod
    def anywhere(cls, rng: Generator, in_front: bool) -> PassingObject:
        """A random one, independent of those of other views."""
        near = in_front and rng.random() < 0.12
        scale = rng.uniform(1.2, 1.8) if near else rng.uniform(0.3, 0.9)
        middle = np.array([0.5, 0.5]) if near else rng.uniform(0.0, 1.0, 2)
        return cls(in_front, near and rng.random() < 0.6, middle, scale, rng.random() < 0.85)


def add_passing_object(rng: Generator, view: View, stranger: Cutout, way: PassingObject) -> View:
    """Paste another object over the instance, or behind it.

    Args:
        stranger: the object.
        way: where it is, and whether it hides all of the instance.
    """
    size = view.truth.shape[0]
    high, wide = stranger.mask.shape
    matrix = random_affine(rng, (wide / 2, high / 2), PASSING_ANGLE, PASSING_SCALE, 0)
    matrix *= size * way.scale / max(high, wide)
    matrix[:, 2] += way.middle * size - matrix @ np.array([wide / 2, high / 2, 1])
    mask = cv2.warpAffine(stranger.mask, matrix, (size, size))
    frame = cv2.warpAffine(stranger.frame, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    if way.covers:
        mask = np.maximum(mask, cv2.dilate(view.truth, np.ones((9, 9), np.uint8)))
    shown = mask if way.in_front else mask * (1 - view.truth)
    alpha = cv2.GaussianBlur(shown, (0, 0), FEATHER)[..., None]
    patch = (frame * alpha + view.patch * (1 - alpha)).astype(np.uint8)
    truth = view.truth * (1 - shown)
    guide = view.guide
    hint = deform(rng, shown, 1.0)
    if way.in_front and not way.covers and rng.random() < FOLLOWED:
        guide = guide * (1 - deform(rng, mask, 1.0))
    flow = view.flow
    if view.moves:
        half = flow.shape[0]
        small = cv2.resize(shown, (half, half), interpolation=cv2.INTER_AREA)[..., None]
        motion = rng.normal(0, STIRRED, 2)
        noise = rng.normal(0, STIRRED_NOISE, flow.shape)
        stirred = np.array([*motion, np.hypot(*motion)], np.float32) + noise
        flow = (flow * (1 - small) + stirred * small).astype(np.float32)
    return replace(
        view,
        patch=patch,
        flow=flow,
        truth=truth,
        guide=guide,
        others=np.maximum(view.others * (1 - shown), hint) if way.in_others else view.others,
        others_truth=np.maximum(view.others_truth * (1 - shown), shown)
        if way.in_others
        else view.others_truth,
    )


def crossing(rng: Generator, steps: int, in_others: bool) -> list[PassingObject]:
    """The path of an object across the patch, by step; near the middle it may hide everything.

    Args:
        steps: number of views.
        in_others: see `PassingObject`.
    """
    in_front = rng.random() < 0.7
    near = in_front and rng.random() < 0.25
    scale = rng.uniform(1.0, 1.7) if near else rng.uniform(0.35, 1.0)
    start, end = rng.uniform(-0.1, 1.1, (2, 2))
    if near:
        start, end = np.array([0.5, 0.5]) + rng.uniform(-0.8, 0.8, 2) * [[1], [0]]
        if rng.random() < 0.5:
            start, end = end, start
    ways = []
    for share in np.linspace(0, 1, steps):
        middle = start + (end - start) * share
        hides = near and float(np.abs(middle - 0.5).max()) < 0.1 and rng.random() < 0.6
        ways.append(PassingObject(in_front, hides, middle, scale, in_others))
    return ways


def leaked(rng: Generator, view: View) -> View:
    """Let the guiding maps leak: a part of the other object goes to the instance's, or the reverse.

    Each pixel belongs to one of the two maps only.
    """
    guide, others = view.guide, view.others
    if rng.random() < CAUGHT:
        leak = random_part(rng, view.others_truth)
        guide, others = np.maximum(guide, leak), others * (1 - leak)
    if rng.random() < GIVEN:
        lost = random_part(rng, view.truth)
        guide, others = guide * (1 - lost), np.maximum(others, lost)
    # What has leaked is not exact any more, wherever it came from.
    return replace(view, guide=guide, others=others, near=0.0)


def mirror(view: View) -> View:
    """Flip a view left to right; the flow's x changes its sign."""
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
    """An empty view of the same size."""
    nothing = np.zeros_like(like.truth)
    return View(
        np.zeros_like(like.patch), np.zeros_like(like.flow), False, nothing, nothing, nothing, nothing
    )
