"""The timeline: a widget that knows Qt and the engine's types, and nothing of session or thread."""

from .types import BoxState, Row, TimelineBox
from .view import TimelineView

__all__ = ["BoxState", "Row", "TimelineBox", "TimelineView"]
