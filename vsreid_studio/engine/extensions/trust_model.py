"""The trust figure: the probability that a propagated or recovered map is right.

N_mp predicts the IoU of each map, but a map that has drifted to an occluder is an accurate map of another
object, and its predicted IoU stays high. What it shows then differs from the instance. A logistic regression
turns these cues into the probability that J is at least .5:

- the predicted IoU, and the lowest one since the map was last confirmed: identity is lost in one step;
- the similarity of the map's box, by N_reid, and of its own pixels' colours, without the ground beside them,
  to the gallery, to confirmed maps since the checkpoint, and to maps of other checkpoints that were judged
  right. An instance that turns soon differs from its template, but hardly from its own appearance a few
  frames before.

`vsreid-studio train trust` fits the coefficients.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEAR = 12
"""Number of the latest confirmed embeddings that a map is compared with."""
JOIN = 0.7
"""Similarity from which an embedding is confirmed, if the predicted IoU is at least `LEAST`."""
LEAST = 0.5
LOST, LASTING = 0.3, 5
"""Maps are emptied where `LASTING` in a row are below the probability `LOST`: a single one is unreliable."""


@dataclass(frozen=True, slots=True)
class TrustModel:
    """A logistic regression on the cues, and the J that follows.

    Attributes:
        weights: of each of `Cues.columns`. The first may be negative: a map that is confident again after a
            moment of low confidence often shows another object.
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


class Appearance(NamedTuple):
    """What a map shows.

    Attributes:
        embedding: (d,) float32 of length 1, N_reid of its box.
        colours: (c,) float16 of length 1, of its own pixels.
    """

    embedding: NDArray[np.float32]
    colours: NDArray[np.float16]


class Cues(NamedTuple):
    """The cues for the maps of one chain, (n,) float64 each, in the order of propagation.

    Attributes:
        gallery: similarity of the map's box to the gallery; not in the regression, as `way` is in it.
        quality: the predicted IoU.
        least: the lowest predicted IoU since the last confirmed map.
        way: the greatest similarity of the box to the gallery, to the latest confirmed maps, and to those of
            other chains.
        colours: the same of the colours of the map's own pixels.
    """

    gallery: NDArray[np.float64]
    quality: NDArray[np.float64]
    least: NDArray[np.float64]
    way: NDArray[np.float64]
    colours: NDArray[np.float64]

    @property
    def columns(self) -> NDArray[np.float64]:
        """(n, 4), as `TrustModel` weighs them."""
        return np.stack([_logit(self.quality), _logit(self.least), self.way, self.colours], axis=1)


def cues_of(
    quality: Sequence[float],
    shown: Mapping[int, Appearance],
    gallery: Sequence[Appearance],
    elsewhere: Sequence[Appearance] = (),
) -> Cues:
    """The cues of a chain.

    Args:
        quality: predicted IoU of each map, in the order of propagation.
        shown: by some maps, by index in that order; at least one.
        gallery: at least one.
        elsewhere: of maps of other chains that were judged right. A chain that begins at a recovery needs
            them: its instance has often turned since the first mask.
    """
    template, known = _Similarity(gallery), _Similarity([*gallery, *elsewhere])
    confirmed: deque[Appearance] = deque(maxlen=NEAR)
    least, low = [], 1.0
    places, rows = sorted(shown), []
    for place, q in enumerate(quality):
        low = min(low, q)
        least.append(low)
        if (one := shown.get(place)) is None:
            continue
        way, colours = np.maximum(known.of(one), _Similarity(confirmed).of(one))
        rows.append((template.of(one)[0], way, colours))
        if way >= JOIN and q >= LEAST:
            confirmed.append(one)
            low = 1.0
    gallery_, *others = (
        np.interp(np.arange(len(quality)), places, column) for column in zip(*rows, strict=True)
    )
    return Cues(gallery_, np.array(quality, np.float64), np.array(least), *others)


class _Similarity:
    """The greatest cosines with some appearances: of the box, and of the colours; -1 where there are none."""

    def __init__(self, others: Collection[Appearance]) -> None:
        self._boxes = np.stack([one.embedding for one in others]) if others else None
        self._colours = np.stack([one.colours for one in others]).astype(np.float32) if others else None

    def of(self, one: Appearance) -> NDArray[np.float64]:
        """(2,), float64."""
        if self._boxes is None or self._colours is None:
            return np.full(2, -1.0)
        colours = self._colours @ one.colours.astype(np.float32)
        return np.array([(self._boxes @ one.embedding).max(), colours.max()], np.float64)


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


LITE = TrustModel(weights=(-0.442, 0.925, 3.026, 16.998), bias=-15.833, good=(0.405, 0.554), bad=0.022)
"""Of the shipped networks."""
