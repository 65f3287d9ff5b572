"""Temporal smoothing of propagated maps towards those of the neighbouring frames.

Each map was computed from the previous one alone. But two pixels that the flow maps to one another show the
same point, which lies on the instance in both frames or in neither. So the logit of each pixel is averaged
with those of its matches in the neighbouring frames, weighted by how well the frames match there. This is one
forward and one backward Gauss-Seidel sweep of a least-squares problem: exact masks at checkpoints spread, and
flicker is reduced.

Without it J&F on val-visible is .875 instead of .894; it takes some 5 ms a frame (docs/experiments.md).

The flow is the one with which the map was carried, and its inverse where a point goes on to. And it is done
at half the size, and what it changes is laid over the map: so it costs a fraction of what propagation takes.
Only for what a person has corrected, where both ends may be exact, the full size brings more. Frames of HD
and more are brought down to some 480 rows for it: the flow and the maps have no finer detail.

Maps are smoothed in blocks, counted from their checkpoint, each when the one after it has been reached. So
within a run the chain of masks never leads through a smoothed one, and a run that was cut short smooths as
one that was not. `Cell.smoothed` marks these, or every further run would smooth them again.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import groupby
from math import floor
from threading import Lock
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from ..algorithm.plan import Plan, Step
from ..algorithm.propagate import corrected
from ..algorithm.vsreid import Deferred, Work
from ..events import Change, Progress
from ..flow import FlowSource, places, warping_error
from ..nets.patches import inside, reduced
from ..parallel import side_by_side
from ..store.annotation import Annotation
from ..types import Box, Cell, CellKey, Flow, Frame, Maker, SoftMask
from ..video import Video
from .soft_aggregation import SURE, logits, probability

ALIKE = 0.1
"""Warping error at which a neighbour's weight has fallen to a third."""
BLUR = 2.0
"""Of the warping error, in pixels of a frame at 480p: a single pixel may match by chance."""
AROUND = 8
"""Pixels of a frame at 480p around a map and those beside it in which it may change."""
BLOCK = 16
"""Frames that are swept together: what links them is kept meanwhile."""
SHORT_SIDE = 480
"""Frames whose short side is at least twice as long are reduced by a whole number."""
_DRAWN_SIDE = 256
"""Of the patches from which the maps come, in pixels, see `patches.reduced`."""
_CACHE_BYTES = 16 * 2**20
"""Of frames, and of flows: enough for a block at 480p."""
_ROUNDS = 2
"""How often the inverse of a flow is improved."""


class Strength(NamedTuple):
    """How maps are smoothed.

    Attributes:
        shrink: pixels of a frame at 480p to one at which it is done, each way.
        pull: weight of a neighbouring frame where it is equal; the own map has 1.
    """

    shrink: int
    pull: float


USUAL = Strength(2, 5.0)
FULL_SIZE = Strength(1, 3.0)
"""Where both ends may be exact."""

Logits = NDArray[np.float32]


def unsmoothed_blocks(
    annotation: Annotation, instance: int, frames: Collection[int] | None = None
) -> list[range]:
    """Blocks of maps of an instance that were propagated and are not smoothed yet, ascending.

    Args:
        frames: only blocks that hold one of these, None for all.
    """
    row = annotation.row(instance)
    due = sorted(frame for frame, cell in row.items() if _is_unsmoothed(frame, cell))

    def place(numbered: tuple[int, int]) -> tuple[int, int, int]:
        """The same for neighbours in one block."""
        number, frame = numbered
        origin = row[frame].origin
        away = frame - origin
        return (frame - number, origin, away // abs(away) * ((abs(away) - 1) // BLOCK + 1))

    blocks = [[frame for _, frame in part] for _, part in groupby(enumerate(due), place)]
    found = [range(block[0], block[-1] + 1) for block in blocks]
    return [block for block in found if frames is None or any(frame in frames for frame in block)]


def finished_block(origin: int, frame: int) -> range:
    """The block that is complete behind a walk from `origin` which has just come to `frame`; mostly empty."""
    step = 1 if frame > origin else -1
    if frame == origin + step or (abs(frame - origin) - 1) % BLOCK:
        return range(0)
    return range(frame - BLOCK, frame) if step > 0 else range(frame + 1, frame + BLOCK + 1)


def _is_unsmoothed(frame: int, cell: Cell) -> bool:
    """Not what is joined: that was smoothed as a whole, or with smoothing switched off."""
    carried = cell.made_by is Maker.PROPAGATION and cell.origin != frame and cell.second is None
    return carried and not cell.smoothed and cell.mask.box.area > 0


def change_unless_edited(
    annotation: Annotation, instance: int, before: Mapping[int, Cell], after: Mapping[int, Cell]
) -> Change | None:
    """The change to the cells `after`; None if one of `before` is not in its place any more."""
    if any(annotation.get(frame, instance) is not cell for frame, cell in before.items()):
        return None
    return annotation.set_cells(
        "propagate", {CellKey(frame, instance): cell for frame, cell in after.items()}
    )


class MapSmoother(Protocol):
    """Draws maps of one instance together, see `Smoother.smooth`."""

    def smooth(
        self, maps: Mapping[int, SoftMask], frames: Sequence[int], step: int
    ) -> Generator[None, None, dict[int, SoftMask]]:
        """The maps of `frames`, smoothed."""
        ...


class TemporalSmoothing:
    """Smooths the blocks behind a walk, and what is left when a plan is done."""

    def __init__(self, usual: MapSmoother, careful: MapSmoother | None = None) -> None:
        """`careful`: for instances that a person has corrected, the usual one if None."""
        self._usual = usual
        self._careful = careful

    def after_step(self, annotation: Annotation, plan: Plan, step: Step) -> Work:
        """Smooth the blocks that the step has completed, but not what is to be fused."""
        for instance, origin in step.origins.items():
            done = finished_block(origin, step.target)
            if done and not any(k == instance and step.target in gap for k, gap in plan.gaps):
                yield from self._rest(annotation, instance, done)

    def after_span(self, annotation: Annotation, plan: Plan, deferred: Deferred) -> Work:
        """Smooth what is not smooth yet."""
        for instance in plan.instances:
            yield from self._rest(annotation, instance, plan.frames)

    def _rest(self, annotation: Annotation, instance: int, frames: Collection[int] | None) -> Work:
        for block in unsmoothed_blocks(annotation, instance, frames):
            yield from self._block(annotation, instance, block)

    def _block(self, annotation: Annotation, instance: int, block: range) -> Work:
        """Smooth a block beside what came from the same checkpoint, unless a person draws there meanwhile."""
        around = range(block.start - 1, block.stop + 1)
        before = {frame: cell for frame in around if (cell := annotation.get(frame, instance)) is not None}
        origin = before[block.start].origin
        kin = {frame: cell for frame, cell in before.items() if cell.origin == origin}
        step = 1 if block.start > origin else -1
        after = yield from self.cells(annotation, instance, kin, block, step)
        change = change_unless_edited(annotation, instance, before, after)
        if change is not None:
            annotation.apply(change)
            yield change

    def cells(
        self, annotation: Annotation, instance: int, cells: Mapping[int, Cell], frames: range, step: int
    ) -> Generator[Progress, None, dict[int, Cell]]:
        """Smooth the maps of `frames`; the other cells are those beside them that have a say."""
        smoother = self._usual
        if self._careful is not None and corrected(annotation, instance):
            smoother = self._careful
        steps = smoother.smooth({frame: cell.mask for frame, cell in cells.items()}, frames, step)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found: dict[int, SoftMask] = end.value
                break
            yield Progress("smoothing", 0, 1, frames[0], instance)
        return {frame: replace(cells[frame], mask=found[frame], smoothed=True) for frame in frames}


class _Link(NamedTuple):
    """What leads from the region of one frame to a frame beside it.

    Attributes:
        frame: the one beside.
        x, y: (h, w) float32, where each pixel comes from there.
        weight: (h, w) float32, how far to trust that.
    """

    frame: int
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    weight: NDArray[np.float32]


class Smoother:
    """Smooths maps of one video; the frames and flows of a block serve all instances in it.

    Attributes:
        strength: how much.
        unit: pixels of the frame to one at some 480p, each way.
        shrink: pixels of the frame to one at the size of here, each way.
        size: (height, width) of the frames at the size of here.
    """

    def __init__(self, video: Video, source: FlowSource, strength: Strength = USUAL) -> None:
        self._video = video
        self.strength = strength
        self.unit = max(1, min(video.height, video.width) // SHORT_SIDE)
        self.shrink = strength.shrink * self.unit
        self.size = max(1, video.height // self.shrink), max(1, video.width // self.shrink)
        self._source = source
        self._pictures: LRUCache[int, Frame] = LRUCache(_CACHE_BYTES, getsizeof=lambda it: it.nbytes)
        self._flows: LRUCache[tuple[int, int], Flow] = LRUCache(_CACHE_BYTES, getsizeof=lambda it: it.nbytes)
        self._lock = Lock()

    def smooth(
        self, maps: Mapping[int, SoftMask], frames: Sequence[int], step: int
    ) -> Generator[None, None, dict[int, SoftMask]]:
        """Smooth the maps of one instance.

        Args:
            maps: those of `frames`, and any beside them that are to have a say.
            frames: ascending, each the neighbour of the one before.
            step: 1 where the maps were propagated forward, -1 where back: of that flow there is some already.

        Yields:
            now and then, so that one may stop.

        Returns:
            the maps of `frames`; one that is empty stays so, and has no say in others.
        """
        there = {frame: mask for frame, mask in maps.items() if mask.box.area}
        for start in range(0, len(frames), BLOCK):
            yield
            block = [frame for frame in frames[start : start + BLOCK] if frame in there]
            there.update(zip(block, _Sweep(self, there, block, step).run(), strict=True))
        return {frame: there.get(frame, maps[frame]) for frame in frames}

    def picture(self, frame: int) -> Frame:
        """A frame at the size of here; a last row or column that does not fill a pixel is left out."""
        with self._lock:
            found = self._pictures.get(frame)
            if found is None:
                height, width = self.size
                whole = self._video.frame(frame)[: height * self.shrink, : width * self.shrink]
                small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
                found = np.asarray(small, np.uint8)
                if found.nbytes <= self._pictures.maxsize:
                    self._pictures[frame] = found
            return found

    def flow(self, frame: int, beside: int) -> Flow:
        """From one frame to the other at the size of here."""
        with self._lock:
            found = self._flows.get((frame, beside))
            if found is None:
                found = self._source.between(frame, beside).resized(*self.size)
                if found.nbytes <= self._flows.maxsize:
                    self._flows[frame, beside] = found
            return found


class _Sweep:
    """One block of frames; all at the size of here."""

    def __init__(
        self, whole: Smoother, maps: Mapping[int, SoftMask], block: Sequence[int], step: int
    ) -> None:
        self._whole, self._maps, self._block, self._step = whole, maps, block, step
        self._beside = {frame: [n for n in (frame - 1, frame + 1) if n in maps] for frame in block}
        self._regions = {
            frame: self._region([frame, *self._beside.get(frame, ())])
            for frame in {*block, *(n for beside in self._beside.values() for n in beside)}
        }

    def run(self) -> list[SoftMask]:
        """The maps of the block."""
        around = list(self._regions)
        own = dict(zip(around, side_by_side(self._logits, around), strict=True))
        links = dict(zip(self._block, side_by_side(self._links, self._block), strict=True))
        now = dict(own)
        for frame in (*self._block, *reversed(self._block)):
            total, weights = own[frame].copy(), np.ones_like(own[frame])
            for link in links[frame]:
                x0, y0 = self._regions[link.frame].x0, self._regions[link.frame].y0
                total += link.weight * _sampled(now[link.frame], link.x - x0, link.y - y0)
                weights += link.weight
            now[frame] = total / weights
        return side_by_side(lambda frame: self._drawn(frame, now[frame] - own[frame]), self._block)

    def _region(self, frames: Sequence[int]) -> Box:
        """Where the map of the first may change."""
        box = reduce(Box.union, [self._maps[frame].box for frame in frames])
        shrink, around = self._whole.shrink, AROUND * self._whole.unit
        grown = Box(
            (box.x0 - around) // shrink,
            (box.y0 - around) // shrink,
            (box.x1 + around) // shrink,
            (box.y1 + around) // shrink,
        )
        return grown.clip(*self._whole.size)

    def _full(self, region: Box) -> Box:
        """The region in pixels of the frame."""
        shrink = self._whole.shrink
        return Box(region.x0 * shrink, region.y0 * shrink, region.x1 * shrink, region.y1 * shrink)

    def _logits(self, frame: int) -> Logits:
        region, shrink = self._regions[frame], self._whole.strength.shrink
        size = region.height * shrink, region.width * shrink
        found = inside(self._maps[frame], self._full(region), size)
        return logits(cv2.resize(found, (region.width, region.height), interpolation=cv2.INTER_AREA))

    def _links(self, frame: int) -> list[_Link]:
        region = self._regions[frame]
        return [self._link(frame, beside, region) for beside in self._beside[frame]]

    def _link(self, frame: int, beside: int, region: Box) -> _Link:
        whole, picture = self._whole, self._whole.picture(beside)
        if frame - beside == self._step:
            flow = whole.flow(frame, beside)[region.slices]
        else:
            flow = _inverse(whole.flow(beside, frame), region)
        x, y = places(flow, region)
        warped = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        off = warping_error(
            np.ascontiguousarray(whole.picture(frame)[region.slices]), warped.astype(np.uint8, copy=False)
        )
        shrink, pull = whole.strength
        # At 480p, whatever the size of the frame is.
        weight = pull * np.exp(-cv2.GaussianBlur(off, (0, 0), BLUR / shrink) / ALIKE)
        return _Link(beside, x, y, weight.astype(np.float32, copy=False))

    def _drawn(self, frame: int, change: Logits) -> SoftMask:
        """The map with the change laid over; what of the frame `picture` leaves out has none."""
        mask, full = self._maps[frame], self._full(self._regions[frame])
        whole = mask.box.union(full)
        size = reduced(whole, _DRAWN_SIDE)
        found = logits(inside(mask, whole, size))
        part = _scaled(full.shifted(-whole.x0, -whole.y0), size[0] / whole.height, size[1] / whole.width)
        found[part.slices] += cv2.resize(change, (part.width, part.height), interpolation=cv2.INTER_LINEAR)
        return SoftMask.enlarged(probability(found), whole)


def _scaled(box: Box, down: float, across: float) -> Box:
    """The nearest one in an array of another size, at least a pixel wide and high."""
    x0, y0 = floor(box.x0 * across), floor(box.y0 * down)
    return Box(x0, y0, max(x0 + 1, round(box.x1 * across)), max(y0 + 1, round(box.y1 * down)))


def _inverse(flow: Flow, region: Box) -> Flow:
    """Inside a region, the flow that leads back: f(x) = -flow(x + f(x)), found by iteration."""
    found = -flow[region.slices]
    for _ in range(_ROUNDS):
        x, y = places(found, region)
        found = -cv2.remap(flow, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _sampled(values: Logits, x: NDArray[np.float32], y: NDArray[np.float32]) -> Logits:
    """Bilinear; off the instance outside."""
    return np.asarray(
        cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=-SURE),
        np.float32,
    )
