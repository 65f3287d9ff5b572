"""The simulated person's clicks."""

from __future__ import annotations

import numpy as np

from vsreid_studio.benchmark.clicks import Series, click_through, figures
from vsreid_studio.engine.types import Click, Prediction, SoftMask
from vsreid_studio.evaluation.robot import next_click


def mask(*boxes):
    found = np.zeros((60, 80), np.bool_)
    for x0, y0, x1, y1 in boxes:
        found[y0:y1, x0:x1] = True
    return found


def test_first_click_lies_in_the_middle():
    click = next_click(mask(), mask((10, 10, 31, 31)))
    assert click == Click(20, 20, True)


def test_the_largest_error_is_clicked():
    truth = mask((10, 10, 30, 30))
    click = next_click(mask((10, 10, 25, 30), (50, 10, 75, 40)), truth)
    assert click is not None and not click.adds and click.x > 50


def test_the_edge_of_the_frame_counts_as_right():
    click = next_click(mask(), mask((0, 0, 21, 21)))
    assert click == Click(10, 10, True)


def test_no_pixel_is_clicked_twice_and_what_is_right_not_at_all():
    truth = mask((10, 10, 13, 13))
    before = []
    while (click := next_click(mask(), truth, before)) is not None:
        before.append(click)
    assert len(set(before)) == 9
    assert next_click(truth, truth) is None


def test_what_is_ignored_is_not_clicked():
    truth = mask((10, 10, 30, 30))
    assert next_click(mask(), truth, (), truth) is None


def test_random_clicks_fall_into_the_error():
    truth = mask((10, 10, 30, 30))
    rng = np.random.default_rng(0)
    clicks = {next_click(mask(), truth, (), None, rng) for _ in range(20)}
    assert len(clicks) > 5
    assert all(truth[int(c.y), int(c.x)] for c in clicks if c)


class Squares:
    """Each click adds a square of 10 pixels."""

    def segment(self, frame, clicks, box=None, present=None):
        found = np.zeros(frame.shape[:2], np.bool_)
        for click in clicks:
            x, y = int(click.x), int(click.y)
            found[max(0, y - 5) : y + 5, max(0, x - 5) : x + 5] = click.adds
        return Prediction(SoftMask.from_dense(found), 1.0)


def test_clicking_through_counts():
    truth = mask((10, 10, 20, 20), (40, 10, 50, 20))
    frame = np.zeros((60, 80, 3), np.uint8)
    series, clicks, found = click_through("one/0", frame, truth, Squares())
    assert len(clicks) == len(series.shares) - 1
    assert series.shares[0] == 0
    assert series.shares[-1] >= 0.9 or len(clicks) == 20
    assert found.area > 0


def test_figures_of_series():
    series = [Series("a/0", (0.0, 0.5, 0.86, 0.92)), Series("b/0", (0.0, 0.7, 0.7))]
    found = figures(series)
    assert found["NoC@85"] == (2 + 20) / 2
    assert found["NoC@90"] == (3 + 20) / 2
    assert found["mIoU@1"] == 0.6
    assert found["mIoU@5"] == (0.92 + 0.7) / 2
