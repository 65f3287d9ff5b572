"""How the panel of `hidden` looks: like a thing of the scene, never a plain colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.types import Box, Frame


def paint(frame: Frame, mask: NDArray[np.bool_], height: int, width: int, rng: np.random.Generator) -> Frame:
    """A panel for a scene: a piece of the scene itself, else painted boards, with a rim.

    Args:
        frame: (H, W, 3) uint8 RGB of the scene.
        mask: (H, W) bool, the object, which must not be on the panel.
        height, width: of the panel, in pixels.
        rng: draws all that is free.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    texture = None
    if rng.random() < 0.5:
        texture = _scenery(frame, mask, height, width, rng)
    if texture is None:
        texture = _boards(frame, height, width, rng)
    light = np.linspace(1.08, 0.86, height, dtype=np.float32)[:, None, None]
    texture = texture * light + rng.normal(0, 2.5, texture.shape).astype(np.float32)
    # A rim, lit from above, makes it a thing rather than a hole in the picture.
    rim = max(2, round(0.012 * (height + width)))
    texture[:rim] *= 1.25
    texture[-rim:] *= 0.6
    texture[:, :rim] *= 0.75
    texture[:, -rim:] *= 0.75
    return texture.clip(0, 255).astype(np.uint8)


def _scenery(
    frame: Frame, mask: NDArray[np.bool_], height: int, width: int, rng: np.random.Generator
) -> NDArray[np.float32] | None:
    """A piece of the frame without the object, stretched to (height, width, 3) float32 and mirrored.

    None when the object leaves no piece of at least half that height and width.
    """
    for scale in (1.0, 0.75, 0.5):
        h, w = round(height * scale), round(width * scale)
        if h > mask.shape[0] or w > mask.shape[1]:
            continue
        sums = cv2.integral(mask.astype(np.uint8))
        inside = sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]
        rows, columns = np.nonzero(inside == 0)
        if rows.size:
            pick = int(rng.integers(rows.size))
            y, x = int(rows[pick]), int(columns[pick])
            piece = cv2.resize(frame[y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_LINEAR)
            tint = rng.uniform(0.8, 1.05, 3)
            return np.asarray(piece[::-1, ::-1] * tint, np.float32)
    return None


def _boards(frame: Frame, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Upright boards with grain, in colours of the scene: (height, width, 3) float32."""
    count = int(rng.integers(4, 9))
    pixels = frame.reshape(-1, 3)
    base = pixels[rng.integers(len(pixels), size=2)].mean(axis=0) * 0.6 + rng.uniform(40, 130, 3) * 0.5
    noise = rng.normal(0, 1, (max(2, height // 24), width)).astype(np.float32)
    grain = cv2.GaussianBlur(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), (3, 3), 0)
    place = np.arange(width) * count / width
    board = place.astype(int)
    tone = rng.uniform(0.75, 1.2, count)[board]
    gap = np.where(np.abs(place - np.round(place)) * width / count < 1.5, 0.45, 1.0)
    gap[board == 0] = np.maximum(gap[board == 0], 0.8)
    picture = base * (tone * gap)[None, :, None] + 14 * grain[..., None]
    return np.asarray(picture, np.float32)


def shade(picture: Frame, place: Box) -> None:
    """Darken, in place, what lies just around the panel: its soft shadow."""
    reach = max(3, round(0.03 * min(place.width, place.height)))
    around = Box(place.x0 - reach, place.y0, place.x1 + reach, place.y1 + 2 * reach)
    seen = around.clip(*picture.shape[:2])
    if not seen.area:
        return
    dark = np.zeros((around.height, around.width), np.float32)
    dark[reach:-reach, reach:-reach] = 0.45
    shadow = cv2.GaussianBlur(dark, (0, 0), reach / 2)
    part = Box(seen.x0 - around.x0, seen.y0 - around.y0, seen.x1 - around.x0, seen.y1 - around.y0)
    picture[seen.slices] = (picture[seen.slices] * (1 - shadow[part.slices][..., None])).astype(np.uint8)
