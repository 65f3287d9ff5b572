"""The comparison with a ground truth, kept up to date while a person works."""

from .comparison import Comparison

__all__ = ["Comparison"]
