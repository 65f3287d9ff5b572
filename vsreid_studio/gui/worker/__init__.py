"""The engine's thread: jobs in, what happened out."""

from ...engine.events import Queue
from .jobs import Adapt, BoxSelect, Cut, Notice, Outcome, Propagate, Source
from .runner import Runner

__all__ = ["Adapt", "BoxSelect", "Cut", "Notice", "Outcome", "Propagate", "Queue", "Runner", "Source"]
