"""The engine's thread: jobs in, what happened out."""

from .jobs import Adapt, BoxSelect, Carry, Cut, Notice, Outcome, Propagate, Settle, Source
from .runner import Runner

__all__ = [
    "Adapt",
    "BoxSelect",
    "Carry",
    "Cut",
    "Notice",
    "Outcome",
    "Propagate",
    "Runner",
    "Settle",
    "Source",
]
