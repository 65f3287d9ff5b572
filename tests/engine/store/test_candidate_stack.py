"""Candidates in rows: what was added comes back, from memory and from a file."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from vsreid_studio.engine.store import candidates
from vsreid_studio.engine.store.candidates import CandidateStack, EmbeddingRows
from vsreid_studio.engine.types import Candidates
from vsreid_studio.errors import UserError


def some(count: int, seed: int = 0) -> Candidates:
    random = np.random.default_rng(seed)
    return Candidates(
        random.integers(0, 9, (count, 4)).astype(np.int32),
        np.ones(count, np.float32),
        np.zeros(count, np.bool_),
        random.normal(size=(count, 3)).astype(np.float32),
    )


@pytest.mark.parametrize("in_memory", [1, 2**20])
def test_rows_come_back_in_parts_and_one_by_one(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "PART", 4)
    rows = EmbeddingRows(in_memory)
    assert list(rows.parts()) == []
    wanted = some(11).embeddings
    for some_rows in (wanted[:5], wanted[5:5], wanted[5:]):
        rows.append(some_rows)
        assert rows.take(np.array([4, 0])).tolist() == wanted[[4, 0]].tolist()
    assert len(rows) == 11
    read = [(part, found.copy()) for part, found in rows.parts()]
    assert [part.stop - part.start for part, _ in read] == [4, 4, 3]
    for part, found in read:
        assert (found == wanted[part]).all()
    with pytest.raises(ValueError, match="2 numbers"):
        rows.append(np.ones((1, 2), np.float32))


def test_frames_are_added_in_any_order() -> None:
    stack = CandidateStack()
    found = {7: some(2, 7), 3: some(3, 3), 5: some(0, 5)}
    assert stack.frames == [] and stack.boxes().shape == (0, 4)
    for frame, one in found.items():
        stack.add(frame, one)
    assert stack.frames == [3, 5, 7] and 5 in stack and 4 not in stack
    rows = stack.rows_of(stack.frames)
    assert rows.tolist() == [[2, 3, 4], [-1, -1, -1], [0, 1, -1]]
    assert stack.row_frames().tolist() == [7, 7, 3, 3, 3]
    for frame, row in zip(stack.frames, rows, strict=True):
        own = row[row >= 0]
        assert stack.boxes()[own].tolist() == found[frame].boxes.tolist()
        assert (stack.embeddings.take(own) == found[frame].embeddings).all()
    with pytest.raises(ValueError, match="frame 3"):
        stack.add(3, some(1))


def test_a_full_disk_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = EmbeddingRows()
    rows.append(some(2).embeddings)

    def full(data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(rows._file, "write", full)
        with pytest.raises(UserError, match=r"temporary files: No space left on device\. Free some space"):
            rows.append(some(3).embeddings)
    rows.append(some(1, 5).embeddings)
    assert rows.take(np.array([2])).tolist() == some(1, 5).embeddings.tolist()
