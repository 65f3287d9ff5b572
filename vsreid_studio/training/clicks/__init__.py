"""Training of the click network."""

from .recipe import add_arguments, run

__all__ = ["add_arguments", "run"]
