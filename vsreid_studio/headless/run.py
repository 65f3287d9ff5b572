"""One headless run: the method from first masks to a folder of masks, taken up where it was left."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from .. import __version__
from ..engine.algorithm.merge import label_maps
from ..engine.events import Accept, Answer, Change, Event, Progress, Proposal, Queue, Skip
from ..engine.runtime.run import answer_all
from ..engine.types import LabelMap, Maker
from ..errors import UserError
from ..formats.atomic import publish, staging, sweep, writable_folder
from ..formats.clip_folders import RECORD
from ..formats.masks import write_mask
from ..formats.owned import mark_all, refuse_existing
from ..formats.provenance import provenance, write_provenance
from ..project import Project
from ..project.history import StepKind
from ..project.sources import points_of
from ..project.tracks import proposal_tracks
from ..reading import read_json
from .begin import finish, project_of
from .task import EngineOrMaker, Inputs, MadeFrom, Task, difference, inputs

Emit = Callable[[Event], None]


@dataclass(frozen=True)
class RunOutcome:
    """What came of a task.

    Attributes:
        name: of the task.
        folder: where the masks are.
        frames: how many.
        skipped: whether they were there already, made from the same input.
        recovered: retrievals that were accepted.
        waiting: tracks of proposals that wait in the project for a person.
        seconds: spent on it.
        changed: the project in which a person has changed masks since these were written, or None.
    """

    name: str
    folder: Path
    frames: int
    skipped: bool
    recovered: int
    waiting: int
    seconds: float
    changed: Path | None = None


def check(tasks: list[Task], engine: EngineOrMaker, *, overwrite: bool = False) -> None:
    """Find out what is wrong with any of many tasks before the first begins.

    Raises:
        UserError: an input is unfit, or something made from other input is in the way.
    """
    for task in tasks:
        task.refuse_targets()
        with inputs(task, engine) as given:
            refuse_other(task.folder, given.made_from, overwrite=overwrite)


def run_task(
    task: Task, engine: EngineOrMaker, *, overwrite: bool = False, emit: Emit | None = None
) -> RunOutcome:
    """Carry a task out, or the rest of it; everything above ρ_reid is accepted (Algorithm 3), or waits.

    Whatever ends it before its time, an exception, Ctrl-C or a kill, leaves what is done in the task's
    project, from which the next call goes on. The masks appear all at once at the end.

    Args:
        overwrite: replace what was made from other input.
        emit: receives every event of the engine, each Change after it is on disk.

    Raises:
        UserError: an input is unfit, something of other input is in the way, or a file cannot be written.
    """
    start = monotonic()
    task.refuse_targets()
    sweep(task.output)
    with inputs(task, engine) as given:
        length, made_from = given.video.length, given.made_from
        changed = False
        if skipped := finished(task.folder, made_from, given.video.names):
            recovered, waiting = 0, _waiting(task)
            changed = _is_changed(task)
        else:
            refuse_other(task.folder, made_from, overwrite=overwrite)
            with _output(task.output):
                try_names(task.folder, given.video.names)
                given.engine.load()
                with project_of(task, given, overwrite=overwrite) as project:
                    _drive(project, task, given, emit or (lambda _: None))
                    recovered, waiting = _write(project, task, given)
        finish(task, made_from)
    seconds, since = monotonic() - start, task.project_file if changed else None
    return RunOutcome(task.name, task.folder, length, skipped, recovered, waiting, seconds, since)


def _waiting(task: Task) -> int:
    """How many tracks of proposals wait in the project that an earlier run has left."""
    if not task.keep_proposals or not task.project_file.is_file():
        return 0
    with Project.open(task.project_file) as project:
        return _waiting_tracks(project)


def _is_changed(task: Task) -> bool:
    """Whether a person has changed masks in the task's project since those of the folder were written."""
    if not task.project_file.is_file():
        return False
    written = (task.folder / RECORD).stat().st_mtime
    # In a window it cannot be looked into; what is done there is on its way.
    with suppress(UserError), Project.open(task.project_file) as project:
        return any(
            one.cells and one.kind is not StepKind.RUN and one.made and one.made.timestamp() > written
            for one in project.rounds()
        )
    return False


def _waiting_tracks(project: Project) -> int:
    return len(proposal_tracks(one.retrieval for one in project.waiting()))


def _write(project: Project, task: Task, given: Inputs) -> tuple[int, int]:
    """Write masks and record; the numbers of retrievals accepted and of tracks that wait."""
    record = _record(project, given)
    maps = label_maps(project.annotation, given.video.height, given.video.width)
    _write_masks(task.folder, given.video.names, maps, record)
    accepted = sum(cell.made_by is Maker.RECOVERY for _, cell in project.annotation.cells())
    return accepted, _waiting_tracks(project) if task.keep_proposals else 0


@contextmanager
def _output(folder: Path) -> Iterator[None]:
    """A folder to write to, which does not remain where nothing came to lie in it."""
    there = folder.exists()
    writable_folder(folder)
    try:
        yield
    except BaseException:
        if not there:
            with suppress(OSError):
                folder.rmdir()
        raise


def _drive(project: Project, task: Task, given: Inputs, emit: Emit) -> None:
    """Run the engine on a copy of the annotation, each change of which goes to the project's file."""
    engine, video = given.engine, given.video
    project.record_run(engine.checksums, engine.run_settings)
    adapted = None
    if engine.config.adapt.steps:
        adapted = _pull(engine.adapt(video, project.annotation), emit)
    modules = engine.modules(video, task.flo_folder, adapted)
    reid = engine.reid(video, project.candidates(engine.candidates_key))

    # Proposals of locked instances wait on.
    searched = _unlocked(project)

    def take(event: Event) -> None:
        if isinstance(event, Change):
            project.apply(event, group="headless run", kind=StepKind.RUN)
        elif task.keep_proposals and isinstance(event, Proposal | Queue):
            project.proposals.take(event, project.annotation, searched)
        emit(event)

    always: Answer = Skip() if task.keep_proposals else Accept(Maker.RECOVERY)
    # Nobody looks at what is accepted: a mistake that joined the gallery would look like proof for the next.
    steps = modules.run(project.annotation.copy(), reid, instances=searched, grow=task.keep_proposals)
    answer_all(steps, take, always)


def _unlocked(project: Project) -> list[int]:
    """The instances that a person has not locked."""
    locked = {number for number, one in project.instances.items() if one.locked}
    return [number for number in project.annotation.instances if number not in locked]


def _pull(steps: Generator[Progress, None, bytes], emit: Emit) -> bytes:
    """Run to the end; what it returns."""
    while True:
        try:
            emit(next(steps))
        except StopIteration as stop:
            result: bytes = stop.value
            return result


def _record(project: Project, given: Inputs) -> dict[str, Any]:
    engine = given.engine
    names = {number: one.name for number, one in project.instances.items()}
    video = {"name": given.video.name, "height": given.video.height, "width": given.video.width}
    # Found by decoding the whole file, which the next call need not do again.
    order = {"order": given.video.order.to_json()} if given.video.order is not None else {}
    return {
        **provenance(
            project.annotation,
            names,
            engine.run_settings,
            engine.checksums,
            given.video.names,
            points_of(project.settings),
        ),
        "video": {**video, "fingerprint": given.video.fingerprint, **order},
        "program": f"vsreid-studio {__version__}",
        "made_from": given.made_from,
    }


def finished(folder: Path, made_from: MadeFrom, names: Sequence[str]) -> bool:
    """Whether the mask of each frame of these names is there, made from this very input."""
    if difference(made_from, _recorded(folder)):
        return False
    return all((folder / f"{name}.png").is_file() for name in names)


def refuse_other(folder: Path, made_from: MadeFrom, *, overwrite: bool) -> None:
    """Protect what a person put into the folder of masks, and what was made from other input.

    Args:
        overwrite: what was made from other input may be replaced; what a person made never.

    Raises:
        UserError: the folder holds such, or is no folder.
    """
    # Whether something is there is asked below, as it may be what this very input was made into.
    refuse_existing(folder, [folder], True, record=folder / RECORD)
    if overwrite or not folder.is_dir() or not any(folder.iterdir()):
        return
    if other := difference(made_from, _recorded(folder)):
        raise UserError(
            f"{folder} holds files made from {other}: choose another output folder or add --overwrite."
        )


def try_names(folder: Path, names: Sequence[str]) -> None:
    """Find out whether the folder and the masks can have their names where they shall lie.

    Raises:
        UserError: a name is too long for the file system, or has a letter that it does not take.
    """
    with staging(folder.parent, folder) as stage:
        (stage / folder.name).mkdir()
        for name in {max(names, key=lambda it: len(os.fsencode(it))), names[0], names[-1]}:
            (stage / folder.name / f"{name}.png").touch()


def _write_masks(
    folder: Path, names: Sequence[str], label_maps: Iterable[LabelMap], record: Mapping[str, Any]
) -> None:
    """Write masks and record as one: the folder appears, or is replaced, when all are written.

    Args:
        names: of the frames, and of their masks but for the suffix.

    Raises:
        UserError: something cannot be written, or a person put a file into the folder; it is as it was.
    """
    # Once more: a run takes hours.
    refuse_existing(folder, [folder], True, record=folder / RECORD)
    with staging(folder.parent, folder) as stage:
        staged = stage / "masks"
        staged.mkdir()
        for name, labels in zip(names, label_maps, strict=True):
            write_mask(staged / f"{name}.png", labels)
        write_provenance(staged / RECORD, record)
        mark_all(staged)
        publish([(staged, folder)], stage)


def _recorded(folder: Path) -> object:
    """What the masks in a folder were made from; None if unknown."""
    try:
        record = read_json(folder / RECORD)
    except UserError:
        return None
    return record.get("made_from") if isinstance(record, dict) else None
