"""Jobs as the steps that `engine.runtime.run.drive` pulls, on the engine's thread."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field

from ...config import ReidConfig
from ...engine.algorithm.gallery import Gallery
from ...engine.algorithm.protocols import Reidentification
from ...engine.algorithm.retrieve import Matcher
from ...engine.algorithm.vsreid import Steps, vsreid
from ...engine.events import Answer, Event, Passed, Progress, Proposal, Reason, Skip
from ...engine.runtime.grabcut import cut
from ...engine.store.annotation import Annotation
from ...engine.types import CellKey
from ...errors import UserError
from ...project import Adaptation
from .bench import Bench
from .jobs import Adapt, BoxSelect, Cut, Device, Notice, Propagate, Queue, Tell
from .mail import Order

log = logging.getLogger(__name__)

LISTED = 300
"""Candidates shown in the review list; nobody reads on."""
_BIT = 50
"""Frames whose candidates are read between two looks at cancel: some 20 milliseconds."""


def steps_of(order: Order, bench: Bench, tell: Tell) -> Steps:
    """The steps of an order's job; nothing happens before they are pulled.

    Args:
        tell: receives what is no event of the engine's own.
    """
    match order.job:
        case Propagate() as job:
            return _propagate(job, order, bench, tell)
        case BoxSelect() as job:
            return _box_select(job, order, bench, tell)
        case Adapt() as job:
            return _adapt(job, order, bench, tell)
        case task:
            return task.steps(order.control, tell)


def _propagate(job: Propagate, order: Order, bench: Bench, tell: Tell) -> Steps:
    """Algorithm 3 on the job's copy, into which the person's changes come between two steps."""
    yield Progress("loading", 0, 1)
    engine = bench.engine
    tell(Device(str(engine.device)))
    propagation = bench.propagation(order.source)
    reid = _reid(job, order, bench, tell)
    if order.source.adaptation is not None and order.source.adaptation.base != engine.base:
        tell(Notice("The adaptation was made for other weights and is not used: adapt again."))
    order.source.record(engine.checksums)
    scene = job.annotation
    run = vsreid(scene, propagation, reid, engine.config, instances=job.instances, frames=job.frames)
    watcher = Watcher(scene, reid, engine.config.reid) if reid is not None else None
    answer: Answer | None = None
    asked: Proposal | None = None
    with closing(run):
        while True:
            for change in order.inbox.drain(scene):
                tell(change)
            if watcher is not None and asked is not None and isinstance(answer, Skip):
                watcher.withheld[asked.key] = Reason.SKIPPED
            try:
                event = run.send(answer)
            except StopIteration:
                break
            asked = event if isinstance(event, Proposal) else None
            if watcher is not None and isinstance(event, Passed):
                watcher.withheld[event.key] = event.reason
            if watcher is not None and asked is not None:
                yield from watcher.read()
                tell(watcher.queue())
            answer = yield event
    if watcher is not None:
        yield from watcher.read()
        tell(watcher.queue())


def _adapt(job: Adapt, order: Order, bench: Bench, tell: Tell) -> Steps:
    """Training on the pinned masks; nothing of it is told before it is through."""
    yield Progress("loading", 0, 1)
    engine = bench.engine
    tell(Device(str(engine.device)))
    data = yield from engine.adapt(bench.video(order.source), job.annotation)
    tell(Adaptation(engine.base, data))


def _reid(job: Propagate, order: Order, bench: Bench, tell: Tell) -> Reidentification | None:
    """M_reid; where it cannot be had, masks are still carried along, and the person is told."""
    if not job.find:
        return None
    try:
        return bench.reid(order.source)
    except UserError as error:
        tell(Notice(f"Lost objects are not searched for: {error}"))
        return None


@dataclass
class Watcher:
    """Lists the candidates while a run asks about them one by one.

    Attributes:
        annotation: the run's.
        reid: the run's.
        config: thresholds.
        withheld: cells that the person skipped in this run or the engine passed over, and why.
    """

    annotation: Annotation
    reid: Reidentification
    config: ReidConfig
    withheld: dict[CellKey, Reason] = field(default_factory=dict)
    _matcher: Matcher | None = None

    def read(self) -> Generator[Event, Answer | None, None]:
        """Read the candidates that are there, once.

        Yields:
            Progress now and then.
        """
        if self._matcher is not None:
            return
        found = {}
        for frame in range(self.annotation.length):
            if frame % _BIT == 0:
                yield Progress("matching", frame, self.annotation.length)
            if self.reid.cached(frame):
                found[frame] = self.reid.candidates(frame)
        self._matcher = Matcher(found, Gallery(self.reid), self.config, self.annotation.instances)

    def queue(self) -> Queue:
        """The list as it is now; `read` comes before."""
        assert self._matcher is not None
        return Queue(tuple(self._matcher.queue(self.annotation, self.withheld, LISTED)))


def _box_select(job: BoxSelect, order: Order, bench: Bench, tell: Tell) -> Steps:
    """N_mp where its weights are, else GrabCut."""
    yield Progress("loading", 0, 1, job.frame, job.instance)
    try:
        propagation = bench.propagation(order.source)
        tell(Device(str(bench.engine.device)))
        yield Progress("selecting", 0, 1, job.frame, job.instance)
        mask = propagation.segment(job.annotation, job.frame, job.box, job.instance).mask
        by_network = True
    except UserError as error:
        log.debug("Box-select by colour, as N_mp is not to be had: %s", error)
        by_network = False
    if not by_network or not mask.area:
        mask, by_network = cut(bench.video(order.source).frame(job.frame), job.box), False
    tell(Cut(job.frame, job.instance, mask, by_network))
