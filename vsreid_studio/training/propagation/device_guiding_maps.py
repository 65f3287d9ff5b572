"""What `guiding_maps` does to one map with OpenCV, for all maps of a step in torch.

How often and how strongly things happen is told there; here are no figures of their own. Choices and small
numbers come from NumPy, so that a batch follows from its generator; noise is drawn on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from . import batched, guiding_maps
from .batched import boxes, extent
from .guiding_maps import DEFORMATION

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
        """(N, 2, 3) affine matrices about (N, 2) centres, see `guiding_maps.random_affine`.

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


def deform(draw: Draw, maps: Tensor, strength: Any = 1.0) -> Tensor:
    """Maps as `guiding_maps.deform` makes them, of (N,) strengths."""
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
    """Holes in some maps, and pieces of background that they have caught, see `guiding_maps._blobs`."""
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
    """Maps as the flow carries exact ones over, see `guiding_maps.near_exact`."""
    box, _ = boxes(maps)
    wide, high = extent(box)
    most = (wide * high).sqrt() * guiding_maps.NEAR_FIELD
    x, y = draw.fields(most * draw.uniform(0, 1, len(maps)), guiding_maps.NEAR_CELLS, maps.shape)
    columns, rows = batched.pixels(maps.shape, maps.device)
    return batched.sampled(maps[:, None], columns + x, rows + y)[:, 0]


def coarse_guides(draw: Draw, maps: Tensor) -> Tensor:
    """Boxes and ellipses around instances, see `guiding_maps.coarse_guide`."""
    box, found = boxes(maps)
    wide, high = extent(box)
    most = guiding_maps.COARSE_OFF
    off = draw.uniform(-most, most, len(maps), 4) * torch.stack([wide, high, wide, high], 1)
    x0, y0, x1, y1 = (it[:, None, None] for it in (box + off).round().unbind(1))
    columns, rows = batched.pixels(maps.shape, maps.device)
    inside = (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
    axes = (torch.cat([x1 - x0, y1 - y0], 1)[:, :, 0] / 2).floor().clamp_min(1)
    middle = (torch.cat([x0 + x1, y0 + y1], 1)[:, :, 0] / 2).floor()
    rounds = batched.ellipses(maps.shape, middle, axes, torch.zeros_like(wide))
    chosen = draw.tensor(draw.chance(guiding_maps.COARSE_BOXES, len(maps)))[:, None, None] > 0
    return (torch.where(chosen, inside, rounds) & found[:, None, None]).float()


def template_guides(maps: Tensor, others: Tensor) -> Tensor:
    """Other masks laid into the instances' boxes, see `guiding_maps.template_guide`."""
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
    """Any of the guiding maps that N_mp must cope with, see `guiding_maps.guide`."""
    kind = draw.rng.random(len(maps))
    coarse, plain = kind < guiding_maps.COARSE, kind >= guiding_maps.TEMPLATE
    template = ~coarse & ~plain
    made, index = torch.zeros_like(maps), draw.index(plain)
    strength = np.where(kind[plain] < guiding_maps.MILD, 1.0, 2.0)
    made = made.index_copy(0, index, deform(draw, maps[index], strength))
    if coarse.any():
        index = draw.index(coarse)
        made = made.index_copy(0, index, coarse_guides(draw, maps[index]))
    if template.any():
        index = draw.index(template)
        made = made.index_copy(0, index, template_guides(maps[index], templates[index]))
    return made
