"""Lists the clips of a folder or data set by file names, and reads their projects on its own thread."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ..engine.video.picture_names import natural_key
from ..engine.video.pictures import VIDEOS
from ..errors import UserError
from ..formats.clip_folders import input_places, is_result
from ..formats.davis import read_sequence_list
from ..project import absolute_path
from ..project.summary import Summary, read_summary
from .opening import FRAMES, SUFFIX, holds_pictures, project_places, sequences_under
from .server import Server

MOST = 20_000
"""Clips that are listed."""


@dataclass(frozen=True, slots=True)
class ListedClip:
    """One clip of many.

    Attributes:
        name: for people; different for each clip of a list.
        path: what is opened: a video, a folder of pictures, or a project of a video that lies elsewhere.
        sets: names of the lists of the data set that it stands in.
    """

    name: str
    path: Path
    sets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The clips of a place.

    Attributes:
        root: the folder.
        clips: in natural order of their names.
        sets: names of the lists of the data set, such as 'val'; none of other folders.
    """

    root: Path
    clips: tuple[ListedClip, ...]
    sets: tuple[str, ...] = ()


def catalogue(root: Path, data: Path) -> Catalogue:
    """The clips of a folder: the sequences of a DAVIS data set, else videos and folders of pictures.

    Projects in it are clips, too, where they are of no clip that is listed: `run` leaves them so.
    Masks beside a clip are none, and neither are those that `run` has written.

    Args:
        data: the person's data, where the projects of read-only folders and data sets lie.

    Returns:
        No clip for a folder that is a clip itself.

    Raises:
        OSError: it cannot be read.
    """
    root = absolute_path(root)
    if holds_pictures(root):
        return Catalogue(root, ())
    sequences = sequences_under(root)
    entries = _visible(root)
    given = input_places(entries)
    paths = sequences or [it for it in entries if it not in given and _is_clip(it) and not is_result(it)]
    projects = {place for path in paths for place in project_places(path, data)}
    extra = [] if sequences else [it for it in entries if it.suffix == SUFFIX and it not in projects]
    clips = [ListedClip(name, path) for name, path in _named([*paths, *extra])]
    clips.sort(key=lambda clip: natural_key(clip.name))
    lists = _lists(root) if sequences else {}
    listed = [
        replace(it, sets=frozenset(n for n, names in lists.items() if it.name in names)) for it in clips
    ]
    return Catalogue(root, tuple(listed[:MOST]), tuple(lists))


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        with suppress(OSError):
            return holds_pictures(path)
        return False
    return path.suffix.lower() in VIDEOS


def _named(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Each by its name without suffix, or with it where that distinguishes two."""
    listed = list(paths)
    stems = [path.name if path.is_dir() else path.stem for path in listed]
    count = Counter(stems)
    for path, stem in zip(listed, stems, strict=True):
        yield (stem if count[stem] == 1 else path.name), path


def _lists(root: Path) -> dict[str, frozenset[str]]:
    """The lists of a data set by name; of several years the newest counts."""
    parts = root.parts
    top = Path(*parts[: len(parts) - parts[::-1].index(FRAMES) - 1]) if FRAMES in parts else root
    found: dict[str, frozenset[str]] = {}
    for path in sorted((top / "ImageSets").glob("*/*.txt")):
        with suppress(UserError):
            found[path.stem] = frozenset(read_sequence_list(path))
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class ClipFound:
    """The result of reading the project of a clip.

    Attributes:
        clip: the clip.
        summary: of its project, None where it has none or that cannot be read.
        trouble: why it cannot be read; empty where it could.
    """

    clip: ListedClip
    summary: Summary | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class _Task:
    root: Path | None
    clips: tuple[ListedClip, ...] = ()
    number: int = 0


class Scanner(Server[_Task]):
    """Lists a folder, and reads the projects of its clips, one after the other.

    Signals:
        listed (object): the `Catalogue` of a folder that was asked for.
        found (object): a `ClipFound`.
        failed (str): a folder cannot be read.
    """

    listed = Signal(object)
    found = Signal(object)
    failed = Signal(str)

    def __init__(self, data: Path, parent: QObject | None = None) -> None:
        super().__init__("clips", parent)
        self._data = data
        self._asked: deque[_Task] = deque()
        self._number = 0
        self._known: dict[Path, tuple[tuple[int, int], Summary]] = {}

    def list(self, root: Path) -> None:
        """List a folder; what was asked before does not matter any more."""
        with self._condition:
            self._number += 1
            self._asked.clear()
        self._ask(_Task(root))

    def scan(self, clips: Sequence[ListedClip]) -> None:
        """Read the projects of clips."""
        self._ask(_Task(None, tuple(clips), self._number))

    def _ask(self, task: _Task) -> None:
        with self._condition:
            self._asked.append(task)
            self._condition.notify_all()
        if not self.isRunning() and not self._closing:
            self.start(Scanner.Priority.LowPriority)

    def _next(self) -> _Task | None:
        with self._condition:
            return self._asked.popleft() if self._await(lambda: bool(self._asked)) else None

    def _serve(self, task: _Task) -> None:
        if task.root is not None:
            self.listed.emit(catalogue(task.root, self._data))
            return
        for clip in task.clips:
            if self._closing or task.number != self._number:
                return
            self.found.emit(self._look(clip))

    def _look(self, clip: ListedClip) -> ClipFound:
        trouble = ""
        for place in project_places(clip.path, self._data):
            try:
                summary = self._summary(place)
            except (UserError, OSError) as error:
                trouble = str(error)
                continue
            # Two videos may differ in their suffix alone; a project knows its video.
            if summary is not None and (place == clip.path or summary.video.name == clip.path.name):
                return ClipFound(clip, summary)
        return ClipFound(clip, None, trouble)

    def _summary(self, place: Path) -> Summary | None:
        """Of a project; from before, where the file is as it was."""
        with suppress(FileNotFoundError):
            status = place.stat()
            if not status.st_size:
                return None
            stamp = status.st_mtime_ns, status.st_size
            known = self._known.get(place)
            if known is None or known[0] != stamp:
                known = self._known[place] = stamp, read_summary(place)
            return known[1]
        return None

    def _fail(self, task: _Task, error: Exception, details: str) -> None:
        if task.root is not None:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.failed.emit(f"{task.root} cannot be read: {reason}.")
