"""Values that the engine hands out and takes in: frozen, with read-only arrays, so they may cross threads."""

from __future__ import annotations

from .cells import NO_CONTEXT, Candidates, Cell, CellKey, Click, ClickContext, Maker, Prediction
from .geometry import MAX_INSTANCE, NOWHERE, Box, Flow, Frame, LabelMap, Probability, read_only
from .soft_mask import SoftMask, StoredMap

__all__ = [
    "MAX_INSTANCE",
    "NOWHERE",
    "NO_CONTEXT",
    "Box",
    "Candidates",
    "Cell",
    "CellKey",
    "Click",
    "ClickContext",
    "Flow",
    "Frame",
    "LabelMap",
    "Maker",
    "Prediction",
    "Probability",
    "SoftMask",
    "StoredMap",
    "read_only",
]
