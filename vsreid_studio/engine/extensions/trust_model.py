"""The trust figure: the probability that a propagated or recovered map is right.

N_mp predicts the IoU of each map, but a map that has drifted to an occluder is an accurate map of another
object, and its predicted IoU stays high. Its embedding by N_reid then differs from that of the instance. A
logistic regression turns these cues into the probability that J is at least .5:

- the predicted IoU, and the lowest one since the map was last confirmed: identity is lost in one step;
- the cosine similarity of the map's box to the gallery;
- the similarity to the embeddings of confirmed maps since the checkpoint, and of maps of other checkpoints
  that were judged right. An instance that turns soon differs from its template, but hardly from its own
  appearance a few frames before.

`vsreid-studio train trust` fits the coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEAR = 12
"""Number of the latest confirmed embeddings that a map is compared with."""
JOIN = 0.7
"""Similarity from which an embedding is confirmed, if the predicted IoU is at least `LEAST`."""
LEAST = 0.5
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
        way: the greatest similarity to the gallery, to the latest confirmed embeddings, and to those of other
            chains.
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
    elsewhere: NDArray[np.float32] | None = None,
) -> Cues:
    """The cues of a chain.

    Args:
        quality: predicted IoU of each map, in the order of propagation.
        embeddings: (d,) float32 of length 1, N_reid of the map's box, by index in that order; at least one.
        gallery: (d,) float32 of length 1 each; at least one.
        elsewhere: (m, d) float32, rows of length 1, of maps of other chains that were judged right. A chain
            that begins at a recovery needs them: its instance has often turned since the first mask.
    """
    known, confirmed = np.stack(gallery), list(gallery)
    others = np.zeros((0, known.shape[1]), np.float32) if elsewhere is None else elsewhere
    least, low = [], 1.0
    places, template, way = sorted(embeddings), [], []
    for place, q in enumerate(quality):
        low = min(low, q)
        least.append(low)
        if (embedding := embeddings.get(place)) is None:
            continue
        template.append(float((known @ embedding).max()))
        near = float((np.concatenate([others, confirmed[-NEAR:]]) @ embedding).max())
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
    for start, stop in runs_of(found):
        found[start:stop] = stop - start >= LASTING
    return found


def runs_of(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and stop of each run of True in (n,) flags."""
    ends = np.flatnonzero(np.diff(flags, prepend=False, append=False)).tolist()
    return list(zip(ends[::2], ends[1::2], strict=True))


LITE = TrustModel(weights=(-0.335, 3.556, 3.272, 1.235), bias=-3.534, good=(0.425, 0.532), bad=0.022)
"""Of the shipped networks."""
