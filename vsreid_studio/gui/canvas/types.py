"""Plain values of the canvas: what a person chooses, and the input and output of tools, in frame pixels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ...engine.types import Box, Click
from .stroke import Point

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


@dataclass(frozen=True, slots=True)
class Pointer:
    """The mouse over the frame.

    Attributes:
        at: where, in the frame; may lie outside it.
        right: whether the right button is meant.
        straight: whether Shift is held.
        reach: how far away a point still counts as hit, in pixels of the frame.
    """

    at: Point
    right: bool = False
    straight: bool = False
    reach: float = 1.0


@dataclass(frozen=True, slots=True)
class Begin:
    """A stroke begins; it ends with `End` or `Abort`."""

    label: str
    removes: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """Paint a segment with the brush."""

    start: Point
    end: Point


@dataclass(frozen=True, slots=True)
class Area:
    """Paint what a closed line encloses."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class End:
    """The stroke is done."""


@dataclass(frozen=True, slots=True)
class Abort:
    """The stroke never was."""


@dataclass(frozen=True, slots=True)
class DrawBox:
    """A box was dragged open; it may reach outside the frame."""

    box: Box


@dataclass(frozen=True, slots=True)
class AskPoints:
    """The points have changed: ask what they make; without any, show the mask as it was.

    Attributes:
        points: in the order in which they were made.
        box: drawn around the instance before the first point, or None.
    """

    points: tuple[Click, ...]
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class TakePoints:
    """Keep what the points have made."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The gesture came to nothing.

    Attributes:
        reason: a sentence that says what to do.
    """

    reason: str


Effect: TypeAlias = Begin | Segment | Area | End | Abort | DrawBox | AskPoints | TakePoints | Refuse
Effects: TypeAlias = tuple[Effect, ...]
