"""Many clips at once: a folder or data set, how far each clip is, and what is to be looked at in all."""

from .panel import ClipPanel

__all__ = ["ClipPanel"]
