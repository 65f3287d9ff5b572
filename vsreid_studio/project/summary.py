"""What stands in a project, in a few figures: for lists of many clips, none of which is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..engine.extensions.doubtful import suspects
from ..engine.store.index import PINNED, THERE
from .document import Project
from .tracks import best, proposal_tracks


class ClipState(StrEnum):
    """How far a clip is; the value is for people."""

    NOTHING = "nothing drawn"
    DRAWN = "drawn"
    PROPAGATED = "propagated"
    WAITING = "proposals waiting"
    DOUBTFUL = "doubtful"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Open:
    """A place of a clip that a person has to check.

    Attributes:
        frame, instance: where.
        name: of the instance.
        waiting: whether it is a proposal; else a doubtful mask.
        weight: similarity of a proposal, in [0, 1]; of a mask how much is doubted, in frames.
        text: in plain words.
    """

    frame: int
    instance: int
    name: str
    waiting: bool
    weight: float
    text: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A project in figures.

    Attributes:
        video: the place of the video as last seen.
        length: frames.
        instances: how many.
        share: of all frames and instances, that have a mask or are known to be empty; in [0, 1].
        state: how far it is.
        open: what is to be looked at: proposals by falling similarity, then doubtful masks.
    """

    video: Path
    length: int
    instances: int
    share: float
    state: ClipState
    open: tuple[Open, ...]

    @property
    def waiting(self) -> int:
        """Tracks of proposals that wait for an answer."""
        return sum(one.waiting for one in self.open)

    @property
    def doubtful(self) -> int:
        """Stretches of doubtful masks."""
        return len(self.open) - self.waiting


def read_summary(path: Path) -> Summary:
    """The summary of a project file that nobody has open; it is only read.

    Raises:
        UserError: it cannot be read, is in use or of another version.
    """
    with Project.open_readonly(path) as project:
        return summary_of(project)


def summary_of(project: Project) -> Summary:
    """The summary of a project; on the thread that may read its annotation."""
    annotation, length = project.annotation, project.video.length
    flags = [annotation.records(number)["flags"] for number in annotation.instances]
    cells = sum(int(((row & THERE) > 0).sum()) for row in flags)
    pinned = sum(int(((row & (THERE | PINNED)) == THERE | PINNED).sum()) for row in flags)
    share = cells / (length * len(flags)) if flags else 0.0
    todo = (*_finds(project), *_doubts(project))
    state = ClipState.NOTHING
    if any(one.waiting for one in todo):
        state = ClipState.WAITING
    elif todo:
        state = ClipState.DOUBTFUL
    elif pinned and pinned == cells and share == 1:
        state = ClipState.APPROVED
    elif cells:
        state = ClipState.DRAWN if pinned == cells else ClipState.PROPAGATED
    return Summary(project.video.path, length, len(project.instances), share, state, todo)


def _finds(project: Project) -> Iterator[Open]:
    groups = proposal_tracks(one.retrieval for one in project.waiting())
    for found in sorted((best(group) for group in groups), key=lambda it: -it.similarity):
        text = f"Found again? Similarity {100 * found.similarity:.0f} %."
        yield Open(found.frame, found.instance, _name(project, found.instance), True, found.similarity, text)


def _doubts(project: Project) -> Iterator[Open]:
    for doubt in suspects(project.annotation, project.reviewed):
        name = _name(project, doubt.instance)
        yield Open(doubt.frame, doubt.instance, name, False, doubt.gain, doubt.reason)


def _name(project: Project, number: int) -> str:
    one = project.instances.get(number)
    return f"instance {number}" if one is None else one.name
