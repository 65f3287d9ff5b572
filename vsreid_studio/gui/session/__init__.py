"""The document that is open, and the one way to change it."""

from .session import Imported, Session

__all__ = ["Imported", "Session"]
