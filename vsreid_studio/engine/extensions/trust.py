"""Trust: which propagated maps are kept, by the probability that they are right.

The paper accepts every propagated map. Here each is judged, see `trust_model`. Runs of maps that are almost
certainly wrong are emptied, so that re-identification searches these frames. Recovered maps are judged, too.

An instance that another one covers in part looks like nothing before, and its predicted IoU falls, but most
of its maps are right (docs/experiments.md). Such a run of maps is kept, and covered maps are given more
confidence than the cues alone would give them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..algorithm.plan import Plan, Step
from ..algorithm.protocols import Reidentification
from ..algorithm.vsreid import Deferred, Work
from ..events import Progress
from ..store.annotation import Annotation
from ..store.index import FILLED, MAKERS, THERE
from ..types import Cell, CellKey, Maker, Prediction, SoftMask
from .appearance_track import TRUSTED, TrustedEmbeddings, spread
from .gallery import Gallery
from .temporal_smoothing import finished_block
from .trust_model import LITE, Appearance, Cues, TrustModel, cues_of, lost_maps, runs_of

EVERY = 2
"""Frames from one embedding of a chain to the next; similarities in between are interpolated."""
AT_ONCE = 20
"""Maps embedded in one batch, which takes N_reid some milliseconds."""
THINNED = 4
"""What maps to rely on show is kept in every fourth frame, to be compared with candidates."""
WRONG = 0.5
"""A map is probably wrong below this probability of J >= .5."""
COVERED = 0.05
"""A run of wrong maps is kept if others hold this share of its first box, beyond that at the checkpoint."""
KNOWN = 0.5
"""Others cover an instance with maps of at least this expected J."""
UNSURE, BESIDE_OTHERS, NO_MORE = 0.8, (0.46, 0.36), 0.64
"""Of maps with an expected J below `UNSURE`, from the first that others cover on: a + b times the expected J
is expected instead, where that is more, but not more than `NO_MORE`, so that none becomes a trusted one."""


class Trust:
    """Judges the maps that a plan has propagated, and empties those that are almost certainly wrong.

    A judged map has the similarity of its box to the gallery (`Cell.similarity`) and the expected J as its
    confidence. Embeddings are computed during propagation, while the decoded frames are still cached.
    """

    def __init__(self, reid: Reidentification, gallery: Gallery, model: TrustModel | None = None) -> None:
        """Take the parts; `model`: None for that of the shipped networks."""
        self._reid = reid
        self._gallery = gallery
        self._model = model or LITE
        self._seen: dict[CellKey, tuple[Cell, Appearance]] = {}
        self._templates: dict[CellKey, tuple[Cell, NDArray[np.float16]]] = {}
        self._trusted: dict[int, dict[int, tuple[Cell, Appearance]]] = {}

    def after_step(self, annotation: Annotation, plan: Plan, step: Step) -> Work:
        """Embed the maps of the block that the step has completed, without the deferred ones."""
        for instance, origin in step.origins.items():
            if instance not in step.deferred:
                block = finished_block(origin, step.target)
                yield from self._embed(annotation, instance, [n for n in block if (n - origin) % EVERY == 0])

    def after_span(self, annotation: Annotation, plan: Plan, deferred: Deferred) -> Work:
        """Judge every chain with maps that are not judged yet, and embed right maps of earlier runs."""
        kept: list[_LostRun] = []
        judged: list[tuple[int, list[int]]] = []
        for instance in plan.instances:
            for chain in chains(annotation, instance, plan.frames):
                new = [n for n in chain if (cell := annotation.get(n, instance)) and not cell.judged]
                judged.append((instance, new))
                yield from self._judge(annotation, instance, chain, kept, plan.frames)
            yield from self._recall(annotation, instance)
            self._seen = {key: one for key, one in self._seen.items() if key.instance != instance}
        # What covers a run may itself have turned out to be wrong.
        for run in kept:
            if not run.covered(annotation):
                change = annotation.set_cells("propagate", run.emptied(annotation, plan.frames))
                annotation.apply(change)
                yield change
        for instance, frames in judged:
            yield from _surer_where_covered(annotation, instance, frames)

    def trusted(self, annotation: Annotation, instance: int) -> TrustedEmbeddings:
        """The embeddings of the present maps of an instance that were judged right."""
        known = self.trusted_appearances(annotation, instance)
        rows = [one.embedding for one in known.values()]
        return TrustedEmbeddings(
            np.array([*known], np.intp), np.stack(rows) if rows else np.zeros((0, 1), np.float32)
        )

    def trusted_appearances(self, annotation: Annotation, instance: int) -> dict[int, Appearance]:
        """What the present maps of an instance show that were judged right, by frame."""
        known = sorted(self._trusted.get(instance, {}).items())
        return {n: one for n, (cell, one) in known if cell is annotation.get(n, instance)}

    def recovered(self, annotation: Annotation, key: CellKey, found: Prediction) -> Prediction:
        """A recovered map with the expected J as its confidence.

        It is compared with the gallery, and with trusted maps of other frames. Nothing led to it, so its own
        predicted IoU stands for the lowest one. The coefficients are those of propagated maps.

        Args:
            annotation: not to be changed.
            key: where it was recovered.
            found: with the predicted IoU.

        Returns:
            the same if nothing is in the map, or the gallery is empty.
        """
        gallery = self._gallery_appearances(annotation, key.instance)
        if not found.mask.area or not gallery:
            return found
        colours = self._reid.colours(key.frame, found.mask)
        appearance = Appearance(self._reid.appearance(key.frame, found.mask), colours)
        trusted = self.trusted_appearances(annotation, key.instance)
        others = [one for frame, one in trusted.items() if frame != key.frame]
        cues = cues_of([found.confidence], {0: appearance}, gallery, others)
        expected = self._model.expected(self._model.probability(cues), cues.quality)
        return replace(found, confidence=float(expected[0]))

    def cues(self, annotation: Annotation, instance: int) -> Iterator[tuple[list[int], Cues]]:
        """The frames of each chain that is to be judged, and its cues; nothing is changed."""
        for chain in chains(annotation, instance):
            for _ in self._embed(annotation, instance, _sampled_frames(annotation, instance, chain)):
                pass
            if (found := self._cues(annotation, instance, chain)) is not None:
                yield chain, found

    def _judge(
        self,
        annotation: Annotation,
        instance: int,
        chain: Sequence[int],
        kept: list[_LostRun],
        frames: Collection[int] | None,
    ) -> Work:
        """Judge a chain as a whole, and note it of its maps in `frames`, None for all.

        The runs of wrong maps that others cover are added to `kept`.
        """
        yield from self._embed(annotation, instance, _sampled_frames(annotation, instance, chain))
        cues = self._cues(annotation, instance, chain)
        if cues is not None:
            # Where right and wrong meet no frame is passed over.
            wrong = self._model.probability(cues) < WRONG
            ends = np.flatnonzero(wrong[1:] != wrong[:-1])
            yield from self._embed(annotation, instance, [chain[n] for n in {*ends, *(ends + 1)}])
            cues = self._cues(annotation, instance, chain)
        if cues is None:
            return
        probability = self._model.probability(cues)
        expected = self._model.expected(probability, cues.quality)
        lost = lost_maps(probability)
        for start, stop in runs_of(lost):
            run = _LostRun(instance, chain[start:stop], 1 - probability[start:stop])
            if run.covered(annotation):
                lost[start:stop] = False
                kept.append(run)
        after = {}
        trusted = self._trusted.setdefault(instance, {})
        for n, frame in enumerate(chain):
            cell = annotation.get(frame, instance)
            if cell is None or cell.judged or (frames is not None and frame not in frames):
                continue
            judged = replace(cell, similarity=float(cues.gallery[n]), confidence=float(expected[n]))
            if lost[n]:
                judged = replace(judged, mask=SoftMask.empty(), confidence=float(1 - probability[n]))
            elif expected[n] >= TRUSTED:
                appearance = self._known(annotation, CellKey(frame, instance))
                if appearance is not None and (frame - cell.origin) % THINNED == 0:
                    trusted[frame] = judged, appearance
            after[CellKey(frame, instance)] = judged
        change = annotation.set_cells("propagate", after)
        annotation.apply(change)
        yield change

    def _recall(self, annotation: Annotation, instance: int) -> Work:
        """Embed trusted maps that an earlier run has judged."""
        records = annotation.records(instance)
        number = np.arange(len(records))
        right = _propagated(records) & ~np.isnan(records["similarity"])
        right &= (records["confidence"] >= TRUSTED) & ((number - records["origin"]) % THINNED == 0)
        trusted = self._trusted.setdefault(instance, {})
        wanted = np.flatnonzero(right)[spread(int(right.sum()))].tolist()
        cells = {frame: cell for frame in wanted if (cell := annotation.get(frame, instance)) is not None}
        lacking = [frame for frame, cell in cells.items() if trusted.get(frame, (None,))[0] is not cell]
        yield from self._embed(annotation, instance, lacking)
        for frame in lacking:
            appearance = self._known(annotation, CellKey(frame, instance))
            if appearance is not None:
                trusted[frame] = cells[frame], appearance

    def _cues(self, annotation: Annotation, instance: int, chain: Sequence[int]) -> Cues | None:
        """Cues of a chain; None without a gallery, or if nothing was seen or a person changed a map."""
        gallery = self._gallery_appearances(annotation, instance)
        cells = [annotation.get(frame, instance) for frame in chain]
        there = [
            cell
            for frame, cell in zip(chain, cells, strict=True)
            if cell is not None and cell.made_by is Maker.PROPAGATION and cell.origin != frame
        ]
        if not gallery or len(there) < len(chain):
            return None
        seen = ((n, self._known(annotation, CellKey(frame, instance))) for n, frame in enumerate(chain))
        shown = {n: appearance for n, appearance in seen if appearance is not None}
        if not shown:
            return None
        trusted = [*self.trusted_appearances(annotation, instance).values()]
        return cues_of([cell.confidence for cell in there], shown, gallery, trusted[spread(len(trusted))])

    def _gallery_appearances(self, annotation: Annotation, instance: int) -> list[Appearance]:
        """What the templates of an instance show."""
        found = []
        for frame, embedding in self._gallery.entries(annotation, instance).items():
            cell = annotation.get(frame, instance)
            if cell is not None and cell.mask.hard_box is not None:
                key = CellKey(frame, instance)
                known = self._templates.get(key)
                if known is None or known[0] is not cell:
                    known = cell, self._reid.colours(frame, cell.mask)
                    self._templates[key] = known
                found.append(Appearance(embedding, known[1]))
        return found

    def _embed(self, annotation: Annotation, instance: int, frames: Sequence[int]) -> Work:
        """Compute what is not known yet of the maps in some frames."""
        lacking = [
            key for frame in frames if self._known(annotation, key := CellKey(frame, instance)) is None
        ]
        for start in range(0, len(lacking), AT_ONCE):
            part = lacking[start : start + AT_ONCE]
            yield Progress("judging", start, len(lacking), part[0].frame, instance)
            # A person may have drawn here meanwhile, and some maps are empty.
            cells = {key: cell for key in part if (cell := annotation.get(*key)) and cell.mask.area}
            if cells:
                rows = self._reid.appearances([(key.frame, cell.mask) for key, cell in cells.items()])
                for (key, cell), row in zip(cells.items(), rows, strict=True):
                    self._seen[key] = cell, Appearance(row, self._reid.colours(key.frame, cell.mask))

    def _known(self, annotation: Annotation, key: CellKey) -> Appearance | None:
        known = self._seen.get(key)
        # Cells are immutable, so identity shows whether this one is known.
        return known[1] if known is not None and known[0] is annotation.get(*key) else None


@dataclass(frozen=True, eq=False)
class _LostRun:
    """Maps of a chain in a row that are almost certainly wrong.

    Attributes:
        instance: theirs.
        frames: in the order of propagation.
        wrong: (n,) the probability that they are.
    """

    instance: int
    frames: Sequence[int]
    wrong: NDArray[np.float64]

    def covered(self, annotation: Annotation) -> bool:
        """Whether other instances cover the first map, more than that of the checkpoint."""
        return is_covered(annotation, self.frames[0], self.instance)

    def emptied(self, annotation: Annotation, within: Collection[int] | None) -> dict[CellKey, Cell]:
        """The judged maps among them, emptied; not those that a person has approved meanwhile.

        Args:
            within: only those in these frames, None for all.
        """
        cells = {CellKey(frame, self.instance): annotation.get(frame, self.instance) for frame in self.frames}
        return {
            key: replace(cell, mask=SoftMask.empty(), confidence=float(wrong))
            for (key, cell), wrong in zip(cells.items(), self.wrong, strict=True)
            if cell is not None and cell.judged and cell.origin != key.frame
            if within is None or key.frame in within
        }


def is_covered(annotation: Annotation, frame: int, instance: int) -> bool:
    """Whether others cover a map, more than that of its checkpoint."""
    origin = annotation.origin(frame, instance)
    before = 0.0 if origin is None else share_of_others(annotation, origin, instance)
    return share_of_others(annotation, frame, instance) - before >= COVERED


def _surer_where_covered(annotation: Annotation, instance: int, frames: Sequence[int]) -> Work:
    """Give the unsure maps of a chain more confidence from the first one on that others cover.

    What a covered box shows says little, and the maps are better than the cues tell, until one is sure again.

    Args:
        frames: of the chain, in the order of propagation.
    """
    a, b = BESIDE_OTHERS
    found: dict[CellKey, tuple[Cell, float]] = {}
    covered = False
    for number, frame in enumerate(frames):
        cell = annotation.get(frame, instance)
        if cell is None or cell.pinned or not cell.judged or not cell.mask.area or cell.confidence >= UNSURE:
            covered = False
            continue
        if not covered:
            yield Progress("judging", number, len(frames), frame, instance)
            covered = is_covered(annotation, frame, instance)
        more = min(NO_MORE, a + b * cell.confidence)
        if covered and more > cell.confidence:
            found[CellKey(frame, instance)] = cell, more
    # A person may have drawn in some of these frames meanwhile.
    after = {
        key: replace(cell, confidence=more)
        for key, (cell, more) in found.items()
        if annotation.get(*key) is cell
    }
    if after:
        change = annotation.set_cells("propagate", after)
        annotation.apply(change)
        yield change


def share_of_others(annotation: Annotation, frame: int, instance: int) -> float:
    """The share of an instance's box that maps of others hold whose expected J is at least `KNOWN`."""
    box = annotation.mask(frame, instance).hard_box
    if box is None:
        return 0.0
    held = np.zeros((box.height, box.width), np.bool_)
    for other, mask in annotation.frame_masks(frame).items():
        cell = annotation.get(frame, other)
        if other != instance and cell is not None and cell.confidence >= KNOWN:
            held |= mask.stored(box) > 127
    return float(held.mean())


def chains(
    annotation: Annotation, instance: int, frames: Collection[int] | None = None
) -> Iterator[list[int]]:
    """The frames propagated from one checkpoint in one direction, nearest first, if some are not judged yet.

    Maps fused from two checkpoints are left out, as both confirm them.

    Args:
        frames: only chains with a map in one of these that is not judged; None for all.
    """
    records = annotation.records(instance)
    number = np.arange(len(records))
    origins = records["origin"]
    carried = _propagated(records) & (origins != number) & (records["second"] < 0)
    due = carried & np.isnan(records["similarity"])
    if frames is not None:
        due &= np.isin(number, list(frames))
    for origin in np.unique(origins[due]).tolist():
        for ahead in (True, False):
            side = (number > origin) if ahead else (number < origin)
            if (due & side & (origins == origin)).any():
                found = np.flatnonzero(carried & side & (origins == origin)).tolist()
                chain = [n for n in (found if ahead else found[::-1]) if annotation.mask(n, instance).area]
                if chain:
                    yield chain


def _propagated(records: NDArray[np.void]) -> NDArray[np.bool_]:
    """(length,) where a map that is not empty was propagated, by the index."""
    flags = records["flags"]
    found: NDArray[np.bool_] = (flags & THERE > 0) & (flags & FILLED > 0)
    return found & (records["maker"] == MAKERS.index(Maker.PROPAGATION))


def _sampled_frames(annotation: Annotation, instance: int, chain: Sequence[int]) -> list[int]:
    """Every `EVERY`th frame counted from the checkpoint, and the first and the last one of a chain.

    In between cues are interpolated.
    """
    origin = annotation.origin(chain[0], instance) or 0
    return [frame for frame in chain if frame in (chain[0], chain[-1]) or (frame - origin) % EVERY == 0]
