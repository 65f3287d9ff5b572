"""Where a person starts to click: a picture, what they want, and the mask that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..engine.flow import FlowField
from ..engine.types import Box, Click, Frame, Probability, SoftMask
from .clips import Clip, Still, degrade, read_labels, relight
from .propagation import guiding_maps
from .propagation.sample import FEATHER, Cutout
from .propagation.views import ViewMaker

LEAST_AREA = 60
"""Of a truth, in pixels."""
LEAST_SHARE, MOST_SHARE = 0.3, 0.92
"""IoU of the engine's own masks that are corrected."""
SEVERAL = 0.35
"""Share of the stills that show several instances."""
BESIDE, HALVED = 0.35, 0.43
"""Cumulative shares of samples: another object is pasted beside the instance; the instance is cut in two, of
which one is another instance."""
BESIDE_SIZE, BESIDE_ANGLE, LEAST_VISIBLE = (0.5, 1.4), 20, 0.4
"""Longer side of what is pasted, as a share of the instance's; its greatest rotation in degrees; and how much
of the instance must stay visible in front of which it is pasted."""
TOLD, TOLD_ROUGHLY = 0.75, 0.5
"""Share of the samples with other instances whose masks are given, and of these, those given roughly."""
FLOW, TRUSTED, TRUSTED_STILLS = 0.75, 0.6, 0.3
"""Share of the frames with flow, of those with a trusted frame, and of the stills with one."""


_CROSS = np.ones((3, 3), np.uint8)


class Trusted(NamedTuple):
    """Another frame, (H, W, 3) uint8 RGB, with the instance's mask, (H, W) float32."""

    frame: Frame
    mask: Probability


class _Scene(NamedTuple):
    """A picture and what a person wants of it.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        truth: (H, W) float32.
        drifted: (H, W) float32, a mask that is not right.
        others: (H, W) float32, the other instances.
        flow: (h, w, 2), to a neighbour, in pixels of its own size, or None.
        trusted: or None.
    """

    frame: Frame
    truth: Probability
    drifted: Probability
    others: Probability
    flow: NDArray[np.float32] | None
    trusted: Trusted | None

    def mirrored(self) -> _Scene:
        """Left and right exchanged."""
        frame, truth, drifted, others = (_flipped(one) for one in self[:4])
        flow = None if self.flow is None else _flipped(self.flow) * np.array([-1, 1], np.float32)
        known = self.trusted
        trusted = None if known is None else Trusted(_flipped(known.frame), _flipped(known.mask))
        return _Scene(frame, truth, drifted, others, flow, trusted)


@dataclass(frozen=True, eq=False)
class Sample:
    """The start of a session of clicks.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        truth: (H, W) bool.
        present: the mask that is there, None for none.
        clicks: made before.
        box: drawn around the instance, or None.
        others: the other instances' masks that are known, as one.
        flow: to a neighbouring frame, or None.
        trusted: another frame with the instance's mask, or None.
    """

    frame: Frame
    truth: NDArray[np.bool_]
    present: SoftMask | None
    clicks: tuple[Click, ...]
    box: Box | None
    others: tuple[SoftMask, ...] = ()
    flow: FlowField | None = None
    trusted: Trusted | None = None


class SampleMaker:
    """Makes samples out of annotated pictures; each follows from its random generator alone.

    Attributes:
        stills, clips: the pictures.
        own: for each clip's name the engine's masks by frame, see `read_own`; may be empty.
        corrections: share of the samples that begin with a mask.
    """

    def __init__(
        self,
        stills: Sequence[Still],
        clips: Sequence[Clip],
        own: dict[str, dict[int, list[Path]]],
        corrections: float = 0.52,
    ) -> None:
        self.stills = stills
        self.clips = clips
        self.own = own
        self.corrections = corrections
        self._several = [still for still in stills if len(still.instances) > 1]
        self._views = ViewMaker(stills, clips, 0)

    def sample(self, rng: Generator, still: bool) -> Sample:
        """One of a still, or of a clip's frame."""
        while True:
            scene = self._beside_others(rng, self._still(rng) if still else self._frame(rng))
            if np.count_nonzero(scene.truth > 0.5) >= LEAST_AREA:
                break
        if rng.random() < 0.6:
            scene = scene._replace(frame=degrade(rng, relight(rng, scene.frame)))
        if rng.random() < 0.5:
            scene = scene.mirrored()
        made = _started(rng, scene.frame, scene.truth > 0.5, scene.drifted, self.corrections)
        others: tuple[SoftMask, ...] = ()
        if scene.others.any() and rng.random() < TOLD:
            told = scene.others
            if rng.random() < TOLD_ROUGHLY:
                told = guiding_maps.deform(rng, told, 0.5)
            others = (SoftMask.from_dense(told),)
        flow = None if scene.flow is None else FlowField(scene.flow, *scene.truth.shape)
        return replace(made, others=others, flow=flow, trusted=scene.trusted)

    def _still(self, rng: Generator) -> _Scene:
        several = self._several if rng.random() < SEVERAL and self._several else self.stills
        still = several[int(rng.integers(len(several)))]
        instance = int(rng.choice(still.instances))
        trusted = None
        ground = self.stills[int(rng.integers(len(self.stills)))] if rng.random() < 0.3 else None
        if several is self._several:
            ground = None
        if ground is None and rng.random() < 0.4:
            frame, soft = still.frame, (still.labels == instance).astype(np.float32)
            others = ((still.labels > 0) & (still.labels != instance)).astype(np.float32)
        else:
            frame, soft, others = self._views.scene(rng, still, instance, ground)
        if rng.random() < TRUSTED_STILLS:
            elsewhere, mask, _ = self._views.scene(rng, still, instance, None)
            trusted = Trusted(degrade(rng, relight(rng, elsewhere)), mask)
        return _Scene(frame, soft, guiding_maps.guide(rng, soft, soft), others, None, trusted)

    def _frame(self, rng: Generator) -> _Scene:
        clip = self.clips[int(rng.integers(len(self.clips)))]
        number, drifted = self._drifted(rng, clip)
        truth = (clip.labels[number] > 0).astype(np.float32)
        flow = trusted = None
        if rng.random() < FLOW:
            last = len(clip.frames) - 1
            neighbour = number + 1 if number == 0 or (number < last and rng.random() < 0.7) else number - 1
            flow = clip.flow(number, neighbour)
        if rng.random() < TRUSTED:
            other = int(rng.integers(len(clip.frames)))
            mask = (clip.labels[other] > 0).astype(np.float32)
            if other != number and mask.any():
                trusted = Trusted(np.asarray(clip.frames[other]), mask)
        nothing = np.zeros_like(truth)
        return _Scene(np.asarray(clip.frames[number]), truth, drifted, nothing, flow, trusted)

    def _beside_others(self, rng: Generator, scene: _Scene) -> _Scene:
        """In some scenes another object is pasted beside the instance, or a part of it is another one."""
        chosen = rng.random()
        if chosen < BESIDE:
            return _pasted(rng, scene, self._views.cutout(rng))
        return _halved(rng, scene) if chosen < HALVED else scene

    def _drifted(self, rng: Generator, clip: Clip) -> tuple[int, Probability]:
        """The number of a frame, and a mask that is not right there."""
        number = int(rng.integers(len(clip.frames)))
        if self.own.get(clip.name) and rng.random() < 0.8:
            # A few frames are tried: most masks of a run are nearly right and teach little.
            for _ in range(5):
                truth = clip.labels[number] > 0
                masks = self.own[clip.name].get(number, [])
                if masks:
                    made = read_labels(masks[int(rng.integers(len(masks)))]) > 0
                    share = (made & truth).sum() / max(1, (made | truth).sum())
                    if LEAST_SHARE < share < MOST_SHARE:
                        return number, made.astype(np.float32)
                number = int(rng.integers(len(clip.frames)))
        soft = (clip.labels[number] > 0).astype(np.float32)
        if rng.random() < 0.5:
            # A mask that has stayed behind.
            other = int(np.clip(number + rng.integers(-6, 7), 0, len(clip.frames) - 1))
            return number, guiding_maps.deform(rng, (clip.labels[other] > 0).astype(np.float32))
        return number, guiding_maps.guide(rng, soft, soft)


def _flipped(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array[:, ::-1])


def _pasted(rng: Generator, scene: _Scene, other: Cutout) -> _Scene:
    """The scene with another object that touches the instance: in front of it, or behind."""
    truth = scene.truth
    rows, columns = np.nonzero(cv2.morphologyEx((truth > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, _CROSS))
    box = Box.around(truth > 0.5)
    if box is None or not len(rows):
        return scene
    chosen = int(rng.integers(len(rows)))
    size = rng.uniform(*BESIDE_SIZE) * max(box.width, box.height)
    middle = np.array([columns[chosen], rows[chosen]]) + rng.normal(0, 0.25, 2) * size
    high, wide = other.mask.shape
    matrix = guiding_maps.random_affine(rng, (wide / 2, high / 2), BESIDE_ANGLE, 0, 0)
    matrix *= size / max(high, wide)
    matrix[:, 2] += middle - matrix @ np.array([wide / 2, high / 2, 1])
    extent = truth.shape[::-1]
    mask = cv2.warpAffine(other.mask, matrix, extent)
    picture = cv2.warpAffine(other.frame, matrix, extent, borderMode=cv2.BORDER_REPLICATE)
    left = float((truth * (1 - mask)).sum())
    in_front = bool(rng.random() < 0.5) and left >= LEAST_VISIBLE * float(truth.sum())
    shown = mask if in_front else mask * (1 - truth)
    alpha = cv2.GaussianBlur(shown, (0, 0), FEATHER)[..., None]
    frame = (picture * alpha + scene.frame * (1 - alpha)).astype(np.uint8)
    flow = scene.flow
    if flow is not None:
        small = cv2.resize(shown, flow.shape[1::-1], interpolation=cv2.INTER_AREA)[..., None]
        flow = (flow * (1 - small) + rng.normal(0, 3, 2).astype(np.float32) * small).astype(np.float32)
    drifted = scene.drifted
    if rng.random() < 0.5:
        # The mask has gone over to a part of what is beside it.
        drifted = np.maximum(drifted, shown * guiding_maps.random_part(rng, shown))
    others = np.maximum(scene.others * (1 - shown), shown)
    return scene._replace(frame=frame, truth=truth * (1 - shown), drifted=drifted, others=others, flow=flow)


def _halved(rng: Generator, scene: _Scene) -> _Scene:
    """The scene with a part of the instance as another one: only clicks and the other's mask tell."""
    part = guiding_maps.random_part(rng, scene.truth) * scene.truth
    rest = scene.truth * (1 - part)
    if min(part.sum(), rest.sum()) < 0.15 * scene.truth.sum():
        return scene
    trusted = None  # It would show the whole.
    return scene._replace(truth=rest, others=np.maximum(scene.others, part), trusted=trusted)


def read_own(folder: Path, clips: Sequence[Clip]) -> dict[str, dict[int, list[Path]]]:
    """Masks that the engine itself made: `<folder>/*/<sequence>/NNNNN.png`, by sequence and frame."""
    found: dict[str, dict[int, list[Path]]] = {}
    for clip in clips:
        for path in sorted(folder.glob(f"*/{clip.name}/*.png")):
            found.setdefault(clip.name, {}).setdefault(int(path.stem), []).append(path)
    return found


def _started(
    rng: Generator, frame: Frame, truth: NDArray[np.bool_], drifted: Probability, corrections: float
) -> Sample:
    """Draw what is there already: nothing, a box, some clicks, or a mask that is not right."""
    kind = rng.random() * 0.48 if rng.random() >= corrections else 1.0
    if kind < 0.34:
        return Sample(frame, truth, None, (), None)
    if kind < 0.40:
        return Sample(frame, truth, None, (), _loose_box(rng, truth))
    if kind < 0.48:
        return Sample(frame, truth, None, _some_clicks(rng, truth, np.zeros_like(truth)), None)
    clicks = _some_clicks(rng, truth, drifted > 0.5) if rng.random() < 0.5 else ()
    return Sample(frame, truth, SoftMask.from_dense(drifted), clicks, None)


def _loose_box(rng: Generator, truth: NDArray[np.bool_]) -> Box:
    """The instance's box as a person draws it."""
    box = Box.around(truth)
    assert box is not None
    off = rng.normal(0, 0.05, 4) * (box.width, box.height, box.width, box.height)
    x0, y0, x1, y1 = (round(v) for v in np.array([box.x0, box.y0, box.x1, box.y1]) + off)
    return Box(min(x0, x1 - 2), min(y0, y1 - 2), max(x1, x0 + 2), max(y1, y0 + 2)).clip(*truth.shape)


def _some_clicks(rng: Generator, truth: NDArray[np.bool_], present: NDArray[np.bool_]) -> tuple[Click, ...]:
    """Up to six earlier clicks: inside the instance, and around it or on what is there wrongly."""
    inner = cv2.erode(truth.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    inside = inner if inner.any() else truth
    box = Box.around(truth)
    assert box is not None
    near = np.zeros_like(truth)
    near[box.enlarge(0.3).clip(*truth.shape).slices] = True
    outside = (near | present) & ~cv2.dilate(truth.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    clicks = []
    for number in range(int(rng.integers(1, 7))):
        adds = number == 0 or bool(rng.random() < 0.5) or not outside.any()
        rows, columns = np.nonzero(inside if adds else outside)
        chosen = int(rng.integers(len(rows)))
        clicks.append(Click(float(columns[chosen]), float(rows[chosen]), adds))
    return tuple(clicks)
