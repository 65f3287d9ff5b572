"""Training of N_reid, the embedding network."""

from .recipe import add_arguments, run

__all__ = ["add_arguments", "run"]
