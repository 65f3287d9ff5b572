"""What is smoothed, when, and beside what."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from fakes import CONFIG, FakePropagation, drawn, first_masks, grid, patch, propagate_only

from vsreid_studio.engine.events import Change, Steps
from vsreid_studio.engine.extensions.temporal_smoothing import finished_block, unsmoothed_blocks
from vsreid_studio.engine.store.annotation import Annotation, edit
from vsreid_studio.engine.types import Cell, CellKey, Maker, SoftMask


@dataclass
class Smoothing(FakePropagation):
    """Remembers what it was to smooth: (frames, those beside with a say, step)."""

    blocks: list[tuple[tuple[int, ...], tuple[int, ...], int]] = field(default_factory=list)

    def smooth(
        self, maps: Mapping[int, SoftMask], frames: Sequence[int], step: int
    ) -> Generator[None, None, dict[int, SoftMask]]:
        beside = tuple(frame for frame in sorted(maps) if frame not in frames)
        self.blocks.append((tuple(frames), beside, step))
        return (yield from super().smooth(maps, frames, step))


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsreid_studio.engine.extensions.temporal_smoothing.BLOCK", 4)


def steps_of(
    annotation: Annotation, propagation: Smoothing, instances: Sequence[int] = (1,), **settings: bool
) -> Steps:
    chosen = {"bidirectional_fusion": True, "temporal_smoothing": True} | settings
    config = replace(CONFIG, propagation=replace(CONFIG.propagation, **chosen))  # type: ignore[arg-type]
    return propagate_only(annotation, propagation, config, instances=instances)


def swept(annotation: Annotation, instances: Sequence[int] = (1,), **settings: bool) -> Smoothing:
    propagation = Smoothing()
    list(steps_of(annotation, propagation, instances, **settings))
    return propagation


def smoothed(annotation: Annotation, instance: int = 1) -> list[int]:
    return [frame for frame, cell in sorted(annotation.row(instance).items()) if cell.smoothed]


def test_blocks_are_smoothed_when_the_next_one_is_reached() -> None:
    annotation = first_masks(11)
    found = swept(annotation)
    assert found.blocks == [((1, 2, 3, 4), (0, 5), 1), ((5, 6, 7, 8), (4, 9), 1), ((9, 10), (8,), 1)]
    assert smoothed(annotation) == list(range(1, 11))


def test_a_way_back_is_counted_from_its_own_checkpoint() -> None:
    annotation = grid(8, (7, 1, drawn(7, 1)))
    found = swept(annotation)
    assert found.blocks == [((3, 4, 5, 6), (2, 7), -1), ((0, 1, 2), (3,), -1)]


def test_the_chain_leads_through_masks_that_are_not_smoothed() -> None:
    annotation, propagation = first_masks(11), Smoothing()
    for event in steps_of(annotation, propagation):
        if isinstance(event, Change) and 6 in {key.frame for key in event.after}:
            break
    cell = annotation.get(5, 1)
    assert smoothed(annotation) == [1, 2, 3, 4]
    assert cell is not None
    assert not cell.smoothed


def test_a_run_cut_short_smooths_as_a_whole_one() -> None:
    whole, parts = first_masks(11), first_masks(11)
    wanted = swept(whole).blocks
    found: list[tuple[tuple[int, ...], tuple[int, ...], int]] = []
    events = 0
    for cut in range(1, 40):
        propagation = Smoothing()
        steps = steps_of(parts, propagation)
        for _ in range(cut % 5 + 1):
            if next(steps, None) is None:
                break
            events += 1
        steps.close()
        # What was begun and not finished is begun again.
        found += [block for block in propagation.blocks if block not in found]
    assert events > 15
    assert found == wanted
    assert smoothed(parts) == smoothed(whole)
    assert swept(parts).blocks == []


def test_only_what_comes_from_the_same_checkpoint_has_a_say() -> None:
    other = Cell(patch(4, 4, 1), 9, made_by=Maker.PROPAGATION, smoothed=True)
    end = Cell(patch(4, 4, 1), 9, made_by=Maker.RECOVERY)
    annotation = grid(10, (0, 1, drawn(0, 1)), *((n, 1, other) for n in (5, 6, 7, 8)), (9, 1, end))
    assert swept(annotation).blocks == [((1, 2, 3, 4), (0,), 1)]


def test_what_is_fused_is_smoothed_once() -> None:
    annotation = grid(10, (0, 1, drawn(0, 1, 0, 0)), (9, 1, drawn(9, 1, 0, 0)))
    assert swept(annotation).blocks == [(tuple(range(1, 9)), (0, 9), 1)]
    assert smoothed(annotation) == list(range(1, 9))
    assert swept(annotation).blocks == []


def test_a_new_mask_has_what_follows_it_smoothed_anew() -> None:
    annotation = first_masks(11)
    swept(annotation)
    annotation.apply(edit(annotation, "draw", {CellKey(0, 1): drawn(0, 1, 2)}))
    assert len(swept(annotation).blocks) == 3


def test_smoothing_can_be_switched_off() -> None:
    annotation = first_masks(11)
    assert swept(annotation, temporal_smoothing=False).blocks == []
    assert smoothed(annotation) == []
    voted = grid(10, (0, 1, drawn(0, 1, 0, 0)), (9, 1, drawn(9, 1, 0, 0)))
    assert swept(voted, temporal_smoothing=False).blocks == []
    assert all(cell.second is not None for frame, cell in voted.row(1).items() if 0 < frame < 9)


def test_a_mask_drawn_meanwhile_stays() -> None:
    annotation, propagation = first_masks(11), Smoothing()
    steps = steps_of(annotation, propagation)
    while not propagation.blocks:
        next(steps)
    mine = drawn(3, 1, 5)
    annotation.apply(edit(annotation, "draw", {CellKey(3, 1): mine}))
    list(steps)
    assert annotation.get(3, 1) is mine


def test_empty_maps_are_not_waited_for() -> None:
    annotation = first_masks(6)
    gone = {CellKey(n, 1): Cell(SoftMask.empty(), 0) for n in (3, 4, 5)}
    annotation.apply(annotation.set_cells("lose", gone))
    propagated = {CellKey(n, 1): Cell(patch(0, 1, 1, n), 0) for n in (1, 2)}
    annotation.apply(annotation.set_cells("propagate", propagated))
    assert unsmoothed_blocks(annotation, 1) == [range(1, 3)]
    assert unsmoothed_blocks(annotation, 1, [5]) == []


@pytest.mark.parametrize(
    ("origin", "frame", "block"),
    [(0, 1, range(0)), (0, 4, range(0)), (0, 5, range(1, 5)), (0, 9, range(5, 9)), (9, 4, range(5, 9))],
)
def test_a_block_is_done_when_the_next_one_begins(origin: int, frame: int, block: range) -> None:
    assert finished_block(origin, frame) == block
