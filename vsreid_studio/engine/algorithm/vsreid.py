"""Algorithm 3, a generator: it hands out what it did and what it found, and receives answers."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from typing import TypeAlias

from ...config import Config, ReidConfig
from ..events import Answer, Event, Progress, Proposal, Reason
from ..store.annotation import Annotation
from ..types import Candidates, CellKey
from .gallery import Gallery
from .proposals import Settler
from .protocols import MaskPropagation, Reidentification
from .retrieve import Matcher
from .walk import Walker

AT_ONCE = 4
"""Frames in which candidates are looked for together; in between one may stop."""

Steps: TypeAlias = Generator[Event, Answer | None, None]
"""A run: pull it with `run.drive` or `run.accept_all`."""


def vsreid(
    annotation: Annotation,
    propagation: MaskPropagation,
    reid: Reidentification | None,
    config: Config,
    *,
    instances: Collection[int] | None = None,
    frames: Collection[int] | None = None,
    grow: bool = True,
) -> Steps:
    """Propagate from all checkpoints, then find lost instances again until none is left (Algorithm 3).

    Each Change is applied to `annotation` before it is yielded and leaves it whole: the generator may be
    closed at any yield, and a new one on the same annotation goes on from there. A cell is retrieved at most
    once, so the run ends. The annotation belongs to the thread that pulls; masks that a person puts there
    between two steps are respected.

    Args:
        annotation: with at least one checkpoint for each instance that is to be propagated.
        reid: None propagates only, as does `config.reid.enabled` off.
        instances: those to be propagated and found again, None for all.
        frames: those to be propagated to and searched, None for all. What an accepted retrieval overwrites
            follows from c alone, also beyond them.
        grow: let accepted recoveries join the template gallery; without, it is the paper's t_k.

    Yields:
        Progress, every Change, what was Passed over, and Proposals; a Proposal must be answered, and nothing
        else may be.

    Raises:
        ValueError: an answer came where none is due, none came where one is, or it does not fit.
    """
    chosen = annotation.instances if instances is None else tuple(sorted(set(instances)))
    gallery = Gallery(reid, grow) if reid is not None and config.reid.enabled else None
    answer: Answer | None = None
    walker = Walker(annotation, propagation, config.propagation)
    steps = _algorithm(walker, gallery, config.reid, chosen, frames)
    try:
        while True:
            try:
                event = steps.send(answer)
            except StopIteration:
                return
            answer = yield event
            if isinstance(event, Proposal) != (answer is not None):
                raise ValueError(f"{answer} does not answer a {type(event).__name__}")
    finally:
        steps.close()


def propagate_only(
    annotation: Annotation,
    propagation: MaskPropagation,
    config: Config,
    *,
    instances: Collection[int] | None = None,
    frames: Collection[int] | None = None,
) -> Steps:
    """The first part of `vsreid`: carry every checkpoint to the frames it is nearest to, retrieve nothing."""
    return vsreid(annotation, propagation, None, config, instances=instances, frames=frames)


def _algorithm(
    walker: Walker,
    gallery: Gallery | None,
    config: ReidConfig,
    chosen: Sequence[int],
    frames: Collection[int] | None,
) -> Steps:
    yield from walker.sweep(chosen, frames)
    if gallery is None:
        return
    annotation = walker.annotation
    found = yield from _detect(annotation, gallery.reid, chosen, frames)
    matcher = Matcher(found, gallery, config, annotation.instances, chosen)
    settler = Settler(walker, gallery, config)
    # A rival's similarity counts even when the rival itself is not to be found again.
    compared = annotation.instances if config.exclusive else chosen
    asked: dict[CellKey, Reason] = {}
    go_on = True
    while go_on:
        yield from _describe(annotation, gallery, compared)
        for done in matcher.follow(annotation):
            yield Progress("matching", done, len(annotation))
        best = matcher.best(annotation, asked)
        if best is None:
            return
        asked[best.key] = Reason.SKIPPED
        go_on = yield from settler.settle(best)


def _detect(
    annotation: Annotation, reid: Reidentification, chosen: Sequence[int], frames: Collection[int] | None
) -> Generator[Event, Answer | None, dict[int, Candidates]]:
    """Candidates of the frames in which one of the chosen may be found again (c ≠ i)."""
    wanted = range(annotation.length) if frames is None else sorted(set(frames))
    searched = [frame for frame in wanted if not all(annotation.anchored(frame, k) for k in chosen)]
    found: dict[int, Candidates] = {}
    lacking = [frame for frame in searched if not reid.cached(frame)]
    for done, frame in enumerate(lacking):
        yield Progress("detecting", done, len(lacking), frame)
        if done % AT_ONCE == 0:
            reid.prepare(lacking[done : done + AT_ONCE])
        found[frame] = reid.candidates(frame)
    if lacking:
        yield Progress("detecting", len(lacking), len(lacking))
    return {frame: found[frame] if frame in found else reid.candidates(frame) for frame in searched}


def _describe(
    annotation: Annotation, gallery: Gallery, instances: Sequence[int]
) -> Generator[Event, Answer | None, None]:
    """Compute missing gallery entries; the matcher would, but could not be cancelled between them."""
    pending = [(frame, k) for k in instances for frame in gallery.pending(annotation, k)]
    for done, (frame, instance) in enumerate(pending):
        yield Progress("describing", done, len(pending), frame, instance)
        # A person may have taken the mask away meanwhile.
        if frame in gallery.frames(annotation, instance):
            gallery.entry(annotation, frame, instance)
