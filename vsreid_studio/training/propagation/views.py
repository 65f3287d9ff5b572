"""Groups of views for N_mp: patches of one instance under different circumstances, each with its guiding map.

The views of a group serve each other as memory, so that each patch goes through the trunk once only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...engine.flow import warp
from ...engine.nets.patches import crop, flow_patch, patch_box
from ...engine.types import Box, Frame, Probability
from ..clips import FLOW_SCALE, Clip, Still, degrade, relight
from . import guiding_maps, sample
from .sample import Cutout, PassingObject, View, add_passing_object, mirror

T = TypeVar("T")


@dataclass(frozen=True)
class StillWarp:
    """Probabilities and limits of the warps of a still.

    Lengths are relative to the square root of the area of the instance's box.

    Attributes:
        angle, scale, shift, shear: limits of the affine part: degrees, logarithm of the factor, relative
            length, and a number.
        warped, cells, field: probability of a smooth displacement field, its grid, and the limit of its
            strength.
    """

    angle: float = 18
    scale: float = 0.28
    shift: float = 0.12
    shear: float = 0.12
    warped: float = 0.7
    cells: int = 4
    field: float = 0.035


STILL_WARP = StillWarp()
OTHER_GROUNDS = 0.5
"""Share of the groups of stills on the background of another still."""
GROUND_ANGLE, GROUND_SCALE, GROUND_SHIFT = 5, 0.2, 0.1
"""Limits of that background's rotation in degrees, the logarithm of its scale, and its shift relative to the
width."""
NEAR, NEAR_FRAMES = 0.4, 12
"""Share of a group's frames that are near the first one, and the largest distance of these."""
FROM_BEFORE = 0.7
"""Probability that a frame's guiding map comes from the frame before, and not from the one after."""
UNCARRIED = 0.14
"""Share of the guiding maps in sequences that were not warped by the flow, as in recovery."""
MARGIN = (0.12, 0.4)
"""Growth of the box of a patch on each side, relative to its size."""
PASSED, SEEN, IN_FRONT = 0.55, 0.75, 0.7
"""Share of the groups with a stranger, of their views that show it, and probability that it is in front."""
TWINS = 0.3
"""Share of the strangers that are copies of the instance."""
FROM_CLIPS = 0.4
"""Share of the other strangers that come from sequences."""
LIT = 0.8
"""Share of the views whose light and sharpness are changed."""


class ViewMaker:
    """Makes groups of views out of annotated pictures; every group follows from its random generator alone.

    Attributes:
        size: side of the patches, in pixels.
        views: views in a group.
    """

    def __init__(self, stills: Sequence[Still], clips: Sequence[Clip], size: int, views: int = 3) -> None:
        self.stills = stills
        self.clips = clips
        self.size = size
        self.views = views

    def still_group(self, rng: Generator) -> list[View]:
        """Views of one still under random warps, in half of the cases on the background of another still."""
        still = _any(rng, self.stills)
        instance = int(rng.choice(still.instances))
        ground = _any(rng, self.stills) if rng.random() < OTHER_GROUNDS else None
        scenes = [self.scene(rng, still, instance, ground) for _ in range(self.views)]
        made = []
        for number, (frame, truth, others) in enumerate(scenes):
            template = scenes[number - 1][1]
            guide = guiding_maps.guide(rng, truth, template)
            hint = guiding_maps.deform(rng, others) if others.any() else others
            box = self._box(rng, guide, truth)
            made.append(self._cropped(frame, truth, others, guide, hint, None, box))
        return self._finish(rng, made)

    def clip_group(self, rng: Generator) -> list[View]:
        """Views of a sequence's frames, each guided by a neighbour's mask that was warped by the flow."""
        clip = _any(rng, self.clips)
        chosen = group_frames(rng, len(clip.frames), self.views)
        made = [self._clip_view(rng, clip, frame, chosen[n - 1]) for n, frame in enumerate(chosen)]
        return self._finish(rng, made)

    def _clip_view(self, rng: Generator, clip: Clip, target: int, template: int) -> View:
        source = guiding_frame(rng, target, len(clip.frames))
        truth = (clip.labels[target] > 0).astype(np.float32)
        flow = clip.flow(target, source)
        height, width = flow.shape[:2]
        if rng.random() < UNCARRIED:
            guide = guiding_maps.guide(rng, truth, (clip.labels[template] > 0).astype(np.float32))
        else:
            small = cv2.resize(
                (clip.labels[source] > 0).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
            )
            small = guiding_maps.deform(rng, small, 1.0 if rng.random() < guiding_maps.MILD else 2.0)
            guide = cv2.resize(warp(small, flow), truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
        nothing = np.zeros_like(truth)
        box = self._box(rng, guide, truth)
        return self._cropped(np.asarray(clip.frames[target]), truth, nothing, guide, nothing, -flow, box)

    def scene(
        self, rng: Generator, still: Still, instance: int, ground: Still | None
    ) -> tuple[Frame, Probability, Probability]:
        """Warp a still at random.

        Args:
            still: the picture.
            instance: number of the instance.
            ground: a still to whose picture the background is changed; None for its own.

        Returns:
            the frame, (H, W, 3) uint8 RGB, the instance's mask and the others' masks, (H, W) float32 each.
        """
        mask = still.labels == instance
        box = Box.around(mask) or Box(0, 0, mask.shape[1], mask.shape[0])
        side = float(np.sqrt(box.area))
        height, width = mask.shape
        centre = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
        by = STILL_WARP
        matrix = guiding_maps.random_affine(rng, centre, by.angle, by.scale, by.shift * side, by.shear)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        grid = np.stack([columns, rows], axis=2) @ matrix[:, :2].T.astype(np.float32)
        grid += matrix[:, 2].astype(np.float32)
        if rng.random() < by.warped:
            grid += guiding_maps.smooth_field(rng, height, width, by.cells, by.field * side * rng.random())
        frame = cv2.remap(still.frame, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        truth = cv2.remap(mask.astype(np.float32), grid, None, cv2.INTER_LINEAR)
        rest = ((still.labels > 0) & ~mask).astype(np.float32)
        others = cv2.remap(rest, grid, None, cv2.INTER_LINEAR) if rest.any() else np.zeros_like(truth)
        if ground is not None:
            turn = ground_matrix(rng, (height, width), ground.frame.shape[:2])
            behind = cv2.warpAffine(ground.frame, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
            alpha = cv2.GaussianBlur(truth, (0, 0), sample.FEATHER)[..., None]
            frame = (frame * alpha + behind * (1 - alpha)).astype(np.uint8)
            others = np.zeros_like(truth)
        return frame.astype(np.uint8, copy=False), truth, others

    def _box(self, rng: Generator, guide: Probability, truth: Probability) -> Box:
        """A patch around the guide's box, as propagation takes it."""
        height, width = truth.shape
        box = Box.around(guide > 0.5) or Box.around(truth > 0.5) or _anywhere(rng, height, width)
        box = patch_box(box, height, width, float(rng.uniform(*MARGIN)))
        return Box(0, 0, width, height) if box.width < 8 or box.height < 8 else box

    def _cropped(
        self,
        frame: Frame,
        truth: Probability,
        others: Probability,
        guide: Probability,
        hint: Probability,
        flow: NDArray[np.float32] | None,
        box: Box,
    ) -> View:
        half = self.size // 2
        if flow is None:
            moving = np.zeros((half, half, 3), np.float32)
        else:
            small = Box(*(v // FLOW_SCALE for v in (box.x0, box.y0, box.x1, box.y1))).clip(*flow.shape[:2])
            moving = flow_patch(flow[small.slices], small, half)
        maps = (crop(image, box, self.size) for image in (guide, hint, truth, others))
        guide, hint, truth, others = (np.clip(part, 0, 1).astype(np.float32) for part in maps)
        patch = crop(frame, box, self.size).astype(np.uint8, copy=False)
        return View(patch, moving, flow is not None, guide, hint, truth, others)

    def _finish(self, rng: Generator, views: list[View]) -> list[View]:
        """What happens to patches of either kind: a stranger passes, the light changes, all is mirrored."""
        if rng.random() < PASSED:
            stranger = self._stranger(rng, views)
            in_front = rng.random() < IN_FRONT
            views = [
                add_passing_object(rng, view, stranger, PassingObject.anywhere(rng, in_front))
                if rng.random() < SEEN
                else view
                for view in views
            ]
        mirrored = rng.random() < 0.5
        done = []
        for view in views:
            patch = degrade(rng, relight(rng, view.patch)) if rng.random() < LIT else view.patch
            lit = replace(view, patch=patch)
            done.append(mirror(lit) if mirrored else lit)
        return done

    def _stranger(self, rng: Generator, views: Sequence[View]) -> Cutout:
        """Anything, or a twin of the instance itself: what tells twins apart is the guiding map alone."""
        model = _any(rng, views)
        box = Box.around(model.truth > 0.5)
        if box is None or rng.random() > TWINS:
            return self.cutout(rng)
        return Cutout(model.patch[box.slices], np.ascontiguousarray(model.truth[box.slices]))

    def cutout(self, rng: Generator) -> Cutout:
        """An object of a still or of a clip's frame."""
        if self.clips and rng.random() < FROM_CLIPS:
            clip = _any(rng, self.clips)
            number = rng.integers(len(clip.frames))
            frame, mask = np.asarray(clip.frames[number]), clip.labels[number] > 0
        else:
            still = _any(rng, self.stills)
            frame, mask = still.frame, still.labels == rng.choice(still.instances)
        box = Box.around(mask) or Box(0, 0, mask.shape[1], mask.shape[0])
        return Cutout(frame[box.slices], mask[box.slices].astype(np.float32))


def group_frames(rng: Generator, length: int, views: int) -> list[int]:
    """Random frames for the views of a group, some of them near the first one.

    Args:
        length: number of frames of the sequence.
        views: number of frames to choose.
    """
    first = int(rng.integers(length))
    near = rng.integers(-NEAR_FRAMES, NEAR_FRAMES + 1, views - 1) + first
    far = rng.integers(0, length, views - 1)
    chosen = np.where(rng.random(views - 1) < NEAR, near, far).clip(0, length - 1)
    return [first, *(int(number) for number in chosen)]


def guiding_frame(rng: Generator, target: int, length: int) -> int:
    """The neighbour of frame `target` whose mask guides it, in a sequence of `length` frames."""
    return target - 1 if target and (rng.random() < FROM_BEFORE or target == length - 1) else target + 1


def ground_matrix(rng: Generator, size: tuple[int, ...], ground: tuple[int, ...]) -> NDArray[np.float64]:
    """A random (2, 3) affine matrix from a background picture to a still, at least as large as the still.

    Args:
        size, ground: (height, width) of the still and of the background picture.
    """
    height, width = size
    matrix = guiding_maps.random_affine(
        rng, (width / 2, height / 2), GROUND_ANGLE, GROUND_SCALE, GROUND_SHIFT * width
    )
    matrix[:, :2] *= max(width / ground[1], height / ground[0])
    return matrix


def _any(rng: Generator, items: Sequence[T]) -> T:
    return items[int(rng.integers(len(items)))]


def _anywhere(rng: Generator, height: int, width: int) -> Box:
    wide, high = rng.integers(40, width // 2 + 1), rng.integers(40, height // 2 + 1)
    x, y = rng.integers(0, width - wide + 1), rng.integers(0, height - high + 1)
    return Box(int(x), int(y), int(x + wide), int(y + high))
