"""Points whose masks are not computed yet, as a project keeps them until they are.

The click network may take a while, and all the longer where it is being prepared. What a person has clicked
until then is in this setting of the project, and goes from it when its mask is there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ..engine.store.annotation import Annotation
from ..engine.types import CellKey, SoftMask
from ..errors import UserError
from ..formats.points import Clicked, Prompt, checksum, clicked_from
from .document import Project
from .sources import points_of

log = logging.getLogger(__name__)

_KEY = "open_points"
_MOST = 10_000
"""Prompts that are read."""


@dataclass(frozen=True, slots=True)
class OpenPoints:
    """Points of one cell whose mask is not computed yet.

    Attributes:
        prompt: the cell, the points and the box.
        before: checksum of the mask that was there before them; empty where it is not known.
        identity: of the instance, see `Project.identities`, 0 for one that is not listed; None for whichever
            has its number when they are noted.
    """

    prompt: Prompt
    before: str
    identity: int | None = field(default=None, compare=False)

    @classmethod
    def over(cls, prompt: Prompt, mask: SoftMask, identity: int | None = None) -> OpenPoints:
        """Points over a mask, which is read from disk if need be."""
        try:
            return cls(prompt, checksum(mask), identity)
        except UserError:
            return cls(prompt, "", identity)

    def outdated(self, annotation: Annotation) -> bool:
        """Whether a person has drawn or approved another mask in the cell since, as far as is known."""
        cell = annotation.get(*self.prompt.key)
        if cell is None or not cell.pinned or not self.before:
            return False
        try:
            return self.before != checksum(cell.mask)
        except UserError:
            return False


def note_open_points(project: Project, found: Sequence[OpenPoints]) -> None:
    """Keep these points, in place of those that were kept.

    None of instances that are gone, also where others have got their numbers.

    On the thread that may change the project.

    Raises:
        UserError: the project cannot be written.
    """
    there, identities = project.instances, project.identities
    value = [
        {
            "frame": int(one.prompt.key.frame),
            "instance": int(one.prompt.key.instance),
            "identity": identities.get(one.prompt.key.instance, 0),
            **{name: part for name, part in _clicked(one).plain().items() if name in {"points", "box"}},
            "before": one.before,
        }
        for one in found
        if one.prompt.key.instance in there
        and one.identity in {None, identities.get(one.prompt.key.instance, 0)}
    ]
    if value or project.settings.get(_KEY):
        project.settings.set(_KEY, value)


def open_points_of(project: Project) -> list[OpenPoints]:
    """What is kept of instances that are there, in the order of clicking.

    What was computed just before the program was killed is left out, as is what cannot be read.
    """
    kept = project.settings.get(_KEY)
    made = points_of(project.settings)
    found = []
    later: dict[tuple[CellKey, str], str] = {}
    for record in kept[:_MOST] if isinstance(kept, list) else ():
        with suppress(KeyError, TypeError, ValueError, AttributeError, OverflowError):
            one = _read(project, record)
            if one is None:
                continue
            place = one.prompt.key, one.before
            if mask := _made_mask(one, project.annotation, made):
                later[place] = mask
            else:
                # What was clicked later, over the same mask, is over the one that these have made.
                found.append(replace(one, before=later.get(place, one.before)))
    return found


def warn_of_open_points(project: Project) -> None:
    """Tell whoever uses the masks without a window that some are not computed."""
    if count := len(open_points_of(project)):
        masks = "a clicked mask that is" if count == 1 else f"{count} clicked masks that are"
        log.warning("%s has %s not computed yet: open it in the window for that.", project.path, masks)


def carry_open_points(project: Project, fresh: Project, places: Mapping[int, int]) -> None:
    """Keep in a project what is kept in the one that it was made from, or in the same one.

    Args:
        places: the new number of each frame whose masks are left, by its old one.

    Raises:
        UserError: the new project cannot be written.
    """
    note_open_points(fresh, list(_moved(open_points_of(project), places)))


def _moved(found: Iterable[OpenPoints], places: Mapping[int, int]) -> Iterable[OpenPoints]:
    for one in found:
        frame, instance = one.prompt.key
        if frame in places:
            moved = replace(one.prompt, key=CellKey(places[frame], instance))
            # Another project gives other identities.
            yield replace(one, prompt=moved, identity=None)


def _clicked(one: OpenPoints) -> Clicked:
    return Clicked(one.prompt, False, "", "")


def _read(project: Project, record: Mapping[str, Any]) -> OpenPoints | None:
    """The points of a record; None of an instance that is gone, or of a frame that the video has not."""
    key = CellKey(int(record["frame"]), int(record["instance"]))
    prompt = clicked_from(key, "", {**record, "corrects": False, "weights": ""}).prompt
    height, width = project.video.height, project.video.width
    inside = all(0 <= click.x < width and 0 <= click.y < height for click in prompt.clicks)
    fits = prompt.box is None or (prompt.box.area > 0 and prompt.box.clip(height, width) == prompt.box)
    identity = project.identities.get(key.instance, 0)
    same = int(record["identity"]) == identity
    there = key.instance in project.instances and 0 <= key.frame < project.video.length
    if not (there and same and inside and fits and (prompt.clicks or prompt.box)):
        return None
    return OpenPoints(prompt, str(record["before"]), identity)


def _made_mask(one: OpenPoints, annotation: Annotation, made: Mapping[CellKey, Sequence[Clicked]]) -> str:
    """The checksum of the cell's mask if it was made of these points, over the one that they were clicked on.

    Else it is empty.
    """
    of_these = {each.mask for each in made.get(one.prompt.key, ()) if each.prompt == one.prompt}
    if not of_these:
        return ""
    try:
        present = checksum(annotation.mask(*one.prompt.key))
    except UserError:
        return ""
    return present if present in of_these and present != one.before else ""
