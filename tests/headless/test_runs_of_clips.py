from __future__ import annotations

from pathlib import Path

import pytest
from stand_ins import make_clip

from vsreid_studio.errors import UserError
from vsreid_studio.headless.clips import clip_tasks
from vsreid_studio.headless.task import Task


@pytest.fixture
def common(tmp_path: Path) -> Task:
    return Task("", tmp_path, None, tmp_path / "out")


def test_each_clip_has_what_lies_beside_it(tmp_path: Path, common: Task) -> None:
    clips = tmp_path / "clips"
    for name in ("bear", "cat", "dog"):
        make_clip(clips / name, clips / f"{name}.png", 2)
    (clips / "cat.png").rename(tmp_path / "first.png")
    (clips / "cat.masks").mkdir()
    (tmp_path / "first.png").rename(clips / "cat.masks" / "00000.png")
    (clips / "dog.png").unlink()
    (clips / "dog.points.json").write_text(' [{"frame": 0}]')
    (clips / "walk.MP4").touch()
    (clips / "walk.masks.json").write_text('{"images": []}')
    (clips / "notes.txt").touch()
    (clips / ".hidden").mkdir()
    found = {
        task.name: (task.masks and task.masks.name, task.points and task.points.name)
        for task in clip_tasks(clips, common)
    }
    assert found == {
        "bear": ("bear.png", None),
        "cat": ("cat.masks", None),
        "dog": (None, "dog.points.json"),
        "walk": ("walk.masks.json", None),
    }
    assert all(task.source.is_absolute() for task in clip_tasks(clips, common))


def test_a_list_names_clips_masks_and_sequences(tmp_path: Path, common: Task) -> None:
    for folder in ("one", "two"):
        make_clip(tmp_path / folder / "clip", tmp_path / folder / "clip.png", 2)
    listing = tmp_path / "list.txt"
    listing.write_text("# mine\n\none/clip\ntwo/clip\tone/clip.png\tother\n")
    first, second = clip_tasks(listing, common)
    assert (first.name, first.masks) == ("clip", tmp_path / "one/clip.png")
    assert (second.name, second.source, second.masks) == (
        "other",
        tmp_path / "two/clip",
        tmp_path / "one/clip.png",
    )
    listing.write_text("one/clip\ntwo/clip\n")
    with pytest.raises(UserError, match="would both be called clip"):
        clip_tasks(listing, common)
    listing.write_text("a\tb\tc\td\n")
    with pytest.raises(UserError, match=r"line 1: .* is not CLIP<tab>MASKS<tab>NAME"):
        clip_tasks(listing, common)


@pytest.mark.parametrize(
    ("name", "sentence"), [("nowhere", "There is no folder or list"), ("empty", "holds no clips")]
)
def test_no_clips(name: str, sentence: str, tmp_path: Path, common: Task) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=sentence):
        clip_tasks(tmp_path / name, common)


@pytest.mark.parametrize("name", ["../other", "/tmp/other", "a/b", "a/../../other", "..", "."])
def test_a_name_in_a_list_does_not_lead_out_of_the_output(name: str, tmp_path: Path, common: Task) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text(f"clip\tclip.png\t{name}\n")
    with pytest.raises(UserError, match=r"line 1: .* cannot be the name of a folder"):
        clip_tasks(listing, common)


def test_what_is_no_clip_is_told_and_results_are_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("a.mp4", "a.png", "b.MTS", "c.3gp", "d.xyz", "notes.txt"):
        (clips / name).touch()
    (clips / "masks").mkdir()
    (clips / "earlier").mkdir()
    for name in (".vsreid.json", "provenance.json"):
        (clips / "earlier" / name).touch()
    found = clip_tasks(clips, Task("", clips, None, clips / "masks"))
    assert [task.name for task in found] == ["a", "b", "c"]
    assert caplog.messages == [f"Passed over, as their names are not those of videos: {clips / 'd.xyz'}"]
