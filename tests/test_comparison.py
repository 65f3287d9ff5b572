"""Work under way must be scored as the official evaluation scores the finished masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.engine.types import Frame, LabelMap, SoftMask
from vsreid_studio.engine.video import Video
from vsreid_studio.errors import UserError
from vsreid_studio.evaluation import evaluate
from vsreid_studio.evaluation.comparison import RunningScores, Truth, overall
from vsreid_studio.formats.masks import write_label_map

HEIGHT, WIDTH, LENGTH = 40, 60, 6


def labels(index: int, shift: int = 0) -> LabelMap:
    one = np.zeros((HEIGHT, WIDTH), np.uint8)
    one[5:20, 5 + index + shift : 25 + index + shift] = 1
    one[25:35, 30 - shift : 50 - shift] = 2
    return one


class Clip(Video):
    """A video file of black frames."""

    def __init__(self, length: int = LENGTH, height: int = HEIGHT) -> None:
        super().__init__(Path("clip.mp4"), "clip", 0)
        self.length, self.height, self.width = length, height, WIDTH

    def _read(self, index: int) -> Frame:
        return np.zeros((self.height, self.width, 3), np.uint8)


@pytest.fixture
def truth_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "truth" / "clip"
    folder.mkdir(parents=True)
    for index in range(LENGTH):
        write_label_map(folder / f"{index:05d}.png", labels(index))
    return folder


def maps(index: int, shift: int) -> dict[int, SoftMask]:
    one = labels(index, shift)
    return {number: SoftMask.from_dense(one == number) for number in (1, 2)}


def test_the_figures_are_the_official_ones(truth_folder: Path, tmp_path: Path) -> None:
    truth = Truth.read(truth_folder, Clip())
    assert (tuple(truth.files), truth.instances) == ((1, 2, 3, 4), 2)
    tally = RunningScores(truth)
    assert tally.figures() == {}
    assert tally.at(1) == {}
    results = tmp_path / "results" / "clip"
    results.mkdir(parents=True)
    for index in range(LENGTH):
        write_label_map(results / f"{index:05d}.png", labels(index, index))
    for frame in truth.files:
        tally.put(frame, truth.score(frame, maps(frame, frame)))
    report = evaluate(truth_folder.parent, results.parent, ["clip"])
    for number, score in report.sequences["clip"].items():
        figures = tally.figures()[number]
        assert (figures.j, figures.f) == pytest.approx((score.j.mean, score.f.mean))
    assert overall(tally.figures()).both == pytest.approx(report.overall()["J&F"])
    assert (tally.scored, tally.at(0)) == (4, {})
    tally.put(2, truth.score(2, maps(2, 0)))
    assert tally.at(2)[1].both == 1


def test_an_instance_that_is_missing_or_too_many(truth_folder: Path) -> None:
    truth = Truth.read(truth_folder, Clip())
    scores = truth.score(1, {1: maps(1, 0)[1], 7: maps(1, 0)[2]})
    assert scores.tolist() == [[1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("length", "height", "sentence"),
    [
        (5, HEIGHT, "whose frames are 00000 to 00004"),
        (LENGTH, 41, "is 60 x 40 pixels, but the video is 60 x 41"),
    ],
)
def test_a_truth_of_another_video(truth_folder: Path, length: int, height: int, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Truth.read(truth_folder, Clip(length, height))


def test_an_unfit_truth(truth_folder: Path) -> None:
    write_label_map(truth_folder / "00000.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    with pytest.raises(UserError, match="shows no object"):
        Truth.read(truth_folder, Clip())
    for index in range(2, LENGTH):
        (truth_folder / f"{index:05d}.png").unlink()
    with pytest.raises(UserError, match="holds 2 masks"):
        Truth.read(truth_folder, Clip())
    with pytest.raises(UserError, match="cannot be read"):
        Truth.read(truth_folder / "none", Clip())


def test_void_is_judged_once_for_the_sequence_as_evaluate_does(truth_folder: Path, tmp_path: Path) -> None:
    """One frame shows nothing but 255: alone it would be read as white, an object."""
    for index in range(LENGTH):
        grey = np.where(labels(index) > 0, labels(index), 255).astype(np.uint8)
        if index == 3:
            grey = np.where(grey == 255, 255, 0).astype(np.uint8)
        Image.fromarray(grey).save(truth_folder / f"{index:05d}.png")
    results = tmp_path / "results" / "clip"
    results.mkdir(parents=True)
    for index in range(LENGTH):
        write_label_map(results / f"{index:05d}.png", labels(index, 2))
    truth = Truth.read(truth_folder, Clip())
    assert truth.instances == 2
    tally = RunningScores(truth)
    for frame in truth.files:
        tally.put(frame, truth.score(frame, maps(frame, 2)))
    report = evaluate(truth_folder.parent, results.parent, ["clip"])
    for number, score in report.sequences["clip"].items():
        figures = tally.figures()[number]
        assert (figures.j, figures.f) == pytest.approx((score.j.mean, score.f.mean))
