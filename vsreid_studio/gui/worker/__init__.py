"""The engine's thread: jobs in, what happened out."""

from .jobs import BoxSelect, Cut, Notice, Outcome, Propagate, Queue, Source
from .runner import Runner

__all__ = ["BoxSelect", "Cut", "Notice", "Outcome", "Propagate", "Queue", "Runner", "Source"]
