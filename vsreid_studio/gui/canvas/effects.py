"""What tools are told and what they ask for: plain values in the frame's pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ...engine.types import Box, Click
from .stroke import Point


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


Effect: TypeAlias = Begin | Segment | Area | End | Abort | DrawBox | AskPoints | TakePoints
Effects: TypeAlias = tuple[Effect, ...]
