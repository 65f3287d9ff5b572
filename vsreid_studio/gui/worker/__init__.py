"""The engine's thread: jobs in, what happened out."""

from .jobs import Adapt, Carry, Notice, Outcome, Propagate, Settle, Source
from .runner import Runner

__all__ = [
    "Adapt",
    "Carry",
    "Notice",
    "Outcome",
    "Propagate",
    "Runner",
    "Settle",
    "Source",
]
