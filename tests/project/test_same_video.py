"""A project knows its video by content, and follows one that has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsreid_studio.engine.events import Change, Decision, Retrieval, Verdict
from vsreid_studio.engine.types import Box, Cell, CellKey, Click, Maker, SoftMask
from vsreid_studio.engine.video import open_video
from vsreid_studio.engine.video.identity import agree, fingerprint, samples
from vsreid_studio.formats.annotations import GivenMasks
from vsreid_studio.formats.mask_coding import Reading
from vsreid_studio.formats.points import Clicked, Prompt, checksum
from vsreid_studio.project import Instance, Project, StoredProposal
from vsreid_studio.project.open_points import OpenPoints, note_open_points, open_points_of
from vsreid_studio.project.same_video import (
    VideoChanged,
    bind_video,
    note_frames,
    reference_of,
    take_changes,
)
from vsreid_studio.project.sources import note_points, note_values, numbered_as_before, points_of

H, W = 16, 24


def draw(folder: Path, name: str, value: int, **how: object) -> None:
    folder.mkdir(exist_ok=True)
    picture = np.random.default_rng(value).integers(0, 255, (H, W, 3)).astype(np.uint8)
    Image.fromarray(picture).save(folder / f"{name}.png", **how)  # type: ignore[arg-type]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    for index in range(5):
        draw(tmp_path / "clip", f"{index:05d}", index)
    return tmp_path / "clip"


@pytest.fixture
def project(clip: Path, tmp_path: Path) -> Path:
    """Masks of instance 1: drawn in frame 0, carried to the others."""
    path = tmp_path / "p.vsreid"
    with open_video(clip) as video, Project.create(path, reference_of(video)) as made:
        note_frames(made, video)
        cells = {}
        for frame in range(5):
            mask = SoftMask.from_dense(np.eye(H, W, frame) > 0)
            by = Maker.PROPAGATION if frame else Maker.PERSON
            cells[CellKey(frame, 1)] = Cell(mask, 0, not frame, by, 1.0)
        made.apply(made.annotation.set_cells("all", cells), instances={1: Instance(1, "a", "#112233")})
    return path


def bind(project: Path, clip: Path) -> None:
    with open_video(clip) as video, Project.open(project) as opened:
        bind_video(opened, video)


def shown(project: Path) -> dict[int, int]:
    """Where the mask of each frame begins."""
    with Project.open(project) as opened:
        return {key.frame: opened.annotation.mask(*key).box.x0 for key, _ in opened.annotation.cells()}


def test_saved_anew_moved_and_renamed_it_is_the_same(project: Path, clip: Path, tmp_path: Path) -> None:
    for index in range(5):
        draw(clip, f"{index:05d}", index, compress_level=1)
    bind(project, clip)
    for index in reversed(range(5)):
        (clip / f"{index:05d}.png").rename(clip / f"{index + 1:05d}.png")
    moved = clip.rename(tmp_path / "elsewhere")
    bind(project, moved)
    with Project.open(project) as opened:
        assert opened.video.path == moved


def test_other_pictures_of_the_same_names_and_sizes_are_not(project: Path, clip: Path) -> None:
    data = bytearray((clip / "00003.png").read_bytes())
    draw(clip, "00003", 33)
    assert len((clip / "00003.png").read_bytes()) == len(data)
    with pytest.raises(VideoChanged, match=r"1 frame differs \(00003\)\."):
        bind(project, clip)


def open_point(frame: int) -> OpenPoints:
    return OpenPoints(Prompt(CellKey(frame, 1), (Click(4.0, 4.0, True),), None), "ab")


def test_what_was_found_in_a_frame_that_changed_is_forgotten(project: Path, clip: Path) -> None:
    """Also what was found of an instance that is gone, and that undo brings back."""
    kept = [
        StoredProposal(Retrieval(frame, k, Box(2, 2, 8, 8), 0.9, 0.0)) for frame in (1, 3) for k in (1, 7)
    ]
    with Project.open(project) as opened:
        opened.apply(Change("add"), instances={7: Instance(7, "other", "#123456")})
        opened.proposals.put(kept)
        opened.apply(Change("delete"), instances={7: None})
    draw(clip, "00003", 33)
    with open_video(clip) as video:
        take_changes(project, video, "keep")
    with Project.open(project) as opened:
        assert list(opened.proposals.all) == [(1, 1)]
        opened.undo()
        assert list(opened.proposals.all) == [(1, 1), (1, 7)]


def test_masks_are_kept_or_cleared(project: Path, clip: Path) -> None:
    draw(clip, "00003", 33)
    with open_video(clip) as video:
        take_changes(project, video, "keep")
    assert shown(project) == {index: index for index in range(5)}
    bind(project, clip)
    draw(clip, "00001", 11)
    with Project.open(project) as opened:
        note_open_points(opened, [open_point(1), open_point(2)])
    with open_video(clip) as video:
        take_changes(project, video, "clear")
    assert shown(project) == {0: 0, 2: 2, 3: 3, 4: 4}
    with Project.open(project) as opened:
        assert open_points_of(opened) == [open_point(2)]
        opened.undo()
    assert shown(project) == {index: index for index in range(5)}


def test_masks_follow_the_names_of_their_frames(project: Path, clip: Path) -> None:
    other = project.with_name("p-new.vsreid")
    other.write_text("of another work")
    (clip / "00002.png").unlink()
    draw(clip, "00000a", 9)
    draw(clip, "00007", 7)
    with pytest.raises(
        VideoChanged, match=r"2 frames are new \(00000a, 00007\) and 1 frame is gone \(00002\)"
    ):
        bind(project, clip)
    with open_video(clip) as video:
        assert video.names == ("00000", "00000a", "00001", "00003", "00004", "00007")
        take_changes(project, video, "keep")
    assert shown(project) == {0: 0, 2: 1, 3: 3, 4: 4}
    bind(project, clip)
    before = project.with_name("p-before.vsreid")
    assert shown(before) == {index: index for index in range(5)}
    assert other.read_text() == "of another work"


def test_masks_are_kept_without_the_frame_that_they_came_from(project: Path, clip: Path) -> None:
    with Project.open(project) as opened:
        first = opened.annotation.get(2, 1)
        assert first is not None
        later = {CellKey(2, 1): replace(first, origin=2, pinned=True)}
        later |= {CellKey(n, 1): replace(first, origin=2) for n in (1, 3, 4)}
        opened.apply(opened.annotation.set_cells("draw", later))
    (clip / "00002.png").unlink()
    with open_video(clip) as video:
        take_changes(project, video, "keep")
    with Project.open(project) as opened:
        # Of what came from frame 2, the nearest mask on either side is what the rest comes from now.
        assert opened.annotation.origins(1) == {0: 0, 1: 1, 2: 2, 3: 2}
        assert opened.annotation.checkpoints(1) == (0, 1, 2)
        assert not opened.annotation.pinned(2, 1)
    (clip / "00000.png").unlink()
    with open_video(clip) as video:
        take_changes(project, video, "keep")
    with Project.open(project) as opened:
        assert opened.annotation.origins(1) == {0: 0, 1: 1, 2: 1}


@pytest.mark.parametrize("added", [False, True])
def test_nothing_refers_to_a_frame_that_was_cleared(project: Path, clip: Path, added: bool) -> None:
    decision = Decision(Verdict.ACCEPTED, Box(0, 0, 4, 4), 0.9, Maker.PERSON)
    with Project.open(project) as opened:
        there, empty = opened.annotation.get(0, 1), SoftMask.empty()
        assert there is not None
        cells: dict[CellKey, Cell | None] = {
            CellKey(1, 1): replace(there, origin=1, pinned=False, second=2),
            CellKey(2, 1): replace(there, origin=2, pinned=True),
            CellKey(3, 1): replace(there, mask=empty, origin=2, pinned=False),
            CellKey(4, 1): replace(there, origin=2, pinned=False, second=0),
            CellKey(3, 2): replace(there, mask=empty, origin=2, pinned=False),
        }
        change = opened.annotation.set_cells("draw", cells)
        decisions = {CellKey(2, 1): decision, CellKey(4, 1): decision}
        other = {2: Instance(2, "b", "#445566")}
        opened.apply(opened.annotation.decide(change, decisions), instances=other)
    draw(clip, "00002", 22)
    if added:
        draw(clip, "00009", 9)
    with open_video(clip) as video:
        take_changes(project, video, "clear")
    with Project.open(project) as opened:
        left = {tuple(key): (cell.origin, cell.second) for key, cell in opened.annotation.cells()}
        # The nearest mask that came from frame 2 is what the empty one beside it refers to now.
        assert left == {(0, 1): (0, None), (1, 1): (1, None), (3, 1): (4, None), (4, 1): (4, 0)}
        assert opened.annotation.checkpoints(1) == (0, 1, 4)
        assert dict(opened.annotation.decisions) == {CellKey(4, 1): decision}
        if added:
            return
        opened.undo()
        left = {tuple(key): (cell.origin, cell.second) for key, cell in opened.annotation.cells()}
        assert left[1, 1] == (1, 2) and left[2, 1] == (2, None) and left[3, 2] == left[3, 1] == (2, None)
        assert opened.annotation.decisions.keys() == decisions.keys()


def test_classes_points_and_runs_follow_too(project: Path, clip: Path) -> None:
    prompt = Prompt(CellKey(3, 1), (Click(4.0, 4.0, True),), None)
    with Project.open(project) as opened:
        one = replace(opened.instances[1], category=2)
        clear, mask = opened.annotation.set_cells("", {}), opened.annotation.mask(3, 1)
        opened.apply(clear, instances={1: one}, categories={2: "dog"}, reviewed=[CellKey(4, 1)])
        note_points(opened.settings, Clicked(prompt, False, "ab", checksum(mask)))
        for number in (2, 7):
            opened.apply(clear, instances={number: Instance(number, "other", "#123456")})
        opened.apply(clear, instances={2: None})
        given = GivenMasks({0: {7: mask}}, Reading.COLOURS, "", values={0x123456: 7})
        note_values(opened, given)
        open_ = [OpenPoints(Prompt(CellKey(frame, 7), prompt.clicks, None), "ab") for frame in (2, 3)]
        note_open_points(opened, open_)
        opened.record_run({"net": "12"}, {"a": 1})
        runs = opened.runs
    (clip / "00002.png").unlink()
    draw(clip, "00000a", 9)
    with open_video(clip) as video:
        take_changes(project, video, "keep")
    with Project.open(project) as opened:
        assert opened.categories == {2: "dog"}
        assert opened.instances[1].category == 2
        assert opened.runs == runs
        assert opened.last_settings == {"a": 1}
        assert opened.reviewed == {CellKey(4, 1)}
        asked = replace(given, masks={0: {1: mask}}, values={0x123456: 1})
        assert numbered_as_before(opened, asked).values == {0x123456: 7}
        assert open_points_of(opened) == open_[1:], "the frame of the other ones is gone"
        noted = points_of(opened.settings)
        # Frame 2 is another one now, and the former frame 3 is still that.
        assert list(noted) == [CellKey(3, 1)]
        assert noted[CellKey(3, 1)][0].made(opened.annotation.mask(3, 1))


def test_points_follow_the_names_of_their_frames(project: Path, clip: Path) -> None:
    with Project.open(project) as opened:
        for frame in (1, 2, 4):
            prompt = Prompt(CellKey(frame, 1), (Click(4.0, 4.0, True),), None)
            note_points(
                opened.settings, Clicked(prompt, False, "ab", checksum(opened.annotation.mask(frame, 1)))
            )
    (clip / "00002.png").unlink()
    with open_video(clip) as video:
        take_changes(project, video, "keep")
    with Project.open(project) as opened:
        noted = points_of(opened.settings)
        assert list(noted) == [CellKey(1, 1), CellKey(3, 1)]
        assert all(clicked.made(opened.annotation.mask(*key)) for key, (clicked,) in noted.items())


def test_frames_of_another_size_are_refused(project: Path, clip: Path) -> None:
    for file in clip.iterdir():
        Image.new("RGB", (8, 8)).save(file)
    with open_video(clip) as video, pytest.raises(VideoChanged, match="another size"):
        take_changes(project, video, "keep")
    assert shown(project) == {index: index for index in range(5)}


def test_a_project_of_an_earlier_version_is_bound_by_content(project: Path, clip: Path) -> None:
    with open_video(clip) as video, Project.open(project) as opened:
        known = reference_of(video)
        opened.adopt_video(type(known)(known.path, video.earlier_fingerprint, 5, H, W))
        opened.settings.set("frames", None)
    bind(project, clip)
    with open_video(clip) as video, Project.open(project) as opened:
        assert opened.video.fingerprint == video.fingerprint
    draw(clip, "00003", 33)
    with pytest.raises(VideoChanged, match="1 frame differs"):
        bind(project, clip)


def test_fingerprints_agree_in_one_part() -> None:
    one, other = fingerprint(["a"], ["b"]), fingerprint(["a"], ["c"])
    assert agree(one, other) and agree(one, fingerprint(["x"], ["b"]))
    assert not agree(one, fingerprint(["x"], ["y"]))
    assert not agree("0123", "4567")
    assert agree("0123", "0123")
    assert samples(1) == (0,)
    assert samples(1000)[0] == 0 and samples(1000)[-1] == 999 and len(samples(1000)) == 12
