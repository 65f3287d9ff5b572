"""Whether a video is still the one that a project was made from, and what becomes of the masks if not."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..engine.store.annotation import Annotation
from ..engine.types import Cell, CellKey
from ..engine.video import FrameOrder, Video
from ..engine.video.identity import agree, is_of_content, samples
from ..errors import UserError
from ..formats.atomic import staging
from .document import Project
from .open_points import carry_open_points
from .proposals import StoredProposal
from .schema import VideoRef
from .sources import carry_values, moved_setting
from .video import absolute_path, keep_order, read_order

Way = Literal["keep", "clear"]
"""What becomes of masks in frames that differ."""

FRAMES = "frames"
"""The setting with the frames' names and marks, and a hint by which an unchanged video is known at once."""
_Chain: TypeAlias = tuple[int, int, bool]
_NAMED = 3
"""So many frames are named in a sentence."""


@dataclass(frozen=True)
class Differences:
    """What has changed in a video since a project was made from it.

    Attributes:
        new, gone, differ: names of frames; none where it is not known frame by frame.
        size: whether its frames have another size, so that no mask fits.
    """

    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    differ: tuple[str, ...] = ()
    size: bool = False

    def __str__(self) -> str:
        if self.size:
            return "its frames have another size"
        parts = ((self.new, "new"), (self.gone, "gone"), (self.differ, "differ"))
        told = [_told(names, word) for names, word in parts if names]
        return " and ".join(told) or "it shows something else"


class VideoChanged(UserError):  # noqa: N818
    """A project's video is not as it was.

    Attributes:
        project, video: where they are.
        differences: what has changed.
    """

    def __init__(self, project: Path, video: Path, differences: Differences) -> None:
        super().__init__(f"{video} is not as it was when {project} was made from it: {differences}.")
        self.project, self.video, self.differences = project, video, differences


def reference_of(video: Video) -> VideoRef:
    """What a new project of a video notes of it."""
    return VideoRef(absolute_path(video.path), video.fingerprint, video.length, video.height, video.width)


def bind_video(project: Project, video: Video) -> None:
    """Make sure that a video is the project's, and note where it is now.

    Projects of earlier versions, which knew a video by names and sizes, are bound by its content from now on.

    Raises:
        VideoChanged: it is not as it was.
        UserError: it cannot be read, or the project not be written.
    """
    known, kept, hint = project.video, _kept(project), _hint(video)
    sizes = (video.length, video.height, video.width) == (known.length, known.height, known.width)
    place = absolute_path(video.path) == known.path
    if sizes and place and hint and kept.get("hint") == hint:
        keep_order(project.settings, video)
        return
    if not sizes or not _is_same(known.fingerprint, kept, video):
        raise VideoChanged(project.path, video.path, differences(project, video))
    _adopt(project, video, hint)


def refuse_changed(project: Project, video: Video) -> None:
    """Make sure that a video, which is opened once more, is as it was when the project was opened.

    Names, sizes and times of its files are compared. From any thread.

    Raises:
        UserError: it is not.
    """
    known, before, now = project.video, _kept(project).get("hint"), _hint(video)
    sizes = (video.length, video.height, video.width) == (known.length, known.height, known.width)
    if not sizes or (before and now and before != now):
        raise UserError(
            f"{video.path} has changed since it was opened: close it and open it again. "
            "Else masks would come to other frames."
        )


def note_frames(project: Project, video: Video) -> None:
    """Note names and marks of a new project's frames, so that changes can be found frame by frame.

    Raises:
        UserError: the video cannot be read, or the project not be written.
    """
    _note(project, video, _hint(video))


def order_in(path: Path) -> FrameOrder | None:
    """The order of frames that a closed project keeps, see `Video.order`.

    None where there is no project or it cannot be opened: the error is reported when its masks are needed.
    """
    if path.is_file():
        with suppress(UserError), Project.open(path) as project:
            return read_order(project.settings)
    return None


def differences(project: Project, video: Video) -> Differences:
    """What has changed in a video since the project was made from it, as far as is known."""
    known, kept = project.video, _kept(project)
    if (video.height, video.width) != (known.height, known.width):
        return Differences(size=True)
    before = dict(zip(kept.get("names", ()), kept.get("marks", ()), strict=False))
    if not before or len(video.file_marks) != video.length:
        if video.length == known.length:
            return Differences()
        names, old = tuple(video.names), min(known.length, video.length)
        numbers = tuple(f"{index:05d}" for index in range(old, known.length))
        return Differences(names[old:], numbers)
    now = dict(zip(_names(video), video.file_marks, strict=True))
    return Differences(
        tuple(name for name in now if name not in before),
        tuple(name for name in before if name not in now),
        tuple(name for name in now if name in before and before[name] != now[name]),
    )


def take_changes(path: Path, video: Video, way: Way) -> None:
    """Let a project follow a video that has changed; nothing happens where it has not.

    Masks go with the names of their frames; where frames were added or taken away, the project as it was
    stays beside the new one as `NAME-before.vsreid`, and the new one has no steps to be undone.

    Args:
        path: the project, not open.
        way: 'keep' the masks of frames that differ, or 'clear' them.

    Raises:
        UserError: the frames have another size, the project cannot be opened or written.
    """
    with ExitStack() as stages:
        with Project.open(path) as project:
            try:
                bind_video(project, video)
            except VideoChanged as error:
                if error.differences.size:
                    raise
                different = error.differences
            else:
                return
            moved = _places(project, video)
            names = _names(video)
            cleared = set(different.differ if different != Differences() else names)
            gone = {index for index, name in enumerate(names) if name in cleared}
            if (
                moved == {index: index for index in range(video.length)}
                and video.length == project.video.length
            ):
                cleared_frames = gone if way == "clear" else set()
                _clear(project, cleared_frames)
                places = {frame: frame for frame in range(video.length) if frame not in cleared_frames}
                carry_open_points(project, project, places)
                project.forget_candidates(gone)
                project.proposals.forget(gone)
                _adopt(project, video, _hint(video))
                return
            fresh = stages.enter_context(staging(path.parent, path)) / path.name
            _rebuild(project, video, fresh, moved, gone if way == "clear" else set())
        # A second name and not a rename: were this killed, the project would still be there.
        _keep_as(path, _free(path))
        fresh.replace(path)


def _keep_as(path: Path, place: Path) -> None:
    """Let a file have a second name, by a copy where the disk has no hard links."""
    try:
        place.hardlink_to(path)
    except OSError:
        shutil.copy2(path, place)


def _free(path: Path) -> Path:
    """A name beside a project under which nothing is there."""
    names = (f"{path.stem}-before{number or ''}{path.suffix}" for number in count())
    return next(place for name in names if not (place := path.with_name(name)).exists())


def _is_same(known: str, kept: Mapping[str, Any], video: Video) -> bool:
    if not is_of_content(known):
        return known == video.earlier_fingerprint
    if not agree(known, video.fingerprint):
        return False
    before, now = list(kept.get("marks", ())), list(video.file_marks)
    if before == now or len(before) != len(now) or len(now) < 2:
        return True
    changed = {index for index, (old, new) in enumerate(zip(before, now, strict=True)) if old != new}
    # Only the sampled frames were decoded: of others that were saved again alone, nothing is known.
    return changed <= set(samples(video.length)) or len(changed) == len(now)


def _adopt(project: Project, video: Video, hint: str) -> None:
    project.adopt_video(reference_of(video))
    _note(project, video, hint)


def _note(project: Project, video: Video, hint: str) -> None:
    names = _names(video) if len(video.file_marks) == video.length else []
    project.settings.set(FRAMES, {"hint": hint, "names": names, "marks": list(video.file_marks)})
    keep_order(project.settings, video)


def _kept(project: Project) -> dict[str, Any]:
    kept = project.settings.get(FRAMES)
    lists = isinstance(kept, dict) and all(isinstance(kept.get(key), list) for key in ("names", "marks"))
    return kept if lists and isinstance(kept, dict) else {}


def _names(video: Video) -> list[str]:
    """Names of frames as JSON can hold them: a file's name need not be UTF-8."""
    return [name.encode("utf-8", "backslashreplace").decode("utf-8") for name in video.names]


def _hint(video: Video) -> str:
    """Of names, sizes and times of the files; empty where they cannot be read."""
    digest = hashlib.sha256()
    try:
        for file in getattr(video, "files", (video.path,)):
            found = file.stat()
            digest.update(f"{file.name!r} {found.st_size} {found.st_mtime_ns}\n".encode(errors="replace"))
    except OSError:
        return ""
    return digest.hexdigest()


def _places(project: Project, video: Video) -> dict[int, int]:
    """The new place of each frame that is still there, by its old one."""
    names = _kept(project).get("names") or [f"{index:05d}" for index in range(project.video.length)]
    present = _names(video)
    if not set(names) & set(present):
        # Named otherwise altogether: in order.
        return {index: index for index in range(min(len(names), video.length))}
    now = {name: index for index, name in enumerate(present)}
    return {old: now[name] for old, name in enumerate(names) if name in now}


def _clear(project: Project, frames: set[int]) -> None:
    """Remove what is in some frames, in one step of undo; nothing that is left refers to it."""
    annotation = project.annotation
    left = dict(_left(annotation, {n: n for n in range(annotation.length) if n not in frames}))
    cells = {
        key: found
        for key, cell in annotation.cells()
        if (found := left.get(key)) is None or (found.origin, found.second) != (cell.origin, cell.second)
    }
    decided = {key: None for key in annotation.decisions if key.frame in frames}
    if cells or decided:
        change = annotation.set_cells("clear masks of changed frames", cells)
        project.apply(annotation.decide(change, decided))


def _rebuild(project: Project, video: Video, path: Path, moved: Mapping[int, int], cleared: set[int]) -> None:
    """Write a project of the video as it is now, with all that still has a frame."""
    annotation = project.annotation
    places = {old: new for old, new in moved.items() if new not in cleared}
    cells: dict[CellKey, Cell | None] = dict(_left(annotation, places))
    decisions = {
        CellKey(places[key.frame], key.instance): one
        for key, one in annotation.decisions.items()
        if key.frame in places
    }
    with Project.create(path, reference_of(video)) as fresh:
        for setting in project.settings:
            if (name := moved_setting(setting, places)) is not None:
                fresh.settings.set(name, project.settings.get(setting))
        fresh.copy_runs(project.runs)
        note_frames(fresh, video)
        change = fresh.annotation.decide(
            fresh.annotation.set_cells("follow the changed video", cells), decisions
        )
        adaptation = {0: project.adaptation} if project.adaptation is not None else None
        reviewed = {
            CellKey(places[key.frame], key.instance) for key in project.reviewed if key.frame in places
        }
        fresh.apply(
            change,
            instances=project.instances,
            categories=project.categories,
            adaptation=adaptation,
            reviewed=reviewed & cells.keys(),
            undoable=False,
        )
        fresh.proposals.put(_moved_proposals(project, places))
        carry_values(project, fresh)
        carry_open_points(project, fresh, places)


def _left(annotation: Annotation, places: Mapping[int, int]) -> Iterator[tuple[CellKey, Cell]]:
    """The masks of the frames that are left, where they are now; each refers to frames that are left.

    Args:
        places: the new place of each frame whose masks are left, by its old one.
    """
    heirs = _heirs(annotation, places)
    for key, cell in annotation.cells():
        origin = places.get(cell.origin, heirs.get(_chain(key, cell)))
        if key.frame in places and origin is not None:
            second = None if cell.second is None else places.get(cell.second)
            where = CellKey(places[key.frame], key.instance)
            yield where, replace(cell, origin=origin, second=second)


def _chain(key: CellKey, cell: Cell) -> _Chain:
    """What was propagated from one checkpoint to one side: instance, checkpoint, whether it is after that."""
    return key.instance, cell.origin, key.frame > cell.origin


def _heirs(annotation: Annotation, places: Mapping[int, int]) -> dict[_Chain, int]:
    """The new checkpoint of each chain whose own one is gone: the mask that is left and was nearest to it.

    Returns:
        new frames; none for chains without a mask.
    """
    nearest: dict[_Chain, int] = {}
    for key, cell in annotation.cells():
        if cell.origin in places or key.frame not in places or not cell.mask.box.area:
            continue
        chain = _chain(key, cell)
        if chain not in nearest or abs(key.frame - cell.origin) < abs(nearest[chain] - cell.origin):
            nearest[chain] = key.frame
    return {chain: places[frame] for chain, frame in nearest.items()}


def _moved_proposals(project: Project, places: Mapping[int, int]) -> Iterator[StoredProposal]:
    """The proposals of frames that are still there and show the same."""
    for key, kept in project.proposals.all.items():
        frame = places.get(key.frame)
        if frame is not None:
            checkpoints = tuple(sorted(places[old] for old in kept.checkpoints if old in places))
            if checkpoints or not kept.checkpoints:
                retrieval = replace(kept.retrieval, frame=frame)
                yield replace(kept, retrieval=retrieval, run=0, checkpoints=checkpoints)


def _told(names: Sequence[str], word: str) -> str:
    """'2 frames are new (a, b)'."""
    shown = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    number = f"{len(names)} frame" + ("s" if len(names) > 1 else "")
    if word == "differ":
        return f"{number} {'differ' if len(names) > 1 else 'differs'} ({shown})"
    return f"{number} {'are' if len(names) > 1 else 'is'} {word} ({shown})"
