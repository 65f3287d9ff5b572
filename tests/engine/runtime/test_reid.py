"""ReidModule: computes a frame once, and compares like with like."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from vsreid_studio.engine.algorithm.protocols import Reidentification
from vsreid_studio.engine.nets.detector import Detections
from vsreid_studio.engine.runtime.reid import MemoryStore, ReidModule
from vsreid_studio.engine.types import Box, Candidates, SoftMask

HEIGHT, WIDTH = 40, 60
BOXES = [[0, 0, 10, 10], [20, 5, 40, 35], [41, 0, 60, 40]]


class Video:
    height, width = HEIGHT, WIDTH

    def frame(self, index: int) -> np.ndarray:
        return np.full((HEIGHT, WIDTH, 3), index, np.uint8)


class FakeDetector:
    def __init__(self, count: int = 3) -> None:
        self.calls: list[int] = []
        self.count = count

    def detect(self, frame: np.ndarray) -> Detections:
        self.calls.append(int(frame[0, 0, 0]))
        n = self.count
        boxes = np.array(BOXES, np.int32)[:n]
        return Detections(
            boxes, np.linspace(0.9, 0.5, 3, dtype=np.float32)[:n], np.array([False, True, False])[:n]
        )


class FakeEmbedder:
    """Embeds the position of a box's corner on a circle."""

    dimensions = 2

    def __init__(self) -> None:
        self.calls: list[int] = []

    def embed(self, frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        self.calls.append(len(boxes))
        angle = boxes[:, 0] / WIDTH
        return np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)

    def embed_parts(self, parts: Sequence[tuple[np.ndarray, Box]]) -> np.ndarray:
        self.calls.append(len(parts))
        angle = np.array([box.x0 for _, box in parts]) / WIDTH
        return np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)


def mask(x0: int, y0: int, x1: int, y1: int) -> SoftMask:
    dense = np.zeros((HEIGHT, WIDTH), np.bool_)
    dense[y0:y1, x0:x1] = True
    return SoftMask.from_dense(dense)


def test_a_frame_is_computed_once_in_one_batch() -> None:
    detector, embedder = FakeDetector(), FakeEmbedder()
    reid: Reidentification = ReidModule(Video(), detector, embedder)
    assert not reid.cached(4)
    first = reid.candidates(4)
    assert reid.cached(4) and not reid.cached(5)
    assert reid.candidates(4) is first
    assert detector.calls == [4] and embedder.calls == [3]
    assert first.boxes.tolist() == BOXES and first.person.tolist() == [False, True, False]
    assert np.allclose(np.linalg.norm(first.embeddings, axis=1), 1)


def test_what_a_store_holds_is_not_computed_again() -> None:
    store = MemoryStore()
    ReidModule(Video(), FakeDetector(), FakeEmbedder(), store=store).candidates(2)
    detector = FakeDetector()
    reid = ReidModule(Video(), detector, FakeEmbedder(), store=store)
    assert reid.cached(2) and len(reid.candidates(2)) == 3 and not detector.calls


def test_a_frame_without_boxes_is_kept_too() -> None:
    detector = FakeDetector(0)
    reid = ReidModule(Video(), detector, FakeEmbedder())
    assert len(reid.candidates(0)) == 0 and len(reid.candidates(0)) == 0
    assert detector.calls == [0]


def test_an_appearance_is_that_of_the_masks_box() -> None:
    reid = ReidModule(Video(), FakeDetector(), FakeEmbedder())
    seen = reid.appearance(1, mask(20, 5, 40, 35))
    assert seen.shape == (2,) and seen.dtype == np.float32
    assert np.allclose(seen, reid.candidates(1).embeddings[1])


def test_masks_of_several_frames_are_embedded_in_one_batch() -> None:
    embedder = FakeEmbedder()
    reid = ReidModule(Video(), FakeDetector(), embedder)
    masks = [(1, mask(20, 5, 40, 35)), (4, mask(3, 3, 9, 9))]
    found = reid.appearances(masks)
    assert embedder.calls == [2]
    assert np.allclose(found, [reid.appearance(*one) for one in masks])
    with pytest.raises(ValueError, match="empty"):
        reid.appearances([(0, SoftMask.empty())])


def test_masks_of_persons_go_to_their_own_network() -> None:
    reid = ReidModule(Video(), FakeDetector(), FakeEmbedder(), FakeEmbedder())
    masks = [(0, mask(21, 6, 40, 35)), (0, mask(0, 0, 10, 9))]
    assert np.allclose(reid.appearances(masks), [reid.appearance(*one) for one in masks])


def test_an_empty_mask_has_no_appearance() -> None:
    with pytest.raises(ValueError, match="empty"):
        ReidModule(Video(), FakeDetector(), FakeEmbedder()).appearance(0, SoftMask.empty())


def test_persons_and_objects_are_never_compared() -> None:
    persons = FakeEmbedder()
    reid = ReidModule(Video(), FakeDetector(), FakeEmbedder(), persons)
    found = reid.candidates(0)
    assert found.embeddings.shape == (3, 4) and persons.calls == [1]
    assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1)
    person = reid.appearance(0, mask(21, 6, 40, 35))
    thing = reid.appearance(0, mask(0, 0, 10, 9))
    assert np.allclose(found.embeddings[[0, 2]] @ person, 0) and found.embeddings[1] @ person > 0.99
    assert found.embeddings[1] @ thing == 0 and found.embeddings[0] @ thing > 0.99


def test_a_mask_that_no_box_covers_is_an_object() -> None:
    reid = ReidModule(Video(), FakeDetector(0), FakeEmbedder(), FakeEmbedder())
    seen = reid.appearance(0, mask(3, 3, 9, 9))
    assert np.linalg.norm(seen[:2]) > 0.99 and not seen[2:].any()


@pytest.mark.parametrize("parallel", [False, True])
def test_frames_are_prepared_where_the_networks_serve_several(parallel: bool) -> None:
    threads: list[int] = []

    class Store(MemoryStore):
        def put(self, frame: int, candidates: Candidates) -> None:
            threads.append(threading.get_ident())
            super().put(frame, candidates)

    detector = FakeDetector()
    reid = ReidModule(Video(), detector, FakeEmbedder(), store=Store(), parallel=parallel)
    reid.candidates(4)
    reid.prepare(range(3, 7))
    assert sorted(detector.calls) == ([3, 4, 5, 6] if parallel else [4])
    assert [reid.cached(frame) for frame in range(3, 7)] == [parallel, True, parallel, parallel]
    for frame in range(3, 7):
        reid.candidates(frame)
    assert sorted(detector.calls) == [3, 4, 5, 6]
    assert set(threads) == {threading.get_ident()}, "a project file serves the thread that asks"


def test_colours_are_those_of_the_mask_alone() -> None:
    class Halves(Video):
        def frame(self, index: int) -> np.ndarray:
            picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            # The purest red and green are beyond the bins.
            picture[:, :30], picture[:, 30:] = (255, 0, 0), (0, 255, 0)
            return picture

    module = ReidModule(Halves(), FakeDetector(), FakeEmbedder())
    left, right = (module.colours(0, mask(x, 5, x + 20, 30)).astype(np.float32) for x in (5, 35))
    assert left @ left == pytest.approx(1, abs=0.01)
    assert left @ right < 0.01
    # A box over both, of which the mask covers the left one, and a single pixel at the right end.
    both = np.zeros((30, 50), np.float32)
    both[:, :20] = both[0, 49] = 1
    assert left @ module.colours(0, SoftMask.from_dense(both, (5, 5))).astype(np.float32) > 0.95
    # Nothing of a mask may be left where a large box is reduced.
    speck = np.zeros((40, 60), np.float32)
    speck[0, 0] = speck[39, 59] = 1
    found = module.colours(0, SoftMask.from_dense(speck, (0, 0))).astype(np.float32)
    assert found @ found == pytest.approx(1, abs=0.01)
    with pytest.raises(ValueError, match="no colours"):
        module.colours(0, SoftMask.empty())
