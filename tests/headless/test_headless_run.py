from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clips import packed_avi
from PIL import Image
from stand_ins import COLOURS, Calls, Clip

from vsreid_studio.app import main
from vsreid_studio.config import EARLIER_VALUES, Config, ReidConfig
from vsreid_studio.engine.events import Change, Decision, Event, Verdict
from vsreid_studio.engine.flow import DisFlow
from vsreid_studio.engine.runtime.engine import VideoEngine
from vsreid_studio.engine.types import Box, Cell, CellKey, Click, Maker, SoftMask
from vsreid_studio.engine.video import open_video
from vsreid_studio.errors import UserError
from vsreid_studio.formats.given_masks import read_given_masks
from vsreid_studio.formats.masks import read_label_map, write_label_map
from vsreid_studio.formats.points import Prompt
from vsreid_studio.headless import run as run_module
from vsreid_studio.headless.run import run_task
from vsreid_studio.headless.task import Task
from vsreid_studio.project import Project
from vsreid_studio.project.history import StepKind
from vsreid_studio.project.open_points import OpenPoints, note_open_points
from vsreid_studio.project.sources import numbered_as_before

LENGTH, HIDDEN = 10, range(3, 6)  # of the clip in stand_ins.py


@pytest.fixture
def task(clip: Clip, tmp_path: Path) -> Task:
    return Task("clip", clip.source, clip.masks, tmp_path / "out")


@pytest.fixture
def engine(calls: Calls) -> VideoEngine:
    return VideoEngine(Config())


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def masks(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in files(folder).items() if name.endswith(".png")}


def stop_at(number: int) -> Callable[[Event], None]:
    """Ctrl-C at the n-th event."""
    left = iter(range(number))

    def emit(_: Event) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return emit


def test_masks_and_record(task: Task, engine: VideoEngine) -> None:
    outcome = run_task(task, engine)
    assert (outcome.frames, outcome.skipped, outcome.recovered) == (LENGTH, False, 1)
    assert sorted(files(task.output)) == sorted(
        ["clip/.vsreid.json", "clip/provenance.json", *(f"clip/{index:05d}.png" for index in range(LENGTH))]
    )
    for index in range(LENGTH):
        labels = read_label_map(task.folder / f"{index:05d}.png")
        assert np.unique(labels).tolist() == ([0, 3] if index in HIDDEN else [0, 1, 3])
    record = json.loads((task.folder / "provenance.json").read_text())
    assert [one["instance"] for one in record["instances"]] == [1, 3]
    assert record["decisions"][0]["verdict"] == "accepted"
    assert record["settings"]["flow"] == DisFlow.name


def test_what_is_complete_is_left_alone(
    task: Task, engine: VideoEngine, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_task(task, engine)
    before = files(task.output)
    calls.propagated.clear()
    monkeypatch.setattr(VideoEngine, "load", lambda _: pytest.fail("nothing is to be done"))
    assert run_task(task, engine).skipped
    assert files(task.output) == before
    assert not calls.propagated


def test_a_missing_mask_is_made_anew(task: Task, engine: VideoEngine) -> None:
    run_task(task, engine)
    whole = files(task.output)
    (task.folder / "00004.png").unlink()
    assert not run_task(task, engine).skipped
    assert files(task.output) == whole


@pytest.mark.parametrize("steps", [0, 1, 2, 7, 18, 20, 25, 30, 35, 38])
def test_goes_on_where_it_was_stopped(
    task: Task, engine: VideoEngine, calls: Calls, tmp_path: Path, steps: int
) -> None:
    run_task(replace(task, output=tmp_path / "whole"), engine)
    whole = len(calls.propagated)
    calls.propagated.clear()
    calls.detected = 0
    with pytest.raises(KeyboardInterrupt):
        run_task(task, engine, emit=stop_at(steps))
    assert not task.folder.exists()
    run_task(task, engine)
    assert files(task.output) == files(tmp_path / "whole")
    # One step may have been under way, or the four in which an alibi is looked for.
    assert len(calls.propagated) <= whole + 4
    assert calls.detected <= LENGTH


def test_nothing_remains_of_a_run_that_did_nothing(task: Task, engine: VideoEngine) -> None:
    (task.source / "00001.png").write_bytes((task.source / "00001.png").read_bytes()[:200])
    with pytest.raises(UserError, match="cannot be decoded"):
        run_task(task, engine)
    assert not files(task.output)


@pytest.mark.parametrize("kind", ["masks", "settings", "video"])
def test_other_input_is_not_overwritten(task: Task, engine: VideoEngine, kind: str, clip: Clip) -> None:
    run_task(task, engine)
    before = files(task.output)
    if kind == "masks":
        labels = read_label_map(clip.masks).copy()
        labels[0, 0] = 1
        write_label_map(clip.masks, labels)
    elif kind == "settings":
        engine = VideoEngine(Config(reid=ReidConfig(enabled=False)))
    else:
        (clip.source / "00009.png").unlink()
    with pytest.raises(UserError, match=f"other.*{kind}|another {kind}"):
        run_task(task, engine)
    assert files(task.output) == before
    assert not run_task(task, engine, overwrite=True).skipped
    assert len(masks(task.output)) == (LENGTH - 1 if kind == "video" else LENGTH)


def test_what_an_earlier_version_made_with_its_default_values_is_not_made_again(task: Task) -> None:
    earlier = VideoEngine(Config(reid=ReidConfig(**EARLIER_VALUES)))
    run_task(task, earlier)
    before = files(task.output)
    assert run_task(task, VideoEngine(Config())).skipped
    with pytest.raises(UserError, match="other settings"):
        run_task(task, VideoEngine(Config(reid=ReidConfig(rho_reid=0.9))))
    assert files(task.output) == before
    run_task(task, VideoEngine(Config()), overwrite=True)


def test_an_unfinished_run_of_other_input_is_not_overwritten(task: Task, engine: VideoEngine) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_task(task, engine, emit=stop_at(9))
    before = files(task.output)
    assert list(before) == ["clip.vsreid"]
    other = VideoEngine(Config(reid=ReidConfig(appearance_track=False, rho_reid=0.9)))
    with pytest.raises(UserError, match="unfinished run from other settings"):
        run_task(task, other)
    assert list(files(task.output)) == ["clip.vsreid"]
    run_task(task, other, overwrite=True)
    assert "clip.vsreid" not in files(task.output)


def test_a_folder_of_something_else_is_not_overwritten(task: Task, engine: VideoEngine) -> None:
    task.folder.mkdir(parents=True)
    (task.folder / "holiday.png").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"it has holiday\.png, which this program did not write"):
            run_task(task, engine, overwrite=overwrite)
    assert list(files(task.output)) == ["clip/holiday.png"]


def test_a_named_project_stays(task: Task, engine: VideoEngine, tmp_path: Path, calls: Calls) -> None:
    mine = tmp_path / "mine.vsreid"
    task = replace(task, project=mine)
    run_task(task, engine)
    with Project.open(mine) as project:
        assert len(project.annotation) == 2 * LENGTH
        assert project.undo_label == "propagate"
        assert [one.colour for one in project.instances.values()] == ["#800000", "#808000"]
        assert len(project.runs) == 1
    calls.propagated.clear()
    run_task(replace(task, output=tmp_path / "again"), engine)
    assert not calls.propagated
    assert files(tmp_path / "again") == files(task.output)


def test_masks_that_a_person_changed_since_are_told(task: Task, engine: VideoEngine, tmp_path: Path) -> None:
    mine = tmp_path / "mine.vsreid"
    task = replace(task, project=mine)
    run_task(task, engine)
    assert run_task(task, engine).changed is None
    with Project.open(mine) as project:
        drawn = Cell(SoftMask.empty(), 4, pinned=True, made_by=Maker.PERSON)
        project.apply(project.annotation.set_cells("mark absent", {CellKey(4, 3): drawn}))
        with project._database.transaction() as connection:
            later = "UPDATE steps SET made = '2100-01-01T00:00:00+00:00' WHERE label = 'mark absent'"
            connection.execute(later)
    outcome = run_task(task, engine)
    assert (outcome.skipped, outcome.changed) == (True, mine)


def test_a_named_project_of_other_work_is_refused(task: Task, engine: VideoEngine, tmp_path: Path) -> None:
    task = replace(task, project=tmp_path / "mine.vsreid")
    run_task(task, engine)
    before = task.project.read_bytes()
    other = VideoEngine(Config(reid=ReidConfig(enabled=False)))
    with pytest.raises(UserError, match="made from other settings or weights: choose another file"):
        run_task(replace(task, output=tmp_path / "again"), other, overwrite=True)
    assert task.project.read_bytes() == before
    assert not files(tmp_path / "again")


def test_a_persons_project_in_the_way_is_kept(task: Task, engine: VideoEngine) -> None:
    named = replace(task, project=task.project_file)
    task.output.mkdir()
    with pytest.raises(KeyboardInterrupt):
        run_task(named, engine, emit=stop_at(9))
    with pytest.raises(UserError, match="is in the way"):
        run_task(task, engine, overwrite=True)
    run_task(named, engine)
    assert "clip.vsreid" in files(task.output)
    assert run_task(task, engine).skipped
    assert "clip.vsreid" in files(task.output)


def test_a_full_disk_leaves_the_work_and_no_masks(
    task: Task, engine: VideoEngine, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise UserError("the disk is full")

    with monkeypatch.context() as patch, pytest.raises(UserError, match="disk is full"):
        patch.setattr(run_module, "write_mask", full)
        run_task(task, engine)
    assert list(files(task.output)) == ["clip.vsreid"]
    calls.propagated.clear()
    run_task(task, engine)
    assert not calls.propagated
    assert len(masks(task.output)) == LENGTH


def test_a_kill_just_before_the_end_is_tidied_up(
    task: Task, engine: VideoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "finish", lambda *_: None)
        run_task(task, engine)
    assert "clip.vsreid" in files(task.output)
    assert run_task(task, engine).skipped
    assert "clip.vsreid" not in files(task.output)


def test_a_kill_in_the_moment_of_creation(task: Task, engine: VideoEngine) -> None:
    task.output.mkdir()
    task.project_file.touch()
    run_task(task, engine)
    assert len(masks(task.output)) == LENGTH


def test_later_masks_bring_new_instances(task: Task, engine: VideoEngine, tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    assert task.masks is not None
    labels = read_label_map(task.masks)
    write_label_map(folder / "00000.png", np.where(labels == 1, labels, 0))
    later = np.zeros_like(labels)
    later[30:43, 38:51] = 3
    write_label_map(folder / "00005.png", later)
    run_task(replace(task, masks=folder), engine)
    record = json.loads((task.folder / "provenance.json").read_text())
    frames = {one["instance"]: one["frames"] for one in record["instances"]}
    assert [cell["origin"] for cell in frames[3]] == [5] * LENGTH
    assert frames[3][5]["pinned"]


def test_what_colours_of_first_masks_became_is_remembered(
    task: Task, engine: VideoEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In the order of appearance the second object is instance 2.
    monkeypatch.setitem(COLOURS, 2, COLOURS[3])
    assert task.masks is not None
    labels = np.unique(read_label_map(task.masks), return_inverse=True)[1]
    colours = np.array([(0, 0, 0), (240, 90, 10), (20, 200, 160)], np.uint8)
    Image.fromarray(colours[labels]).save(tmp_path / "first.png")
    Image.fromarray(colours[labels[::-1, ::-1]]).save(tmp_path / "turned.png")
    task = replace(task, masks=tmp_path / "first.png", project=tmp_path / "it.vsreid")

    def became(project: Project) -> dict[object, int]:
        with open_video(task.source) as video:
            turned = read_given_masks(tmp_path / "turned.png", video, frame=4)
        return dict(numbered_as_before(project, turned).values)

    run_task(task, engine)
    with open_video(task.source) as video:
        first = read_given_masks(tmp_path / "first.png", video)
        assert set(first.values.values()) == {1, 2}
    with Project.open(task.project_file) as project:
        assert became(project) == dict(first.values)
        # As an earlier version left it.
        project.settings.set("mask_values", None)
        assert became(project) != dict(first.values)
    run_task(replace(task, output=tmp_path / "again"), engine)
    with Project.open(task.project_file) as project:
        assert became(project) == dict(first.values)
        project.settings.set("mask_values", None)
        project.apply(Change("merge"), instances={1: replace(project.instances[1], name="both")})
    run_task(replace(task, output=tmp_path / "third"), engine)
    with Project.open(task.project_file) as project:
        assert project.settings.get("mask_values") is None, "a person has made others of them"


def test_an_own_project_in_which_a_person_drew_is_never_removed(task: Task, engine: VideoEngine) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_task(task, engine, emit=stop_at(9))
    with Project.open(task.project_file) as project:
        key, cell = next(iter(project.annotation.cells()))
        drawn = replace(cell, origin=key.frame, pinned=True, made_by=Maker.PERSON)
        project.apply(project.annotation.set_cells("draw", {key: drawn}))
    other = VideoEngine(Config(reid=ReidConfig(rho_reid=0.9)))
    with pytest.raises(UserError, match="is in the way: move it"):
        run_task(task, other, overwrite=True)
    run_task(task, engine)
    assert task.project_file.exists()


@pytest.mark.parametrize("how", ["approved", "rejected", "reviewed", "clicked"])
def test_an_own_project_that_a_person_has_checked_is_never_removed(
    task: Task, engine: VideoEngine, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_task(task, engine, emit=stop_at(9))
    with Project.open(task.project_file) as project:
        key, cell = next(it for it in project.annotation.cells() if not it[1].pinned)
        nothing = project.annotation.set_cells(how, {})
        if how == "approved":
            there = replace(cell, origin=key.frame, pinned=True, confidence=1.0)
            project.apply(project.annotation.set_cells(how, {key: there}))
        elif how == "rejected":
            said = Decision(Verdict.REJECTED, Box(0, 0, 4, 4), 0.5, Maker.PERSON)
            project.apply(project.annotation.decide(nothing, {key: said}))
        elif how == "clicked":
            prompt = Prompt(key, (Click(3.0, 4.0, True),), None)
            note_open_points(project, [OpenPoints(prompt, "")])
        else:
            project.apply(nothing, reviewed=[key])
    run_task(task, engine)
    assert task.project_file.exists()
    assert ("has a clicked mask that is not computed yet" in caplog.text) is (how == "clicked")


def test_drawings_outlive_a_run_that_fails_before_its_first_mask(task: Task, engine: VideoEngine) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_task(task, engine, emit=stop_at(9))
    with Project.open(task.project_file) as project:
        made = {key: None for key, cell in project.annotation.cells() if not cell.pinned}
        drawn = next(cell for _, cell in project.annotation.cells() if cell.pinned)
        cell = replace(drawn, origin=4, made_by=Maker.PERSON)
        project.apply(project.annotation.set_cells("draw", {**made, CellKey(4, 3): cell}))
    with pytest.raises(KeyboardInterrupt):
        run_task(task, engine, emit=stop_at(0))
    with Project.open(task.project_file) as project:
        assert project.annotation.pinned(4, 3)


@pytest.mark.parametrize("how", ["named", "classed", "imported"])
def test_an_own_project_in_which_a_person_worked_is_never_removed(
    task: Task, engine: VideoEngine, how: str
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_task(task, engine, emit=stop_at(9))
    with Project.open(task.project_file) as project:
        one, nothing = project.instances[1], project.annotation.set_cells(how, {})
        if how == "named":
            project.apply(nothing, instances={1: replace(one, name="dog")})
        elif how == "classed":
            project.apply(nothing, instances={1: replace(one, category=1)}, categories={1: "dog"})
        else:
            given = next(cell for _, cell in project.annotation.cells() if cell.pinned)
            cells = {CellKey(4, 3): replace(given, origin=4)}
            project.apply(project.annotation.set_cells("import masks", cells))
    run_task(task, engine)
    assert task.project_file.exists()


def test_the_step_of_a_run_is_not_called_a_persons(task: Task, engine: VideoEngine, tmp_path: Path) -> None:
    run_task(replace(task, project=tmp_path / "mine.vsreid"), engine)
    with Project.open(tmp_path / "mine.vsreid") as project:
        assert [one.kind for one in project.rounds()] == [StepKind.EDIT, StepKind.RUN]


def test_a_locked_instance_is_left_as_it_is(task: Task, engine: VideoEngine, tmp_path: Path) -> None:
    mine = tmp_path / "mine.vsreid"
    task = replace(task, project=mine)
    with pytest.raises(KeyboardInterrupt):
        run_task(task, engine, emit=stop_at(9))
    with Project.open(mine) as project:
        first, *_, last = project.instances
        locked = {k: replace(project.instances[k], locked=True) for k in (first, last)}
        before = project.annotation.origins(last)
        project.apply(project.annotation.set_cells("lock", {}), instances={last: locked[last]})
    assert len(before) < LENGTH
    run_task(task, engine)
    with Project.open(mine) as project:
        assert project.annotation.origins(last) == before
        assert len(project.annotation.origins(first)) == LENGTH
        project.apply(project.annotation.set_cells("lock", {}), instances={first: locked[first]})
    run_task(replace(task, output=tmp_path / "all locked"), engine)
    with Project.open(mine) as project:
        assert project.annotation.origins(last) == before


def test_a_name_that_cannot_be_written_is_found_before_the_run(
    task: Task, engine: VideoEngine, calls: Calls
) -> None:
    with pytest.raises(UserError, match="file name too long"):
        run_task(replace(task, name="x" * 256), engine)
    assert not calls.propagated
    assert not task.output.exists()


def test_proposals_wait_in_the_project_for_a_person(task: Task, engine: VideoEngine) -> None:
    kept = replace(task, keep_proposals=True)
    outcome = run_task(kept, engine)
    assert (outcome.recovered, outcome.waiting, outcome.skipped) == (0, 1, False)
    with Project.open(task.output / "clip.vsreid") as project:
        waiting = project.waiting()
        assert all(one.recovered is not None and one.retrieval.frame not in HIDDEN for one in waiting)
        assert not project.annotation.decisions
        assert all(cell.made_by is not Maker.RECOVERY for _, cell in project.annotation.cells())
    again = run_task(kept, engine)
    assert (again.skipped, again.waiting) == (True, 1)


def test_proposals_of_a_locked_instance_wait_on(task: Task, engine: VideoEngine) -> None:
    kept = replace(task, keep_proposals=True)
    run_task(kept, engine)
    with Project.open(task.project_file) as project:
        (found,) = {one.key.instance for one in project.waiting()}
        before = project.waiting()
        locked = {found: replace(project.instances[found], locked=True)}
        project.apply(project.annotation.set_cells("lock", {}), instances=locked, undoable=False)
    (task.folder / "00004.png").unlink()
    assert not run_task(kept, engine).skipped
    with Project.open(task.project_file) as project:
        assert [one.key for one in project.waiting()] == [one.key for one in before]


def test_a_run_that_accepts_leaves_kept_proposals_alone(task: Task, engine: VideoEngine) -> None:
    run_task(replace(task, keep_proposals=True), engine)
    before = (task.output / "clip.vsreid").read_bytes()
    with pytest.raises(UserError, match="other settings"):
        run_task(task, engine)
    with pytest.raises(UserError, match="in the way"):
        run_task(task, engine, overwrite=True)
    assert (task.output / "clip.vsreid").read_bytes() == before


def test_a_stopped_run_that_keeps_proposals_goes_on(task: Task, engine: VideoEngine) -> None:
    kept = replace(task, keep_proposals=True)
    with pytest.raises(KeyboardInterrupt):
        run_task(kept, engine, emit=stop_at(6))
    outcome = run_task(kept, engine)
    assert (outcome.recovered, outcome.waiting) == (0, 1)


def test_a_file_that_had_to_be_decoded_is_not_decoded_again(
    calls: Calls, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its packets do not tell the order of its frames, and the project keeps it."""
    path, project = packed_avi(tmp_path), tmp_path / "p.vsreid"
    with open_video(path) as video:
        labels = np.zeros((video.height, video.width), np.uint8)
    labels[4:12, 4:12] = 1
    write_label_map(tmp_path / "first.png", labels)
    caplog.set_level(logging.INFO)
    options = [str(path), "--masks", str(tmp_path / "first.png"), "--project", str(project)]
    for output, decoded in (("one", True), ("two", False)):
        caplog.clear()
        assert main(["run", *options, "--output", str(tmp_path / output)]) == 0
        assert ("decoding it once" in caplog.text) == decoded
    caplog.clear()
    assert main(["export", str(project), "--output", str(tmp_path / "davis")]) == 0
    assert "decoding it once" not in caplog.text
    # Without a project the masks keep it.
    for decoded in (True, False):
        caplog.clear()
        assert main(["run", *options[:3], "--output", str(tmp_path / "three")]) == 0
        assert ("decoding it once" in caplog.text) == decoded
