"""Jobs as the steps that `engine.runtime.run.drive` pulls, on the engine's thread."""

from __future__ import annotations

import logging
from contextlib import closing

from ...engine.algorithm.protocols import Reidentification
from ...engine.events import Answer, Progress, Steps
from ...engine.runtime.grabcut import cut
from ...errors import UserError
from ...project import Adaptation
from .bench import Bench
from .jobs import Adapt, BoxSelect, Cut, Device, Notice, Propagate, Tell
from .mail import Order

log = logging.getLogger(__name__)


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
    modules = bench.modules(order.source)
    reid = _reid(job, order, bench, tell)
    if order.source.adaptation is not None and order.source.adaptation.base != engine.base:
        tell(Notice("The adaptation was made for other weights and is not used: adapt again."))
    order.source.record(engine.checksums)
    scene = job.annotation
    run = modules.run(scene, reid, instances=job.instances, frames=job.frames)
    answer: Answer | None = None
    with closing(run):
        while True:
            for change in order.inbox.drain(scene):
                tell(change)
            try:
                event = run.send(answer)
            except StopIteration:
                return
            answer = yield event


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


def _box_select(job: BoxSelect, order: Order, bench: Bench, tell: Tell) -> Steps:
    """N_mp where its weights are, else GrabCut."""
    yield Progress("loading", 0, 1, job.frame, job.instance)
    try:
        select = bench.modules(order.source).select
        tell(Device(str(bench.engine.device)))
        yield Progress("selecting", 0, 1, job.frame, job.instance)
        mask = select(job.annotation, job.frame, job.box, job.instance).mask
        by_network = True
    except UserError as error:
        log.debug("Box-select by colour, as N_mp is not to be had: %s", error)
        by_network = False
    if not by_network or not mask.area:
        mask, by_network = cut(bench.video(order.source).frame(job.frame), job.box), False
    tell(Cut(job.frame, job.instance, mask, by_network))
