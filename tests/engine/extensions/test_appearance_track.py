"""Look-alikes are told by what stood beside the instance."""

from collections.abc import Generator
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest

from vsreid_studio.engine.algorithm.retrieve import UNKNOWN
from vsreid_studio.engine.extensions.appearance_track import (
    MOST,
    TRUSTED,
    AppearanceTrack,
    TrackSettings,
    TrustedEmbeddings,
    nearest_trusted,
)
from vsreid_studio.engine.store.candidates import EmbeddingRows
from vsreid_studio.engine.types import Cell, SoftMask

T = TypeVar("T")
SETTINGS = TrackSettings(rho_track=0.5, sure=0.8)


def similarities(
    track: AppearanceTrack, embeddings: np.ndarray, template: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return _ended(track.similarities(EmbeddingRows.of(embeddings), template))


def _ended(steps: Generator[None, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _cell(x: int, confidence: float = 0.9) -> Cell:
    return Cell(SoftMask.from_dense(np.ones((10, 10), np.float32), (x, 0)), 0, confidence=confidence)


def _boxes(*left: int) -> np.ndarray:
    return np.array([[x, 0, x + 10, 10] for x in left], np.int32)


def _unit(*angles: float) -> np.ndarray:
    turned = np.deg2rad(angles)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def test_what_was_beside_is_told_from_the_instance() -> None:
    # Frame 0: the instance at 0 degrees, a look-alike at 40. Later come 10 and 35 degrees.
    embeddings = _unit(0, 40, 10, 35)
    track = AppearanceTrack(SETTINGS)
    track.update(0, _cell(0), np.array([0, 1]), _boxes(0, 50))
    same, beside = similarities(track, embeddings, embeddings @ embeddings[0])
    assert same[2] > beside[2]
    assert same[3] < beside[3]
    assert same[0] == UNKNOWN, "a candidate is not compared with itself"


@pytest.mark.parametrize(("left", "kind"), [(0, "same"), (4, "neither"), (9, "beside"), (30, "beside")])
def test_overlap_sorts(left: int, kind: str) -> None:
    track = AppearanceTrack(SETTINGS)
    track.update(0, _cell(0), np.array([0]), _boxes(left))
    same, beside = similarities(track, _unit(0, 0), np.ones(2, np.float32))
    assert (same[1] > UNKNOWN) == (kind == "same")
    assert (beside[1] > UNKNOWN) == (kind == "beside")


def test_only_what_is_sure_and_like_the_gallery_counts() -> None:
    track = AppearanceTrack(SETTINGS)
    track.update(0, _cell(0, confidence=0.7), np.array([0]), _boxes(0))
    assert similarities(track, _unit(0, 0), np.ones(2, np.float32))[0][1] == UNKNOWN
    track.update(0, _cell(0), np.array([0]), _boxes(0))
    unlike = np.array([0.4, 0.4], np.float32)
    assert similarities(track, _unit(0, 0), unlike)[0][1] == UNKNOWN
    assert similarities(track, _unit(0, 0), np.ones(2, np.float32))[0][1] == pytest.approx(1)


def test_a_judged_mask_need_not_be_like_the_gallery() -> None:
    track = AppearanceTrack(SETTINGS)
    unlike = np.array([0.4, 0.4], np.float32)
    for confidence, known in ((TRUSTED - 0.01, UNKNOWN), (TRUSTED, 1)):
        judged = replace(_cell(0, confidence), similarity=0.4)
        track.update(0, judged, np.array([0]), _boxes(0))
        assert similarities(track, _unit(0, 0), unlike)[0][1] == pytest.approx(known)


def test_looks_are_not_compared_with_candidates_of_their_own_frame() -> None:
    looks = TrustedEmbeddings(np.array([3, 7]), _unit(0, 60))
    found = _ended(nearest_trusted(EmbeddingRows.of(_unit(0, 0, 60)), np.array([3, 4, 7]), looks))
    assert found == pytest.approx([0.5, 1, 0.5], abs=1e-6)
    nothing = TrustedEmbeddings(np.zeros(0, np.intp), np.zeros((0, 1), np.float32))
    assert (_ended(nearest_trusted(EmbeddingRows.of(_unit(0)), np.array([3]), nothing)) == UNKNOWN).all()


def test_it_follows_the_annotation() -> None:
    track = AppearanceTrack(SETTINGS)
    assert track.up_to_date()
    track.update(0, _cell(0), np.array([0]), _boxes(0))
    assert not track.up_to_date()
    similarities(track, _unit(0, 0), np.ones(2, np.float32))
    assert track.up_to_date()
    track.update(0, None, np.array([0]), _boxes(0))
    assert not track.up_to_date()
    assert similarities(track, _unit(0, 0), np.ones(2, np.float32))[0][1] == UNKNOWN


def test_a_long_video_is_thinned_out() -> None:
    count = 3 * MOST
    track = AppearanceTrack(SETTINGS)
    for frame in range(count):
        track.update(frame, _cell(0), np.array([frame]), _boxes(0))
    embeddings = _unit(*np.linspace(0, 90, count + 1))
    same, _ = similarities(track, embeddings, np.ones(count + 1, np.float32))
    assert same.shape == (count + 1,)
    assert same[-1] > 0.99
