"""The document that is open, and the one way to change it."""

from .mask_edits import Imported
from .session import Session

__all__ = ["Imported", "Session"]
