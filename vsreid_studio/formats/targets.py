"""What is only read, and never written over: a person's videos, frames, masks, weights and projects."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import UserError


@dataclass(frozen=True)
class Sources:
    """The sources of a run, a project or a command.

    Attributes:
        places: what each is, as a sentence calls it ('the video'), and where: a file or a folder.
    """

    places: tuple[tuple[str, Path], ...] = ()

    @cached_property
    def _linked(self) -> dict[Path, frozenset[Path]]:
        """Where the links in each source's folder lead to; found once, as a dialog asks at every key."""
        return {
            source: frozenset(_resolved(Path(entry.path)) for entry in _entries(source) if entry.is_symlink())
            for _, source in self.places
        }

    @classmethod
    def of(cls, **places: Path | Iterable[Path] | None) -> Sources:
        """Sources by what they are; underscores read as spaces, None is left out."""
        found: list[tuple[str, Path]] = []
        for name, given in places.items():
            paths = () if given is None else (given,) if isinstance(given, Path) else tuple(given)
            found += [(f"the {name.replace('_', ' ')}", path) for path in paths]
        return cls(tuple(found))

    @classmethod
    def of_data_set(cls, root: Path) -> Sources:
        """The parts of a data set in DAVIS layout: what lies beside them in its folder is free."""
        return cls.of(data_set=[root / part for part in ("JPEGImages", "Annotations", "ImageSets")])

    def __add__(self, other: Sources) -> Sources:
        return Sources(self.places + other.places)

    def refuse(self, *targets: Path, added_to: bool = False) -> None:
        """Refuse to write to targets that are a source, lie in one or hold one.

        Links are followed, hard links recognised, and letter case is ignored where the file system does so.

        Args:
            targets: files or folders, there or not; what is in a folder would be replaced with it.
            added_to: nothing that is in a folder would be replaced, so that it may hold a source.

        Raises:
            UserError: one of them is such a target.
        """
        for target in targets:
            for what, source in self.places:
                relation = _relation(target, source, self._linked[source])
                if relation and not (added_to and relation.startswith("holds")):
                    raise UserError(
                        f"{target} is not written: it {relation} {what} {source}, which is only read. "
                        "Choose another place."
                    )


def refuse_each_other(tasks: Iterable[tuple[Path, Sources]]) -> None:
    """Refuse tasks of which one would write to what another one reads.

    Args:
        tasks: the folder that each writes, and its sources.

    Raises:
        UserError: a folder is a source of another task, lies in one or holds one.
    """
    known = [(target, sources, _folded(_resolved(target))) for target, sources in tasks]
    targets = {folded: target for target, _, folded in known}
    read: dict[str, tuple[str, Path]] = {}
    for _, sources, folded in known:
        for what, source in sources.places:
            place = _folded(_resolved(source))
            read[place] = (what, source)
            # Each task looks after its own sources.
            for above in {place, *_parents(place)} & targets.keys() - {folded}:
                Sources(((what, source),)).refuse(targets[above])
    for target, sources, folded in known:
        own = {source for _, source in sources.places}
        for above in {folded, *_parents(folded)} & read.keys():
            if read[above][1] not in own:
                Sources((read[above],)).refuse(target)


def _parents(folded: str) -> set[str]:
    return {str(above) for above in Path(folded).parents}


def _relation(target: Path, source: Path, linked: frozenset[Path]) -> str:
    """How a target touches a source, which has links to `linked`; empty where it does not."""
    if is_same_place(target, source):
        return "is"
    if any(is_same_place(above, source) for above in _resolved(target).parents):
        return "lies in"
    if any(is_same_place(above, target) for above in _resolved(source).parents):
        return "holds"
    if linked:
        place = _resolved(target)
        if place in linked:
            return "is linked from"
        if any(place in real.parents for real in linked):
            return "holds files that are linked from"
    return "is a hard link to a file of" if _is_hard_link(target, source) else ""


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return path.absolute()


def is_same_place(one: Path, other: Path) -> bool:
    """Whether two paths, there or not, name one file or folder."""
    try:
        return one.samefile(other)
    except OSError:
        pass
    one, other = _resolved(one), _resolved(other)
    if one == other:
        return True
    # Neither samefile nor plain text decides if one of the two does not exist yet.
    return _folded(one) == _folded(other) and (_folds(one.parent) or _folds(other.parent))


def _folded(path: Path) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()


def _folds(folder: Path) -> bool:
    """Whether a folder, or the nearest one above that is there, ignores the case of letters."""
    while not folder.is_dir() and folder.parent != folder:
        folder = folder.parent
    for name in (*(entry.name for entry in _entries(folder)[:32]), None):
        path = folder if name is None else folder / name
        other = path.with_name(path.name.swapcase())
        if other.name != path.name:
            try:
                return other.samefile(path)
            except OSError:
                return False
    return False


def _is_hard_link(target: Path, source: Path) -> bool:
    try:
        found = target.stat()
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_nlink < 2:
        return False
    own = (found.st_dev, found.st_ino)
    # Not entry.inode(), which on some file systems is that of what is mounted over.
    return any(
        (it.st_dev, it.st_ino) == own
        for it in (entry.stat() for entry in _entries(source) if entry.is_file())
    )
