"""The canvas: a frame with its masks to draw on. It knows the engine's types, but no document and no run."""

from .types import Display, PaintMode, Tool, ToolOptions
from .view import CanvasView

__all__ = ["CanvasView", "Display", "PaintMode", "Tool", "ToolOptions"]
