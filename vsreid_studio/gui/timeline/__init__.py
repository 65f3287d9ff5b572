"""The timeline: a widget that knows Qt and the engine's types, and nothing of session or thread."""

from .state import BoxState, TimelineBox, TimelineRow
from .view import TimelineView

__all__ = ["BoxState", "TimelineBox", "TimelineRow", "TimelineView"]
