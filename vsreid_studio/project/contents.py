"""All that takes part in undo: as rows of the project file, as values, and as it is in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..engine.events import Change, Decision
from ..engine.store.annotation import Annotation
from ..engine.store.maps import MapCache
from ..engine.types import Cell, CellKey
from .records import Adaptation, Instance, VideoRef
from .rows import (
    adaptation_row,
    category_row,
    cells_of,
    decision_row,
    instance_row,
    read_adaptation,
    read_category,
    read_decision,
    read_instance,
    read_reviewed,
)
from .schema import ADAPTATION, CATEGORIES, CELLS, DECISIONS, INSTANCES, REVIEWED, Rows, Table


@dataclass(frozen=True, slots=True)
class Contents:
    """Cells, decisions, instances, the adaptation, names of classes and what was reviewed; None for no row.

    Of the adaptation there is one, in slot 0, or none. What was reviewed is a map by its number, 0 for an
    empty one.
    """

    cells: Mapping[CellKey, Cell | None]
    decisions: Mapping[CellKey, Decision | None]
    instances: Mapping[int, Instance | None]
    adaptation: Mapping[int, Adaptation | None]
    categories: Mapping[int, str | None]
    reviewed: Mapping[CellKey, int | None]


def read_contents(rows: Mapping[Table, Rows], video: VideoRef, maps: MapCache) -> Contents:
    """What rows hold.

    Raises:
        ValueError, TypeError: a row is damaged.
    """
    decisions: dict[CellKey, Decision | None] = {}
    for (frame, instance), row in rows[DECISIONS].items():
        key = CellKey(frame, instance)
        decisions[key] = None if row is None else read_decision(key, row, video)
    return Contents(
        cells_of(rows[CELLS], video, maps),
        decisions,
        {
            number: None if row is None else read_instance(number, row)
            for (number,), row in rows[INSTANCES].items()
        },
        {slot: None if row is None else read_adaptation(row) for (slot,), row in rows[ADAPTATION].items()},
        {
            number: None if row is None else read_category(number, row)
            for (number,), row in rows[CATEGORIES].items()
        },
        {
            CellKey(*key): None if row is None else read_reviewed(CellKey(*key), row, video)
            for key, row in rows[REVIEWED].items()
        },
    )


def rows_beside_cells(
    decisions: Mapping[CellKey, Decision | None],
    instances: Mapping[int, Instance | None],
    adaptation: Mapping[int, Adaptation | None],
    categories: Mapping[int, str | None],
    video: VideoRef,
) -> dict[Table, Rows]:
    """The rows of all that a change touches but cells and what was reviewed; None deletes."""
    return {
        DECISIONS: {
            plain(key): None if one is None else decision_row(CellKey(*plain(key)), one, video)
            for key, one in decisions.items()
        },
        INSTANCES: {(n,): None if one is None else instance_row(one) for n, one in instances.items()},
        ADAPTATION: {(n,): None if one is None else adaptation_row(one) for n, one in adaptation.items()},
        CATEGORIES: {(n,): None if name is None else category_row(n, name) for n, name in categories.items()},
    }


class ProjectState:
    """What takes part in undo, as it is on disk.

    Attributes:
        annotation: cells and decisions.
        adaptation: what N_mp has learnt of this video, if it was adapted.
        reviewed_maps: numbers of the maps that a person has looked at and left, by cell; nobody changes it.
    """

    def __init__(self, length: int, records: NDArray[np.void], held: Contents, maps: MapCache) -> None:
        """Args:
        length: frames of the video.
        records: the index of cells, see `Annotation.load`.
        held: everything else.
        maps: read the maps of cells.
        """
        decisions = {key: one for key, one in held.decisions.items() if one is not None}
        self.annotation = Annotation.load(length, records, decisions, maps)
        self._instances: dict[int, Instance] = {}
        self._categories: dict[int, str] = {}
        self.adaptation: Adaptation | None = None
        self.reviewed_maps: Mapping[CellKey, int] = MappingProxyType({})
        self.place(held.instances, held.categories, held.adaptation, held.reviewed)

    @property
    def instances(self) -> Mapping[int, Instance]:
        """The instances by number, in the person's order; a copy."""
        ordered = sorted(self._instances.values(), key=lambda one: (one.order, one.number))
        return MappingProxyType({one.number: one for one in ordered})

    @property
    def categories(self) -> Mapping[int, str]:
        """The names of the classes that instances may have, by number, ascending; a copy."""
        return MappingProxyType(dict(sorted(self._categories.items())))

    @property
    def reviewed(self) -> frozenset[CellKey]:
        """The cells whose present masks a person has looked at and left; drawn and approved ones aside."""
        return still_reviewed(self.reviewed_maps, self.annotation)

    def place(
        self,
        instances: Mapping[int, Instance | None],
        categories: Mapping[int, str | None],
        adaptation: Mapping[int, Adaptation | None],
        reviewed: Mapping[CellKey, int | None],
    ) -> None:
        """Put in place what a committed change did beside cells and decisions; None removes."""
        for number, one in instances.items():
            if one is None:
                self._instances.pop(number, None)
            else:
                self._instances[number] = one
        for number, name in categories.items():
            if name is None:
                self._categories.pop(number, None)
            else:
                self._categories[number] = name
        self.adaptation = adaptation.get(0, self.adaptation)
        if reviewed:
            both = {**self.reviewed_maps, **reviewed}
            self.reviewed_maps = MappingProxyType(
                {k: number for k, number in both.items() if number is not None}
            )

    def change_to(self, held: Contents, label: str) -> Change:
        """The change of the annotation that puts cells and decisions in place; nothing is applied yet."""
        return self.annotation.decide(self.annotation.set_cells(label, held.cells), held.decisions)


def still_reviewed(maps: Mapping[CellKey, int], annotation: Annotation) -> frozenset[CellKey]:
    """The cells that have the map with which they were reviewed.

    Args:
        maps: numbers of maps, see `Project.reviewed_maps`.
    """
    there = {k: annotation.records(k)["map"] for k in annotation.instances} if maps else {}
    return frozenset(
        key
        for key, number in maps.items()
        if key.instance in there and there[key.instance][key.frame] == number
    )


def plain(key: CellKey) -> tuple[int, int]:
    """Numbers that SQLite takes, whatever NumPy made of them."""
    return int(key.frame), int(key.instance)
