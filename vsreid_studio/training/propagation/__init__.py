"""Training of N_mp, the mask propagation network."""

from .recipe import add_arguments, run

__all__ = ["add_arguments", "run"]
