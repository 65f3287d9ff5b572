"""Where a person starts to click: a picture, what they want, and the mask that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..engine.types import Box, Click, Frame, Probability, SoftMask
from .clips import Clip, Still, degrade, read_labels, relight
from .propagation import guiding_maps
from .propagation.views import ViewMaker

LEAST_AREA = 60
"""Of a truth, in pixels."""
LEAST_SHARE, MOST_SHARE = 0.3, 0.92
"""IoU of the engine's own masks that are corrected."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The start of a session of clicks.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        truth: (H, W) bool.
        present: the mask that is there, None for none.
        clicks: made before.
        box: drawn around the instance, or None.
    """

    frame: Frame
    truth: NDArray[np.bool_]
    present: SoftMask | None
    clicks: tuple[Click, ...]
    box: Box | None


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
        self._views = ViewMaker(stills, clips, 0)

    def sample(self, rng: Generator, still: bool) -> Sample:
        """One of a still, or of a clip's frame."""
        while True:
            frame, truth, drifted = self._still(rng) if still else self._frame(rng)
            if truth.sum() >= LEAST_AREA:
                break
        if rng.random() < 0.6:
            frame = degrade(rng, relight(rng, frame))
        if rng.random() < 0.5:
            frame, truth = np.ascontiguousarray(frame[:, ::-1]), np.ascontiguousarray(truth[:, ::-1])
            drifted = np.ascontiguousarray(drifted[:, ::-1])
        return _started(rng, frame, truth, drifted, self.corrections)

    def _still(self, rng: Generator) -> tuple[Frame, NDArray[np.bool_], Probability]:
        still = self.stills[int(rng.integers(len(self.stills)))]
        instance = int(rng.choice(still.instances))
        ground = self.stills[int(rng.integers(len(self.stills)))] if rng.random() < 0.3 else None
        if ground is None and rng.random() < 0.4:
            frame, soft = still.frame, (still.labels == instance).astype(np.float32)
        else:
            frame, soft, _ = self._views.scene(rng, still, instance, ground)
        return frame, soft > 0.5, guiding_maps.guide(rng, soft, soft)

    def _frame(self, rng: Generator) -> tuple[Frame, NDArray[np.bool_], Probability]:
        clip = self.clips[int(rng.integers(len(self.clips)))]
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
                        return np.asarray(clip.frames[number]), truth, made.astype(np.float32)
                number = int(rng.integers(len(clip.frames)))
        truth = clip.labels[number] > 0
        if rng.random() < 0.5:
            # A mask that has stayed behind.
            other = int(np.clip(number + rng.integers(-6, 7), 0, len(clip.frames) - 1))
            drifted = guiding_maps.deform(rng, (clip.labels[other] > 0).astype(np.float32))
        else:
            drifted = guiding_maps.guide(rng, truth.astype(np.float32), truth.astype(np.float32))
        return np.asarray(clip.frames[number]), truth, drifted


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
