"""How long each part of the method takes a frame, and its share of the whole."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..engine.algorithm.merge import merge
from ..engine.algorithm.plan import Plan, Step
from ..engine.algorithm.protocols import Reidentification
from ..engine.algorithm.vsreid import Deferred
from ..engine.extensions.gallery import Gallery
from ..engine.flow import FlowSource
from ..engine.nets.detector import Detections
from ..engine.parallel import side_by_side
from ..engine.runtime.matching import Matcher
from ..engine.runtime.pipeline import Modules
from ..engine.runtime.reid import DetectionNetwork, EmbeddingNetwork, ReidModule
from ..engine.runtime.run import answer_all
from ..engine.runtime.search import AT_ONCE
from ..engine.store.annotation import Annotation
from ..engine.store.candidates import CandidateStack
from ..engine.types import Candidates, Cell, CellKey, Frame, SoftMask
from ..engine.video import Video

_WARM_UP = 3
"""Frames not counted: the first calls choose kernels and fill caches."""


@dataclass(frozen=True)
class Part:
    """One row of the table.

    Attributes:
        name: of the part.
        seconds: a frame, the median; of smoothing, which takes many at a time, the mean.
    """

    name: str
    seconds: float


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        parts: decoding, flow, propagation, smoothing, merge, detection, embedding, each alone, in seconds a
            frame; detection and embedding of as many frames side by side as in a run.
        step: from one frame to the next in propagation, in seconds: flow and network, which work side by
            side, and smoothing.
        matching: one round of Algorithm 2 over all frames, in seconds.
        instances: how many were propagated together.
        frames: how many were counted.
        peak: bytes of memory that the process held at most, None where the system does not tell.
    """

    parts: tuple[Part, ...]
    step: float
    matching: float
    instances: int
    frames: int
    peak: int | None

    @property
    def whole(self) -> float:
        """All parts together, in seconds a frame."""
        return sum(part.seconds for part in self.parts)

    @property
    def propagation_rate(self) -> float:
        """Frames a second of propagation, flow and smoothing included."""
        return 1 / self.step


class _Stopwatch:
    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}

    @contextmanager
    def timing(self, name: str, count: int = 1) -> Iterator[None]:
        """Take down how long the block takes for each of so many frames."""
        started = time.perf_counter()
        yield
        self.taken.setdefault(name, []).append((time.perf_counter() - started) / count)

    def median(self, name: str) -> float:
        return statistics.median(self.taken[name][_WARM_UP:] or self.taken[name])


def measure(
    video: Video,
    first: Mapping[int, SoftMask],
    modules: Modules,
    flow: FlowSource,
    detector: DetectionNetwork,
    embedder: EmbeddingNetwork,
    frames: int,
    parallel: bool,
) -> Speed:
    """Propagate along the first frames of a video, then run every part on them, one after the other.

    Args:
        first: masks of frame 0 by instance.
        modules: of this video, on `flow`.
        frames: to be counted; three more are run first.
        parallel: as `ReidModule` takes it.
    """
    length = min(video.length, frames + _WARM_UP + 1)
    watch = _Stopwatch()
    annotation = begun(first, length)
    for frame in range(1, length):
        with watch.timing("decoding"):
            video.frame(frame)
    plan = Plan(tuple(Step(n - 1, n, dict.fromkeys(first, 0)) for n in range(1, length)), tuple(first))
    if modules.scheduler is not None:
        modules.scheduler.expect(plan)
    for frame in range(1, length):
        with watch.timing("step"):
            _step(annotation, modules, frame, list(first))
    smoothing = _smoothing(annotation, modules, plan)
    for frame in range(1, length):
        with watch.timing("flow"):
            flow.compute(frame, frame - 1)
        flow.between(frame, frame - 1)
        with watch.timing("propagation"):
            modules.propagation.propagate(annotation, frame - 1, frame, list(first))
        with watch.timing("merge"):
            merge(annotation.frame_masks(frame), video.height, video.width)
    found = _candidates(video, detector, embedder, length, AT_ONCE if parallel else 1, watch)
    gallery = Gallery(ReidModule(video, detector, embedder))
    pipeline, stack = modules.pipeline, CandidateStack.of(found)
    matcher = Matcher(stack, gallery, pipeline.filters, annotation.instances, track=pipeline.track)
    matcher.best(annotation)
    for _ in range(_WARM_UP + 5):
        with watch.timing("matching"):
            matcher.best(annotation)
    names = ("decoding", "flow", "propagation", "merge", "detection", "embedding")
    parts = [Part(name, watch.median(name)) for name in names]
    parts.insert(3, Part("smoothing", smoothing))
    step = watch.median("step") + smoothing
    counted = length - 1 - _WARM_UP
    return Speed(tuple(parts), step, watch.median("matching"), len(first), counted, peak_memory())


def peak_memory() -> int | None:
    """Bytes of memory that this process has held at most; None where the system does not tell (Windows)."""
    try:
        import resource  # noqa: PLC0415 (not on Windows)
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _candidates(
    video: Video,
    detector: DetectionNetwork,
    embedder: EmbeddingNetwork,
    length: int,
    at_once: int,
    watch: _Stopwatch,
) -> dict[int, Candidates]:
    """Of all frames but the first, so many of them side by side."""

    def embedded(one: tuple[Frame, Detections]) -> NDArray[np.float32]:
        picture, (boxes, _, _) = one
        return embedder.embed(picture, boxes)

    found: dict[int, Candidates] = {}
    for start in range(1, length, at_once):
        frames = range(start, min(length, start + at_once))
        pictures = [video.frame(frame) for frame in frames]
        with watch.timing("detection", len(frames)):
            seen = side_by_side(detector.detect, pictures)
        with watch.timing("embedding", len(frames)):
            rows = side_by_side(embedded, zip(pictures, seen, strict=True))
        found |= {frame: Candidates(*seen[n], rows[n]) for n, frame in enumerate(frames)}
    return found


def _step(annotation: Annotation, modules: Modules, frame: int, instances: list[int]) -> None:
    predicted = modules.propagation.propagate(annotation, frame - 1, frame, instances)
    cells: dict[CellKey, Cell | None] = {
        CellKey(frame, k): Cell(p.mask, 0, confidence=p.confidence) for k, p in predicted.items()
    }
    annotation.apply(annotation.set_cells("propagate", cells))


def _smoothing(annotation: Annotation, modules: Modules, plan: Plan) -> float:
    """Seconds that smoothing takes a frame; the flow is there, as it is behind a walk."""
    started = time.perf_counter()
    # All instances of a block one after another, as behind a walk, too.
    for step in plan.steps:
        for extension in modules.pipeline.after_step:
            for _ in extension.after_step(annotation, plan, step):
                pass
    for last in modules.pipeline.after_span:
        for _ in last.after_span(annotation, plan, Deferred({}, {})):
            pass
    return (time.perf_counter() - started) / len(plan.steps)


def table(speed: Speed) -> str:
    """The measurement as Markdown."""
    lines = [
        "| part | ms a frame | share | of propagation |",
        "|---|---|---|---|",
    ]
    propagation = next(part.seconds for part in speed.parts if part.name == "propagation")
    lines += [
        f"| {part.name} | {part.seconds * 1e3:.1f} | {part.seconds / speed.whole:.0%} "
        f"| x {part.seconds / propagation:.2f} |"
        for part in speed.parts
    ]
    lines += [
        f"| all | {speed.whole * 1e3:.1f} | 100% | x {speed.whole / propagation:.2f} |",
        "",
        f"{speed.instances} instance(s), {speed.frames} frames, medians. "
        f"Propagation with flow and smoothing: {speed.propagation_rate:.1f} frames a second. "
        f"One more round of Algorithm 2 over all frames: {speed.matching * 1e3:.2f} ms."
        + ("" if speed.peak is None else f" Peak memory of the process: {speed.peak / 2**20:.0f} MiB."),
    ]
    return "\n".join(lines) + "\n"


Made: TypeAlias = Callable[[], tuple[Modules, Reidentification | None]]

_UNTIMED = 4
"""Frames run beforehand: the first calls choose kernels."""
_ROUNDS = 3
"""Of which the fastest counts: whatever else the machine does makes a run slower, never faster."""


def pace(
    made: Made,
    first: Mapping[int, SoftMask],
    frames: int,
) -> float:
    """Seconds a frame of a run from the first masks: reading, flow, networks, retrievals and recoveries.

    Args:
        made: new ones, of a video of so many frames or more, with empty caches.
        first: masks of frame 0 by instance.
        frames: 2 or more.
    """
    _run(made, first, min(frames, _UNTIMED))
    return min(_timed(made, first, frames) for _ in range(_ROUNDS)) / (frames - 1)


def _timed(
    made: Made,
    first: Mapping[int, SoftMask],
    frames: int,
) -> float:
    started = time.perf_counter()
    _run(made, first, frames)
    return time.perf_counter() - started


def _run(
    made: Made,
    first: Mapping[int, SoftMask],
    frames: int,
) -> None:
    modules, reid = made()
    answer_all(modules.run(begun(first, frames), reid, grow=False))


def begun(first: Mapping[int, SoftMask], frames: int) -> Annotation:
    """An annotation of so many frames with nothing but the first masks."""
    annotation = Annotation(frames)
    given: dict[CellKey, Cell | None] = {CellKey(0, k): Cell(mask, 0, True) for k, mask in first.items()}
    annotation.apply(annotation.set_cells("import", given))
    return annotation
