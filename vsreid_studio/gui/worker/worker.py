"""The engine's thread: its networks, the modules for the current video, and jobs as generators of steps."""

from __future__ import annotations

import hashlib
import logging
import traceback
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from ...config import Config
from ...engine.algorithm.protocols import Reidentification
from ...engine.events import Answer, Progress, Proposal, Queue, Steps
from ...engine.runtime.run import drive
from ...engine.store.annotation import Annotation
from ...engine.video import Video, open_video
from ...errors import UserError
from ...project import Adaptation
from .jobs import (
    Adapt,
    Device,
    EngineFactory,
    ModuleMaker,
    Notice,
    Outcome,
    Propagate,
    PropagateFrom,
    Propose,
    Send,
    Source,
)
from .mail import Failure, Order

if TYPE_CHECKING:  # It knows all of the engine, which takes seconds to load.
    from ...engine.runtime.pipeline import Modules

log = logging.getLogger(__name__)


def shipped_engine(config: Config | None = None) -> ModuleMaker:
    """The engine with the weights that come with the program.

    Raises:
        UserError: the settings ask for something that is not here.
    """
    # Torch takes seconds to load, which is why this happens on the engine's thread.
    from ...training.adaptation import adapting_engine  # noqa: PLC0415

    return adapting_engine(config or Config())


class EngineCache:
    """Keeps what is costly to make from one job to the next. Belongs to the engine's thread."""

    def __init__(self, factory: EngineFactory) -> None:
        self._factory = factory
        self._engine: ModuleMaker | None = None
        self._path: Path | None = None
        self._video: Video | None = None
        self._modules: Modules | None = None
        self._made_with: tuple[Adaptation | None, bool] = None, True

    @property
    def engine(self) -> ModuleMaker:
        """Made when first asked for, and kept for all videos.

        Raises:
            UserError: it cannot be made.
        """
        if self._engine is None:
            self._engine = self._factory()
        return self._engine

    def video(self, source: Source) -> Video:
        """The document's video, opened for this thread alone.

        Raises:
            UserError: it cannot be read any more.
        """
        if self._video is None or (self._path, self._video.options) != (source.video, source.options):
            self.clear()
            video = open_video(source.video, options=source.options, known=lambda: source.order)
            self._video, self._path = video, source.video
        try:
            source.check(self._video)
        except UserError:
            self.clear()
            raise
        return self._video

    def modules(self, source: Source) -> Modules:
        """What a run on the document needs, with what was learnt of it, unless that was of other weights.

        Raises:
            UserError: the video or the weights are missing.
        """
        video, adaptation = self.video(source), self._fitting(source)
        if self._modules is None or self._made_with != (adaptation, source.careful):
            adapted = None if adaptation is None else adaptation.data
            self._modules = self.engine.modules(video, adapted=adapted, careful=source.careful)
            self._made_with = adaptation, source.careful
        return self._modules

    def record(self, source: Source, *, if_other: bool = False) -> None:
        """Note what a run, or with `if_other` an answer, depends on; see `Source.record`.

        Raises:
            UserError: the project cannot be written.
        """
        adaptation = self._fitting(source)
        adapted = None if adaptation is None else hashlib.sha256(adaptation.data).hexdigest()
        settings = {**self.engine.run_settings, "careful": source.careful, "adapted": adapted}
        source.record(self.engine.checksums, settings, if_other=if_other)

    def _fitting(self, source: Source) -> Adaptation | None:
        """What was learnt of the video, unless that was of other weights."""
        adaptation = source.adaptation
        return adaptation if adaptation is not None and adaptation.base == self.engine.base else None

    def reid(self, source: Source) -> Reidentification | None:
        """M_reid for the document; None where the settings switch it off.

        Raises:
            UserError: the video or the weights are missing.
        """
        store = source.candidates(self.engine.candidates_key)
        return self.engine.reid(self.video(source), store)

    def clear(self) -> None:
        """Close the video."""
        if self._video is not None:
            self._video.close()
        self._video = self._path = self._modules = None
        self._made_with = None, True


def steps_of(order: Order, cache: EngineCache, send: Send) -> Steps:
    """The steps of an order's job; nothing happens before they are pulled.

    Args:
        send: receives messages that are no event of the engine's own.
    """
    match order.job:
        case Propagate() as job:
            return _propagate(job, order, cache, send)
        case PropagateFrom() as job:
            return _propagate_from(job, order, cache, send)
        case Propose() as job:
            return _propose(job, order, cache, send)
        case Adapt():
            return _adapt(order, cache, send)
        case task:
            return task.steps(order.control, send)


def _propagate(job: Propagate, order: Order, cache: EngineCache, send: Send) -> Steps:
    """Algorithm 3 on the job's copy, into which the person's changes come between two steps."""
    yield Progress("loading", 0, 1)
    engine = cache.engine
    send(Device(str(engine.device)))
    modules = cache.modules(order.source)
    reid = _reid(job, order, cache, send)
    if order.source.adaptation is not None and order.source.adaptation.base != engine.base:
        send(Notice("The adaptation was made for other weights and is not used: adapt again."))
    cache.record(order.source)
    scene = order.source.begin(order.inbox)
    yield from _with_edits(
        modules.run(scene, reid, instances=job.instances, frames=job.frames), scene, order, send
    )


def _propagate_from(job: PropagateFrom, order: Order, cache: EngineCache, send: Send) -> Steps:
    """From an accepted checkpoint, unless it has gone meanwhile."""
    yield Progress("loading", 0, 1, *job.key)
    modules = cache.modules(order.source)
    send(Device(str(cache.engine.device)))
    cache.record(order.source, if_other=True)
    scene = order.source.begin(order.inbox)
    yield from _with_edits(modules.propagate_from(scene, job.key.instance, job.key.frame), scene, order, send)


def _propose(job: Propose, order: Order, cache: EngineCache, send: Send) -> Steps:
    """The answer is there when the proposal comes; after another box the person is asked."""
    yield Progress("loading", 0, 1, *job.retrieval.key)
    modules = cache.modules(order.source)
    send(Device(str(cache.engine.device)))
    reid = cache.reid(order.source)
    if reid is None:
        raise UserError("This answer needs the search for lost objects, which the settings switch off.")
    cache.record(order.source, if_other=True)
    scene = order.source.begin(order.inbox)
    run = _with_edits(modules.propose(scene, reid, job.retrieval), scene, order, send)
    given: Answer | None = job.answer
    answer: Answer | None = None
    with closing(run):
        while True:
            try:
                event = run.send(answer)
            except StopIteration:
                return
            if isinstance(event, Proposal) and given is not None:
                answer, given = given, None
            else:
                # It knows of one retrieval only, which is no list of what was found.
                answer = (yield event) if not isinstance(event, Queue) else None


def _with_edits(run: Steps, scene: Annotation, order: Order, send: Send) -> Steps:
    """A run on a copy, into which the person's changes come between two steps."""
    answer: Answer | None = None
    with closing(run):
        while True:
            for change in order.inbox.drain(scene):
                send(change)
            try:
                event = run.send(answer)
            except StopIteration:
                return
            answer = yield event


def _adapt(order: Order, cache: EngineCache, send: Send) -> Steps:
    """Training on the pinned masks; no progress is reported before it is complete."""
    yield Progress("loading", 0, 1)
    engine = cache.engine
    send(Device(str(engine.device)))
    data = yield from engine.adapt(cache.video(order.source), order.source.begin(order.inbox))
    send(Adaptation(engine.base, data))


def _reid(job: Propagate, order: Order, cache: EngineCache, send: Send) -> Reidentification | None:
    """M_reid; where it cannot be had, masks are still propagated, with a notice."""
    if not job.find:
        return None
    try:
        return cache.reid(order.source)
    except UserError as error:
        send(Notice(f"Lost objects are not searched for: {error}"))
        return None


class Worker(QObject):
    """Executes one order after another."""

    def __init__(self, factory: EngineFactory) -> None:
        super().__init__()
        self._cache = EngineCache(factory)

    @Slot(object)
    def run(self, order: Order) -> None:
        """Execute an order; the last message always gives the outcome."""
        outcome = Outcome.FAILED
        try:
            steps = steps_of(order, self._cache, order.send)
            done = drive(steps, order.control, order.send)
            outcome = Outcome.DONE if done else Outcome.CANCELLED
        except UserError as error:
            order.send(Failure(str(error), traceback.format_exc()))
        except Exception as error:  # whatever it is, the document is whole and a person must read of it
            log.debug("The engine failed.", exc_info=True)
            order.send(Failure(_sentence(error), traceback.format_exc()))
        finally:
            order.send(outcome)
            order.ended.set()

    @Slot()
    def release(self) -> None:
        """Close the video; the networks stay."""
        self._cache.clear()


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError) or "out of memory" in str(error):
        return "The engine ran out of memory; what it had done so far is kept."
    return f"The engine stopped unexpectedly ({type(error).__name__}); what it had done so far is kept."
