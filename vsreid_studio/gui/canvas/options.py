"""What a person can choose about drawing and about what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SMALLEST_BRUSH, LARGEST_BRUSH = 1.0, 600.0
"""Diameters in pixels of the frame."""


class Tool(StrEnum):
    """What the left button does."""

    CLICK = "click"
    BRUSH = "brush"
    ERASER = "eraser"
    LASSO = "lasso"
    POLYGON = "polygon"
    BOX = "box"
    GRAB = "grab"


class PaintMode(StrEnum):
    """Whether brush, lasso and polygon add to the instance or take from it; the eraser always takes."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """How the tools draw.

    Attributes:
        size: the brush's diameter, in pixels of the frame.
        mode: what brush, lasso and polygon do; the right button of brush and lasso always takes away.
    """

    size: float = 24.0
    mode: PaintMode = PaintMode.ADD

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", float(min(max(self.size, SMALLEST_BRUSH), LARGEST_BRUSH)))


@dataclass(frozen=True, slots=True)
class Display:
    """What lies over the picture, and how strongly.

    Attributes:
        opacity: of the instances' fill, in [0, 1].
        outline_only: leave the fill away.
        probability: show the selected instance's map as heat, the others as outlines.
        onion_skin: show the neighbour frame's masks faintly beneath.
    """

    opacity: float = 0.45
    outline_only: bool = False
    probability: bool = False
    onion_skin: bool = False
