"""The document that is open, and the one way to change it."""

from .session import Session

__all__ = ["Session"]
