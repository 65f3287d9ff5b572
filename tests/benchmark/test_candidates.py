from pathlib import Path

import numpy as np

from vsreid_studio.benchmark.candidates import CandidateFiles, LayeredCandidates
from vsreid_studio.engine.runtime.reid import MemoryStore
from vsreid_studio.engine.types import Candidates


def candidates(count: int) -> Candidates:
    rng = np.random.default_rng(count)
    boxes = rng.integers(0, 99, (count, 4), dtype=np.int32)
    scores = rng.random(count, np.float32)
    return Candidates(boxes, scores, scores > 0.5, rng.random((count, 8), np.float32))


def same(one: Candidates | None, other: Candidates) -> bool:
    return one is not None and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in Candidates.__slots__
    )


def test_kept_to_the_last_bit(tmp_path: Path) -> None:
    for frame in (0, 3):
        CandidateFiles(tmp_path / "a").put(frame, candidates(frame))
    again = CandidateFiles(tmp_path / "a")
    assert all(same(again.get(frame), candidates(frame)) for frame in (0, 3))
    assert 1 not in again
    assert again.get(1) is None


def test_damaged_file_counts_as_missing(tmp_path: Path) -> None:
    CandidateFiles(tmp_path).put(2, candidates(3))
    for cut in (0, 10, 300):
        (tmp_path / "00002.npz").write_bytes((tmp_path / "00002.npz").read_bytes()[:cut] if cut else b"")
        assert 2 not in CandidateFiles(tmp_path)
        CandidateFiles(tmp_path).put(2, candidates(3))


def test_own_store_is_filled_from_the_shared_one(tmp_path: Path) -> None:
    own, shared = MemoryStore(), CandidateFiles(tmp_path)
    shared.put(1, candidates(2))
    both = LayeredCandidates(own, shared)
    assert 1 in both
    assert same(both.get(1), candidates(2))
    assert 1 in own
    both.put(5, candidates(4))
    assert 5 in own
    assert 5 in CandidateFiles(tmp_path)
    assert 6 not in both
    assert both.get(6) is None


def test_other_arrays_count_as_missing(tmp_path: Path) -> None:
    good = {name: getattr(candidates(3), name) for name in Candidates.__slots__}
    for name, wrong in {
        "boxes": np.zeros((3, 5), np.int32),
        "scores": np.full(3, np.nan, np.float32),
        "person": np.zeros(2, np.bool_),
        "embeddings": np.zeros((3, 8), np.float64),
    }.items():
        np.savez(tmp_path / "00002.npz", **{**good, name: wrong})
        assert 2 not in CandidateFiles(tmp_path)
    np.savez_compressed(tmp_path / "00002.npz", **{**good, "boxes": np.zeros((5_000_000, 4), np.int32)})
    assert 2 not in CandidateFiles(tmp_path)
