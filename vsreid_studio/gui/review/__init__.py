"""What was found again, waiting for a person's judgement."""

from .dock import ReviewDock
from .panel import ReviewPanel

__all__ = ["ReviewDock", "ReviewPanel"]
