"""All that takes part in undo, between Python's values and the rows of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..engine.events import Change, Decision
from ..engine.types import Cell, CellKey
from . import codec
from .records import Adaptation, Instance, VideoRef
from .schema import ADAPTATION, CELLS, DECISIONS, INSTANCES, Rows, Table


@dataclass(frozen=True, slots=True)
class Contents:
    """Cells, decisions, instances and the adaptation; None where there is none.

    Of the adaptation there is one, in slot 0, or none.
    """

    cells: Mapping[CellKey, Cell | None]
    decisions: Mapping[CellKey, Decision | None]
    instances: Mapping[int, Instance | None]
    adaptation: Mapping[int, Adaptation | None]


def encode(
    change: Change,
    instances: Mapping[int, Instance | None],
    adaptation: Mapping[int, Adaptation | None],
    video: VideoRef,
) -> dict[Table, Rows]:
    """The rows that put a change, these instances and this adaptation in place.

    Raises:
        ValueError: something does not fit into the video, or an instance stands under another's number.
    """
    if any(one is not None and one.number != number for number, one in instances.items()):
        raise ValueError("an instance is named by its own number")
    return {
        CELLS: {
            (int(key.frame), int(key.instance)): None if cell is None else codec.cell_row(key, cell, video)
            for key, cell in change.after.items()
        },
        DECISIONS: {
            (int(key.frame), int(key.instance)): None if one is None else codec.decision_row(key, one, video)
            for key, one in change.decisions_after.items()
        },
        INSTANCES: {
            (number,): None if one is None else codec.instance_row(one) for number, one in instances.items()
        },
        ADAPTATION: {
            (slot,): None if one is None else codec.adaptation_row(one) for slot, one in adaptation.items()
        },
    }


def decode(rows: Mapping[Table, Rows], video: VideoRef) -> Contents:
    """What rows hold.

    Raises:
        ValueError, TypeError: a row is damaged.
    """
    cells: dict[CellKey, Cell | None] = {}
    decisions: dict[CellKey, Decision | None] = {}
    for (frame, instance), row in rows[CELLS].items():
        key = CellKey(frame, instance)
        cells[key] = None if row is None else codec.read_cell(key, row, video)
    for (frame, instance), row in rows[DECISIONS].items():
        key = CellKey(frame, instance)
        decisions[key] = None if row is None else codec.read_decision(key, row, video)
    instances = {
        number: None if row is None else codec.read_instance(number, row)
        for (number,), row in rows[INSTANCES].items()
    }
    adaptation = {
        slot: None if row is None else codec.read_adaptation(row) for (slot,), row in rows[ADAPTATION].items()
    }
    return Contents(cells, decisions, instances, adaptation)
