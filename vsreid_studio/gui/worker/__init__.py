"""The engine's thread: jobs in, what happened out."""

from .jobs import Adapt, Notice, Outcome, Propagate, PropagateFrom, Propose, Source
from .runner import Runner

__all__ = [
    "Adapt",
    "Notice",
    "Outcome",
    "Propagate",
    "PropagateFrom",
    "Propose",
    "Runner",
    "Source",
]
