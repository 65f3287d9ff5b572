from dataclasses import replace

import numpy as np
import pytest
from fakes import CONFIG, FakeReid, absent, direction, drawn, first_masks, found, grid, patch

from vsreid_studio.config import Config, ReidConfig
from vsreid_studio.engine.algorithm.retrieve import UNKNOWN
from vsreid_studio.engine.events import Decision, Reason, Verdict
from vsreid_studio.engine.extensions.filters import Competing
from vsreid_studio.engine.extensions.gallery import Gallery
from vsreid_studio.engine.runtime.matching import Matcher
from vsreid_studio.engine.runtime.pipeline import Pipeline
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.store.candidates import CandidateStack
from vsreid_studio.engine.types import Box, Candidates, Cell, CellKey, Maker


def matcher(
    annotation: Annotation, reid: FakeReid, config: ReidConfig = CONFIG.reid, chosen: set[int] | None = None
) -> Matcher:
    candidates = {frame: reid.candidates(frame) for frame in range(annotation.length)}
    return search_in(candidates, Gallery(reid), config, annotation, chosen)


def search_in(
    candidates: dict[int, Candidates],
    gallery: Gallery,
    config: ReidConfig,
    annotation: Annotation,
    chosen: set[int] | None = None,
) -> Matcher:
    filters = Pipeline.studio(Config(reid=config)).filters
    instances, stack = annotation.instances, CandidateStack.of(candidates)
    return Matcher(stack, gallery, filters, instances, chosen, compare_all=config.exclusive)


def put(annotation: Annotation, frame: int, instance: int, cell: Cell | None) -> None:
    annotation.apply(annotation.set_cells("put", {CellKey(frame, instance): cell}))


def decide(annotation: Annotation, frame: int, instance: int, verdict: Verdict) -> None:
    decision = Decision(verdict, Box(0, 0, 1, 1), 0.5, Maker.PERSON)
    change = annotation.decide(annotation.set_cells("decide", {}), {CellKey(frame, instance): decision})
    annotation.apply(change)


def test_the_most_similar_of_all_frames_and_instances() -> None:
    reid = FakeReid(
        {1: [(4, 4, direction(1, 0.6))], 2: [(1, 5, direction(2, 0.7)), (5, 1, direction(2, 0.8))], 3: []}
    )
    best = matcher(first_masks(5, 2), reid).best(first_masks(5, 2))
    assert best is not None
    assert (best.key, best.box, best.iou, best.reason) == ((2, 2), Box(5, 1, 7, 2), 0.0, None)
    assert best.similarity == pytest.approx(0.8)


def test_of_equal_ones_the_first_frame_then_the_first_instance() -> None:
    both = (direction(1, 0.7) + direction(2, 0.7)).astype(np.float32)
    world = {i: [(5, 5, both)] for i in (1, 2, 3)}
    best = matcher(first_masks(4, 2), FakeReid(world)).best(first_masks(4, 2))
    assert best is not None
    assert best.key == (1, 1)


def test_thresholds_are_strict() -> None:
    annotation = first_masks(3)
    exact = float(direction(1, 0.5)[1])
    assert matcher(annotation, found(f1=exact)).best(annotation) is None
    put(annotation, 1, 1, Cell(patch(5, 5, 1), 0))
    # Box(P > 0.5) is the upper row of the patch, which is the candidate's box.
    search = matcher(annotation, found(f1=0.9, f2=0.6))
    best = search.best(annotation)
    assert best is not None
    assert best.frame == 2, "the present mask is there already"
    put(annotation, 1, 1, Cell(patch(4, 5, 1), 0))
    iou = Box(4, 5, 6, 6).iou(Box(5, 5, 7, 6))
    for rho, frame in ((iou, 2), (iou + 0.01, 1)):
        best = matcher(
            annotation, found(f1=0.9, f2=0.6), ReidConfig(appearance_track=False, rho_reid=0.5, rho_occ=rho)
        ).best(annotation)
        assert best is not None
        assert best.frame == frame


def test_only_the_most_similar_candidate_of_a_cell_counts() -> None:
    """Algorithm 2 takes ĵ first and tests it then: a second candidate does not step in."""
    annotation = first_masks(2)
    put(annotation, 1, 1, Cell(patch(5, 5, 1), 0))
    reid = FakeReid({1: [(5, 5, direction(1, 0.9)), (0, 0, direction(1, 0.8))]})
    assert matcher(annotation, reid).best(annotation) is None


def test_the_matcher_follows_the_annotation() -> None:
    annotation, reid = first_masks(4), found(f1=0.9, f3=0.8)
    search = matcher(annotation, reid)

    def frame() -> int | None:
        best = search.best(annotation)
        return best.frame if best else None

    assert frame() == 1
    put(annotation, 1, 1, absent(1))
    assert frame() == 3
    put(annotation, 1, 1, None)
    assert frame() == 1
    decide(annotation, 1, 1, Verdict.REJECTED)
    assert frame() == 3
    decide(annotation, 3, 1, Verdict.SKIPPED)
    assert frame() == 3, "to skip is not to settle"
    assert search.best(annotation, {CellKey(3, 1): Reason.SKIPPED}) is None


def test_the_gallery_grows_and_shrinks_with_the_checkpoints() -> None:
    class Looks(FakeReid):
        def appearance(self, frame: int, mask: object) -> np.ndarray:
            self.described.append((frame, 1))
            return direction(1, 1.0) if frame == 0 else direction(2, 1.0)

    annotation = first_masks(4)
    reid = Looks({3: [(5, 5, direction(2, 0.9))]})
    search = matcher(annotation, reid)
    assert search.best(annotation) is None
    put(annotation, 2, 1, drawn(2, 1))
    best = search.best(annotation)
    assert best is not None
    assert best.similarity == pytest.approx(0.9)
    put(annotation, 2, 1, None)
    assert [(i.frame, i.similarity) for i in search.queue(annotation).retrievals] == [(3, pytest.approx(0))]
    assert reid.described == [(0, 1), (2, 1)], "each is computed once"


def test_the_papers_template_leaves_recoveries_out() -> None:
    annotation, reid = first_masks(4), found()
    put(annotation, 2, 1, Cell(patch(0, 0, 1), 2, made_by=Maker.RECOVERY))
    put(annotation, 3, 1, absent(3))
    assert Gallery(reid).frames(annotation, 1) == (0, 2)
    assert Gallery(reid, grow=False).frames(annotation, 1) == (0,)
    gallery = Gallery(reid)
    assert gallery.pending(annotation, 1) == [0, 2]
    assert gallery.similarity(annotation, 1, 3, patch(0, 0, 1)) == pytest.approx(1)
    assert gallery.pending(annotation, 1) == []
    assert gallery.similarity(annotation, 2, 3, patch(0, 0, 2)) == UNKNOWN


def test_the_reasons() -> None:
    annotation = first_masks(8, 2)
    put(annotation, 4, 1, Cell(patch(5, 5, 1), 0))
    put(annotation, 5, 2, Cell(patch(5, 5, 2), 0))
    put(annotation, 7, 1, Cell(patch(0, 0, 1), 0))
    shared = (direction(1, 0.6) + direction(2, 0.7)).astype(np.float32)
    world = {i: [(5, 5, direction(1, 0.9))] for i in range(8)} | {3: [(5, 5, direction(1, 0.4))]}
    reid = FakeReid(world | {6: [(5, 5, shared)]})
    decide(annotation, 1, 1, Verdict.ACCEPTED)
    config = ReidConfig(appearance_track=False, rho_reid=0.5, rho_occ=0.3, max_overlap=0.3, exclusive=True)
    listed = matcher(annotation, reid, config).queue(annotation, {CellKey(2, 1): Reason.SKIPPED}).retrievals
    reasons = {item.frame: item.reason for item in listed if item.instance == 1}
    assert reasons == {
        1: Reason.SETTLED,
        2: Reason.SKIPPED,
        3: Reason.BELOW,
        4: Reason.CONSISTENT,
        5: Reason.OCCUPIED,
        6: Reason.RIVAL,
        7: None,
    }
    assert [item.similarity for item in listed] == sorted((item.similarity for item in listed), reverse=True)
    lenient = ReidConfig(appearance_track=False, rho_reid=0.5, rho_occ=0.3)
    frames = {
        item.frame
        for item in matcher(annotation, reid, lenient).queue(annotation).retrievals
        if item.reason is None
    }
    assert frames >= {5, 6}, "off unless asked for"
    missing = ReidConfig(appearance_track=False, rho_reid=0.5, only_missing=True)
    reasons = {
        i.frame: i.reason
        for i in matcher(annotation, reid, missing).queue(annotation).retrievals
        if i.instance == 1
    }
    assert (reasons[7], reasons[2]) == (Reason.PRESENT, None)


def test_what_was_passed_over_says_why() -> None:
    annotation, reid = first_masks(4), found(f1=0.7, f2=0.8, f3=0.9)
    withheld = {CellKey(3, 1): Reason.ELSEWHERE, CellKey(2, 1): Reason.UNSURE}
    listed = matcher(annotation, reid).queue(annotation, withheld).retrievals
    assert [item.reason for item in listed] == [Reason.ELSEWHERE, Reason.UNSURE, None]
    best = matcher(annotation, reid).best(annotation, withheld)
    assert best is not None
    assert best.frame == 1


def test_the_queue_of_all_instances() -> None:
    annotation, reid = first_masks(4), found(f1=0.3, f3=0.8)
    candidates = {frame: reid.candidates(frame) for frame in (0, 1, 3)}
    search = search_in(candidates, Gallery(reid), CONFIG.reid, annotation)
    listed = search.queue(annotation).retrievals
    assert [(item.frame, item.reason) for item in listed] == [(3, None), (1, Reason.BELOW)]
    assert [item.frame for item in search.queue(annotation, limit=1).retrievals] == [3]


def test_only_the_chosen_are_searched_for_but_rivals_count() -> None:
    annotation = first_masks(3, 2)
    shared = (direction(1, 0.6) + direction(2, 0.7)).astype(np.float32)
    reid = FakeReid({1: [(5, 5, shared)]})
    best = matcher(annotation, reid, chosen={1}).best(annotation)
    assert best is not None
    assert best.key == (1, 1)
    assert reid.described == [(0, 1)]
    assert (
        matcher(annotation, reid, ReidConfig(appearance_track=False, rho_reid=0.5, exclusive=True), {1}).best(
            annotation
        )
        is None
    )


def test_nothing_to_search() -> None:
    empty = Annotation(3)
    assert Matcher(CandidateStack(), Gallery(found()), (), ()).best(empty) is None
    assert matcher(empty, found(f1=0.9)).best(empty) is None
    annotation = first_masks(3)
    assert matcher(annotation, found()).best(annotation) is None
    assert matcher(annotation, found()).queue(annotation).retrievals == ()


def test_rounds_over_a_long_video_find_what_a_new_search_finds() -> None:
    """1,000 frames, 10 instances, 10 boxes: followed bit by bit, and then from change to change."""
    random = np.random.default_rng(0)
    frames, instances, boxes = 1000, 10, 10
    corners = random.integers(0, 400, (frames, boxes, 2))
    vectors = random.normal(size=(frames, boxes, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    listed = {
        i: Candidates(
            np.concatenate([corners[i], corners[i] + 50], axis=1).astype(np.int32),
            np.ones(boxes, np.float32),
            np.zeros(boxes, np.bool_),
            vectors[i],
        )
        for i in range(frames)
    }

    class Random(FakeReid):
        def appearance(self, frame: int, mask: object) -> np.ndarray:
            return vectors[frame, 0]

    cells = [(i, k, Cell(patch(k, k, 1), 0)) for i in range(frames) for k in range(1, instances + 1)]
    annotation = grid(frames, (0, 1, drawn(0, 1)), *cells[10:])
    config = ReidConfig(appearance_track=False, rho_reid=0.5)
    search = search_in(listed, Gallery(Random()), config, annotation)
    assert len(list(search.follow(annotation))) >= 9, "bit by bit"
    assert search.best(annotation) is not None
    for i in (5, 6, 7):
        put(annotation, i, 1, drawn(i, 1))
        found, anew = (
            one.best(annotation) for one in (search, search_in(listed, Gallery(Random()), config, annotation))
        )
        assert found is not None and anew is not None
        assert found.similarity == pytest.approx(anew.similarity)
        assert found == replace(anew, similarity=found.similarity)


def contested(certain: float, elsewhere: bool = False) -> Reason | None:
    """Why a candidate that is nearer to instance 2 is not offered for instance 1, given 2's map."""
    annotation = first_masks(3, 2)
    place = (0, 5) if elsewhere else (5, 5)
    two = Cell(patch(*place, 2), 0, confidence=certain, similarity=0.9)
    put(annotation, 1, 2, two)
    shared = (direction(1, 0.6) + direction(2, 0.7)).astype(np.float32)
    reid = FakeReid({1: [(5, 5, shared)]})
    candidates = CandidateStack.of({1: reid.candidates(1)})
    search = Matcher(candidates, Gallery(reid), (Competing(),), (1, 2), {1}, compare_all=True, sure=0.8)
    (listed,) = search.queue(annotation).retrievals
    return listed.reason


def test_a_candidate_nearer_to_another_instance_is_not_offered() -> None:
    assert contested(0.5) is Reason.RIVAL


def test_an_instance_that_is_certain_to_be_elsewhere_does_not_compete() -> None:
    assert contested(0.9, elsewhere=True) is None
    assert contested(0.5, elsewhere=True) is Reason.RIVAL


def test_where_another_instance_is_certain_nothing_is_offered() -> None:
    annotation = first_masks(3, 2)
    put(annotation, 1, 2, Cell(patch(5, 5, 2), 0, confidence=0.9, similarity=0.9))
    reid = FakeReid({1: [(5, 5, direction(1, 0.9))]})
    candidates = CandidateStack.of({1: reid.candidates(1)})
    # The box of a candidate here is half of that of a map.
    for sure, reason in ((0.8, Reason.RIVAL), (0.95, None)):
        search = Matcher(
            candidates, Gallery(reid), (Competing(0.4),), (1, 2), {1}, compare_all=True, sure=sure
        )
        (listed,) = search.queue(annotation).retrievals
        assert listed.reason is reason
