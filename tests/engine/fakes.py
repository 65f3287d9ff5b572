"""A world on 8 x 8 pixels whose masks tell their own story, and modules that follow it exactly.

Every mask is a 2 x 2 patch: its upper pixels are set (255), the lower left one holds the instance number and
the lower right one counts the steps since the checkpoint. So a mask that was carried along another path, or
from a stale one, is a different mask. Hence no two checkpoints vote on a mask in `CONFIG`, and none is
smoothed: it is as in the paper.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vsreid_studio.config import Config, PropagationConfig, ReidConfig
from vsreid_studio.engine.algorithm.protocols import MaskPropagation, Reidentification
from vsreid_studio.engine.algorithm.vsreid import Algorithm
from vsreid_studio.engine.events import Answer, Change, Decision, Event, Proposal, Steps
from vsreid_studio.engine.extensions.temporal_smoothing import TemporalSmoothing
from vsreid_studio.engine.runtime.pipeline import Modules, Pipeline
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.store.view import Cells
from vsreid_studio.engine.types import Box, Candidates, Cell, CellKey, Maker, Prediction, SoftMask

SIZE = 8
DIMENSIONS = 6
CONFIG = Config(
    PropagationConfig(bidirectional_fusion=False, temporal_smoothing=False),
    ReidConfig(
        appearance_track=False,
        rho_reid=0.5,
        rho_occ=0.3,
        only_better=False,
        verification=False,
        trust=False,
        competition=False,
    ),
)


def patch(x: int, y: int, instance: int, steps: int = 0) -> SoftMask:
    return SoftMask(Box(x, y, x + 2, y + 2), np.array([[255, 255], [instance, steps]], np.uint8))


def drawn(frame: int, instance: int, x: int = 0, y: int | None = None) -> Cell:
    mask = patch(x, instance % 7 if y is None else y, instance)
    return Cell(mask, frame, pinned=True, made_by=Maker.PERSON)


def absent(frame: int) -> Cell:
    return Cell(SoftMask.empty(), frame, pinned=True, made_by=Maker.PERSON)


def grid(length: int, *cells: tuple[int, int, Cell]) -> Annotation:
    return Annotation(length, {CellKey(frame, instance): cell for frame, instance, cell in cells})


def first_masks(length: int, instances: int = 1) -> Annotation:
    return grid(length, *((0, k, drawn(0, k)) for k in range(1, instances + 1)))


@dataclass
class FakePropagation(MaskPropagation):
    """Counts steps in the mask; loses instances where told to.

    Attributes:
        gone: cells in which propagation finds nothing.
        hollow: cells in which recovery finds nothing.
        calls: what was asked, (source, target, instances).
    """

    gone: Collection[CellKey] = ()
    hollow: Collection[CellKey] = ()
    calls: list[tuple[int, int, tuple[int, ...]]] = field(default_factory=list)
    recovered: list[tuple[int, int, Box]] = field(default_factory=list)

    def propagate(
        self, cells: Cells, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        assert abs(source - target) == 1
        self.calls.append((source, target, tuple(instances)))
        return {k: self._carry(cells.mask(source, k), target, k) for k in instances}

    def _carry(self, old: SoftMask, target: int, instance: int) -> Prediction:
        assert old.box.area, "nothing to carry"
        assert old.values[1, 0] == instance
        if (target, instance) in self.gone:
            return Prediction(SoftMask.empty(), 0.1)
        values = old.values.copy()
        values[1, 1] += 1
        return Prediction(SoftMask(old.box, values), 0.9)

    def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
        assert cells.checkpoints(instance), "no template"
        self.recovered.append((frame, instance, box))
        if (frame, instance) in self.hollow:
            return Prediction(SoftMask.empty(), 0.0)
        return Prediction(patch(box.x0, box.y0, instance), 0.8)

    def smooth(
        self, maps: Mapping[int, SoftMask], frames: Sequence[int], step: int
    ) -> Generator[None, None, dict[int, SoftMask]]:
        """As a smoother; nothing changes."""
        yield
        return {frame: maps[frame] for frame in frames}


def direction(instance: int, similarity: float) -> NDArray[np.float32]:
    """An embedding with this cosine to an instance's own, and none to the others'."""
    vector = np.zeros(DIMENSIONS, np.float32)
    vector[instance], vector[0] = similarity, np.sqrt(1 - similarity**2)
    return vector


@dataclass
class FakeReid(Reidentification):
    """Hand-made candidates: frame → [(x, y, embedding)].

    Attributes:
        looked: frames that were detected, in order.
        described: cells whose appearance was computed.
    """

    world: Mapping[int, Sequence[tuple[int, int, NDArray[np.float32]]]] = field(default_factory=dict)
    looked: list[int] = field(default_factory=list)
    described: list[tuple[int, int]] = field(default_factory=list)

    def candidates(self, frame: int) -> Candidates:
        if frame not in self.looked:
            self.looked.append(frame)
        listed = self.world.get(frame, ())
        return Candidates(
            np.array([(x, y, x + 2, y + 1) for x, y, _ in listed], np.int32).reshape(-1, 4),
            np.ones(len(listed), np.float32),
            np.zeros(len(listed), np.bool_),
            np.array([e for _, _, e in listed], np.float32).reshape(-1, DIMENSIONS),
        )

    def cached(self, frame: int) -> bool:
        return frame in self.looked

    def appearance(self, frame: int, mask: SoftMask) -> NDArray[np.float32]:
        instance = int(mask.values[1, 0])
        self.described.append((frame, instance))
        return direction(instance, 1.0)

    def colours(self, frame: int, mask: SoftMask) -> NDArray[np.float16]:
        return direction(int(mask.values[1, 0]), 1.0).astype(np.float16)


def found(**similarities: float) -> FakeReid:
    """One candidate of instance 1 per named frame, e.g. found(f5=0.9), away from where masks are."""
    return FakeReid({int(name[1:]): [(5, 5, direction(1, s))] for name, s in similarities.items()})


def modules(propagation: FakePropagation, config: Config = CONFIG) -> Modules:
    """What the settings have in, around a fake M_mp that is its own smoother."""
    return Modules(Pipeline.studio(config, TemporalSmoothing(propagation)), propagation)


def vsreid(
    annotation: Annotation,
    propagation: FakePropagation,
    reid: Reidentification | None,
    config: Config,
    **chosen: object,
) -> Steps:
    return modules(propagation, config).run(annotation, reid, **chosen)  # type: ignore[arg-type]


def propagate_only(
    annotation: Annotation, propagation: FakePropagation, config: Config = CONFIG, **chosen: object
) -> Steps:
    return vsreid(annotation, propagation, None, config, **chosen)


def algorithm(annotation: Annotation, propagation: FakePropagation, config: Config = CONFIG) -> Algorithm:
    """Algorithm 3 with what the settings have in."""
    pipeline = modules(propagation, config).pipeline
    return Algorithm(annotation, propagation, pipeline.planner, pipeline.after_step, pipeline.after_span)


def run(steps: Steps, *answers: Answer, default: Answer | None = None) -> list[Event]:
    """Pull to the end, giving the answers in turn, then the default."""
    events: list[Event] = []
    waiting = list(answers)
    answer: Answer | None = None
    while True:
        try:
            event = steps.send(answer)
        except StopIteration:
            assert not waiting, f"not asked for {waiting}"
            return events
        events.append(event)
        answer = None
        if isinstance(event, Proposal):
            answer = waiting.pop(0) if waiting else default
            assert answer is not None, f"unexpected {event}"


def proposals(events: Sequence[Event]) -> list[CellKey]:
    return [event.key for event in events if isinstance(event, Proposal)]


def changes(events: Sequence[Event]) -> list[Change]:
    return [event for event in events if isinstance(event, Change)]


def inverse(change: Change) -> Change:
    """The change that undoes another one, as undo does with what the project file holds."""
    return Change(change.label, change.after, change.before, change.decisions_after, change.decisions_before)


def origins(annotation: Annotation, instance: int = 1) -> list[int | None]:
    return [annotation.origin(frame, instance) for frame in range(annotation.length)]


def story(annotation: Annotation) -> tuple[dict[CellKey, object], dict[CellKey, Decision]]:
    """All of an annotation as values that compare."""
    cells = {
        key: (c.mask.box, c.mask.values.tobytes(), c.origin, c.pinned, c.made_by, c.confidence, c.similarity)
        for key, c in annotation.cells()
    }
    return dict(cells), dict(annotation.decisions)


def assert_whole(annotation: Annotation, gaps: bool = False) -> None:
    """Every cell came from a checkpoint along cells that exist, cut at most by an anchor set later.

    With `gaps`, cells on the way may have been removed since.
    """
    for (frame, instance), cell in annotation.cells():
        assert 0 <= frame < annotation.length
        checkpoints = annotation.checkpoints(instance)
        if cell.origin == frame:
            continue
        assert not cell.pinned
        assert cell.origin in checkpoints, f"{frame}, {instance} hangs in the air"
        assert cell.second is None or cell.second in checkpoints
        if cell.mask.box.area and cell.made_by is Maker.PROPAGATION and cell.second is None:
            assert cell.mask.values[1, 1] == abs(cell.origin - frame), "another path or a stale one"
        low, high = sorted((frame, cell.origin))
        for between in range(low + 1, high):
            other = annotation.origin(between, instance)
            assert other is not None or gaps
            if other not in (None, cell.origin):
                assert any(annotation.anchored(c, instance) for c in range(low + 1, high))


def assert_settled(annotation: Annotation, instance: int) -> None:
    """Nothing is missing, and nothing is nearer to another checkpoint than to its own (no barriers)."""
    checkpoints = annotation.checkpoints(instance)
    for frame in range(annotation.length):
        cell = annotation.get(frame, instance)
        assert cell is not None
        assert abs(cell.origin - frame) == min(abs(c - frame) for c in checkpoints)
