"""The list of instances and what can be done to them."""

from .panel import InstancePanel

__all__ = ["InstancePanel"]
