"""Trust: which propagated maps are kept, by the probability that they are right.

The paper accepts every propagated map. N_mp predicts the IoU of each, but a map that has drifted to an
occluder is an accurate map of another object, and its predicted IoU stays high. Its embedding by N_reid then
differs from that of the instance. A logistic regression turns these cues into the probability that J is at
least .5:

- the predicted IoU, and the lowest one since the map was last confirmed: identity is lost in one step;
- the cosine similarity of the map's box to the gallery;
- the similarity to the embeddings of confirmed maps since the checkpoint. An instance that turns soon differs
  from its template, but hardly from its own appearance a few frames before.

Runs of maps that are almost certainly wrong are emptied, so that re-identification searches these frames.
`vsreid-studio train trust` fits the coefficients.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..algorithm.plan import Plan, Step
from ..algorithm.protocols import Reidentification
from ..algorithm.vsreid import Work
from ..events import Progress
from ..store.annotation import Annotation
from ..store.index import FILLED, MAKERS, THERE
from ..types import Cell, CellKey, Maker, SoftMask
from .appearance_track import TRUSTED, TrustedEmbeddings
from .gallery import Gallery
from .temporal_smoothing import finished_block

EVERY = 2
"""Frames from one embedding of a chain to the next; similarities in between are interpolated."""
AT_ONCE = 20
"""Maps embedded in one batch, which takes N_reid some milliseconds."""
NEAR = 12
"""Number of the latest confirmed embeddings that a map is compared with."""
JOIN = 0.7
"""Similarity from which an embedding is confirmed, if the predicted IoU is at least `LEAST`."""
LEAST = 0.5
THINNED = 4
"""What maps to rely on show is kept in every fourth frame, to be compared with candidates."""
WRONG = 0.5
"""A map is probably wrong below this probability of J >= .5."""
LOST, LASTING = 0.2, 5
"""Maps are emptied where `LASTING` in a row are below the probability `LOST`: a single one is unreliable."""


@dataclass(frozen=True, slots=True)
class TrustModel:
    """A logistic regression on the cues, and the J that follows.

    Attributes:
        weights: of logit of quality, gallery, way and logit of least, see `Cues`. The first may be negative:
            a map that is confident again after a moment of low confidence often shows another object.
        bias: of the logit.
        good: (a, b): J is expected to be a + b * q where it is at least .5.
        bad: and this where it is not.
    """

    weights: tuple[float, float, float, float]
    bias: float
    good: tuple[float, float]
    bad: float

    def probability(self, cues: Cues) -> NDArray[np.float64]:
        """P(J >= .5) of each map, (n,)."""
        return self.probability_of(cues.columns)

    def probability_of(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `probability`, of `Cues.columns`."""
        values = columns @ np.array(self.weights) + self.bias
        found: NDArray[np.float64] = 1 / (1 + np.exp(-values))
        return found

    def expected(self, probability: NDArray[np.float64], quality: NDArray[np.float64]) -> NDArray[np.float64]:
        """The J that is to be expected, (n,) in [0, 1].

        Args:
            probability: of J >= .5, (n,).
            quality: the predicted IoU, (n,).
        """
        good = self.good[0] + self.good[1] * quality
        return np.clip(probability * good + (1 - probability) * self.bad, 0, 1)


class Cues(NamedTuple):
    """The cues for the maps of one chain, (n,) float64 each, in the order of propagation.

    Attributes:
        quality: the predicted IoU.
        gallery: similarity of the map's box to the gallery.
        way: the greater similarity to the gallery and to the latest confirmed embeddings.
        least: the lowest predicted IoU since the last confirmed embedding.
    """

    quality: NDArray[np.float64]
    gallery: NDArray[np.float64]
    way: NDArray[np.float64]
    least: NDArray[np.float64]

    @property
    def columns(self) -> NDArray[np.float64]:
        """(n, 4), as `TrustModel` weighs them."""
        return np.stack([_logit(self.quality), self.gallery, self.way, _logit(self.least)], axis=1)


def cues_of(
    quality: Sequence[float],
    embeddings: Mapping[int, NDArray[np.float32]],
    gallery: Sequence[NDArray[np.float32]],
) -> Cues:
    """The cues of a chain.

    Args:
        quality: predicted IoU of each map, in the order of propagation.
        embeddings: (d,) float32 of length 1, N_reid of the map's box, by index in that order; at least one.
        gallery: (d,) float32 of length 1 each; at least one.
    """
    known, confirmed = np.stack(gallery), list(gallery)
    least, low = [], 1.0
    places, template, way = sorted(embeddings), [], []
    for place, q in enumerate(quality):
        low = min(low, q)
        least.append(low)
        if (embedding := embeddings.get(place)) is None:
            continue
        template.append(float((known @ embedding).max()))
        near = float((np.stack(confirmed[-NEAR:]) @ embedding).max())
        way.append(max(near, template[-1]))
        if way[-1] >= JOIN and q >= LEAST:
            confirmed.append(embedding)
            low = 1.0
    everywhere = np.arange(len(quality))
    return Cues(
        np.array(quality, np.float64),
        np.interp(everywhere, places, template),
        np.interp(everywhere, places, way),
        np.array(least),
    )


def _logit(q: NDArray[np.float64]) -> NDArray[np.float64]:
    q = q.clip(0.02, 0.98)
    found: NDArray[np.float64] = np.log(q / (1 - q))
    return found


def lost_maps(probability: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which maps of a chain are to be emptied: (n,) bool.

    Args:
        probability: of J >= .5, (n,), in the order of propagation.
    """
    found: NDArray[np.bool_] = probability < LOST
    ends = np.flatnonzero(np.diff(found, prepend=False, append=False))
    for start, stop in zip(ends[::2], ends[1::2], strict=True):
        found[start:stop] = stop - start >= LASTING
    return found


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
        self._embedded: dict[CellKey, tuple[Cell, NDArray[np.float32]]] = {}
        self._trusted: dict[int, dict[int, tuple[Cell, NDArray[np.float32]]]] = {}

    def after_step(self, annotation: Annotation, plan: Plan, step: Step) -> Work:
        """Embed the maps of the block that the step has completed, without the deferred ones."""
        for instance, origin in step.origins.items():
            if instance not in step.deferred:
                block = finished_block(origin, step.target)
                yield from self._embed(annotation, instance, [n for n in block if (n - origin) % EVERY == 0])

    def after_span(self, annotation: Annotation, plan: Plan, deferred: Mapping[CellKey, Cell]) -> Work:
        """Judge every chain with maps that are not judged yet."""
        for instance in plan.instances:
            for chain in chains(annotation, instance, plan.frames):
                yield from self._judge(annotation, instance, chain)
            self._embedded = {key: one for key, one in self._embedded.items() if key.instance != instance}

    def trusted(self, annotation: Annotation, instance: int) -> TrustedEmbeddings:
        """The embeddings of the present maps of an instance that were judged right."""
        known = self._trusted.get(instance, {})
        there = [n for n, (cell, _) in sorted(known.items()) if cell is annotation.get(n, instance)]
        rows = [known[n][1] for n in there]
        return TrustedEmbeddings(
            np.array(there, np.intp), np.stack(rows) if rows else np.zeros((0, 1), np.float32)
        )

    def cues(self, annotation: Annotation, instance: int) -> Iterator[tuple[list[int], Cues]]:
        """The frames of each chain that is to be judged, and its cues; nothing is changed."""
        for chain in chains(annotation, instance):
            for _ in self._embed(annotation, instance, _sampled_frames(annotation, instance, chain)):
                pass
            if (found := self._cues(annotation, instance, chain)) is not None:
                yield chain, found

    def _judge(self, annotation: Annotation, instance: int, chain: Sequence[int]) -> Work:
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
        after = {}
        trusted = self._trusted.setdefault(instance, {})
        for n, frame in enumerate(chain):
            cell = annotation.get(frame, instance)
            if cell is None or cell.judged:
                continue
            judged = replace(cell, similarity=float(cues.gallery[n]), confidence=float(expected[n]))
            if lost[n]:
                judged = replace(judged, mask=SoftMask.empty(), confidence=float(1 - probability[n]))
            elif expected[n] >= TRUSTED:
                embedding = self._known(annotation, CellKey(frame, instance))
                if embedding is not None and (frame - cell.origin) % THINNED == 0:
                    trusted[frame] = judged, embedding
            after[CellKey(frame, instance)] = judged
        change = annotation.set_cells("propagate", after)
        annotation.apply(change)
        yield change

    def _cues(self, annotation: Annotation, instance: int, chain: Sequence[int]) -> Cues | None:
        """Cues from the embeddings; None without embeddings or gallery, or if a person changed a map."""
        entries = list(self._gallery.entries(annotation, instance).values())
        cells = [annotation.get(frame, instance) for frame in chain]
        seen = ((n, self._known(annotation, CellKey(frame, instance))) for n, frame in enumerate(chain))
        embeddings = {n: embedding for n, embedding in seen if embedding is not None}
        there = [
            cell
            for frame, cell in zip(chain, cells, strict=True)
            if cell is not None and cell.made_by is Maker.PROPAGATION and cell.origin != frame
        ]
        if not entries or not embeddings or len(there) < len(chain):
            return None
        return cues_of([cell.confidence for cell in there], embeddings, entries)

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
                    self._embedded[key] = cell, row

    def _known(self, annotation: Annotation, key: CellKey) -> NDArray[np.float32] | None:
        known = self._embedded.get(key)
        # Cells are immutable, so identity shows whether this one is known.
        return known[1] if known is not None and known[0] is annotation.get(*key) else None


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
    flags, origins = records["flags"], records["origin"]
    carried = (flags & THERE > 0) & (flags & FILLED > 0) & (origins != number) & (records["second"] < 0)
    carried &= records["maker"] == MAKERS.index(Maker.PROPAGATION)
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


def _sampled_frames(annotation: Annotation, instance: int, chain: Sequence[int]) -> list[int]:
    """Every `EVERY`th frame counted from the checkpoint, and the first and the last one of a chain."""
    origin = annotation.origin(chain[0], instance) or 0
    return [frame for frame in chain if frame in (chain[0], chain[-1]) or (frame - origin) % EVERY == 0]


LITE = TrustModel(weights=(-0.335, 3.556, 3.272, 1.235), bias=-3.534, good=(0.425, 0.532), bad=0.022)
"""Of the shipped networks."""
