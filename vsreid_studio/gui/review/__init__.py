"""What was found again, waiting for a person's judgement."""

from .panel import ReviewPanel

__all__ = ["ReviewPanel"]
