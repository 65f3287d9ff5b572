"""The trust figure is fitted to samples, and judged on others."""

import numpy as np
import pytest

from vsreid_studio.evaluation.reliability import Reliability, auroc
from vsreid_studio.training.trust import Samples, fitted, logistic, measured


def drawn(seed: int, n: int = 4000) -> Samples:
    """J follows the similarity to the way; the predicted IoU tells half of it."""
    rng = np.random.default_rng(seed)
    way = rng.uniform(-0.2, 1, n)
    right = rng.random(n) < 1 / (1 + np.exp(-(12 * way - 6)))
    quality = np.where(right, rng.uniform(0.7, 1, n), rng.uniform(0.4, 0.9, n))
    logit = np.log(quality.clip(0.02, 0.98) / (1 - quality.clip(0.02, 0.98)))
    j = np.where(right, 0.2 + 0.8 * quality, rng.uniform(0, 0.1, n))
    return Samples(np.stack([logit, way, way, logit], 1), quality, j)


def test_weights_and_bias_are_found_again() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60_000, 2))
    wanted = rng.random(len(x)) < 1 / (1 + np.exp(-(2 * x[:, 0] - x[:, 1] + 0.5)))
    weights, bias = logistic(x, wanted.astype(np.float64))
    assert weights == pytest.approx([2, -1], abs=0.1) and bias == pytest.approx(0.5, abs=0.05)


def test_a_model_is_calibrated_on_samples_that_it_has_not_seen() -> None:
    model, other = fitted(drawn(0)), drawn(1)
    found = measured(model, other)
    assert found.samples == 4000 and 0.3 < found.wrong < 0.7
    assert found.separation is not None and found.separation_of_quality is not None
    assert found.separation > found.separation_of_quality
    assert found.error < 0.03 and found.error_of_expected < 0.03 < found.error_of_quality
    assert model.good == pytest.approx((0.2, 0.8)) and model.bad == pytest.approx(0.05, abs=0.01)


def test_maps_that_are_all_right_can_be_fitted() -> None:
    some = drawn(0)
    right = some.jaccard >= 0.5
    model = fitted(Samples(some.cues[right], some.quality[right], some.jaccard[right]))
    assert (model.probability_of(some.cues[right]) > 0.9).mean() > 0.9
    assert (
        measured(model, Samples(some.cues[right], some.quality[right], some.jaccard[right])).separation
        is None
    )


def test_auroc_counts_pairs() -> None:
    score = np.array([0.1, 0.4, 0.4, 0.9])
    assert auroc(score, np.array([False, False, True, True])) == pytest.approx(3.5 / 4)
    assert auroc(score, np.ones(4, np.bool_)) is None
    found = Reliability(np.array([0.9, 0.8, 0.2]), np.array([1.0, 0.7, 0.1]))
    assert found.separation == 1
