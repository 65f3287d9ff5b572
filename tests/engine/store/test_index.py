"""Changes of very many cells: told without the cells, and stopped while they are made."""

import pytest
from fakes import drawn, first_masks, story

from vsreid_studio.engine.events import Change
from vsreid_studio.engine.store.annotation import Annotation, edit
from vsreid_studio.engine.types import CellKey, SoftMask
from vsreid_studio.engine.types.stepwise import batches, clear_stepwise, emptied, interruptible


class StoppedError(Exception):
    pass


def test_items_are_handed_on_with_a_call_now_and_then() -> None:
    calls: list[int] = []
    assert list(interruptible(range(2500), lambda: calls.append(1))) == list(range(2500))
    assert len(calls) == 3
    assert interruptible("abc", None) == "abc"


def test_a_mapping_in_parts() -> None:
    whole = {n: str(n) for n in range(2100)}
    found = list(batches(whole))
    assert [len(part) for part in found] == [1000, 1000, 100]
    assert {key: value for part in found for key, value in part.items()} == whole
    clear_stepwise(whole, found[0])
    assert not whole
    assert not found[0]
    with pytest.raises(StoppedError), emptied(found[1]):
        raise StoppedError
    assert not found[1]


def test_a_change_without_its_cells_tells_the_same_keys() -> None:
    keys = [CellKey(7, 2), CellKey(3, 1), CellKey(5, 2), CellKey(0, 1)]
    change = Change("import", dict.fromkeys(keys), dict.fromkeys(keys))
    short = Change.of_many(change)
    assert short.label == "import"
    assert short.after.keys() == short.before.keys() == change.after.keys()
    assert {k: list(frames) for k, frames in short.touched.items()} == {1: [0, 3], 2: [5, 7]}
    assert CellKey(3, 1) in short.after
    assert all(key not in short.after for key in (CellKey(4, 1), CellKey(9, 2), CellKey(0, 3)))
    assert len(short.after) == 4
    assert short.after[CellKey(7, 2)] is None


def test_another_decision_leaves_the_cells_where_they_are() -> None:
    keys = [CellKey(7, 2), CellKey(3, 1)]
    change = Change("accept", dict.fromkeys(keys), dict.fromkeys(keys))
    verdicts = dict.fromkeys(keys[:1])
    decided = change.with_decisions(verdicts, verdicts)
    assert decided.label == "accept"
    assert decided.after is change.after
    assert decided.before is change.before
    assert decided.touched is change.touched
    assert decided.decisions_after == verdicts
    assert not change.decisions_after
    with pytest.raises(ValueError, match="same cells"):
        change.with_decisions({}, verdicts)
    with pytest.raises(ValueError, match="same cells"):
        Change("accept", dict.fromkeys(keys), dict.fromkeys([keys[0], CellKey(4, 1)]))


def test_a_change_is_a_copy_of_what_it_was_made_of() -> None:
    cells = dict.fromkeys([CellKey(7, 2), CellKey(3, 1)])
    change = Change("draw", cells, cells)
    cells.clear()
    assert len(change.before) == len(change.after) == 2


def test_a_copy_with_a_change_leaves_the_annotation_alone() -> None:
    annotation = first_masks(4, 2)
    before = story(annotation)
    change = annotation.set_cells("draw", {CellKey(2, 1): drawn(2, 1), CellKey(0, 2): None})
    twin = annotation.with_change(change)
    assert story(annotation) == before
    annotation.apply(change)
    assert story(twin) == story(annotation)


def test_an_edit_can_be_stopped() -> None:
    def stop() -> None:
        raise StoppedError

    annotation = Annotation(3)
    cells = {CellKey(0, 1): drawn(0, 1)}
    with pytest.raises(StoppedError):
        edit(annotation, "import", cells, stop)
    with pytest.raises(StoppedError):
        annotation.with_change(Change("import", dict.fromkeys(cells), cells), stop)
    assert annotation.mask(0, 1).same(SoftMask.empty())
