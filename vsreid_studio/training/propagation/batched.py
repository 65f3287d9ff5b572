"""Operations on batches of pictures and maps in torch: what `sample` and `patches` do one by one with OpenCV.

Maps are (N, H, W) float32 in [0, 1], pictures (N, 3, H, W) float32 in [0, 255]. Boxes are (N, 4) float32:
x0, y0, x1, y1 in whole pixels, half open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ...engine.nets.patches import LEAST_SIDE, MOST_ASPECT

Outside = Literal["zero", "nearest", "mirror"]
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation of JPEG's brightness at quality 50 (ITU-T T.81, table K.1)."""
_CHROMINANCE = ((17, 18, 24, 47), (18, 21, 26, 66), (24, 26, 56, 99), (47, 66, 99, 99))
"""That of its colours (table K.2), where it is not 99."""


def pixels(shape: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Columns and rows of all pixels of a (..., H, W) shape: (1, H, W) float32 each."""
    height, width = shape[-2:]
    rows = torch.arange(height, dtype=torch.float32, device=device)
    columns = torch.arange(width, dtype=torch.float32, device=device)
    return columns.expand(1, height, width), rows[:, None].expand(1, height, width)


def sampled(
    images: Tensor, x: Tensor, y: Tensor, outside: Outside = "zero", sizes: Tensor | None = None
) -> Tensor:
    """Images at places in pixels, bilinear.

    Args:
        images: (N, C, H, W).
        x, y: (N, h, w).
        outside: what there is: zero, the nearest pixel, or the image mirrored at its edges.
        sizes: (N, 2) height and width of each image, which may be less than H and W; None for all of it.

    Returns:
        (N, C, h, w).
    """
    height, width = images.shape[-2:]
    if outside != "zero":
        if sizes is None:
            sizes = torch.tensor([[height, width]], dtype=torch.float32, device=images.device)
        high, wide = (sizes[:, axis, None, None] for axis in (0, 1))
        if outside == "mirror":
            x, y = _mirrored(x, wide), _mirrored(y, high)
        x = torch.minimum(x.clamp_min(0), wide - 1)
        y = torch.minimum(y.clamp_min(0), high - 1)
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    return functional.grid_sample(images, grid, align_corners=False)


def _mirrored(x: Tensor, size: Tensor) -> Tensor:
    place = (x + 0.5).remainder(2 * size)
    return torch.minimum(place, 2 * size - place) - 0.5


def inverse(matrix: Tensor) -> Tensor:
    """Inverses of (N, 2, 3) affine matrices."""
    # Written out, as a GPU would wait for the CPU to check the result of a solver.
    (a, b, x), (c, d, y) = (row.unbind(1) for row in matrix.unbind(1))
    area = a * d - b * c
    rows = [torch.stack([d, -b, b * y - d * x], 1), torch.stack([-c, a, c * x - a * y], 1)]
    return torch.stack(rows, 1) / area[:, None, None]


def applied(linear: Tensor, vectors: Tensor) -> Tensor:
    """(N, 2, 2) matrices times (N, 2) vectors; in full precision, which matrix products have not on a GPU."""
    return (linear * vectors[:, None, :]).sum(2)


def placed(matrix: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Where (N, 2, 3) affine matrices lead from (N or 1, h, w) places."""
    m = matrix[:, :, :, None, None]
    return m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2], m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]


def smooth_fields(coarse: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Coarse (N, 2, n, n) displacements, enlarged smoothly: x and y, (N, height, width) each."""
    fine = functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=False)
    return fine[:, 0], fine[:, 1]


def boxes(maps: Tensor, threshold: float = 0.5) -> tuple[Tensor, Tensor]:
    """The tight boxes of what is above a threshold, and (N,) bool whether there is anything; else zeros."""
    inside = maps > threshold
    edges = []
    for axis, size in ((1, maps.shape[2]), (2, maps.shape[1])):
        there = inside.any(axis)
        numbers = torch.arange(size, device=maps.device)
        edges.append((torch.where(there, numbers, size).amin(1), torch.where(there, numbers, -1).amax(1) + 1))
    (x0, x1), (y0, y1) = edges
    found = x1 > 0
    box = torch.stack([x0, y0, x1, y1], 1).float()
    return torch.where(found[:, None], box, torch.zeros_like(box)), found


def extent(box: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of boxes, (N,) each."""
    return box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]


def patch_boxes(box: Tensor, sizes: Tensor, enlarge: Tensor) -> Tensor:
    """What to crop, see `patches.patch_box`.

    Args:
        sizes: (N, 2) height and width of the frames.
        enlarge: (N,).
    """
    grown = 1 + 2 * enlarge
    wide, high = (side * grown for side in extent(box))
    wide, high = (
        torch.maximum(wide, high / MOST_ASPECT).clamp_min(LEAST_SIDE),
        torch.maximum(high, wide / MOST_ASPECT).clamp_min(LEAST_SIDE),
    )
    x, y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
    edges = torch.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], 1).round()
    most = torch.stack([sizes[:, 1], sizes[:, 0]], 1).repeat(1, 2)
    return torch.minimum(edges.clamp_min(0), most)


def crops(images: Tensor, box: Tensor, side: int, high: int | None = None) -> Tensor:
    """Boxes of (N, C, H, W) images, resized to (N, C, high or side, side).

    Sampled at twice the size and averaged, so that nothing is skipped where it shrinks up to four times.
    """
    down = high or side
    columns, rows = pixels((2 * down, 2 * side), images.device)
    wide, tall = (it[:, None, None] for it in extent(box))
    x0, y0, x1, y1 = (box[:, axis, None, None] for axis in range(4))
    x = x0 + (columns + 0.5) * (wide / (2 * side)) - 0.5
    y = y0 + (rows + 0.5) * (tall / (2 * down)) - 0.5
    x = torch.minimum(torch.maximum(x, x0), x1 - 1)
    y = torch.minimum(torch.maximum(y, y0), y1 - 1)
    return functional.avg_pool2d(sampled(images, x, y), 2)


def dilated(maps: Tensor, radius: Tensor, most: int) -> Tensor:
    """Maps grown by nearly round elements of (N,) radii up to `most` pixels."""
    for step in range(most):
        if step % 2:
            grown = functional.max_pool2d(maps[:, None], 3, 1, 1)[:, 0]
        else:
            across = functional.max_pool2d(maps[:, None], (1, 3), 1, (0, 1))
            grown = torch.maximum(across, functional.max_pool2d(maps[:, None], (3, 1), 1, (1, 0)))[:, 0]
        maps = torch.where((radius > step)[:, None, None], grown, maps)
    return maps


def blurred(images: Tensor, sigma: Tensor, most: float) -> Tensor:
    """(N, C, H, W) images under Gaussians of (N,) sigmas up to `most` pixels, mirrored at the edges."""
    radius = min(max(1, math.ceil(3 * most)), min(images.shape[-2:]) - 1)
    steps = torch.arange(-radius, radius + 1, dtype=torch.float32, device=images.device)
    kernel = torch.exp(-0.5 * (steps / sigma[:, None]).square())
    kernel = kernel / kernel.sum(1, keepdim=True)
    return filtered(filtered(images, kernel[:, None, :]), kernel[:, :, None])


def filtered(images: Tensor, kernels: Tensor) -> Tensor:
    """Each of (N, C, H, W) images under its own of (N, h, w) kernels of odd sides, mirrored at the edges."""
    count, channels, height, width = images.shape
    down, across = kernels.shape[1] // 2, kernels.shape[2] // 2
    framed = functional.pad(images, (across, across, down, down), mode="reflect")
    flat = framed.reshape(1, count * channels, height + 2 * down, width + 2 * across)
    weight = kernels[:, None].repeat_interleave(channels, 0)
    return functional.conv2d(flat, weight, groups=count * channels).view(images.shape)


def ellipses(shape: torch.Size, middle: Tensor, axes: Tensor, angle: Tensor) -> Tensor:
    """(N, H, W) bool: inside ellipses of (N, 2) middles and half axes in pixels, turned by (N,) radians."""
    columns, rows = pixels(shape, middle.device)
    across, down = columns - middle[:, 0, None, None], rows - middle[:, 1, None, None]
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    u = (across * cos + down * sin) / axes[:, 0, None, None]
    v = (down * cos - across * sin) / axes[:, 1, None, None]
    return u.square() + v.square() <= 1


def flow_patches(flow: Tensor, box: Tensor, side: int) -> Tensor:
    """What the flow stream sees, see `patches.flow_patch`: (N, 3, side, side).

    Args:
        flow: (N, 2, h, w) in pixels at that size.
        box: in the same pixels.
    """
    patch = crops(flow, box, side)
    patch = patch - patch.flatten(2).median(2).values[:, :, None, None]
    wide, high = extent(box)
    patch = patch * (10 / torch.maximum(wide, high))[:, None, None, None]
    return torch.cat([patch, patch.norm(dim=1, keepdim=True)], 1).clamp(-3, 3)


def jpeg(pictures: Tensor, quality: Tensor) -> Tensor:
    """(N, 3, H, W) RGB in [0, 255] as JPEG of (N,) qualities leaves them, colours at half the size."""
    height, width = pictures.shape[-2:]
    framed = functional.pad(pictures, (0, -width % 16, 0, -height % 16), mode="replicate")
    red, green, blue = framed.unbind(1)
    bright = 0.299 * red + 0.587 * green + 0.114 * blue
    colours = torch.stack([0.564 * (blue - bright), 0.713 * (red - bright)], 1)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    fine = torch.tensor(_LUMINANCE, dtype=torch.float32, device=pictures.device)
    rough = torch.full_like(fine, 99)
    rough[:4, :4] = torch.tensor(_CHROMINANCE, dtype=torch.float32, device=pictures.device)
    bright = _quantised(bright[:, None] - 128, fine, scale)[:, 0] + 128
    small = _quantised(functional.avg_pool2d(colours, 2), rough, scale)
    first, second = functional.interpolate(
        small, scale_factor=2.0, mode="bilinear", align_corners=False
    ).unbind(1)
    red, blue = bright + second / 0.713, bright + first / 0.564
    green = (bright - 0.299 * red - 0.114 * blue) / 0.587
    return torch.stack([red, green, blue], 1)[..., :height, :width].clamp(0, 255)


def _quantised(planes: Tensor, table: Tensor, scale: Tensor) -> Tensor:
    """(N, C, H, W) planes after the rounding of the cosine transform of their 8 x 8 blocks."""
    count, channels, height, width = planes.shape
    steps = torch.arange(8, dtype=torch.float32, device=planes.device)
    waves = torch.cos((2 * steps + 1) * steps[:, None] * (math.pi / 16)) / 2
    waves[0] /= math.sqrt(2)
    blocks = planes.view(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    units = ((table * scale[:, None, None] + 50) / 100).floor().clamp(1, 255)[:, None, None, None]
    coded = (waves @ blocks @ waves.T / units).round() * units
    return (waves.T @ coded @ waves).transpose(3, 4).reshape(planes.shape)
