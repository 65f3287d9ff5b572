"""Nothing is written over what is only read, whichever way its name is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vsreid_studio.errors import UserError
from vsreid_studio.formats import targets
from vsreid_studio.formats.targets import Sources, refuse_each_other


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of frames, a video and a mask."""
    (tmp_path / "set" / "clip").mkdir(parents=True)
    for name in ("set/clip/1.jpg", "set/clip/2.jpg", "film.mp4", "first.png"):
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sources(place: Path) -> Sources:
    return Sources.of(
        video=place / "set" / "clip", film=place / "film.mp4", first_masks=[place / "first.png"], flow=None
    )


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("set/clip", "it is the video"),
        ("set/../set/clip/", "it is the video"),
        ("set/clip/out", "it lies in the video"),
        ("set/clip/1.jpg", "it lies in the video"),
        ("set", "it holds the video"),
        (".", "it holds the video"),
        ("film.mp4", "it is the film"),
        ("first.png", "it is the first masks"),
        ("film.mp4/out", "it lies in the film"),
    ],
)
def test_equal_inside_and_above(place: Path, target: str, sentence: str) -> None:
    for path in (Path(target), place / target):
        with pytest.raises(UserError, match=f"{sentence} .*which is only read"):
            sources(place).refuse(path)


def test_what_lies_beside_is_free(place: Path) -> None:
    sources(place).refuse(place / "out", place / "set" / "clip2", place / "film.mp4.vsreid", Path("clip"))


def test_links_to_sources_and_sources_that_are_links(place: Path) -> None:
    (place / "link").symlink_to("set/clip")
    (place / "hard.mp4").hardlink_to("film.mp4")
    (place / "hard.jpg").hardlink_to("set/clip/2.jpg")
    for name in ("link", "link/out", "hard.mp4", "hard.jpg"):
        with pytest.raises(UserError, match="only read"):
            sources(place).refuse(place / name)
    (place / "raw").mkdir()
    (place / "raw" / "a.jpg").touch()
    (place / "linked").mkdir()
    (place / "linked" / "1.jpg").symlink_to("../raw/a.jpg")
    linked = Sources.of(video=place / "linked")
    for name in ("raw", "raw/a.jpg"):
        with pytest.raises(UserError, match="linked from the video"):
            linked.refuse(place / name)
    linked.refuse(place / "raw" / "b.jpg")


def test_letter_case_counts_only_where_the_folder_tells_it_apart(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Sources.of(video=place / "set" / "clip" / "new")
    gone.refuse(place / "set" / "CLIP" / "new")
    monkeypatch.setattr(targets, "_folds", lambda _: True)
    with pytest.raises(UserError, match="it is the video"):
        gone.refuse(place / "SET" / "Clip" / "NEW")
    gone.refuse(place / "SET" / "Clip" / "other")


def test_a_folder_tells_whether_it_folds_letters(place: Path) -> None:
    assert not targets._folds(place / "set")
    os.link(place / "film.mp4", place / "FILM.MP4")
    (place / "set" / "clip" / "1.jpg").unlink()
    (place / "set" / "clip" / "2.jpg").rename(place / "set" / "clip" / "a.jpg")
    os.link(place / "set" / "clip" / "a.jpg", place / "set" / "clip" / "A.JPG")
    assert targets._folds(place / "set" / "clip" / "missing" / "below")


def test_no_task_writes_over_what_another_one_reads(tmp_path: Path) -> None:
    for name in ("one", "two", "out/first"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "out")
    one, two = Sources.of(video=tmp_path / "one"), Sources.of(video=tmp_path / "two")
    out = tmp_path / "out"
    refuse_each_other([(out / "first", one), (out / "second", two), (out / "third", one)])
    masks = two + Sources.of(first_masks=tmp_path / "link" / "first")
    with pytest.raises(UserError, match="it is the first masks"):
        refuse_each_other([(out / "first", one), (out / "second", masks)])
    with pytest.raises(UserError, match="it holds the first masks"):
        refuse_each_other(
            [(out / "first", one), (out / "second", two + Sources.of(first_masks=out / "first" / "a.png"))]
        )
    with pytest.raises(UserError, match="it lies in the video"):
        refuse_each_other([(out / "first", one), (tmp_path / "one" / "second", two)])
