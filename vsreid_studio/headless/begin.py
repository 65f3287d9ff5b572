"""The project that keeps a headless run's work, created or continued."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engine.types import Maker
from ..errors import UserError
from ..formats.annotations import first_cells
from ..formats.classes import joined, number_of, plain
from ..formats.mask_pixels import PALETTE
from ..project import Instance, Project, keep_options
from ..project.history import StepKind
from ..project.open_points import open_points_of, warn_of_open_points
from ..project.same_video import FRAMES, VideoChanged, bind_video, note_frames, reference_of, take_changes
from ..project.sources import has_values, note_points, note_source, note_values
from ..project.undo import RoundRecord
from .task import Inputs, MadeFrom, Task, difference

_KEY = "headless"
"""The setting of a project for the run that it belongs to."""
_IMPORT = "import masks"
_EARLIER = frozenset({"propagate", "accept retrieval"})
"""Steps that runs of earlier versions made as if a person had."""
_SIDE_FILES = ("", "-wal", "-shm", "-journal")


@contextmanager
def project_of(task: Task, given: Inputs, *, overwrite: bool = False) -> Iterator[Project]:
    """The task's project with the first masks in it, and with what an earlier call had done.

    One that nobody asked for is removed again when the block fails before anything was computed.

    Args:
        overwrite: start again where the task's own project is of other input. A project that a person named
            is never overwritten.

    Raises:
        UserError: it belongs to other input, is damaged, open elsewhere or cannot be written.
    """
    path = task.project_file
    if not task.keeps_project:
        _clear(path, given, overwrite)
    begun = path.exists()
    if begun and task.keeps_project and task.changed is not None:
        take_changes(path, given.video, task.changed)
    project = Project.open(path) if begun else Project.create(path, reference_of(given.video))
    try:
        with project:
            _join(project, task, given)
            try:
                yield project
                project.check_place()
            finally:
                begun = any(not cell.pinned for _, cell in project.annotation.cells())
                begun = begun or _has_drawings(project)
    except BaseException:
        if not task.keeps_project and not begun:
            remove(path)
        raise


def finish(task: Task, made_from: MadeFrom) -> None:
    """Remove the task's own project once its masks are complete; a person's project stays."""
    path = task.project_file
    if task.keeps_project or not path.is_file():
        return
    with Project.open(path) as project:
        ours = _is_own(project) and not difference(made_from, _made_from(project))
        ours = ours and not _has_drawings(project)
    if ours:
        remove(path)


def remove(path: Path) -> None:
    """Delete a closed project file, and what SQLite may have left beside it."""
    for suffix in _SIDE_FILES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _clear(path: Path, given: Inputs, overwrite: bool) -> None:
    """Make room for the task's own project where what is there cannot be taken up."""
    if not path.is_file():
        return
    if not path.stat().st_size:
        # A kill in the moment of creation leaves an empty file.
        remove(path)
        return
    with Project.open(path) as project:
        foreign = not _is_own(project) and not _untouched(project)
        other = difference(given.made_from, _made_from(project)) if _is_own(project) else ""
        foreign = foreign or bool(other and _has_drawings(project))
    if foreign:
        raise UserError(f"The project {path} is in the way: move it, or go on with it by --project.")
    if other and not overwrite:
        raise UserError(
            f"{path} is an unfinished run from {other}: choose another output folder or add --overwrite."
        )
    if other:
        remove(path)


def _join(project: Project, task: Task, given: Inputs) -> None:
    """Bind a new project to this run, or check that it is of this run; put the first masks in."""
    try:
        bind_video(project, given.video)
    except VideoChanged as error:
        raise UserError(
            f"{error} Add --changed keep or --changed clear, or choose another project."
        ) from error
    if not project.settings.get(FRAMES):
        note_frames(project, given.video)
    known = {"own": not task.keeps_project, "made_from": given.made_from}
    if _untouched(project):
        project.settings.set(_KEY, known)
    elif not isinstance(before := _made_from(project), dict):
        raise UserError(f"The project {project.path} holds other work: choose another file.")
    elif other := difference(given.made_from, {**before, "video": given.made_from["video"]}):
        raise UserError(f"The project {project.path} was made from {other}: choose another file.")
    elif before != given.made_from:
        project.settings.set(_KEY, known)
    warn_of_open_points(project)
    keep_options(project.settings, given.video.options)
    for given_file in (task.masks, task.points):
        if given_file is not None:
            note_source(project, given_file)
    if not project.annotation.instances:
        cells = first_cells(given.masks)
        numbers = sorted({key.instance for key in cells})
        listed: dict[int, str] = {}
        instances = {}
        for number in numbers:
            name = given.read.classes.get(number)
            listed = joined(listed, {1: name}) if name else listed
            one = _instance(number, given.read.names.get(number))
            instances[number] = replace(one, category=number_of(listed, name) if name else None)
        change = project.annotation.set_cells(_IMPORT, cells)
        project.apply(change, instances=instances, categories=listed)
        for clicked in given.clicked:
            note_points(project.settings, clicked)
    # Also where an earlier version, or a run that was killed, has left it out.
    if not has_values(project, given.read) and not _has_drawings(project):
        note_values(project, given.read)


def _untouched(project: Project) -> bool:
    return _KEY not in project.settings and not len(project.annotation) and not project.instances


def _is_own(project: Project) -> bool:
    return bool(_kept(project).get("own"))


def _has_drawings(project: Project) -> bool:
    """Whether a person has worked in it: opened in the window, a run's own project is one like any other.

    Of a run itself only imported masks are pinned, and the import is its first step.
    """
    decided = any(one.by is Maker.PERSON for one in project.annotation.decisions.values())
    return (
        decided
        or bool(project.reviewed_maps)
        or bool(open_points_of(project))
        or any(_is_persons(place, step) for place, step in enumerate(project.rounds()))
        or any(
            cell.made_by is Maker.PERSON or (cell.pinned and cell.made_by is not Maker.IMPORT)
            for _, cell in project.annotation.cells()
        )
    )


def _is_persons(place: int, step: RoundRecord) -> bool:
    """Whether a person has made a step: drawn, imported, named or merged something, say.

    Args:
        place: in the order of the steps.
    """
    own = (place == 0 and step.label == _IMPORT) or step.label in _EARLIER
    return step.kind is not StepKind.RUN and not own


def _made_from(project: Project) -> object:
    return _kept(project).get("made_from")


def _kept(project: Project) -> dict[str, Any]:
    kept = project.settings.get(_KEY)
    return kept if isinstance(kept, dict) else {}


def _instance(number: int, name: str | None) -> Instance:
    red, green, blue = (int(value) for value in PALETTE[number])
    return Instance(
        number, plain(name or "") or f"instance {number}", f"#{red:02x}{green:02x}{blue:02x}", order=number
    )
