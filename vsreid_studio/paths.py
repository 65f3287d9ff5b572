"""The only place that knows where `resources/` and `models/` are, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    """A top-level folder of the checkout; the wheel carries it inside the package."""
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def resources() -> Path:
    """Icons, style sheet and the demo clip."""
    return _shipped("resources")


def models() -> Path:
    """Shipped weights and `models.toml`."""
    return _shipped("models")
