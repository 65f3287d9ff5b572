"""Files of points: what is read, and in one sentence what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vsreid_studio.engine.types import Box, Click
from vsreid_studio.errors import UserError
from vsreid_studio.formats.points import Prompt, read_points

GOOD = {"frame": 2, "instance": 1, "points": [[10, 20.5, 1], [0, 0, 0]], "box": [1, 2.5, 30, 40]}


def read(path: Path, value: object) -> tuple[Prompt, ...]:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return read_points(path, 10, 48, 80)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "points.json"


def test_points_and_box(file: Path) -> None:
    (prompt,) = read(file, [GOOD])
    assert prompt.key == (2, 1)
    assert prompt.clicks == (Click(10, 20.5, True), Click(0, 0, False))
    assert prompt.box == Box(1, 2, 30, 40)


def test_a_box_or_points_are_enough_and_entries_are_sorted(file: Path) -> None:
    late = {"frame": 5, "instance": 1, "box": [0, 0, 80, 48]}
    early = {"frame": 0, "instance": 2, "points": [[79, 47, 1]]}
    assert [prompt.key for prompt in read(file, [late, early])] == [(0, 2), (5, 1)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frame": 10}, "there is no frame 10"),
        ({"frame": -1}, "there is no frame -1"),
        ({"frame": 1.5}, "'frame' is not a whole number"),
        ({"frame": True}, "'frame' is not a whole number"),
        ({"instance": 0}, "numbered 1 to 254, not 0"),
        ({"instance": 255}, "numbered 1 to 254, not 255"),
        ({"points": {}}, "'points' is not a list"),
        ({"points": [[80, 1, 1]]}, "outside the frame of 80 x 48"),
        ({"points": [[1, -0.5, 1]]}, "outside the frame of 80 x 48"),
        ({"points": [[1, 2]]}, "three numbers"),
        ({"points": [[1, 2, 1, 1]]}, "three numbers"),
        ({"points": [["1", 2, 1]]}, "three numbers"),
        ({"points": [[1, 2, True]]}, "three numbers"),
        ({"points": [[1, 2, 2]]}, "1 (adds) or 0 (takes away)"),
        ({"points": [[1, 2, 1], [1, 2, 0]]}, "a point stands twice"),
        ({"points": [], "box": None}, "neither points nor a box"),
        ({"box": [1, 2, 3]}, "a box is four numbers"),
        ({"box": [5, 5, 5, 9]}, "is empty"),
        ({"box": [0, 0, 81, 48]}, "reaches outside the frame"),
        ({"label": 1}, "the key 'label'"),
    ],
)
def test_a_bad_entry_is_one_sentence(file: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(UserError) as caught:
        read(file, [{**GOOD, **change}])
    sentence = str(caught.value)
    assert words in sentence and sentence.endswith(".") and "\n" not in sentence
    assert str(file) in sentence


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "is not a list"),
        ([], "holds no points"),
        ([1], "entry 1 is not an object"),
        ([GOOD, GOOD], "entry 2: frame 2 and instance 1 stand in an earlier entry"),
        ([{"instance": 1, "points": [[1, 1, 1]]}], "names no frame"),
        ([{"frame": 1, "points": [[1, 1, 1]]}], "names no instance"),
        ('[{"frame": 0, "instance": 1, "points": [[NaN, 1, 1]]}]', "NaN is not a number"),
        ('[{"frame": 0, "instance": 1, "points": [[1e999, 1, 1]]}]', "too large a number"),
        ("[", "is not JSON"),
    ],
)
def test_a_bad_file_is_one_sentence(file: Path, value: object, words: str) -> None:
    with pytest.raises(UserError) as caught:
        read(file, value)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_points(tmp_path / "none.json", 1, 2, 3)


def test_frames_are_called_as_their_pictures_are(tmp_path: Path) -> None:
    path = tmp_path / "points.json"
    names = ["00001", "00002", "00004"]
    for frame, place in ((1, 0), ("00004", 2), ("2", 1)):
        path.write_text(json.dumps([{"frame": frame, "instance": 1, "points": [[1, 1, 1]]}]))
        assert read_points(path, 3, 48, 80, names)[0].key.frame == place
    for frame in (0, 3, "00003", "x"):
        path.write_text(json.dumps([{"frame": frame, "instance": 1, "points": [[1, 1, 1]]}]))
        with pytest.raises(UserError, match="the video's are 00001 to 00004"):
            read_points(path, 3, 48, 80, names)
    path.write_text(json.dumps([{"frame": 1, "instance": 1, "points": [[1, 1, 1]]}]))
    assert read_points(path, 2, 48, 80, ["dawn", "dusk"])[0].key.frame == 1
