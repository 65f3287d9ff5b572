"""What a person can do to a document, as changes that are worked out and not yet applied.

Every change of masks goes through `engine.store.annotation.edit`, so that what was derived from a mask
goes with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Protocol

import numpy as np

from ..engine.events import Change
from ..engine.store.annotation import Annotation, edit
from ..engine.types import MAX_INSTANCE, Cell, CellKey, Maker, SoftMask
from ..engine.types.stepwise import Poll
from ..errors import Refusal, UserError
from ..formats.annotations import GivenMasks, first_cells
from ..formats.classes import joined, number_of, plain
from ..project import Instance
from ..project.schema import default_name
from .theme import DEFAULT_COLOURS, default_colour

IMPORT_LABEL = "import masks"
IMPORT_CHANGED = "Something was changed after the import: undo it, or import the masks again."


class DocumentView(Protocol):
    """What an edit is worked out from: a project, or what the window shows of it."""

    @property
    def annotation(self) -> Annotation:
        """The cells and decisions."""
        ...

    @property
    def instances(self) -> Mapping[int, Instance]:
        """By number, in the person's order."""
        ...

    @property
    def categories(self) -> Mapping[int, str]:
        """The names of the classes by number."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """One step of undo.

    Attributes:
        change: of cells and decisions, as it follows from what it was worked out from.
        instances: what becomes of instances; None removes.
        categories: what becomes of the list of classes; None removes.
        asked: the cells that the person changed, where `change` also drops what was derived from them.
        reviewed: cells that the person has looked at, see `Project.apply`.
        seen: the instances as the person saw them; what the edit leaves of them as it is stays as it is
            where the edit comes in, too. Without them `instances` counts as a whole.
    """

    change: Change
    instances: Mapping[int, Instance | None] = field(default_factory=dict)
    asked: Mapping[CellKey, Cell | None] | None = None
    categories: Mapping[int, str | None] = field(default_factory=dict)
    reviewed: Collection[CellKey] = ()
    seen: Mapping[int, Instance] = field(default_factory=dict)

    @property
    def lists(self) -> bool:
        """Whether the list of instances or of classes changes."""
        return bool(self.instances or self.categories)

    def upon(self, annotation: Annotation) -> Change:
        """The change, worked out again from what is there now."""
        if self.asked is not None:
            whole = edit(annotation, self.change.label, self.asked)
            return annotation.decide(whole, self.change.decisions_after)
        whole = annotation.set_cells(self.change.label, self.change.after)
        return annotation.decide(whole, self.change.decisions_after)

    def instances_upon(self, present: Mapping[int, Instance]) -> dict[int, Instance | None]:
        """What becomes of instances that may be others now than those seen; without those that are gone."""
        made: dict[int, Instance | None] = {}
        for number, one in self.instances.items():
            seen, now = self.seen.get(number), present.get(number)
            if one is None or seen is None:
                made[number] = one
            elif now is not None:
                names = (each.name for each in fields(one))
                new = {n: getattr(one, n) for n in names if getattr(one, n) != getattr(seen, n)}
                made[number] = replace(now, **new)
        return made


def _asked(
    document: DocumentView,
    label: str,
    cells: Mapping[CellKey, Cell | None],
    new: Mapping[int, Instance | None] | None = None,
    categories: Mapping[int, str | None] | None = None,
) -> Edit:
    return Edit(edit(document.annotation, label, cells), new or {}, cells, categories or {})


COMPARED = "Two rounds are compared: end the comparison (Esc) to change masks."


def no_instance(number: int) -> str:
    """Why nothing can be done to an instance that was deleted."""
    return f"There is no instance {number} any more."


def refuse_locked(document: DocumentView, number: int) -> None:
    """Make sure that the masks of an instance may be changed.

    Raises:
        Refusal: it is locked.
        UserError: it is not there.
    """
    one = document.instances.get(number)
    if one is None:
        raise UserError(no_instance(number))
    if one.locked:
        raise Refusal(f"{one.name} is locked: unlock it to change its masks.")


def new_instance(
    known: Mapping[int, Instance],
    number: int | None = None,
    name: str | None = None,
    colours: Sequence[str] = DEFAULT_COLOURS,
    reserved: Collection[int] = (),
) -> Instance:
    """An instance that is not there yet, at the end of the list.

    Args:
        number: its own, None for the lowest that is free.
        colours: '#rrggbb' to choose from, by its number.
        reserved: numbers that are not free, beside those of `known`.

    Raises:
        Refusal: there are as many as masks can number.
    """
    if number is None:
        free = (n for n in range(1, MAX_INSTANCE + 1) if n not in known and n not in reserved)
        number = next(free, None)
        if number is None:
            raise Refusal(f"There are {MAX_INSTANCE} instances, and masks cannot number more.")
    order = max((one.order for one in known.values()), default=0) + 1
    colour = default_colour(number, colours).name()
    return Instance(number, plain(name or "") or default_name(number), colour, order=order)


def draw(document: DocumentView, frame: int, instance: int, mask: SoftMask, label: str) -> Edit:
    """A person's mask: pinned. An empty one says that the instance is not in this frame."""
    cell = Cell(mask, frame, pinned=True, made_by=Maker.PERSON)
    return _asked(document, label, {CellKey(frame, instance): cell})


def mark_absent(document: DocumentView, instance: int, frames: Iterable[int]) -> Edit:
    """'Not in this frame', in each of these."""
    cells: dict[CellKey, Cell | None] = {
        CellKey(frame, instance): Cell(SoftMask.empty(), frame, pinned=True, made_by=Maker.PERSON)
        for frame in frames
        if not _absent(document.annotation.get(frame, instance))
    }
    name = document.instances[instance].name
    if not cells:
        raise Refusal(f"{name} is marked as not in this frame already. Clear the frame to remove the mark.")
    return _asked(document, f"mark {name} absent", cells)


def _absent(cell: Cell | None) -> bool:
    return cell is not None and cell.pinned and not cell.mask.box.area


def approve(document: DocumentView, frame: int, instances: Iterable[int]) -> Edit:
    """Pin what is there as it is; who made it is remembered."""
    found = ((CellKey(frame, k), document.annotation.get(frame, k)) for k in instances)
    cells: dict[CellKey, Cell | None] = {
        key: replace(cell, origin=frame, pinned=True, confidence=1.0, second=None)
        for key, cell in found
        if cell is not None and not cell.pinned
    }
    if not cells:
        raise Refusal(f"Frame {frame} has no mask that is not approved yet.")
    return _asked(document, "approve", cells)


def clear(document: DocumentView, instances: Iterable[int], first: int, last: int) -> Edit:
    """Remove all masks of a range of frames, and those derived from them."""
    cells: dict[CellKey, Cell | None] = {
        CellKey(frame, k): None
        for k in instances
        for frame in document.annotation.row(k)
        if first <= frame <= last
    }
    if not cells:
        raise Refusal("There is no mask to clear in this range.")
    return _asked(document, f"clear frames {first} to {last}", cells)


def delete(document: DocumentView, number: int) -> Edit:
    """Remove an instance with its masks and decisions.

    Raises:
        UserError: it is locked, or not there.
    """
    refuse_locked(document, number)
    cells = {CellKey(frame, number): None for frame in document.annotation.row(number)}
    decided = {key: None for key in document.annotation.decisions if key.instance == number}
    change = document.annotation.set_cells(f"delete {document.instances[number].name}", cells)
    return Edit(document.annotation.decide(change, decided), {number: None})


def merge_into(document: DocumentView, source: int, target: int) -> Edit:
    """Let one instance become part of another; where both have a mask, it is their union.

    Raises:
        UserError: one of them is locked, or not there.
    """
    for number in (source, target):
        refuse_locked(document, number)
    annotation = document.annotation
    cells: dict[CellKey, Cell | None] = {}
    for frame, cell in annotation.row(source).items():
        other = annotation.get(frame, target)
        cells[CellKey(frame, source)] = None
        cells[CellKey(frame, target)] = cell if other is None else _union(frame, other, cell)
    decided = {key: None for key in annotation.decisions if key.instance == source}
    names = document.instances
    # Not by `edit`: the checkpoints of both live on in the target, and so does what was derived from them.
    change = annotation.set_cells(f"merge {names[source].name} into {names[target].name}", cells)
    return Edit(annotation.decide(change, decided), {source: None})


def _union(frame: int, one: Cell, other: Cell) -> Cell:
    """Both masks in one cell, derived from the nearer of their checkpoints.

    Where only one of them has a mask, that cell stays as it is: that the other is not there says nothing of
    this mask, which is neither approved by it nor made by a person.
    """
    filled = [cell for cell in (one, other) if cell.mask.box.area]
    if len(filled) == 1:
        return filled[0]
    near = min(one, other, key=lambda cell: (abs(cell.origin - frame), not cell.pinned))
    mask = one.mask
    if filled:
        box = one.mask.box.union(other.mask.box)
        both = np.maximum(one.mask.inside(box), other.mask.inside(box))
        mask = SoftMask.from_dense(both, (box.x0, box.y0))
    pinned = one.pinned or other.pinned
    return replace(
        near,
        mask=mask,
        pinned=pinned,
        origin=frame if pinned else near.origin,
        second=None if pinned else near.second,
        confidence=min(one.confidence, other.confidence),
    )


def reorder(known: Mapping[int, Instance], numbers: Sequence[int]) -> Edit:
    """The instances in another order."""
    moved = {n: replace(known[n], order=place) for place, n in enumerate(numbers)}
    return Edit(Change("reorder"), {n: one for n, one in moved.items() if one != known[n]})


def set_class(document: DocumentView, number: int, name: str | None) -> Edit:
    """Give an instance a class, which joins the list where it is new; None for no class.

    Raises:
        UserError: the instance is gone.
    """
    one = document.instances.get(number)
    if one is None:
        raise UserError(no_instance(number))
    name = plain(name or "")
    listed = joined(document.categories, {1: name}) if name else document.categories
    changed = replace(one, category=number_of(listed, name))
    change = Change(f"class of {one.name}")
    return Edit(change, {number: changed}, categories=_added(document, listed))


def add_classes(document: DocumentView, given: Mapping[int, str]) -> Edit:
    """Add classes to the list, see `formats.classes.joined`.

    Raises:
        Refusal: all of them are in it already.
    """
    listed = {number: name for number, name in ((n, plain(name)) for n, name in given.items()) if name}
    added = _added(document, joined(document.categories, listed))
    if not added:
        raise Refusal("The list has all of these classes already.")
    return Edit(Change("add a class" if len(added) == 1 else f"add {len(added)} classes"), categories=added)


def rename_class(document: DocumentView, number: int, old: str, name: str) -> Edit:
    """Give a class another name; the instances that have it keep it.

    Args:
        old: the name that it has now.

    Raises:
        UserError: the class is gone.
        Refusal: the new name has no letters, or is that of another class.
    """
    _refuse_other_class(document, number, old)
    name = plain(name)
    if not name:
        raise Refusal("A class needs a name.")
    if number_of(document.categories, name) not in {None, number}:
        raise Refusal(f"There is a class {name} already.")
    return Edit(Change("rename a class"), categories={number: name})


def remove_class(document: DocumentView, number: int, name: str) -> Edit:
    """Take a class off the list; the instances that have it are left without.

    Args:
        name: that it has now.

    Raises:
        UserError: the class is gone.
    """
    _refuse_other_class(document, number, name)
    without = {
        n: replace(one, category=None) for n, one in document.instances.items() if one.category == number
    }
    return Edit(Change(f"remove the class {name}"), without, categories={number: None})


def _refuse_other_class(document: DocumentView, number: int, name: str) -> None:
    """An undo may have given the number to another class since the person chose it."""
    if document.categories.get(number) != name:
        raise UserError(f"There is no class {name} any more.")


def _added(document: DocumentView, listed: Mapping[int, str]) -> dict[int, str | None]:
    return {number: name for number, name in listed.items() if number not in document.categories}


def import_masks(
    document: DocumentView,
    given: GivenMasks,
    cells: dict[CellKey, Cell | None],
    label: str = IMPORT_LABEL,
    *,
    machine: bool = False,
    drawn: Collection[CellKey] = (),
    poll: Poll | None = None,
) -> Edit:
    """Given masks as pinned ones, and an instance for each number that is new.

    Args:
        cells: an empty mapping that takes the cells. They live as long as the caller keeps them there.
        drawn: cells that a person has drawn since they asked for the import; these stay.
        machine: as unreviewed masks: not pinned, derived from the first one of each instance,
            so that a correction propagates over them. What a person pinned stays.
        poll: see `stepwise.interruptible`.

    Raises:
        UserError: an instance is locked.
    """
    for number in given.numbers:
        if number in document.instances:
            refuse_locked(document, number)
    first = _first_frames(given, document.annotation) if machine else {}
    for frame in given.masks:
        if poll is not None:
            poll()
        for key, cell in first_cells({frame: given.masks[frame]}).items():
            if key in drawn:
                continue
            if not machine:
                cells[key] = cell
            elif not document.annotation.pinned(*key):
                cells[key] = replace(cell, pinned=False, origin=first[key.instance])
    known, listed = dict(document.instances), document.categories
    for number in given.numbers:
        if number not in known or _is_blank(document, number):
            name = given.classes.get(number)
            listed = joined(listed, {1: name}) if name else listed
            one = known.get(number) or new_instance(known, number)
            category = number_of(listed, name) if name else one.category
            known[number] = replace(
                one, name=plain(given.names.get(number, "")) or one.name, category=category
            )
    new: dict[int, Instance | None] = {n: one for n, one in known.items() if one != document.instances.get(n)}
    change = edit(document.annotation, label, cells, poll)
    return Edit(change, new, cells, _added(document, listed))


def _is_blank(document: DocumentView, number: int) -> bool:
    """Whether an instance is as it was added, as the first one is when a clip is opened: nobody made it."""
    return document.instances[number].is_blank and not document.annotation.row(number)


def _first_frames(given: GivenMasks, annotation: Annotation) -> dict[int, int]:
    """The first frame in which each instance has a mask and is not marked as absent, by its number."""
    first: dict[int, int] = {}
    for frame, there in given.masks.items():
        for instance in there:
            if not _absent(annotation.get(frame, instance)):
                first[instance] = min(frame, first.get(instance, frame))
    return first
