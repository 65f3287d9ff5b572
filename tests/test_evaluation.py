from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from data_set import DAVIS
from numpy.typing import NDArray
from PIL import Image

from vsreid_studio.benchmark.clicks import Series, click_through, figures
from vsreid_studio.engine.types import NO_CONTEXT, Box, Click, ClickContext, Frame, Prediction, SoftMask
from vsreid_studio.errors import UserError
from vsreid_studio.evaluation import (
    boundary_f,
    evaluate,
    evaluate_folders,
    evaluate_sequence,
    jaccard,
    shared_sequences,
    statistics,
)
from vsreid_studio.evaluation.measures import next_click
from vsreid_studio.formats.davis import DavisRoot
from vsreid_studio.formats.masks import read_label_map, write_label_map

H, W = 480, 854
Mask = NDArray[np.bool_]


def write_sequence(folder: Path, label_maps: Iterable[NDArray[np.uint8]]) -> None:
    """Masks named 00000.png on."""
    folder.mkdir(parents=True)
    for index, labels in enumerate(label_maps):
        write_label_map(folder / f"{index:05d}.png", labels)


def rectangle(x: int = 0, y: int = 0) -> Mask:
    mask = np.zeros((H, W), np.bool_)
    mask[100 + y : 200 + y, 100 + x : 300 + x] = True
    return mask


def disk(y: int, x: int, radius: int) -> Mask:
    rows, columns = np.ogrid[:H, :W]
    return np.asarray((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)


def pixel(x: int) -> Mask:
    mask = np.zeros((H, W), np.bool_)
    mask[200, x] = True
    return mask


def full(columns: int = W) -> Mask:
    mask = np.zeros((H, W), np.bool_)
    mask[:, :columns] = True
    return mask


NOTHING = np.zeros((H, W), np.bool_)

# Computed with the official program, davis2017-evaluation.
GOLDEN = {
    "identical": (rectangle(), rectangle(), 1, 1),
    "4 right": (rectangle(), rectangle(4), 0.960784, 1),
    "8 right": (rectangle(), rectangle(8), 0.923077, 1),
    "9 right": (rectangle(), rectangle(9), 0.913876, 0.693333),
    "20 right and down": (rectangle(), rectangle(20, 20), 0.5625, 0.056667),
    "smaller disk": (disk(240, 427, 60), disk(240, 427, 50), 0.694924, 0),
    "smaller disk elsewhere": (disk(240, 427, 60), disk(243, 433, 48), 0.638941, 0.317447),
    "pixel off by 8": (pixel(300), pixel(308), 0, 1),
    "pixel off by 9": (pixel(300), pixel(309), 0, 0.5),
    "full frame": (full(), full(W - 1), 0.998829, 0),
    "both empty": (NOTHING, NOTHING, 1, 1),
    "empty truth": (NOTHING, rectangle(), 0, 0),
    "empty result": (rectangle(), NOTHING, 0, 0),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_official_values(case: str) -> None:
    truth, result, j, f = GOLDEN[case]
    assert jaccard(truth, result) == pytest.approx(j, abs=1e-6)
    assert boundary_f(truth, result) == pytest.approx(f, abs=1e-6)


def test_a_full_frame_has_no_boundary() -> None:
    assert boundary_f(full(), NOTHING) == 1
    assert boundary_f(full(), full()) == 1


def edge_points(mask: Mask) -> NDArray[np.int64]:
    """The boundary by its definition, pixel by pixel, as (n, 2) points."""
    height, width = mask.shape
    points = []
    for y, x in np.ndindex(height, width):
        near = [(y + dy, x + dx) for dy, dx in ((0, 1), (1, 0), (1, 1)) if y + dy < height and x + dx < width]
        if any(mask[y, x] != mask[place] for place in near):
            points.append((y, x))
    return np.array(points)


@pytest.mark.parametrize("seed", range(4))
def test_f_is_what_its_definition_says_up_to_the_frame_edges(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, result = np.zeros((2, 90, 120), np.bool_)  # a radius of 2 pixels
    for y, x, h, w in random.integers((0, 0, 5, 5), (80, 110, 40, 40), (3, 4)):
        truth[y : y + h, x : x + w] = True
        dy, dx = random.integers(0, 4, 2)
        result[y + dy : y + h, x + dx : x + w] = True
    true, found = edge_points(truth), edge_points(result)
    close = ((true[:, None] - found[None]) ** 2).sum(axis=2) <= 2**2
    recall, precision = close.any(axis=1).mean(), close.any(axis=0).mean()
    assert boundary_f(truth, result) == pytest.approx(2 * precision * recall / (precision + recall))


def test_maps_of_another_size_or_kind_are_refused() -> None:
    for measure in (jaccard, boundary_f):
        with pytest.raises(ValueError, match="shape"):
            measure(NOTHING, NOTHING[1:])
        with pytest.raises(ValueError, match="bool"):
            measure(NOTHING, NOTHING.astype(np.uint8))


@pytest.mark.parametrize(
    ("length", "decay"), [(5, 0.75), (8, 0.714286), (38, 0.756757), (52, 0.745098), (102, 0.752475)]
)
def test_official_decay(length: int, decay: float) -> None:
    assert statistics(np.linspace(1, 0, length)).decay == pytest.approx(decay, abs=1e-6)


def test_long_series_keep_their_decay() -> None:
    assert statistics(np.linspace(1, 0, 1001)).decay == pytest.approx(0.75, abs=1e-6)


def test_mean_and_recall() -> None:
    figures = statistics([0.5, 0.75, 1.0, 0.0])
    assert (figures.mean, figures.recall) == (0.5625, 0.5)
    assert statistics([0.25]).decay == 0
    with pytest.raises(ValueError, match="empty"):
        statistics([])


def labels(*rows: int) -> NDArray[np.uint8]:
    """A (40, 60) map with a bar of each value."""
    bars = np.zeros((40, 60), np.uint8)
    for row, value in enumerate(rows):
        bars[8 * row + 2 : 8 * row + 7, 10:50] = value
    return bars


def scored(
    tmp_path: Path, truth: list[NDArray[np.uint8]], result: list[NDArray[np.uint8]]
) -> dict[str, object]:
    write_sequence(tmp_path / "truth" / "a", truth)
    write_sequence(tmp_path / "results" / "a", result)
    json = evaluate(tmp_path / "truth", tmp_path / "results", ["a"]).as_json()
    return {number: (each["J"], each["F"]) for number, each in json["sequences"]["a"].items()}


def test_first_and_last_frame_do_not_count(tmp_path: Path) -> None:
    truth = [labels(1, 2)] * 4
    result = [labels(), labels(1, 2), labels(1, 2), labels(9)]
    assert scored(tmp_path, truth, result) == {"1": (1, 1), "2": (1, 1)}
    for name in ("00000", "00003"):
        (tmp_path / "results" / "a" / f"{name}.png").unlink()
    assert evaluate(tmp_path / "truth", tmp_path / "results", ["a"]).overall()["J&F"] == 1


def test_instances_are_those_of_the_first_frame(tmp_path: Path) -> None:
    # Instance 1 is absent but below the highest; 4 comes later and does not count; 3 the result lacks.
    truth = [labels(3, 2), labels(3, 2, 4), labels(3, 2, 4), labels(3, 2)]
    result = [labels(0, 2)] * 4
    assert scored(tmp_path, truth, result) == {"1": (1, 1), "2": (1, 1), "3": (0, 0)}


def test_void_in_the_truth_is_background(tmp_path: Path) -> None:
    truth = [labels(1, 255)] * 3
    assert scored(tmp_path, truth, [labels(1)] * 3) == {"1": (1, 1)}


@pytest.mark.parametrize("kind", ["colours", "16 bits"])
def test_colours_mean_the_same_objects_in_truth_and_results(tmp_path: Path, kind: str) -> None:
    """Also where the results show them in another order; and each is told apart from a colour too many."""
    colours = np.array([(0, 0, 0), (240, 90, 10), (20, 200, 160), (99, 9, 9)], np.uint8)
    levels = np.array([0, 1001, 2002, 3003], np.uint16)

    def write(folder: Path, frames: dict[int, NDArray[np.uint8]]) -> None:
        folder.mkdir(parents=True)
        for frame, it in frames.items():
            Image.fromarray(colours[it] if kind == "colours" else levels[it]).save(
                folder / f"{frame:05d}.png"
            )

    first, second = labels(1, 0, 2), labels(2, 0, 1)
    write(tmp_path / "truth", {0: first, 1: second, 2: second, 3: second})
    write(tmp_path / "result", {1: second, 2: labels(2)})
    report = evaluate_folders(tmp_path / "truth", tmp_path / "result")
    scores = report.sequences["result"]
    assert scores[1].j_series == (1.0, 0.0) and scores[2].j_series == (1.0, 1.0)
    write(tmp_path / "other", {1: labels(2, 0, 3), 2: second})
    with pytest.raises(UserError, match="has an instance 3"):
        evaluate_folders(tmp_path / "truth", tmp_path / "other")


@pytest.mark.parametrize("number", [2, 255])
def test_a_higher_number_in_the_result_is_an_error(tmp_path: Path, number: int) -> None:
    with pytest.raises(UserError, match=f"a/00001 has an instance {number}"):
        scored(tmp_path, [labels(1)] * 3, [labels(1, number)] * 3)


def test_results_that_do_not_fit(tmp_path: Path) -> None:
    truth, results = tmp_path / "truth", tmp_path / "results"
    with pytest.raises(UserError, match="There is no folder"):
        evaluate(truth, results, ["a"])
    write_sequence(truth / "a", [labels(1)] * 4)
    write_sequence(results / "b", [labels(1)] * 4)
    with pytest.raises(UserError, match="No folder in"):
        shared_sequences(truth, results)
    with pytest.raises(UserError, match="lack the sequence a"):
        evaluate(truth, results, ["a"])
    with pytest.raises(UserError, match="There is no folder"):
        evaluate(truth, results, ["b"])
    write_sequence(results / "a", [labels(1)] * 2)
    with pytest.raises(UserError, match=r"lack .*00002\.png"):
        evaluate(truth, results, ["a"])
    write_label_map(results / "a" / "00002.png", labels(1)[1:])
    with pytest.raises(UserError, match="a/00002 is 60 x 39 pixels, but the truth is 60 x 40"):
        evaluate(truth, results, ["a"])
    write_sequence(truth / "b", [labels(1)] * 2)
    with pytest.raises(UserError, match="has 2 masks"):
        evaluate(truth, results, ["b"])
    with pytest.raises(UserError, match="no frame to score"):
        evaluate_sequence(1, [])


def test_a_sequence_without_object_counts_for_nothing(tmp_path: Path) -> None:
    for folder in ("truth", "results"):
        write_sequence(tmp_path / folder / "none", [labels()] * 3)
    with pytest.raises(UserError, match="nothing to score"):
        evaluate(tmp_path / "truth", tmp_path / "results", ["none"])
    for folder in ("truth", "results"):
        write_sequence(tmp_path / folder / "one", [labels(1)] * 3)
    report = evaluate(tmp_path / "truth", tmp_path / "results", ["none", "one"])
    assert report.sequence("none") == {}
    assert report.overall()["J"] == 1


def test_global_figures_are_means_over_instances(tmp_path: Path) -> None:
    for name, truth, result in (("a", labels(1, 2, 3), labels(1, 2, 3)), ("b", labels(1), labels())):
        write_sequence(tmp_path / "truth" / name, [truth] * 3)
        write_sequence(tmp_path / "results" / name, [result] * 3)
    names = shared_sequences(tmp_path / "truth", tmp_path / "results")
    report = evaluate(tmp_path / "truth", tmp_path / "results", names)
    json = report.as_json()
    assert list(json["global"]) == ["J", "F", "J&F", "J-recall", "J-decay", "F-recall", "F-decay"]
    assert json["global"]["J&F"] == json["global"]["J-recall"] == 0.75
    assert report.sequences["a"][1].frames == ("a/00001",)
    rows = list(csv.reader(io.StringIO(report.as_csv())))
    assert [row[:3] for row in rows] == [
        ["sequence", "instance", "J"],
        ["a", "1", "1.000000"],
        ["a", "2", "1.000000"],
        ["a", "3", "1.000000"],
        ["b", "1", "0.000000"],
        ["global", "", "0.750000"],
    ]


@pytest.mark.skipif(not DAVIS.is_dir(), reason="the DAVIS 2016 masks are not on this machine")
def test_real_masks(tmp_path: Path) -> None:
    root = DavisRoot(DAVIS)
    files = root.annotation_files("bmx-bumps")[56:64]  # the object leaves at 60 and 62
    truth = [read_label_map(file) for file in files]
    assert scored(tmp_path / "same", truth, truth) == {"1": (1, 1)}
    shifted = [np.roll(each, 4, axis=1) for each in truth]
    ((j, f),) = scored(tmp_path / "shifted", truth, shifted).values()  # type: ignore[misc]
    assert 0.5 < j < 1  # type: ignore[has-type]
    assert f > 0.97  # type: ignore[has-type]


def test_void_is_judged_once_for_a_sequence(tmp_path: Path) -> None:
    """Grey truth in which one frame has nothing but void: there the object is absent, not everywhere."""
    for index in range(4):
        truth, found = np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8)
        truth[2:14, 4:20], found[6:10, 8:16] = 255, 1
        truth[4:12, 6:18] = 255 if index == 2 else 1
        for folder, labels in (("truth", truth), ("found", found)):
            (tmp_path / folder / "a").mkdir(parents=True, exist_ok=True)
            Image.fromarray(labels).save(tmp_path / folder / "a" / f"{index:05d}.png")
    scores = evaluate(tmp_path / "truth", tmp_path / "found", ["a"]).sequences["a"]
    assert scores[1].j_series == (32 / 96, 0.0)


def mask(*boxes: tuple[int, int, int, int]) -> Mask:
    found = np.zeros((60, 80), np.bool_)
    for x0, y0, x1, y1 in boxes:
        found[y0:y1, x0:x1] = True
    return found


def test_first_click_lies_in_the_middle() -> None:
    click = next_click(mask(), mask((10, 10, 31, 31)))
    assert click == Click(20, 20, True)


def test_the_largest_error_is_clicked() -> None:
    truth = mask((10, 10, 30, 30))
    click = next_click(mask((10, 10, 25, 30), (50, 10, 75, 40)), truth)
    assert click is not None and not click.adds and click.x > 50


def test_the_edge_of_the_frame_counts_as_right() -> None:
    click = next_click(mask(), mask((0, 0, 21, 21)))
    assert click == Click(10, 10, True)


def test_no_pixel_is_clicked_twice_and_what_is_right_not_at_all() -> None:
    truth = mask((10, 10, 13, 13))
    before: list[Click] = []
    while (click := next_click(mask(), truth, before)) is not None:
        before.append(click)
    assert len(set(before)) == 9
    assert next_click(truth, truth) is None


def test_what_is_ignored_is_not_clicked() -> None:
    truth = mask((10, 10, 30, 30))
    assert next_click(mask(), truth, (), truth) is None


def test_random_clicks_fall_into_the_error() -> None:
    truth = mask((10, 10, 30, 30))
    rng = np.random.default_rng(0)
    clicks = {next_click(mask(), truth, (), None, rng) for _ in range(20)}
    assert len(clicks) > 5
    assert all(truth[int(c.y), int(c.x)] for c in clicks if c)


class Squares:
    """Each click adds a square of 10 pixels."""

    def segment(
        self,
        frame: Frame,
        clicks: Sequence[Click],
        box: Box | None = None,
        present: SoftMask | None = None,
        context: ClickContext = NO_CONTEXT,
    ) -> Prediction:
        found = np.zeros(frame.shape[:2], np.bool_)
        for click in clicks:
            x, y = int(click.x), int(click.y)
            found[max(0, y - 5) : y + 5, max(0, x - 5) : x + 5] = click.adds
        return Prediction(SoftMask.from_dense(found), 1.0)


def test_clicking_through_counts() -> None:
    truth = mask((10, 10, 20, 20), (40, 10, 50, 20))
    frame = np.zeros((60, 80, 3), np.uint8)
    series, clicks, found = click_through("one/0", frame, truth, Squares())
    assert len(clicks) == len(series.shares) - 1
    assert series.shares[0] == 0
    assert series.shares[-1] >= 0.9 or len(clicks) == 20
    assert found.area > 0


def test_figures_of_series() -> None:
    series = [Series("a/0", (0.0, 0.5, 0.86, 0.92)), Series("b/0", (0.0, 0.7, 0.7))]
    found = figures(series)
    assert found["NoC@85"] == (2 + 20) / 2
    assert found["NoC@90"] == (3 + 20) / 2
    assert found["mIoU@1"] == 0.6
    assert found["mIoU@5"] == (0.92 + 0.7) / 2
