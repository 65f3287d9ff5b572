from pathlib import Path

import numpy as np

from vsreid_studio.benchmark.report import BEGIN, END, kept_text, read_published
from vsreid_studio.benchmark.table_report import WIDTH, draw, extremes
from vsreid_studio.evaluation import InstanceScore


def score(*values: float) -> InstanceScore:
    names = tuple(f"clip/{number:05d}" for number in range(1, len(values) + 1))
    return InstanceScore(names, values, values)


def test_best_and_worst_are_of_different_sequences_and_not_flawless() -> None:
    scores = {
        "a": {1: score(0.9, 1.0, 0.2)},
        "b": {1: score(0.8, 0.7), 2: score(0.8, 0.5)},
        "perfect": {1: score(1.0, 1.0)},
        "nothing": {},
    }
    best, worst = extremes(scores, 3)
    assert [(one.sequence, one.frame) for one in best] == [("a", "00001"), ("b", "00001")]
    assert [(one.sequence, one.frame) for one in worst] == [("a", "00003"), ("b", "00002")]
    assert worst[1].both == 0.6


def test_picture_shows_result_and_truth() -> None:
    frame = np.full((480, 854, 3), 100, np.uint8)
    result, truth = np.zeros((2, 480, 854), np.uint8)
    result[100:200, 100:200] = 1
    truth[300:400, 400:600] = 1
    picture = draw(frame, result, truth)
    assert picture.shape == (240, WIDTH, 3)
    assert picture[75, 75, 0] > 140 > picture[75, 75, 1]
    assert (picture[150, 220:280] > 180).all()
    assert (picture[220, 20] == 100).all()


def test_paragraph_is_found_again() -> None:
    assert kept_text(f"x\n{BEGIN}\nThin things.\n\nOne more.\n{END}\ny") == "Thin things.\n\nOne more."
    assert kept_text("") == kept_text(f"{BEGIN}\n\n{END}")


def test_published_methods_need_every_sequence(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    path.write_text(
        '{"methods": {"A": {"one": {"x": {"J": 0.5, "F": 0.7}}, "two": {"y": {"J": 0.7, "F": 0.9}}},'
        ' "B": {"one": {"x": {"J": 1, "F": 1}}}}}'
    )
    (one,) = read_published(path, ("x", "y"))
    assert (one.name, round(one.both, 6)) == ("A", 0.7)
    assert len(read_published(path, ("x",))) == 2
