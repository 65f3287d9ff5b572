"""What the timeline shows: one plain object that the view fills, and its colours and sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPalette

from ...engine.events import Change
from ...engine.store.annotation import Annotation
from ...engine.types import CellKey
from .spans import CHECKPOINT, SpanTrack

LEVELS = 10
"""Steps of similarity that a box shows."""
_FEW = 64
"""Cells of an instance up to which a change is followed cell by cell."""


@dataclass(frozen=True)
class TimelineStyle:
    """What is painted with.

    Attributes:
        base, window: background of the rows, and of what frames them.
        text, muted, faint: writing and marks, secondary writing, hairlines.
        accent, accent_text: playhead and selection, and writing upon it.
        font, small: of names, and of figures.
        unit: the size of one pixel in a design made for a font 16 pixels high.
        row, bar: heights of a row and of its bar.
        ruler, strip: heights of the ruler and of the plot.
        names: width of the column of names.
    """

    base: QColor
    window: QColor
    text: QColor
    muted: QColor
    faint: QColor
    accent: QColor
    accent_text: QColor
    font: QFont
    small: QFont
    unit: float
    row: int
    bar: int
    ruler: int
    strip: int
    names: int

    @classmethod
    def of(cls, palette: QPalette, font: QFont) -> TimelineStyle:
        """The style for a palette, light or dark, and a font of any size."""
        base, text = palette.color(QPalette.ColorRole.Base), palette.color(QPalette.ColorRole.Text)
        small = QFont(font)
        # A font set in pixels, as style sheets do, has no size in points.
        if font.pixelSize() > 0:
            small.setPixelSize(max(1, round(font.pixelSize() * 0.85)))
        else:
            small.setPointSizeF(max(1.0, font.pointSizeF() * 0.85))
        high = QFontMetricsF(font).height()
        return cls(
            base,
            palette.color(QPalette.ColorRole.Window),
            text,
            mix(text, base, 0.4),
            mix(text, base, 0.84),
            palette.color(QPalette.ColorRole.Highlight),
            palette.color(QPalette.ColorRole.HighlightedText),
            font,
            small,
            high / 16,
            round(2.3 * high),
            round(0.95 * high),
            round(1.7 * high),
            round(4.6 * high),
            round(QFontMetricsF(font).averageCharWidth() * 22),
        )


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """A colour between two, opaque.

    Args:
        share: of the other, in [0, 1].
    """
    parts = zip(one.getRgb()[:3], other.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(a * (1 - share) + b * share) for a, b in parts))


def fade(colour: QColor, opacity: float) -> QColor:
    """The same colour, less opaque; in [0, 1]."""
    faded = QColor(colour)
    faded.setAlphaF(colour.alphaF() * opacity)
    return faded


class BoxState(StrEnum):
    """What became of a retrieved instance."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One instance as the timeline shows it.

    Attributes:
        number: of the instance, 1 to 254.
        name: what the person calls it.
        colour: of its cells.
        hidden: not shown on the canvas; its row is dimmed.
        locked: may not be changed; its row bears a padlock.
    """

    number: int
    name: str
    colour: QColor
    hidden: bool = False
    locked: bool = False


@dataclass(frozen=True, slots=True)
class TimelineBox:
    """A retrieved instance, drawn as a box on its row.

    Attributes:
        key: the cell where it was found again.
        similarity: to the instance's gallery, in [-1, 1].
        state: waiting for a person, accepted or rejected.
    """

    key: CellKey
    similarity: float
    state: BoxState = BoxState.WAITING

    @property
    def rank(self) -> tuple[bool, float]:
        """Sorts what a person should see first to the front."""
        return self.state is not BoxState.WAITING, -self.similarity


_STATES = list(BoxState)


class Boxes:
    """The retrieved instances of one row, by frame.

    Attributes:
        frames: (n,) intp, ascending.
        items: the boxes, in the same order.
        kinds: (n,) intp, what they look like: see `kind`.
    """

    def __init__(self, items: Iterable[TimelineBox] = ()) -> None:
        self.items = sorted(items, key=lambda box: box.key.frame)
        self.frames = np.array([box.key.frame for box in self.items], np.intp)
        self.kinds = np.array([_kind(box) for box in self.items], np.intp)
        ranked = sorted(range(len(self.items)), key=lambda n: self.items[n].rank)
        self._ranked = np.array(ranked, np.intp)
        self._rank = np.argsort(self._ranked)

    @staticmethod
    def kind(kind: int) -> tuple[BoxState, int]:
        """The state, and the similarity in steps of 1 / `LEVELS`, that a kind encodes."""
        return _STATES[kind // (LEVELS + 1)], kind % (LEVELS + 1)

    def shown(self, first: int, stop: int, slots: float) -> NDArray[np.intp]:
        """Of those in frames first..stop-1 the best one of each slot, by number, the best of all last.

        Args:
            slots: how many there are in a frame, mostly less than one; a frame is not parted into several.
        """
        left, right = np.searchsorted(self.frames, (first, stop))
        if left == right:
            return np.zeros(0, np.intp)
        slot = (self.frames[left:right] * min(1.0, slots)).astype(np.intp)
        begins = np.flatnonzero(np.diff(slot, prepend=-1))
        best = np.minimum.reduceat(self._rank[left:right], begins)
        numbers: NDArray[np.intp] = self._ranked[np.sort(best)[::-1]]
        return numbers

    def within(self, first: int, stop: int) -> list[TimelineBox]:
        """Those in frames first..stop-1."""
        left, right = np.searchsorted(self.frames, (first, stop))
        return self.items[left:right]


def _kind(box: TimelineBox) -> int:
    level = max(0, min(LEVELS, round(LEVELS * box.similarity)))
    return _STATES.index(box.state) * (LEVELS + 1) + level


@dataclass
class TimelineState:
    """All that is shown, apart from zoom and scroll position.

    Attributes:
        style: the style, colours and sizes.
        annotation: read only; its owner applies a change and then reports it.
        length: frames of the video.
        frame: where the playhead is.
        selected: the instance that is plotted, None for none.
        rows: the instances, from top to bottom.
        tracks: their cells as arrays.
        boxes: retrieved instances by row.
        hatched: frames that an acceptance would overwrite, as (first, stop), by row.
        similarity: (n,) best similarity of each frame's candidates by instance, NaN where unknown.
        chosen: the range selected, first and last frame, or None.
        running: the frames that the engine is at work on, or None.
    """

    style: TimelineStyle
    annotation: Annotation
    length: int = 0
    frame: int = 0
    selected: int | None = None
    rows: tuple[TimelineRow, ...] = ()
    tracks: dict[int, SpanTrack] = field(default_factory=dict)
    boxes: dict[int, Boxes] = field(default_factory=dict)
    hatched: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    similarity: dict[int, NDArray[np.floating]] = field(default_factory=dict)
    chosen: tuple[int, int] | None = None
    running: range | None = None

    def load(self, annotation: Annotation, rows: Sequence[TimelineRow]) -> None:
        """Read a whole annotation."""
        self.annotation, self.rows = annotation, tuple(rows)
        self.tracks = {k: SpanTrack.of(annotation.records(k)) for k in annotation.instances}

    def follow(self, change: Change) -> dict[int, Sequence[int]]:
        """Read the cells of a change again; the frames touched, by instance."""
        touched = dict(change.touched)
        for instance, frames in touched.items():
            if instance in self.tracks and len(frames) <= _FEW:
                self.tracks[instance].update(frames, self.annotation.row(instance))
            else:
                self.tracks[instance] = SpanTrack.of(self.annotation.records(instance))
        return touched

    def place(self, boxes: Iterable[TimelineBox]) -> None:
        """Sort retrieved instances into their rows."""
        sorted_in: dict[int, list[TimelineBox]] = {}
        for box in boxes:
            sorted_in.setdefault(box.key.instance, []).append(box)
        self.boxes = {instance: Boxes(items) for instance, items in sorted_in.items()}

    def row(self, instance: int | None) -> TimelineRow | None:
        """The row of an instance."""
        return next((row for row in self.rows if row.number == instance), None)

    def box(self, key: CellKey) -> TimelineBox | None:
        """The box in a cell."""
        boxes = self.boxes.get(key.instance)
        found = boxes.within(key.frame, key.frame + 1) if boxes else []
        return found[0] if found else None

    def checkpoint(self, step: int) -> int | None:
        """The next checkpoint after the current frame, or with step -1 the one before.

        Of the selected instance, or of all when none is selected.
        """
        numbers = [self.selected] if self.selected is not None else [row.number for row in self.rows]
        tracks = [self.tracks[k] for k in numbers if k in self.tracks]
        if step > 0:
            after = [track.flagged(CHECKPOINT, self.frame + 1) for track in tracks]
            return min((int(frames[0]) for frames in after if frames.size), default=None)
        before = [track.flagged(CHECKPOINT, 0, self.frame) for track in tracks]
        return max((int(frames[-1]) for frames in before if frames.size), default=None)

    def waiting(self, step: int, current: CellKey | None) -> CellKey | None:
        """The next waiting retrieval, or with step -1 the previous one; past the end, from the start again.

        Args:
            current: the one reached last; counts only while the playhead is at its frame.
        """
        shown = {row.number for row in self.rows}
        keys = sorted(
            box.key
            for number in shown & self.boxes.keys()
            for box in self.boxes[number].items
            if box.state is BoxState.WAITING
        )
        if not keys:
            return None
        if current is None or current.frame != self.frame:
            # Neither side of the frame has been passed yet, so what waits in it comes first.
            current = CellKey(self.frame, -1 if step > 0 else 1000)
        rest = [key for key in keys if (key > current if step > 0 else key < current)]
        order = (rest or keys) if step > 0 else (rest or keys)[::-1]
        return order[0]
