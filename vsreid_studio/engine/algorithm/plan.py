"""Which maps are to be computed, from where and in which order (Algorithm 3, lines 6 to 9, 23 to 30).

A *checkpoint* is a cell with c = i and a map; masks are propagated from it. A cell with c = i and an empty
map ('not in this frame') is a *barrier*: nothing starts there and nothing passes it. Both are *anchors*, and
no propagation overwrites an anchor. A cell not yet computed is infinitely far from its origin.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol, TypeAlias

from ..store.annotation import Annotation, closer


class Step(NamedTuple):
    """From one frame to the next.

    Attributes:
        source, target: i and j, neighbours.
        origins: the checkpoint of each instance that is propagated.
        deferred: instances whose map stays out of the annotation until the plan is done, see `BothWays`.
    """

    source: int
    target: int
    origins: Mapping[int, int]
    deferred: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps of a run, known before the first is taken.

    Attributes:
        steps: in order.
        instances: those that it is for.
        frames: those that are wanted, None for all.
        gaps: (instance, from one checkpoint to the next): these are filled from both.
    """

    steps: tuple[Step, ...]
    instances: tuple[int, ...]
    frames: Collection[int] | None = None
    gaps: tuple[tuple[int, range], ...] = ()


class Planner(Protocol):
    """Makes plans."""

    def initial(
        self, annotation: Annotation, instances: Sequence[int], frames: Collection[int] | None
    ) -> Plan:
        """What initial propagation has yet to compute (lines 6 to 9)."""
        ...

    def from_checkpoint(self, annotation: Annotation, instance: int, origin: int) -> Plan:
        """From a new checkpoint as far as it is closer (lines 23 to 30)."""
        ...


@dataclass(frozen=True, slots=True)
class PaperPlanner:
    """Every map comes from one checkpoint."""

    def initial(
        self, annotation: Annotation, instances: Sequence[int], frames: Collection[int] | None
    ) -> Plan:
        """Of all instances side by side: all forward, then all backward.

        Backward goes to frames before an instance's first checkpoint or nearer to a later one; with every
        first mask in frame 0 there is none, and this is the paper's initialisation.
        """
        return lockstep(
            annotation, instances, frames, lambda instance: pending_frames(annotation, instance, frames)
        )

    def from_checkpoint(self, annotation: Annotation, instance: int, origin: int) -> Plan:
        """Forward, then backward, while |c[i, k] - i| > |origin - i|."""
        ahead = closer(annotation, instance, origin, range(origin + 1, annotation.length))  # 23, 24
        behind = closer(annotation, instance, origin, range(origin - 1, -1, -1))  # 27, 28
        origins = {instance: origin}
        forward = [Step(i - 1, i, origins) for i in ahead]
        backward = [Step(i + 1, i, origins) for i in behind]
        return Plan((*forward, *backward), (instance,))


class PendingFrames(NamedTuple):
    """Cells of one instance that are still to be computed: frame → checkpoint.

    Attributes:
        forward: reached from an earlier checkpoint.
        backward: reached from a later checkpoint.
        gaps: from one checkpoint to the next, both included: all between is filled from both.
    """

    forward: dict[int, int]
    backward: dict[int, int]
    gaps: tuple[range, ...] = ()


BothWays: TypeAlias = Callable[[int, int], tuple[range, range] | None]
"""Takes two anchors and says which frames between them to fill forward, and then backward: those maps
are deferred. None where each frame comes from one checkpoint."""


def pending_frames(
    annotation: Annotation,
    instance: int,
    frames: Collection[int] | None = None,
    both_ways: BothWays = lambda left, right: None,
) -> PendingFrames:
    """What initial propagation has yet to compute of one instance.

    Every frame goes to the nearest checkpoint that reaches it without crossing an anchor. A tie keeps the
    map that is there, and without one goes to the earlier checkpoint. Cells that came from their checkpoint
    already are left out, so that a cancelled run is resumed where it stopped. A cell whose origin is no
    checkpoint any more counts as not computed.

    Args:
        frames: the frames wanted, None for all. The frames between a checkpoint and a wanted one are
            included, because the chain of masks leads through them.
    """
    checkpoints = frozenset(annotation.checkpoints(instance))
    anchors = annotation.anchors(instance)
    origins = {i: origin for i, origin in annotation.origins(instance).items() if origin in checkpoints}
    forward: dict[int, int] = {}
    backward: dict[int, int] = {}
    gaps: list[range] = []
    for left, right in pairwise((-1, *anchors, annotation.length)):
        if (both := both_ways(left, right)) is not None:
            forward.update(dict.fromkeys(both[0], left))
            backward.update(dict.fromkeys(both[1], right))
            gaps += [range(left, right + 1)] if both[1] else []
            continue
        # The ends of the video are no checkpoints, and neither are barriers.
        rival = right if right in checkpoints else None
        from_left = _run(origins, left, range(left + 1, right), rival) if left in checkpoints else []
        rest = range(right - 1, left + len(from_left), -1)
        from_right = _run(origins, right, rest, None) if right in checkpoints else []
        for run, origin, part in ((from_left, left, forward), (from_right, right, backward)):
            part.update((i, origin) for i in _up_to(run, frames) if origins.get(i) != origin)
    return PendingFrames(forward, backward, tuple(gaps))


def lockstep(
    annotation: Annotation,
    instances: Sequence[int],
    frames: Collection[int] | None,
    pending_of: Callable[[int], PendingFrames],
) -> Plan:
    """A plan for several instances that are propagated side by side."""
    forward: dict[int, dict[int, int]] = {}
    backward: dict[int, dict[int, int]] = {}
    gaps: list[tuple[int, range]] = []
    for instance in instances:
        part = pending_of(instance)
        gaps += [(instance, gap) for gap in part.gaps]
        for plan, cells in ((forward, part.forward), (backward, part.backward)):
            for frame, origin in cells.items():
                plan.setdefault(frame, {})[instance] = origin

    def deferred_at(frame: int) -> frozenset[int]:
        return frozenset(k for k, gap in gaps if gap[0] < frame < gap[-1])

    def nearer_at(frame: int) -> frozenset[int]:
        """Those whose map there is from a nearer checkpoint: if the run is cancelled, that stays."""
        there = ((k, gap[0], annotation.origin(frame, k)) for k, gap in gaps if gap[0] < frame < gap[-1])
        return frozenset(
            k for k, left, c in there if c is not None and c != left and abs(c - frame) <= frame - left
        )

    steps = [Step(frame - 1, frame, forward[frame], nearer_at(frame)) for frame in sorted(forward)]
    back = sorted(backward, reverse=True)
    steps += [Step(frame + 1, frame, backward[frame], deferred_at(frame)) for frame in back]
    return Plan(tuple(steps), tuple(instances), frames, tuple(gaps))


def _run(origins: Mapping[int, int], start: int, frames: Iterable[int], rival: int | None) -> list[int]:
    """The leading run of `frames` that belongs to the checkpoint `start`, computed already or not."""
    run = []
    for frame in frames:
        distance = abs(start - frame)
        old = origins.get(frame)
        if rival is not None and distance > abs(rival - frame):
            break
        if old is not None and old != start and distance >= abs(old - frame):
            break
        run.append(frame)
    return run


def _up_to(run: Sequence[int], frames: Collection[int] | None) -> Sequence[int]:
    """The run without what lies behind the last frame wanted."""
    if frames is None:
        return run
    return run[: max((n for n, frame in enumerate(run, 1) if frame in frames), default=0)]
