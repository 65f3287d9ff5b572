"""A short annotation in which everything occurs that a timeline can show."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtGui import QColor

from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Box, Cell, CellKey, Maker, SoftMask
from vsreid_studio.gui.timeline import BoxState, TimelineBox, TimelineRow, TimelineView

LENGTH = 120
RIDER, BIKE = 1, 2
ROWS = (
    TimelineRow(RIDER, "rider", QColor("#0072b2")),
    TimelineRow(BIKE, "bike", QColor("#e69f00"), locked=True),
)


def mask(size: int = 4) -> SoftMask:
    return SoftMask(Box(0, 0, size, size), np.full((size, size), 255, np.uint8))


def annotation() -> Annotation:
    """Rider: origins 0, 30 (drawn), 55 (recovered), a gap from 40. Bike: 0, 90, a stray piece of 0."""
    cells: dict[CellKey, Cell] = {}

    def fill(instance: int, origin: int, frames: range, decay: float = 0.018) -> None:
        for frame in frames:
            distance = abs(frame - origin)
            sure = max(0.05, 0.98 - decay * distance)
            cells[CellKey(frame, instance)] = Cell(
                mask(12 + round(5 * math.sin(frame / 8))), origin, confidence=sure
            )

    fill(RIDER, 0, range(1, 16))
    fill(RIDER, 30, range(16, 43))
    fill(RIDER, 55, range(43, 100))
    cells[CellKey(0, RIDER)] = Cell(mask(), 0, pinned=True, made_by=Maker.PERSON)
    cells[CellKey(30, RIDER)] = Cell(mask(), 30, pinned=True, made_by=Maker.PERSON)
    cells[CellKey(55, RIDER)] = Cell(mask(), 55, made_by=Maker.RECOVERY, confidence=0.9, similarity=0.86)
    for frame in range(40, 50):
        origin = cells[CellKey(frame, RIDER)].origin
        cells[CellKey(frame, RIDER)] = Cell(SoftMask.empty(), origin, confidence=0.4)
    cells[CellKey(104, RIDER)] = Cell(SoftMask.empty(), 104, pinned=True, made_by=Maker.PERSON)
    fill(BIKE, 0, range(1, 60), 0.008)
    fill(BIKE, 90, range(70, 120), 0.012)
    fill(BIKE, 0, range(62, 66), 0.008)
    cells[CellKey(0, BIKE)] = Cell(mask(), 0, pinned=True, made_by=Maker.IMPORT)
    cells[CellKey(90, BIKE)] = Cell(mask(), 90, pinned=True, made_by=Maker.RECOVERY, similarity=0.8)
    return Annotation(LENGTH, cells)


BOXES = (
    TimelineBox(CellKey(55, RIDER), 0.86, BoxState.ACCEPTED),
    TimelineBox(CellKey(80, RIDER), 0.78),
    TimelineBox(CellKey(112, RIDER), 0.55),
    TimelineBox(CellKey(24, RIDER), 0.62, BoxState.REJECTED),
    TimelineBox(CellKey(68, BIKE), 0.35, BoxState.REJECTED),
    TimelineBox(CellKey(40, BIKE), 0.9),
)


def dress(view: TimelineView) -> None:
    """Show the whole scene."""
    view.set_annotation(annotation(), ROWS)
    view.set_retrievals(BOXES)
    view.set_selected(RIDER)
    view.set_hatched({RIDER: range(68, 92)})
    similarity = np.abs(np.sin(np.arange(LENGTH) / 9)) * 0.9
    similarity[::7] = np.nan
    view.set_similarity(RIDER, similarity)
    view.set_running(range(60, 92))
    view.set_frame(47)
