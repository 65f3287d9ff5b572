"""The memory computes each entry once, forgets what is not read, and is not disturbed by a hypothesis."""

from collections.abc import Collection
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vsreid_studio.config import PropagationConfig
from vsreid_studio.engine.extensions import memory as memories
from vsreid_studio.engine.extensions.memory import MOST_RIVALS, Memory
from vsreid_studio.engine.nets.stream import MemoryEntry
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.store.view import AnnotationView
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, Prediction, SoftMask

HEIGHT, WIDTH = 60, 400
ENTRY = 3 * 4 * 100
"""Bytes of an entry."""


class Stream:
    """Counts the entries that it computes."""

    log_sharpness = torch.zeros(1)

    def __init__(self) -> None:
        self.computed = self.encoded = 0

    def encode(self, patch: torch.Tensor) -> torch.Tensor:
        self.encoded += 1
        return patch

    def memorise(self, features: object, maps: torch.Tensor) -> list[MemoryEntry]:
        self.computed += 1
        return [MemoryEntry(*(torch.full((100,), float(self.computed)) for _ in range(3)))]


def made(recent: int = 0) -> tuple[Memory, Stream]:
    stream = Stream()
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    video = SimpleNamespace(height=HEIGHT, width=WIDTH, frame=lambda _: picture)
    return Memory(video, SimpleNamespace(rgb=stream), PropagationConfig(recent=recent)), stream  # type: ignore[arg-type]


def mask(x: int, width: int = 8) -> SoftMask:
    return SoftMask.from_dense(np.ones((20, width), np.float32), (x, 10))


def crowd(count: int) -> Annotation:
    """As many instances side by side."""
    cells = {CellKey(0, k): Cell(mask(3 * k), 0, True, Maker.PERSON) for k in range(1, count + 1)}
    return Annotation(5, cells)


def test_an_entry_is_computed_once() -> None:
    memory, stream = made()
    annotation = crowd(3)
    first = memory.entries(annotation, 1, 2, rivals=[2, 3])
    assert stream.computed == len(first) == 3
    again = memory.entries(annotation, 1, 3, rivals=[2, 3])
    assert all(one is other for one, other in zip(first, again, strict=True))


def test_entries_that_are_not_read_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memories, "KEPT", 10 * ENTRY)
    memory, stream = made()
    annotation = crowd(40)
    for k in range(1, 41):
        memory.entries(annotation, k, 1, memory.near(annotation, k, 1, Box(0, 0, WIDTH, HEIGHT)))
        assert memory.bytes <= 10 * ENTRY
    before = stream.computed
    memory.entries(annotation, 1, 1)
    assert stream.computed == before + 1, "it is computed anew when it is read again"


def test_only_the_nearest_rivals_are_read() -> None:
    memory, _ = made()
    annotation = crowd(100)
    near = memory.near(annotation, 50, 1, Box(120, 0, 200, HEIGHT))
    assert len(near) == MOST_RIVALS
    assert 50 not in near
    # Those that lie wholly inside come before those that only reach in.
    assert all(3 * k >= 120 and 3 * k + 8 <= 200 for k in near)
    assert memory.near(annotation, 1, 1, Box(3, 0, 5, HEIGHT)) == []


def test_a_hypothesis_leaves_the_entries_as_they_are() -> None:
    memory, stream = made()
    annotation = crowd(2)
    known = memory.entries(annotation, 1, 2, rivals=[2])
    found = Cell(mask(200), 4, made_by=Maker.RECOVERY)
    seen = AnnotationView(annotation, {CellKey(4, 1): found}, without=1)
    memory.entries(seen, 1, 3, rivals=[2])
    assert stream.computed == 4, "what was recovered, and the rival without the instance beside it"
    again = memory.entries(annotation, 1, 2, rivals=[2])
    assert all(one is other for one, other in zip(known, again, strict=True))
    assert stream.computed == 4


def test_what_a_failed_step_has_left_is_no_other_map() -> None:
    memory, stream = made(recent=2)
    annotation, box = crowd(2), Box(0, 0, 20, 40)
    found = Prediction(mask(6), 0.9)

    def step(frame: int, instances: Collection[int], fails: bool = False) -> None:
        for instance in instances:
            memory.observe(CellKey(frame, instance), box, np.zeros((40, 20), np.float32), torch.zeros(1))
        if not fails:
            scene = SimpleNamespace(cells=annotation, frame=frame)
            memory.after_prediction(scene, (), dict.fromkeys(instances, found))  # type: ignore[arg-type]

    step(1, [1, 2], fails=True)
    step(2, [1])
    step(3, [1])
    cells = {CellKey(n, 1): Cell(found.mask, 0, confidence=0.9) for n in (1, 3)}
    annotation.apply(annotation.set_cells("propagate", cells))
    assert len(memory.entries(annotation, 1, 2)) == 3
    assert stream.encoded == 2, "the template, and frame 1, of which the step has failed"


def test_the_template_is_read_before_an_earlier_recovery() -> None:
    memory, _ = made()
    cells = {
        CellKey(frame, 1): Cell(mask(10 + frame), frame, frame == 3, maker)
        for frame, maker in ((0, Maker.RECOVERY), (3, Maker.PERSON))
    }
    annotation = Annotation(5, cells)
    first, _ = memory.entries(annotation, 1, 4)
    (own,) = memory.entries(annotation, 1, 0)
    assert first is own
