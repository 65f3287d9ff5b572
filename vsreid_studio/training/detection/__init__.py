"""Training of N_det, the detector."""

from .recipe import add_arguments, run

__all__ = ["add_arguments", "run"]
