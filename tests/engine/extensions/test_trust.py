"""Maps are judged by what they show: those that have gone over to something else are emptied."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from fakes import (
    CONFIG,
    DIMENSIONS,
    FakePropagation,
    FakeReid,
    absent,
    direction,
    drawn,
    first_masks,
    grid,
    inverse,
    modules,
    patch,
    run,
)
from numpy.typing import NDArray

from vsreid_studio.engine.algorithm.plan import Plan, Step
from vsreid_studio.engine.algorithm.vsreid import Deferred
from vsreid_studio.engine.events import Change, Passed, Progress, Proposal, Reason, Reassign, Redraw, Skip
from vsreid_studio.engine.extensions.appearance_track import TrustedEmbeddings
from vsreid_studio.engine.extensions.gallery import Gallery
from vsreid_studio.engine.extensions.trust import NO_MORE, Trust, chains
from vsreid_studio.engine.extensions.trust_model import LITE, Appearance, Cues, cues_of, lost_maps
from vsreid_studio.engine.runtime.search import CandidateSearch
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, Prediction, SoftMask

OWN = direction(1, 1.0)
OTHER = direction(2, 1.0)
UNLIKE = direction(1, 0.5)
"""Most probably something else, but not for certain."""


class Looking(FakeReid):
    """Sees something else than the instance in some frames."""

    def __init__(self, wrong: Sequence[int] = (), other: NDArray[np.float32] = OTHER) -> None:
        super().__init__()
        self.wrong, self.other = wrong, other

    def appearance(self, frame: int, mask: SoftMask) -> NDArray[np.float32]:
        self.described.append((frame, int(mask.values[1, 0])))
        return self._shown(frame)

    def colours(self, frame: int, mask: SoftMask) -> NDArray[np.float16]:
        return self._shown(frame).astype(np.float16)

    def _shown(self, frame: int) -> NDArray[np.float32]:
        return self.other if frame in self.wrong else OWN


def carried(length: int = 9, quality: float = 0.9, origin: int = 0) -> Annotation:
    """Instance 1, drawn in one frame and carried to all others."""
    carried = (
        (frame, 1, Cell(patch(0, 1, 1), origin, confidence=quality))
        for frame in range(length)
        if frame != origin
    )
    return grid(length, (origin, 1, drawn(origin, 1)), *carried)


def judged(annotation: Annotation, reid: FakeReid, trust: Trust | None = None) -> list[Change]:
    trust = trust or Trust(reid, Gallery(reid))
    events = list(trust.after_span(annotation, Plan((), (1,)), Deferred({}, {})))
    assert all(isinstance(event, Progress | Change) for event in events)
    return [event for event in events if isinstance(event, Change)]


def appearance(shown: NDArray[np.float32]) -> Appearance:
    return Appearance(shown, shown.astype(np.float16))


def knowing(trust: Trust, shown: Mapping[int, NDArray[np.float32]]) -> None:
    """Let it trust these maps and no others."""
    known = {frame: appearance(one) for frame, one in shown.items()}
    trust.trusted_appearances = lambda annotation, instance: known


def filled(annotation: Annotation) -> list[int]:
    return [frame for frame in range(annotation.length) if annotation.mask(frame, 1).area]


def test_a_map_that_goes_over_to_something_else_ends_there() -> None:
    annotation = carried()
    (change,) = judged(annotation, Looking(wrong=range(4, 9)))
    assert filled(annotation) == [0, 1, 2, 3]
    cell = annotation.get(6, 1)
    assert cell is not None and cell.origin == 0 and cell.confidence > 0.5
    assert {key.frame for key in change.after} == set(range(1, 9))


def test_maps_outside_the_frames_of_a_run_stay_as_they_are() -> None:
    annotation, reid = carried(20), Looking(wrong=range(10, 20))
    trust = Trust(reid, Gallery(reid))
    for frames, left in ((range(2, 4), 20), (range(8, 13), 17), (None, 10)):
        list(trust.after_span(annotation, Plan((), (1,), frames), Deferred({}, {})))
        assert len(filled(annotation)) == left
        told = [n for n in range(1, 20) if (cell := annotation.get(n, 1)) is not None and cell.judged]
        assert frames is None or set(frames) <= set(told)
    assert filled(annotation) == list(range(10))


def test_the_way_back_is_judged_from_its_own_checkpoint() -> None:
    annotation = carried(origin=8)
    judged(annotation, Looking(wrong=range(5)))
    assert filled(annotation) == [5, 6, 7, 8]


def test_a_right_map_keeps_its_mask_and_gets_confidence_and_similarity() -> None:
    annotation = carried(quality=0.9)
    before = annotation.mask(3, 1)
    judged(annotation, Looking())
    cell = annotation.get(3, 1)
    assert cell is not None and cell.mask is before
    assert cell.similarity == pytest.approx(1) and 0.8 < cell.confidence <= 1


def test_what_right_maps_show_is_known_until_they_change() -> None:
    annotation, reid = carried(), Looking(wrong=range(4, 9))
    trust = Trust(reid, Gallery(reid))
    assert not len(trust.trusted(annotation, 1).frames)
    judged(annotation, reid, trust)
    assert not len(trust.trusted(annotation, 1).frames), "the fourth frame shows something else"
    annotation, reid = carried(), Looking()
    trust = Trust(reid, Gallery(reid))
    judged(annotation, reid, trust)
    looks = trust.trusted(annotation, 1)
    assert looks.frames.tolist() == [4, 8] and looks.rows.shape[0] == 2
    annotation.apply(annotation.set_cells("clear", {CellKey(4, 1): None}))
    assert trust.trusted(annotation, 1).frames.tolist() == [8]


def test_what_right_maps_of_an_earlier_run_show_is_known_to_the_next_one() -> None:
    annotation = carried()
    judged(annotation, Looking())
    reid = Looking()
    trust = Trust(reid, Gallery(reid))
    assert not judged(annotation, reid, trust)
    assert trust.trusted(annotation, 1).frames.tolist() == [4, 8]
    assert reid.described == [(4, 1), (8, 1)]
    judged(annotation, reid, trust)
    assert len(reid.described) == 2


def test_the_end_can_be_undone() -> None:
    annotation = carried()
    (change,) = judged(annotation, Looking(wrong=range(4, 9)))
    annotation.apply(inverse(change))
    assert filled(annotation) == list(range(9))
    assert annotation.get(6, 1).confidence == 0.9


def test_nothing_is_judged_twice() -> None:
    annotation, reid = carried(), Looking()
    trust = Trust(reid, Gallery(reid))
    assert judged(annotation, reid, trust)
    looked = len(reid.described)
    assert not judged(annotation, reid, trust) and len(reid.described) == looked


def test_looks_behind_the_walk_are_those_of_the_judgement() -> None:
    annotation, reid = carried(40), Looking()
    trust = Trust(reid, Gallery(reid))
    for frame in range(1, 40):
        list(trust.after_step(annotation, Plan((), (1,)), Step(frame - 1, frame, {1: 0})))
    behind = len(reid.described)
    assert behind
    judged(annotation, reid, trust)
    # Of the template once, of every second frame, and of the first and the last one.
    assert len(reid.described) == len(set(reid.described)) == 1 + 19 + 2


def test_checkpoints_and_fused_maps_are_left_alone() -> None:
    annotation = carried()
    fused = Cell(patch(0, 1, 1), 0, confidence=0.9, second=8)
    recovered = Cell(patch(0, 1, 1), 5, False, Maker.RECOVERY, 0.8, 0.7)
    changed = {CellKey(4, 1): fused, CellKey(5, 1): recovered, CellKey(7, 1): absent(7)}
    annotation.apply(annotation.set_cells("edit", changed))
    judged(annotation, Looking(wrong=range(9)))
    assert all(annotation.get(*key) is cell for key, cell in changed.items())


def test_what_a_person_draws_meanwhile_stays() -> None:
    annotation, reid = carried(), Looking(wrong=range(4, 9))
    trust = Trust(reid, Gallery(reid))
    mine = drawn(6, 1)
    for event in trust.after_span(annotation, Plan((), (1,)), Deferred({}, {})):
        if isinstance(event, Progress):
            annotation.apply(annotation.set_cells("draw", {CellKey(6, 1): mine}))
    assert annotation.get(6, 1) is mine


def test_only_chains_with_a_wanted_frame_are_judged() -> None:
    annotation = carried(9, origin=4)
    assert list(chains(annotation, 1)) == [[5, 6, 7, 8], [3, 2, 1, 0]]
    assert list(chains(annotation, 1, [1])) == [[3, 2, 1, 0]]


def test_an_instance_that_turns_is_still_itself() -> None:
    """Each look is near the one before, and the last one far from the template."""
    turning = [np.zeros(DIMENSIONS, np.float32) for _ in range(12)]
    for n, view in enumerate(turning):
        view[1], view[2] = np.cos(n * np.pi / 24), np.sin(n * np.pi / 24)
    template = [appearance(turning[0])]
    cues = cues_of([0.9] * 12, {n: appearance(view) for n, view in enumerate(turning)}, template)
    assert cues.gallery[-1] < 0.2 and cues.way[-1] > 0.9
    sudden = cues_of([0.9] * 12, {n: appearance(turning[0 if n < 6 else 11]) for n in range(12)}, template)
    assert sudden.way[-1] < 0.2
    assert LITE.probability(cues)[-1] > LITE.probability(sudden)[-1]


def test_an_instance_that_was_seen_like_this_elsewhere_is_itself() -> None:
    shown = dict.fromkeys(range(6), appearance(OTHER))
    alone = cues_of([0.9] * 6, shown, [appearance(OWN)])
    known = cues_of([0.9] * 6, shown, [appearance(OWN)], [appearance(OTHER), appearance(OWN)])
    assert known.gallery.tolist() == alone.gallery.tolist()
    assert known.way[0] == pytest.approx(1) and alone.way[0] < 0.5
    assert known.colours[0] == pytest.approx(1) and alone.colours[0] < 0.5


def test_a_chain_is_compared_with_what_right_maps_of_others_show() -> None:
    annotation, reid = carried(9, origin=8), Looking()
    trust = Trust(reid, Gallery(reid))
    judged(annotation, reid, trust)
    reid.wrong = range(9)
    lost = {CellKey(n, 1): Cell(patch(0, 1, 1), 8, confidence=0.9) for n in range(8)}
    for shown, left in (({}, [8]), ({4: OTHER}, list(range(9)))):
        annotation.apply(annotation.set_cells("again", dict(lost)))
        knowing(trust, shown)
        judged(annotation, reid, trust)
        assert filled(annotation) == left


def test_a_dip_counts_until_the_map_is_confirmed_again() -> None:
    shown = {n: appearance(OWN if n not in (4, 5) else OTHER) for n in range(8)}
    cues = cues_of([0.9, 0.9, 0.9, 0.3, 0.8, 0.8, 0.7, 0.9], shown, [appearance(OWN)])
    assert cues.least.tolist() == [0.9, 0.9, 0.9, 0.3, 0.3, 0.3, 0.3, 0.9]


def test_between_looks_similarities_are_interpolated() -> None:
    cues = cues_of([0.9] * 5, {0: appearance(OWN), 4: appearance(OTHER)}, [appearance(OWN)])
    assert cues.gallery.tolist() == cues.colours.tolist() == pytest.approx([1, 0.75, 0.5, 0.25, 0])


def test_the_surer_the_cues_the_surer_the_map() -> None:
    low, high = np.array([0.3]), np.array([0.95])
    sure = LITE.probability(Cues(high, high, high, high, high))
    assert sure > 0.9
    assert LITE.probability(Cues(low, high, low, low, low)) < 0.5
    assert 0 <= LITE.expected(sure, high)[0] <= 1


def test_only_stretches_of_almost_certainly_wrong_maps_are_emptied() -> None:
    wrong = np.array([0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.15, 0.1, 0.1, 0.4, 0.4, 0.4, 0.4, 0.4, 0.9, 0.1])
    assert np.flatnonzero(lost_maps(wrong)).tolist() == [4, 5, 6, 7, 8]
    assert lost_maps(np.full(5, 0.1)).all() and not lost_maps(np.full(4, 0.1)).any()
    assert lost_maps(np.zeros(0)).tolist() == []


def crossed(first: int = 4, quality: float = 0.9, before: bool = False) -> Annotation:
    """As `carried`; a second instance stands in its box from frame `first` on, or from frame 0 on."""
    annotation = carried()
    wide = SoftMask.from_dense(np.ones((3, 3), np.bool_), (1, 1))
    half = SoftMask.from_dense(np.ones((2, 3), np.bool_), (1, 2))
    own = {
        CellKey(n, 1): replace(cell, mask=wide)
        for n in range(9)
        if (cell := annotation.get(n, 1)) is not None
    }
    other = {CellKey(n, 2): Cell(half, 0, confidence=quality) for n in range(0 if before else first, 9)}
    annotation.apply(annotation.set_cells("cross", own | other))
    return annotation


def test_maps_that_another_instance_covers_are_unsure_but_stay() -> None:
    annotation = crossed()
    judged(annotation, Looking(range(4, 9), UNLIKE))
    assert filled(annotation) == list(range(9))
    cell = annotation.get(6, 1)
    assert cell is not None and cell.judged and cell.confidence == pytest.approx(0.5, abs=0.04)


def test_covered_maps_are_surer_than_their_cues_tell() -> None:
    """From the first covered one on, also where it comes out again, until one is sure."""
    alone, beside = carried(), crossed(first=5)
    gone = {CellKey(n, 2): None for n in (7, 8)}
    beside.apply(beside.set_cells("leave", gone))
    unsure = range(4, 8)
    for annotation in (alone, beside):
        judged(annotation, Looking(wrong=unsure))
    pairs = [(alone.get(n, 1), beside.get(n, 1)) for n in range(9)]
    figures = [(one.confidence, other.confidence) for one, other in pairs if one and other]
    assert all(one == other for one, other in [*figures[:5], figures[8]])
    assert all(one < 0.4 and 0.46 < other <= NO_MORE for one, other in figures[5:8])


@pytest.mark.parametrize(
    "annotation",
    [crossed(first=5), crossed(before=True), crossed(quality=0.4)],
    ids=["covered later", "covered at the checkpoint, too", "covered by an unsure map"],
)
def test_what_does_not_explain_wrong_maps_does_not_keep_them(annotation: Annotation) -> None:
    judged(annotation, Looking(wrong=range(4, 9)))
    assert filled(annotation) == [0, 1, 2, 3]


def both_lost() -> tuple[Annotation, Trust]:
    """As `crossed`; the maps of both instances are wrong from frame 4 on."""
    annotation, reid = crossed(), Looking(range(4, 9), UNLIKE)
    first = annotation.get(4, 2)
    assert first is not None
    start = {CellKey(0, 2): drawn(0, 2)} | {CellKey(n, 2): replace(first) for n in (1, 2, 3)}
    annotation.apply(annotation.set_cells("start", start))
    return annotation, Trust(reid, Gallery(reid))


def test_two_instances_that_are_both_lost_do_not_keep_one_another() -> None:
    annotation, trust = both_lost()
    judged = trust.after_span(annotation, Plan((), (1, 2)), Deferred({}, {}))
    changes = [e for e in judged if isinstance(e, Change)]
    assert filled(annotation) == [0, 1, 2, 3]
    cell = annotation.get(6, 1)
    assert cell is not None and cell.judged and cell.confidence > 0.5
    for change in reversed(changes):
        annotation.apply(inverse(change))
    assert filled(annotation) == list(range(9))


def test_what_was_kept_as_covered_stays_outside_the_frames_of_a_run() -> None:
    annotation, trust = both_lost()
    list(trust.after_span(annotation, Plan((), (1,)), Deferred({}, {})))
    assert filled(annotation) == list(range(9))
    cell = annotation.get(5, 1)
    assert cell is not None
    anew = replace(cell, similarity=None)
    annotation.apply(annotation.set_cells("propagate", {CellKey(5, 1): anew}))
    # In these frames what covers the run turns out to be wrong itself.
    list(trust.after_span(annotation, Plan((), (1, 2), range(4, 6)), Deferred({}, {})))
    assert filled(annotation) == [0, 1, 2, 3, 6, 7, 8]


def test_a_map_that_a_person_approves_meanwhile_is_not_emptied() -> None:
    annotation, trust = both_lost()
    steps = trust.after_span(annotation, Plan((), (1, 2)), Deferred({}, {}))
    next(event for event in steps if isinstance(event, Change))
    cell = annotation.get(6, 1)
    assert cell is not None and cell.judged and cell.mask.area
    approved = replace(cell, origin=6, pinned=True, confidence=1.0)
    annotation.apply(annotation.set_cells("approve", {CellKey(6, 1): approved}))
    list(steps)
    assert filled(annotation) == [0, 1, 2, 3, 6]
    assert annotation.get(6, 1) is approved


def test_a_run_with_trust_finds_what_was_drifted_over() -> None:
    config = replace(CONFIG, reid=replace(CONFIG.reid, trust=True))
    annotation = first_masks(9)
    list(modules(FakePropagation(), config).run(annotation, Looking(wrong=range(4, 9))))
    assert filled(annotation) == [0, 1, 2, 3]


def test_a_recovered_map_counts_by_what_it_shows_too() -> None:
    annotation, reid = carried(), Looking(wrong=[6])
    trust = Trust(reid, Gallery(reid))
    found = Prediction(patch(5, 5, 1), 0.6)
    right, wrong = (trust.recovered(annotation, CellKey(frame, 1), found) for frame in (5, 6))
    assert right.mask is wrong.mask is found.mask
    assert right.confidence > 0.6 and wrong.confidence < 0.2
    less = trust.recovered(annotation, CellKey(5, 1), replace(found, confidence=0.4))
    assert 0 <= less.confidence < right.confidence
    nothing = Prediction(SoftMask.empty(), 0.6)
    assert trust.recovered(annotation, CellKey(5, 1), nothing) is nothing


def test_a_recovered_map_that_looks_like_right_ones_counts_as_right() -> None:
    annotation, reid = carried(), Looking()
    trust = Trust(reid, Gallery(reid))
    judged(annotation, reid, trust)
    found = Prediction(patch(5, 5, 1), 0.8)
    reid.wrong = [6]
    reid.other = direction(1, 0.6)
    alone = trust.recovered(annotation, CellKey(6, 1), found)
    knowing(trust, {4: reid.other, 6: reid.other})
    assert trust.recovered(annotation, CellKey(6, 1), found).confidence > alone.confidence + 0.05
    knowing(trust, {6: reid.other})
    assert trust.recovered(annotation, CellKey(6, 1), found).confidence == alone.confidence, (
        "its own frame's look does not count"
    )


def test_a_run_with_trust_offers_no_recovery_of_something_else() -> None:
    reid = replace(CONFIG.reid, trust=True, least_confidence=0.75)
    world = {frame: [(5, 5, direction(1, 0.9))] for frame in (6, 7)}
    seen = Looking(wrong=[7])
    seen.world = world
    lost = FakePropagation(gone=[CellKey(5, 1)])
    events = run(modules(lost, replace(CONFIG, reid=reid)).run(first_masks(9), seen), default=Skip())
    (offered,) = [event for event in events if isinstance(event, Proposal)]
    assert offered.frame == 6 and offered.confidence > 0.7
    assert [event for event in events if isinstance(event, Passed)] == [Passed(7, 1, Reason.UNSURE)]


def test_what_a_person_has_recovered_is_judged_too() -> None:
    """In another box, and for another instance."""
    reid = replace(CONFIG.reid, trust=True, least_confidence=0.0)
    seen = Looking()
    seen.world = {6: [(5, 5, direction(1, 0.9))]}
    annotation = first_masks(9, 2)
    lost = FakePropagation(gone=[CellKey(5, 1)])
    steps = modules(lost, replace(CONFIG, reid=reid)).run(annotation, seen)
    events = run(steps, Redraw(Box(2, 2, 4, 4)), Reassign(2), default=Skip())
    first, drawn_again = [event for event in events if isinstance(event, Proposal)][:2]
    assert first.confidence == drawn_again.confidence != 0.8
    cell = annotation.get(6, 2)
    assert cell is not None and cell.made_by is Maker.RECOVERY
    assert cell.confidence == pytest.approx(first.confidence)


def searched(annotation: Annotation, every: int, sure: float = 0.8) -> list[int]:
    reid = FakeReid()
    search = CandidateSearch(annotation, reid, Gallery(reid), (), (1,), None, sure=sure, every=every)
    list(search.prepare())
    return reid.looked


def test_where_a_map_is_judged_right_only_some_frames_are_searched() -> None:
    annotation = carried(12)
    assert searched(annotation, 5) == list(range(1, 12)), "it is not judged yet"
    judged(annotation, Looking(wrong=range(9, 12)))
    assert searched(annotation, 5) == [5, 9, 10, 11]
    assert searched(annotation, 1) == list(range(1, 12))
    assert searched(annotation, 5, sure=1.0) == list(range(1, 12))


def test_what_turns_out_to_be_wrong_is_searched_in_the_next_round() -> None:
    annotation, reid = carried(8), FakeReid()
    judged(annotation, Looking())
    search = CandidateSearch(annotation, reid, Gallery(reid), (), (1,), None, sure=0.8, every=5)
    list(search.prepare())
    assert reid.looked == [5]
    lost = {CellKey(n, 1): Cell(SoftMask.empty(), 0, similarity=0.1) for n in (6, 7)}
    annotation.apply(annotation.set_cells("lost", lost))
    list(search.prepare())
    assert reid.looked == [5, 6, 7]
    list(search.prepare())
    assert reid.looked == [5, 6, 7]


def test_candidates_are_compared_with_what_right_maps_show() -> None:
    annotation = carried(12)
    reid = FakeReid({frame: [(5, 5, OTHER)] for frame in (9, 10)})
    shown = dict.fromkeys((4, 9), OTHER)

    def looks(_: Annotation, instance: int) -> TrustedEmbeddings:
        assert instance == 1
        return TrustedEmbeddings(np.array(list(shown)), np.stack(list(shown.values())))

    lost = {CellKey(n, 1): Cell(SoftMask.empty(), 0, similarity=0.1) for n in (9, 10)}
    annotation.apply(annotation.set_cells("lost", lost))
    search = CandidateSearch(annotation, reid, Gallery(reid), (), (1,), None, trusted=looks)
    list(search.prepare())
    best = {found.frame: found.similarity for found in search.queue({}).retrievals}
    assert best[9] == best[10] == pytest.approx(1)
    del shown[4]
    annotation.apply(
        annotation.set_cells("lost", {CellKey(10, 1): Cell(SoftMask.empty(), 0, similarity=0.2)})
    )
    list(search.prepare())
    best = {found.frame: found.similarity for found in search.queue({}).retrievals}
    assert best[9] < 0.5, "its own frame's look does not count"
    assert best[10] == pytest.approx(1)
