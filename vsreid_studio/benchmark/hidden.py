"""Clips in which one object is wholly hidden for a while: a textured panel slides over it and away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.types import Box, Frame, LabelMap


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


class UnfitError(Exception):
    """No clip can be made of a sequence; the message says why."""


class Gap(NamedTuple):
    """Frames first to last, both included, in which an instance is wholly out of sight."""

    instance: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkClip:
    """A made clip with its truth.

    Attributes:
        frames: (H, W, 3) uint8 RGB each.
        labels: (H, W) uint8 each, 0 background, 1.. instances.
    """

    frames: tuple[Frame, ...]
    labels: tuple[LabelMap, ...]

    def gaps(self) -> list[Gap]:
        """By instance, then time; what precedes an instance's first appearance is no gap."""
        runs: list[Gap] = []
        for instance in range(1, max(int(label.max()) for label in self.labels) + 1):
            seen = [number for number, label in enumerate(self.labels) if (label == instance).any()]
            ends = [*seen[1:], len(self.labels)]
            runs += [Gap(instance, a + 1, b - 1) for a, b in zip(seen, ends, strict=True) if b - a > 1]
        return runs


CONTEXT = 10
"""Frames before and after the gap: enough to learn the object and to find it again."""
MARGIN = 0.12
"""How far the panel reaches beyond the object on each side, as a share of the object's box, plus 6 pixels."""
SHOWN = 0.1
"""Share of the object seen in the frames next to the gap, so that the gap is as long as was asked for."""
MAX_SHARE = 0.85
"""A panel larger than this share of the frame would leave no scene to look at."""


@dataclass(frozen=True)
class _Course:
    """Where the panel is: one size for the whole clip, and a centre for every frame it is in.

    Attributes:
        width, height: of the panel, in pixels.
        first: the first frame the panel is in.
        centres: (n, 2) float64 x, y of its centre in the frames first, first + 1, ...
    """

    width: int
    height: int
    first: int
    centres: NDArray[np.float64]

    def box(self, frame: int) -> Box | None:
        """The panel in one frame, which may reach outside it; None before and after its time."""
        step = frame - self.first
        if not 0 <= step < len(self.centres):
            return None
        return _box(self.centres[step], self.width, self.height)


def _box(centre: NDArray[np.float64], width: int, height: int) -> Box:
    """The box of that size around a centre, whole pixels."""
    x0, y0 = round(float(centre[0]) - width / 2), round(float(centre[1]) - height / 2)
    return Box(x0, y0, x0 + width, y0 + height)


@dataclass(frozen=True)
class GapPlan:
    """How an object gets lost in a clip.

    Attributes:
        length: frames in which it is wholly out of sight.
        slide: frames that it takes to go, and to come back.
        seed: fixes all that is drawn at random.
    """

    length: int = 20
    slide: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.slide < 1 or self.length < 1:
            raise ValueError("the gap and the slide take at least one frame each")


USUAL_GAP = GapPlan()


def hide(
    frames: Sequence[Frame],
    masks: Sequence[NDArray[np.bool_]],
    gap_start: int | None = None,
    *,
    plan: GapPlan = USUAL_GAP,
    shown: Sequence[Frame] = (),
    labels: Sequence[LabelMap] | None = None,
) -> BenchmarkClip:
    """Hide the object of a sequence for a while behind a panel that follows it.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        masks: (H, W) bool each, the object's visible pixels.
        gap_start: first frame in which the object is wholly hidden; None draws it from the frames that
            leave ten on either side.
        plan: of the gap; its seed fixes texture, course and gap.
        shown: what the panel shows instead of a texture, (h, w, 3) uint8 RGB, one after another in turn.
        labels: (H, W) uint8 each, the clip's instances where nothing is hidden; None for the object alone.

    Returns:
        The clip; its labels are `labels`, or the object's mask as instance 1, without the panel's pixels.

    Raises:
        UnfitError: the sequence is too short, or the object fills it or is not there around the gap.
    """
    rng = np.random.default_rng(plan.seed)
    start = gap_begin(masks, gap_start, plan, rng)
    course = _course(masks, start, plan.length, plan.slide, rng)
    size = course.width, course.height
    panels = [np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)) for picture in shown]
    panels = panels or [paint(frames[start], masks[start], course.height, course.width, rng)]
    pictures, left = [], []
    for number, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
        place = course.box(number)
        picture, label = frame.copy(), mask.astype(np.uint8) if labels is None else labels[number].copy()
        if place is not None:
            inside = place.clip(*mask.shape)
            part = Box(inside.x0 - place.x0, inside.y0 - place.y0, inside.x1 - place.x0, inside.y1 - place.y0)
            if inside.area:
                shade(picture, place)
                picture[inside.slices] = panels[(number - course.first) % len(panels)][part.slices]
                label[inside.slices] = 0
        pictures.append(picture)
        left.append(label)
    return BenchmarkClip(tuple(pictures), tuple(left))


def gap_begin(
    masks: Sequence[NDArray[np.bool_]],
    wanted: int | None,
    plan: GapPlan,
    rng: np.random.Generator,
) -> int:
    """The gap's first frame: as wanted, else drawn where the object is seen right before and after.

    Args:
        masks: (H, W) bool each.
        plan: of the gap.

    Raises:
        UnfitError: there is no such frame.
    """
    length, context = plan.length, max(CONTEXT, plan.slide + 1)
    seen = np.array([mask.any() for mask in masks])
    last = len(masks) - length - context
    starts = range(context, last + 1) if wanted is None else [wanted] if context <= wanted <= last else []
    if not len(starts):
        raise UnfitError(f"{len(masks)} frames leave no {context} before and after a gap of {length}")
    if not seen[0]:
        raise UnfitError("the object is not in the first frame")
    fit = [i for i in starts if seen[i - context : i].all() and seen[i + length : i + length + context].all()]
    if not fit:
        raise UnfitError("the object is not seen all the time around any gap")
    return int(rng.choice(fit))


def _course(
    masks: Sequence[NDArray[np.bool_]], start: int, length: int, slide: int, rng: np.random.Generator
) -> _Course:
    """A rigid panel that covers the object throughout the gap, from and to the nearest borders."""
    height, width = masks[0].shape
    gap = [Box.around(masks[i]) for i in range(start, start + length)]
    near = Box.around(masks[start - 1]) or Box(0, 0, width, height)
    boxes = np.array([[b.x0, b.y0, b.x1, b.y1] for b in (box or near for box in gap)], np.float64)
    extent = boxes[:, 2:] - boxes[:, :2]
    margin = MARGIN * extent + 6
    size = np.ceil((extent + 2 * margin).max(axis=0)).astype(int)
    if size[0] * size[1] > MAX_SHARE * height * width:
        raise UnfitError("the object fills the frame")
    # Every centre between `low` and `high` covers the object; the smoothed course keeps to them.
    low, high = boxes[:, 2:] + margin - size / 2, boxes[:, :2] - margin + size / 2
    centres = averaged((boxes[:, :2] + boxes[:, 2:]) / 2).clip(low, high)
    arrival = _outside(centres[0], size, height, width, rng)
    leaving = _outside(centres[-1], size, height, width, rng)
    path = [
        _slide(arrival, centres[0], size, masks[start - 1], slide),
        centres,
        _slide(leaving, centres[-1], size, masks[start + length], slide)[::-1],
    ]
    return _Course(int(size[0]), int(size[1]), start - slide, np.concatenate(path))


def averaged(track: NDArray[np.float64], reach: int = 4) -> NDArray[np.float64]:
    """A (n, 2) track averaged over 2 x reach + 1 frames."""
    padded = np.pad(track, ((reach, reach), (0, 0)), mode="edge")
    window = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    return np.asarray(window.mean(axis=-1), np.float64)


def box_centres(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """(n, 2) x, y of the middle of each mask's box; that of the frame before where a mask is empty."""
    found: list[tuple[float, float]] = []
    for mask in masks:
        box = Box.around(mask)
        found.append(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) if box else found[-1])
    return np.array(found)


def _outside(
    centre: NDArray[np.float64], size: NDArray[np.int_], height: int, width: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A place just out of the frame, straight through one of the two borders nearest to `centre`."""
    x, y = centre
    half_x, half_y = size / 2
    places = np.array([[-half_x, y], [width + half_x, y], [x, -half_y], [x, height + half_y]])
    nearest = np.argsort(np.abs(places - centre).sum(axis=1))
    return np.asarray(places[nearest[rng.integers(2)]], np.float64)


def _slide(
    outside: NDArray[np.float64],
    inside: NDArray[np.float64],
    size: NDArray[np.int_],
    mask: NDArray[np.bool_],
    steps: int,
) -> NDArray[np.float64]:
    """(steps, 2) centres on the way in, evenly spaced, the last of which still shows some of `mask`."""
    for part in np.linspace(steps / (steps + 1), 0, 20):
        ways = np.linspace(part / steps, part, steps)[:, None]
        path = np.asarray(outside + ways * (inside - outside), np.float64)
        place = _box(path[-1], *size).clip(*mask.shape)
        if mask.sum() - mask[place.slices].sum() >= SHOWN * mask.sum():
            break
    return path
