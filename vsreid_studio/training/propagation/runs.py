"""Short runs of frames for N_mp: what a real run remembers, and frames that follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...engine.flow import warp, warp_frame
from ...engine.nets.patches import LEAST_SIDE, crop, patch_box
from ...engine.nets.propagation import nearness
from ...engine.types import Box, Flow, Frame, Probability
from ..clips import FLOW_SCALE, Clip, Still, degrade, relight
from . import guiding_maps
from .sample import Cutout, View, add_passing_object, blank, crossing, leaked, mirror
from .views import ViewMaker

MEMORIES = 2
"""Views of a run that are remembered with their exact masks: the template, and what else is known."""


RUN_FRAMES = 4
"""Frames of a run that follow one another, where nothing else is asked for."""
EXACT = 0.5
"""Share of the runs that begin beside a checkpoint, guided by an exact mask."""
NEARLY = 0.35
"""Share of the views of stills whose guiding map is nearly exact."""
DEGRADED = (4.0, 20.0)
"""How many steps from its checkpoint a map that is not exact may be."""
RUN_MARGIN = (0.2, 0.35)
"""Growth of the box of a frame's patch on each side, relative to its size."""
AGAIN, AGAIN_NEAR = 0.3, 15
"""Share of the runs that remember the instance twice, and the largest distance of that frame from the run."""
IN_OTHERS, REMEMBERED, LEAKED = 0.85, 0.85, 0.55
"""Share of the strangers that are in the other instances' channel, of these the share that is remembered, and
of these the share whose map has leaked."""
PORTRAIT = (1.2, 1.6)
"""Side of the patch that shows a stranger alone, relative to the stranger's longer side."""
WINDOW, SEEN = (0.35, 1.1), 0.1
"""In a truncated run: the sides of the part of the frame that is left, relative to the object's box, and the
least share of that part which the object covers."""
STRANGERS, GROUNDS, DECOYS = 0.7, 0.5, 0.2
"""Defaults of `RunMaker`."""
UNLIT, KNOWN_LIGHT, STEP_LIGHT = 0.3, 1.0, 0.5
"""Share of the views whose light stays, and the strength of the change for memories and for steps."""


@dataclass(frozen=True, eq=False)
class Run:
    """One instance through some frames.

    Attributes:
        known: `MEMORIES` views. The first shows the instance; the second shows it again, as a person's
            correction would, or shows a stranger that passes later, or is blank.
        second: whether the second is not blank.
        steps: the frames that follow one another.
        paths: for every step but the first, (S / 2, S / 2, 2) float32: where each of its pixels was in the
            patch before, x and y from -1 to 1 (`grid_sample`).
        linked: whether there are such paths; zeros stand in for them.
    """

    known: tuple[View, View]
    second: bool
    steps: list[View]
    paths: list[NDArray[np.float32]]
    linked: bool

    @property
    def views(self) -> list[View]:
        """All of them, what is known first."""
        return [*self.known, *self.steps]


class _Placed(NamedTuple):
    view: View
    box: Box


class _Carried(NamedTuple):
    """A map that the flow has carried into a frame.

    Attributes:
        guide: (H, W) float32.
        flow: leads to where it comes from, at half size.
        before: the frame where it comes from, carried along.
        near: see `View.near`.
    """

    guide: Probability
    flow: Flow
    before: Frame
    near: float


class RunMaker(ViewMaker):
    """Makes runs out of annotated pictures; every run follows from its random generator alone.

    Attributes:
        steps: frames of a run that follow one another.
        strangers: share of the runs through which a stranger passes.
        grounds: share of the runs of stills that get another still's ground.
        decoys: share of the views of stills whose guiding map lies on something else than the instance.
        truncated: share of the runs of sequences in which the edge of the frame truncates the object, which
            comes near or goes away until it is larger than what is left of the frame.
    """

    def __init__(
        self,
        stills: Sequence[Still],
        clips: Sequence[Clip],
        size: int,
        steps: int = RUN_FRAMES,
        strangers: float = STRANGERS,
        grounds: float = GROUNDS,
        decoys: float = DECOYS,
        truncated: float = 0.0,
    ) -> None:
        super().__init__(stills, clips, size, views=steps + 1)
        self.steps = steps
        self.strangers = strangers
        self.grounds = grounds
        self.decoys = decoys
        self.truncated = truncated

    def still_run(self, rng: Generator) -> Run:
        """A run of one still under independent warps: only the memory connects its steps."""
        made = self._still_views(rng)
        nothing = np.zeros((self.size // 2, self.size // 2, 2), np.float32)
        return self._passed(
            rng, Run((made[0], blank(made[0])), False, made[1:], [nothing] * (self.steps - 1), False)
        )

    def clip_run(self, rng: Generator) -> Run:
        """A run of a sequence's frames, one to five apart, in either direction; its template is any frame."""
        clip = self.clips[int(rng.integers(len(self.clips)))]
        frames = run_frames(rng, len(clip.frames), self.steps)
        template = int(rng.integers(len(clip.frames)))
        if not np.any(clip.labels[template]):
            template = frames[0]
        known = self._look(rng, clip, template).view
        placed: list[_Placed] = []
        paths = []
        begins_exact = rng.random() < EXACT
        # No number is drawn without such runs, so that all others stay the same.
        truncated = self.truncated > 0 and rng.random() < self.truncated
        windows = _windows(rng, clip, frames[1:]) if truncated else None
        for number, frame in enumerate(frames[1:]):
            degraded = number > 0 or not begins_exact
            carried = _carried(rng, clip, frame, frames[number], degraded)
            placed.append(self._look(rng, clip, frame, carried, windows[number] if windows else None))
            if number:
                flow = clip.flow(frame, frames[number])
                paths.append(_path(flow, placed[-1].box, placed[-2].box, self.size // 2))
        second = blank(known)
        again = rng.random() < AGAIN
        if again:
            near = int(
                np.clip(frames[0] + rng.integers(-AGAIN_NEAR, AGAIN_NEAR + 1), 0, len(clip.frames) - 1)
            )
            second = self._look(rng, clip, near).view
        return self._passed(rng, Run((known, second), again, [it.view for it in placed], paths, True))

    def _look(
        self,
        rng: Generator,
        clip: Clip,
        frame: int,
        carried: _Carried | None = None,
        window: Box | None = None,
    ) -> _Placed:
        """A patch of a frame, guided by a map that the flow has carried there, or by its own exact mask.

        Args:
            window: as much of the frame as there is, None for all of it.
        """
        truth = (clip.labels[frame] > 0).astype(np.float32)
        guide, flow = (truth, None) if carried is None else (carried.guide, carried.flow)
        height, width = truth.shape
        tight = Box.around(guide > 0.5) or Box.around(truth > 0.5) or Box(0, 0, width, height)
        box = patch_box(tight, height, width, float(rng.uniform(*RUN_MARGIN)))
        if window is not None:
            common = box.intersect(window)
            box = common if min(common.width, common.height) >= LEAST_SIDE else window
        nothing = np.zeros_like(truth)
        moving = None if flow is None else -flow
        picture = np.asarray(clip.frames[frame])
        view = self._cropped(picture, truth, nothing, guide, nothing, moving, box)
        if carried is not None:
            before = crop(carried.before, box, self.size).astype(np.uint8, copy=False)
            view = replace(view, before=before, near=carried.near)
        return _Placed(view, box)

    def _passed(self, rng: Generator, run: Run) -> Run:
        """What happens to runs of either kind: a stranger passes, the light changes, all is mirrored."""
        if rng.random() < self.strangers:
            run = self._crossed(rng, run)
        mirrored = rng.random() < 0.5
        lit = (
            [self._lit(rng, view, KNOWN_LIGHT) for view in run.known],
            [self._lit(rng, view, STEP_LIGHT) for view in run.steps],
        )
        known, steps = ([mirror(view) if mirrored else view for view in views] for views in lit)
        paths = [_mirrored(path) if mirrored else path for path in run.paths]
        return replace(run, known=(known[0], known[1]), steps=steps, paths=paths)

    @staticmethod
    def _lit(rng: Generator, view: View, strength: float) -> View:
        if rng.random() < UNLIT:
            return view
        # The frame before lies in the same light.
        light = int(rng.integers(2**32))
        patch, before = (
            None if picture is None else relight(np.random.default_rng(light), picture, strength)
            for picture in (view.patch, view.before)
        )
        assert patch is not None
        return replace(view, patch=degrade(rng, patch), before=before)

    def _crossed(self, rng: Generator, run: Run) -> Run:
        """A stranger goes across the steps, in front or behind; mostly one that is remembered, too.

        In half of the runs in which it is remembered the maps have been mixed up already: what tells the
        two apart is how they look. So no twin passes there.
        """
        in_others = rng.random() < IN_OTHERS
        remembered = in_others and rng.random() < REMEMBERED
        mixed = remembered and rng.random() < LEAKED
        stranger = self.cutout(rng) if mixed else self._stranger(rng, run.steps)
        ways = crossing(rng, len(run.steps), in_others)
        steps = [
            add_passing_object(rng, view, stranger, way) for view, way in zip(run.steps, ways, strict=True)
        ]
        if mixed:
            steps = [leaked(rng, view) for view in steps]
        if remembered:
            known = run.known[0], self._portrait(rng, stranger)
            return replace(run, known=known, second=True, steps=steps)
        return replace(run, steps=steps)

    def _portrait(self, rng: Generator, stranger: Cutout) -> View:
        """The stranger alone, as another instance that is remembered: nothing of this one is there."""
        high, wide = stranger.mask.shape
        side = round(max(high, wide) * rng.uniform(*PORTRAIT))
        ground = self.cutout(rng).frame
        frame = cv2.resize(ground, (side, side), interpolation=cv2.INTER_LINEAR)
        mask = np.zeros((side, side), np.float32)
        y, x = (side - high) // 2, (side - wide) // 2
        mask[y : y + high, x : x + wide] = stranger.mask
        alpha = stranger.mask[..., None]
        part = frame[y : y + high, x : x + wide]
        frame[y : y + high, x : x + wide] = stranger.frame * alpha + part * (1 - alpha)
        nothing = np.zeros_like(mask)
        return self._cropped(frame, nothing, mask, nothing, mask, None, Box(0, 0, side, side))

    def _still_views(self, rng: Generator) -> list[View]:
        still = self.stills[int(rng.integers(len(self.stills)))]
        instance = int(rng.choice(still.instances))
        other = rng.random() < self.grounds
        ground = self.stills[int(rng.integers(len(self.stills)))] if other else None
        scenes = [self.scene(rng, still, instance, ground) for _ in range(self.steps + 1)]
        made = []
        for number, (frame, truth, others) in enumerate(scenes):
            if number and rng.random() < self.decoys:
                made.append(self._decoy(rng, scenes[0][1]))
                continue
            if number == 0:
                guide = truth
            elif rng.random() < NEARLY:
                guide = guiding_maps.near_exact(rng, truth)
            else:
                guide = guiding_maps.guide(rng, truth, scenes[0][1])
            hint = guiding_maps.deform(rng, others) if others.any() else others
            box = self._box(rng, guide, truth)
            made.append(self._cropped(frame, truth, others, guide, hint, None, box))
        return made

    def _decoy(self, rng: Generator, template: Probability) -> View:
        """Another object that a guiding map points at, as after a wrong retrieval: nothing is to be found."""
        still = self.stills[int(rng.integers(len(self.stills)))]
        frame, other, _ = self.scene(rng, still, int(rng.choice(still.instances)), None)
        nothing = np.zeros_like(other)
        guide = guiding_maps.guide(rng, other, template)
        box = self._box(rng, guide, nothing)
        return replace(self._cropped(frame, nothing, nothing, guide, nothing, None, box), decoy=True)


def run_frames(rng: Generator, length: int, steps: int) -> list[int]:
    """The frame before a run and those of the run."""
    most = max(1, min(5, (length - 1) // steps))
    apart = min(most, int(rng.choice([1, 2, 3, 5], p=[0.5, 0.25, 0.15, 0.1])))
    first = int(rng.integers(length - apart * steps))
    frames = [first + apart * number for number in range(steps + 1)]
    return frames[::-1] if rng.random() < 0.5 else frames


def _windows(rng: Generator, clip: Clip, frames: Sequence[int]) -> list[Box] | None:
    """The part that is left of each of some frames; None where too little of the object would be in one."""
    first, last = rng.uniform(*WINDOW, size=2)
    sides = np.linspace(first, last, len(frames))
    along, down = rng.uniform(0.15, 0.85, size=2)
    windows = []
    for frame, side in zip(frames, sides, strict=True):
        truth = clip.labels[frame] > 0
        box = Box.around(truth)
        if box is None:
            return None
        x, y = box.x0 + along * box.width, box.y0 + down * box.height
        wide, high = side * max(box.width, box.height / 2), side * max(box.height, box.width / 2)
        window = Box(round(x - wide / 2), round(y - high / 2), round(x + wide / 2), round(y + high / 2)).clip(
            *truth.shape
        )
        if min(window.width, window.height) < LEAST_SIDE or truth[window.slices].mean() < SEEN:
            return None
        windows.append(window)
    return windows


def _carried(rng: Generator, clip: Clip, target: int, source: int, degraded: bool) -> _Carried:
    """The mask of frame `source`, warped by the flow into frame `target`.

    Args:
        degraded: as a run may have had it; else exact, as beside a checkpoint.
    """
    flow = clip.flow(target, source)
    mask = (clip.labels[source] > 0).astype(np.float32)
    height, width = mask.shape
    if degraded:
        small = cv2.resize(mask, flow.shape[1::-1], interpolation=cv2.INTER_AREA)
        small = guiding_maps.deform(rng, small, 1.0 if rng.random() < guiding_maps.MILD else 2.0)
        mask = cv2.resize(guiding_maps.degraded(rng, small), (width, height), interpolation=cv2.INTER_LINEAR)
    full = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * FLOW_SCALE
    before = warp_frame(np.asarray(clip.frames[source]), full, Box(0, 0, width, height))
    return _Carried(warp(mask, full), flow, before, nearness(rng.uniform(*DEGRADED) if degraded else 1))


def _path(flow: NDArray[np.float32], box: Box, before: Box, side: int) -> NDArray[np.float32]:
    """Where the pixels of a patch were in the patch at `before`, in the frame that `flow` leads to."""
    x = box.x0 + (np.arange(side, dtype=np.float32) + 0.5) * (box.width / side)
    y = box.y0 + (np.arange(side, dtype=np.float32) + 0.5) * (box.height / side)
    columns, rows = np.meshgrid(x, y)
    moved = cv2.remap(
        flow,
        columns / FLOW_SCALE - 0.5,
        rows / FLOW_SCALE - 0.5,
        cv2.INTER_LINEAR,
        None,
        cv2.BORDER_REPLICATE,
    )
    moved = moved * FLOW_SCALE
    across = (columns + moved[..., 0] - before.x0) / before.width * 2 - 1
    down = (rows + moved[..., 1] - before.y0) / before.height * 2 - 1
    return np.stack([across, down], axis=2).astype(np.float32)


def _mirrored(path: NDArray[np.float32]) -> NDArray[np.float32]:
    return path[:, ::-1] * np.array([-1, 1], np.float32)
