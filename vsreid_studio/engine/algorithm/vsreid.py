"""Algorithm 3, a generator: it hands out what it did and what it found, and receives answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias

from ..events import Answer, Change, Event, Progress, Queue, Reason, Retrieval
from ..store.annotation import Annotation
from ..store.view import AnnotationView, Cells
from ..types import Cell, CellKey, Prediction, SoftMask
from .plan import PaperPlanner, Plan, Planner, Step
from .protocols import MaskPropagation

PlannedSteps: TypeAlias = Generator[Event | Plan, Answer | None, None]
"""A run that yields its plans, too; for the scheduler."""
Work: TypeAlias = Generator[Progress | Change | Plan, None, None]
"""Steps that ask nothing."""


class RetrievalSearch(Protocol):
    """M_reid (Algorithm 2) in all frames, for all instances."""

    def prepare(self) -> PlannedSteps:
        """Compute what is new since the last round: candidates, templates, similarities."""
        ...

    def best(self, withheld: dict[CellKey, Reason]) -> Retrieval | None:
        """The retrieval of greatest similarity, None when nothing is left to offer."""
        ...

    def queue(self, withheld: dict[CellKey, Reason]) -> Queue:
        """What waits, and why others are not offered."""
        ...


@dataclass(frozen=True, slots=True)
class OfferResult:
    """The result of offering a retrieval.

    Attributes:
        checkpoint: the new one, to be propagated from; None where there is none.
        reason: why it was not offered; None where it was.
        stop: end the run.
    """

    checkpoint: CellKey | None = None
    reason: Reason | None = None
    stop: bool = False


class Offer(Protocol):
    """Whoever decides on a retrieval: an extension asks a person."""

    def __call__(
        self, retrieval: Retrieval, found: Prediction, queue: Callable[[], Queue]
    ) -> Generator[Event | Plan, Answer | None, OfferResult]:
        """Ask until it is decided, and put what was accepted into its cell.

        Args:
            queue: what waits, this retrieval included.
        """
        ...


class AfterStep(Protocol):
    """Comes in when a step has been taken."""

    def after_step(self, annotation: Annotation, plan: Plan, step: Step) -> Work:
        """What is to be done now; every Change is applied before it is yielded."""
        ...


class Deferred(NamedTuple):
    """The maps kept out of the annotation until a plan is done, with the checkpoints from which they came.

    Attributes:
        forward, backward: by the direction in which they were propagated.
    """

    forward: dict[CellKey, Cell]
    backward: dict[CellKey, Cell]

    def of(self, step: Step) -> dict[CellKey, Cell]:
        """Those of the direction of a step."""
        return self.forward if step.target > step.source else self.backward


class AfterSpan(Protocol):
    """Called when a plan is done."""

    def after_span(self, annotation: Annotation, plan: Plan, deferred: Deferred) -> Work:
        """What is to be done now.

        Args:
            deferred: the maps kept out of the annotation.
        """
        ...


@dataclass
class Algorithm:
    """VS-ReID on one annotation.

    Attributes:
        annotation: P and c; every Change is applied to it before it is yielded.
        propagation: M_mp.
        planner, after_step, after_span: extensions.
        done, total: steps of the run; the total grows with every retrieval.
    """

    annotation: Annotation
    propagation: MaskPropagation
    planner: Planner = field(default_factory=PaperPlanner)
    after_step: Sequence[AfterStep] = ()
    after_span: Sequence[AfterSpan] = ()
    done: int = 0
    total: int = 0

    def run(
        self,
        instances: Sequence[int],
        frames: Collection[int] | None,
        search: RetrievalSearch | None = None,
        offer: Offer | None = None,
    ) -> PlannedSteps:  # 1
        """Propagate from all checkpoints, then find lost instances again until none is left.

        Args:
            instances, frames: those to be propagated to; frames None for all.
            search, offer: None only propagates.
        """
        yield from self.propagate(self.planner.initial(self.annotation, instances, frames))  # 4 to 9
        if search is None or offer is None:
            return
        withheld: dict[CellKey, Reason] = {}
        while True:  # 10
            yield from search.prepare()
            best = search.best(withheld)  # 11 to 16
            if best is None:  # 17
                break  # 18
            yield Progress("retrieving", len(withheld), len(withheld) + 1, *best.key)
            if not self.annotation.checkpoints(best.instance):
                # A person has removed what it would be recovered from.
                withheld[best.key] = Reason.OUTDATED
                continue
            found = self.propagation.recover(self.annotation, best.frame, best.box, best.instance)  # 20 to 22
            result = yield from offer(best, found, partial(search.queue, withheld))
            if result.stop:
                break
            withheld[best.key] = result.reason or Reason.SKIPPED
            if (made := result.checkpoint) is not None:
                plan = self.planner.from_checkpoint(self.annotation, made.instance, made.frame)
                yield from self.propagate(plan)  # 23 to 30
        yield search.queue(withheld)  # 31

    def propagate(self, plan: Plan) -> Work:
        """Take the steps of a plan.

        Yields:
            the plan, Progress before each step, then one Change with all cells of the frame.
        """
        yield plan
        deferred = Deferred({}, {})
        self.total += len(plan.steps)
        for step in plan.steps:
            only = next(iter(step.origins)) if len(step.origins) == 1 else None
            yield Progress("propagating", self.done, self.total, step.target, only)
            apart = deferred.of(step)
            alive, cells = self._carried(step, apart)
            # An empty map stays empty (Algorithm 1, line 5) and costs no flow and no network.
            moving = [k for k, cell in alive.items() if cell.mask.box.area]
            found = self.propagation.propagate(cells, step.source, step.target, moving) if moving else {}
            change = self._change(step, alive, found, apart)  # lines 8 and 9, 25 and 26, 29 and 30
            self.done += 1
            if change.after:
                self.annotation.apply(change)
                yield change
            for extension in self.after_step:
                yield from extension.after_step(self.annotation, plan, step)
        for last in self.after_span:
            yield from last.after_span(self.annotation, plan, deferred)
        if plan.steps:
            yield Progress("propagating", self.done, self.total)

    def _carried(self, step: Step, deferred: dict[CellKey, Cell]) -> tuple[dict[int, Cell], Cells]:
        """The maps to be propagated, and P and c with these in their places."""
        i, j, origins, _ = step
        found: dict[int, Cell] = {}
        for k, origin in origins.items():
            cell = self.annotation.get(i, k)
            # A deferred map is continued from its own, but a checkpoint is where it is.
            if cell is None or cell.origin != i:
                cell = deferred.get(CellKey(i, k), cell)
            # A person may have drawn here since the plan was made: then the chain ends.
            if cell is None or origin not in (cell.origin, cell.second) or self.annotation.anchored(j, k):
                continue
            found[k] = cell
        replaced = {CellKey(i, k): cell for k, cell in found.items() if CellKey(i, k) in deferred}
        return found, AnnotationView(self.annotation, replaced) if replaced else self.annotation

    def _change(
        self,
        step: Step,
        alive: Mapping[int, Cell],
        found: Mapping[int, Prediction],
        deferred: dict[CellKey, Cell],
    ) -> Change:
        """P and c after a step; nothing is applied yet. Deferred maps go to `deferred`."""
        cells: dict[CellKey, Cell | None] = {}
        for k, cell in alive.items():
            # An empty map is as sure as the one that it comes from.
            new = found.get(k) or Prediction(SoftMask.empty(), cell.confidence)
            kept = Cell(new.mask, step.origins[k], confidence=new.confidence)
            if k in step.deferred:
                # The checkpoint, too: what comes of it counts only while it stays.
                deferred[CellKey(step.source, k)] = cell
                deferred[CellKey(step.target, k)] = kept
            else:
                cells[CellKey(step.target, k)] = kept
        return self.annotation.set_cells("propagate", cells)
