"""The steps along frames that fill what checkpoints are due, see `territory`.

Two checkpoints that a person drew or approved are fused (`bidirectional_fusion`): the earlier one is carried
all the way to the later, then that one all the way back by itself. When it has arrived, the maps of both are
joined; a run cut short before begins the way back anew. All maps are smoothed, see `temporal_smoothing`.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ...config import PropagationConfig
from ..events import Change, Progress
from ..extensions.bidirectional_fusion import fuse_gap
from ..extensions.temporal_smoothing import Smoothing, finished_block, smooth_block, unsmoothed_blocks
from ..store.annotation import Annotation, closer
from ..types import Cell, CellKey, Prediction, SoftMask
from .protocols import MaskPropagation
from .territory import around, territory

Work: TypeAlias = Generator[Progress | Change, None, None]
"""Steps that ask nothing."""


def stale_after(annotation: Annotation, key: CellKey) -> tuple[CellKey, ...]:
    """The cells, by frame, that were derived from this one and lose their ground when its map changes."""
    row = annotation.row(key.instance)
    return tuple(
        CellKey(frame, key.instance)
        for frame in sorted(row)
        if frame != key.frame and key.frame in (row[frame].origin, row[frame].second)
    )


def edit(annotation: Annotation, label: str, cells: Mapping[CellKey, Cell | None]) -> Change:
    """Put cells in place (None removes) and drop, in the same step, what is stale after it.

    c alone does not tell that a checkpoint has been drawn anew. So every edit by a person goes through here:
    the next sweep finds the dropped cells missing and computes them from what is there then.

    Returns:
        the change, not yet applied.
    """
    dropped: dict[CellKey, Cell | None] = {}
    for key, cell in cells.items():
        old = annotation.get(*key)
        kept = cell is not None and cell.origin == key.frame and old is not None and cell.mask.same(old.mask)
        if not kept:
            dropped.update(dict.fromkeys(stale_after(annotation, key)))
    return annotation.set_cells(label, {**dropped, **cells})


@dataclass
class Walker:
    """Takes the steps of a run and counts them.

    Attributes:
        annotation: every Change is applied to it before it is yielded.
        propagation: M_mp.
        config: its settings; here whether to vote and to smooth, and the rule for lost instances.
        done, total: steps of the run; the total grows with every retrieval.
    """

    annotation: Annotation
    propagation: MaskPropagation
    config: PropagationConfig
    done: int = 0
    total: int = 0
    _later: dict[CellKey, Cell] = field(default_factory=dict, repr=False)
    """What later checkpoints have come to, in cells that hold the earlier one's map till both are joined."""

    def sweep(self, instances: Sequence[int], frames: Collection[int] | None = None) -> Work:
        """Fill the territories of several instances in lockstep: all forward, then all backward.

        Backward goes to frames before an instance's first checkpoint or nearer to a later one; with every
        first mask in frame 0 there is none, and this is the paper's initialisation.

        Yields:
            Progress before each step, then one Change with all cells of the frame; and one with all of a
            block that was joined or smoothed.
        """
        forward: dict[int, dict[int, int]] = {}
        backward: dict[int, dict[int, int]] = {}
        gaps: list[tuple[int, range]] = []
        for instance in instances:
            due = territory(self.annotation, instance, frames, self.config.bidirectional_fusion)
            gaps += [(instance, gap) for gap in due.gaps]
            for plan, part in ((forward, due.forward), (backward, due.backward)):
                for frame, origin in part.items():
                    plan.setdefault(frame, {})[instance] = origin
        yield from self._follow(forward, backward, gaps)
        for instance in instances:
            yield from self._smooth_rest(instance, frames)

    def walk(self, instance: int, origin: int) -> Work:
        """Carry one new checkpoint forward and backward as far as it is closer (Algorithm 3, lines 23 to 30).

        A person's goes to the anchors beside it, as it may have a say as far as there.

        Yields:
            Progress before each step, then the Change of one cell; and as `sweep` does.
        """
        cell = self.annotation.get(origin, instance)
        if self.config.bidirectional_fusion and cell is not None and cell.pinned:
            yield from self.sweep([instance], around(self.annotation, instance, origin))
            return
        ahead = closer(self.annotation, instance, origin, range(origin + 1, self.annotation.length))
        behind = closer(self.annotation, instance, origin, range(origin - 1, -1, -1))
        aim = {instance: origin}
        yield from self._follow(dict.fromkeys(ahead, aim), dict.fromkeys(behind, aim))
        yield from self._smooth_rest(instance)

    def _follow(
        self,
        forward: Mapping[int, Mapping[int, int]],
        backward: Mapping[int, Mapping[int, int]],
        gaps: Sequence[tuple[int, range]] = (),
    ) -> Work:
        """Take the steps of two plans, frame → instance → checkpoint; `gaps` as in `Territory`."""
        shared = {CellKey(frame, instance) for instance, gap in gaps for frame in gap[1:-1]}
        steps: list[tuple[int, int, Mapping[int, int], Collection[CellKey]]]
        steps = [(frame - 1, frame, forward[frame], ()) for frame in sorted(forward)]
        steps += [(frame + 1, frame, backward[frame], shared) for frame in sorted(backward, reverse=True)]
        self.total += len(steps)
        for source, target, origins, keep in steps:
            yield self._progress(target, next(iter(origins)) if len(origins) == 1 else None)
            change = self._step(source, target, origins, keep)
            self.done += 1
            if change.after:
                self.annotation.apply(change)
                yield change
            yield from self._smooth_behind(target, origins, gaps)
        for instance, gap in gaps:
            parts = (
                self.annotation,
                self.propagation,
                instance,
                gap,
                self._later,
                self.config.temporal_smoothing,
            )
            yield from self._run_smoothing(instance, fuse_gap(*parts))
        self._later.clear()
        if steps:
            yield self._progress()

    def _progress(self, frame: int | None = None, instance: int | None = None) -> Progress:
        return Progress("propagating", self.done, self.total, frame, instance)

    def _step(
        self, source: int, target: int, origins: Mapping[int, int], shared: Collection[CellKey]
    ) -> Change:
        """Carry some instances from one frame to its neighbour; nothing is applied yet.

        What is shared is kept back until it is joined: till then the frame holds the earlier one's map.
        """
        # A person may have drawn here since the plan was made: then the chain ends.
        alive = {
            k: cell
            for k, origin in origins.items()
            if (cell := self._carried(source, k)) is not None
            and origin in (cell.origin, cell.second)
            and not self.annotation.anchored(target, k)
        }
        # An empty map stays empty (Algorithm 1, line 5) and costs no flow and no network.
        moving = {k: cell for k, cell in alive.items() if cell.mask.box.area}
        found = self._propagated(source, target, moving) if moving else {}
        cells: dict[CellKey, Cell | None] = {}
        for k, cell in alive.items():
            mask, confidence = SoftMask.empty(), cell.confidence
            if k in moving:
                confidence = found[k].confidence
                mask = mask if self._lost(k, found[k].mask) else found[k].mask
            key = CellKey(target, k)
            if key in shared:
                # The checkpoint, too: what comes of it counts only while it stays.
                self._later[CellKey(source, k)] = cell
            (self._later if key in shared else cells)[key] = Cell(mask, origins[k], confidence=confidence)
        return self.annotation.set_cells("propagate", cells)

    def _carried(self, frame: int, instance: int) -> Cell | None:
        """What is carried on from a cell: on the way back the later checkpoint's own map."""
        there = self.annotation.get(frame, instance)
        if there is not None and there.origin == frame:
            return there
        return self._later.get(CellKey(frame, instance), there)

    def _propagated(self, source: int, target: int, moving: Mapping[int, Cell]) -> dict[int, Prediction]:
        """M_mp, which takes from the annotation what it carries on."""
        own = {CellKey(source, k): cell for k, cell in moving.items()}
        there = {key: self.annotation.get(*key) for key in own}
        self.annotation.apply(self.annotation.set_cells("carry", own))
        try:
            return self.propagation.propagate(self.annotation, source, target, list(moving))
        finally:
            self.annotation.apply(self.annotation.set_cells("carry", there))

    def _smooth_behind(
        self, frame: int, origins: Mapping[int, int], gaps: Sequence[tuple[int, range]]
    ) -> Work:
        """Smooth the blocks that a step to `frame` has completed, but not what is to be joined."""
        for instance, origin in origins.items():
            done = finished_block(origin, frame)
            if done and not any(k == instance and frame in gap for k, gap in gaps):
                yield from self._smooth_rest(instance, done)

    def _smooth_rest(self, instance: int, frames: Collection[int] | None = None) -> Work:
        """Smooth what is not smooth yet in some frames; None for all."""
        for block in (
            unsmoothed_blocks(self.annotation, instance, frames) if self.config.temporal_smoothing else ()
        ):
            yield from self._run_smoothing(
                instance, smooth_block(self.annotation, self.propagation, instance, block)
            )

    def _run_smoothing(self, instance: int, smoothing: Smoothing) -> Work:
        while True:
            try:
                next(smoothing)
            except StopIteration as end:
                change: Change | None = end.value
                break
            yield self._progress(None, instance)
        if change is not None:
            self.annotation.apply(change)
            yield change

    def _lost(self, instance: int, mask: SoftMask) -> bool:
        """Whether so little is left of an instance that the authors' program counts it as lost."""
        share = self.config.lost_area
        if not share:
            return False
        first = self.annotation.checkpoints(instance)[0]
        return mask.area < share * self.annotation.mask(first, instance).area
