"""Where the frame lies in the widget: scale and place, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...engine.types import Box

MARGIN = 12.0
"""Least space around a fitted frame, in pixels of the widget."""
LARGEST_SCALE = 64.0
_SMALLEST_SIDE = 48.0
_ALWAYS_SEEN = 32.0


@dataclass(frozen=True, slots=True)
class Viewport:
    """A map from the frame's pixels to the widget's.

    Frame coordinates are continuous: pixel (i, j) covers [i, i + 1) x [j, j + 1).

    Attributes:
        scale: widget pixels a frame pixel.
        x, y: where the frame's top left corner is in the widget.
    """

    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0

    @classmethod
    def fitted(cls, size: tuple[int, int], room: tuple[int, int]) -> Viewport:
        """The whole frame, as large as possible and centred.

        Args:
            size: (width, height) of the frame.
            room: (width, height) of the widget.
        """
        space = (max(room[0] - 2 * MARGIN, 1.0), max(room[1] - 2 * MARGIN, 1.0))
        scale = min(space[0] / size[0], space[1] / size[1], LARGEST_SCALE)
        return cls(scale, (room[0] - size[0] * scale) / 2, (room[1] - size[1] * scale) / 2)

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        """The frame's point under a point of the widget."""
        return (x - self.x) / self.scale, (y - self.y) / self.scale

    def to_view(self, x: float, y: float) -> tuple[float, float]:
        """The widget's point over a point of the frame."""
        return x * self.scale + self.x, y * self.scale + self.y

    def covered(self, box: Box) -> tuple[float, float, float, float]:
        """A box of the frame in the widget: (x, y, width, height)."""
        x, y = self.to_view(box.x0, box.y0)
        return x, y, box.width * self.scale, box.height * self.scale

    def zoomed(self, factor: float, at: tuple[float, float], size: tuple[int, int]) -> Viewport:
        """Scaled within limits, with the frame's point under the widget's point `at` kept in place.

        Args:
            size: (width, height) of the frame.
        """
        least = min(_SMALLEST_SIDE / max(size), 1.0, self.scale)
        scale = min(max(self.scale * factor, least), LARGEST_SCALE)
        x, y = self.to_frame(*at)
        return Viewport(scale, at[0] - x * scale, at[1] - y * scale)

    def moved(self, dx: float, dy: float) -> Viewport:
        """Shifted in the widget."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    def kept_in_sight(self, size: tuple[int, int], room: tuple[int, int]) -> Viewport:
        """Shifted back so far that some of the frame stays in the widget."""
        x, y = (
            min(max(place, _ALWAYS_SEEN - side * self.scale), space - _ALWAYS_SEEN)
            for place, side, space in zip((self.x, self.y), size, room, strict=True)
        )
        return replace(self, x=x, y=y)

    def snapped(self, ratio: float) -> Viewport:
        """Shifted by less than a pixel of the screen, so that an unscaled frame is drawn sharp.

        Args:
            ratio: screen pixels a widget pixel.
        """
        return replace(self, x=round(self.x * ratio) / ratio, y=round(self.y * ratio) / ratio)
