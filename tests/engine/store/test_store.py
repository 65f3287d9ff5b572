"""The index of an annotation, and maps that are kept outside memory."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterable

import numpy as np
import pytest
from fakes import absent, drawn, patch

from vsreid_studio.engine.store.annotation import Annotation, closer, edit, overwritten
from vsreid_studio.engine.store.index import RECORD
from vsreid_studio.engine.store.maps import InMemory, MapCache, decode_map, encode_map
from vsreid_studio.engine.types import Box, Cell, CellKey, SoftMask

LENGTH = 30


def random_cell(dice: random.Random, frame: int, instance: int) -> Cell | None:
    kind = dice.randrange(5)
    if kind == 0:
        return None
    if kind == 1:
        return absent(frame)
    if kind == 2:
        return drawn(frame, instance)
    origin, second = dice.randrange(LENGTH), dice.choice([None, dice.randrange(LENGTH)])
    return Cell(patch(frame, frame % 5, instance), origin, second=second, smoothed=dice.random() < 0.5)


def agree(annotation: Annotation, model: dict[CellKey, Cell]) -> None:
    assert dict(annotation.cells()) == model
    assert len(annotation) == len(model)
    assert annotation.instances == tuple(sorted({key.instance for key in model}))
    for k in (1, 2, 3):
        row = {key.frame: cell for key, cell in model.items() if key.instance == k}
        assert dict(annotation.row(k)) == row
        anchors = [i for i in sorted(row) if row[i].origin == i]
        assert annotation.anchors(k) == tuple(anchors)
        assert annotation.checkpoints(k) == tuple(i for i in anchors if row[i].mask.box.area)
        for frame in (-1, 0, 7, LENGTH - 1, LENGTH):
            assert annotation.get(frame, k) is row.get(frame)
            before = max((i for i in anchors if i < frame), default=-1)
            after = min((i for i in anchors if i > frame), default=LENGTH)
            assert annotation.around(k, frame) == range(before + 1, after)


def plainly_closer(row: dict[int, Cell], origin: int, frames: Iterable[int]) -> list[int]:
    taken = []
    for frame in frames:
        if frame in row and abs(row[frame].origin - frame) <= abs(origin - frame):
            break
        taken.append(frame)
    return taken


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_a_plain_dictionary_would_be(seed: int) -> None:
    dice = random.Random(seed)
    annotation = Annotation(LENGTH)
    model: dict[CellKey, Cell] = {}
    copies: list[tuple[Annotation, dict[CellKey, Cell]]] = []
    for _ in range(40):
        keys = {CellKey(dice.randrange(LENGTH), dice.randint(1, 3)) for _ in range(dice.randint(1, 6))}
        cells = {key: random_cell(dice, *key) for key in keys}
        annotation.apply(annotation.set_cells("try", cells))
        for key, cell in cells.items():
            model.pop(key, None)
            if cell is not None:
                model[key] = cell
        model = dict(sorted(model.items(), key=lambda one: one[0][::-1]))
        agree(annotation, model)
        copies.append((annotation.copy(), dict(model)))
        origin, k = dice.randrange(LENGTH), dice.randint(1, 3)
        row = {key.frame: cell for key, cell in model.items() if key.instance == k}
        ahead = plainly_closer(row, origin, range(origin + 1, LENGTH))
        behind = plainly_closer(row, origin, range(origin - 1, -1, -1))
        assert closer(annotation, k, origin, range(origin + 1, LENGTH)) == ahead
        assert closer(annotation, k, origin, range(origin - 1, -1, -1)) == behind
        assert overwritten(annotation, k, origin) == (*behind[::-1], origin, *ahead)
        changed = {CellKey(dice.randrange(LENGTH), dice.randint(1, 3)): None for _ in range(3)}
        stale = {
            key for key, cell in model.items()
            for frame, instance in changed
            if key.instance == instance and key.frame != frame and frame in (cell.origin, cell.second)
        }  # fmt: skip
        assert edit(annotation, "clear", changed).after.keys() == stale | changed.keys()
    for copy, then in copies:
        agree(copy, then)


def test_an_edit_that_leaves_a_mask_as_it_is_keeps_what_came_from_it() -> None:
    annotation = Annotation(4, {CellKey(0, 1): drawn(0, 1), CellKey(1, 1): Cell(patch(0, 0, 1), 0)})
    again = Cell(annotation.mask(0, 1), 0, pinned=True)
    assert edit(annotation, "approve", {CellKey(0, 1): again}).after.keys() == {CellKey(0, 1)}


def test_a_change_outside_the_video_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        Annotation(3, {CellKey(-1, 1): drawn(0, 1)})


def noise(seed: int, size: int = 20) -> SoftMask:
    values = np.random.default_rng(seed).integers(1, 256, (size, size), np.uint8)
    return SoftMask(Box(3, 4, 3 + size, 4 + size), values)


def test_maps_leave_memory_and_come_back() -> None:
    source = InMemory()
    maps = MapCache(source, limit=1000)
    annotation = Annotation(10, maps=maps)
    masks = [noise(seed) for seed in range(5)]
    values, area, box = [m.values.copy() for m in masks], masks[2].area, masks[2].hard_box
    cells = {CellKey(i, 1): Cell(mask, i) for i, mask in enumerate(masks)}
    annotation.apply(annotation.set_cells("draw", cells))
    first = annotation.get(2, 1)
    for mask in masks:
        maps.adopt(mask, source.write(encode_map(mask)))
    annotation.apply(annotation.set_cells("draw", {CellKey(9, 1): absent(9)}))
    assert annotation.get(2, 1) is first
    assert maps.decoded_bytes <= 1000
    del cells, masks, mask, first
    gc.collect()
    assert not maps._alive
    again = annotation.get(2, 1)
    assert again is annotation.get(2, 1)
    assert again is annotation.copy().get(2, 1)
    assert (again.mask.area, again.mask.hard_box) == (area, box)
    assert annotation.records(1)["area"][2] == area
    for frame, known in enumerate(values):
        np.testing.assert_array_equal(annotation.mask(frame, 1).values, known)
        assert not annotation.mask(frame, 1).values.flags.writeable
    assert maps.decoded_bytes <= 1000


def test_area_and_box_are_told_without_decoding() -> None:
    class Sealed(InMemory):
        def read(self, number: int) -> bytes:
            raise AssertionError("decoded")

    maps = MapCache(Sealed())
    records = np.zeros(2, RECORD)
    for n in range(2):
        places = {"x0": 1, "y0": 2, "x1": 5, "y1": 6, "hard_x0": 2, "hard_y0": 3, "hard_x1": 4, "hard_y1": 5}
        for name, value in {"frame": n, "instance": 7, "flags": 9, "area": 3, "map": n + 1, **places}.items():
            records[name][n] = value
    annotation = Annotation.load(4, records, {}, maps)
    mask = annotation.frame_masks(1)[7]
    assert (mask.area, mask.box, mask.hard_box) == (3, Box(1, 2, 5, 6), Box(2, 3, 4, 5))
    assert annotation.checkpoints(7) == (0,)


def test_only_the_picture_that_was_kept_is_decoded() -> None:
    mask = noise(0)
    data = encode_map(mask)
    np.testing.assert_array_equal(decode_map(data, mask.box), mask.values)
    for bad in (b"", b"\x89PNG" + bytes(40), data[:40], data[:26] + bytes(len(data) - 26)):
        with pytest.raises(ValueError, match="map"):
            decode_map(bad, mask.box)
    with pytest.raises(ValueError, match="does not fill"):
        decode_map(data, Box(0, 0, 5, 4))


def test_a_map_does_not_change() -> None:
    mask = noise(0)
    with pytest.raises(AttributeError, match="does not change"):
        mask.box = Box(0, 0, 1, 1)
    with pytest.raises(ValueError, match="read-only"):
        mask.values[0] = 1
