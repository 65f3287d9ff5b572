"""What the click network is told of the video: other instances, the next frame, and a trusted one."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PySide6.QtCore import QObject, Signal

from ...engine.extensions.clicked_masks import neighbour
from ...engine.types import Cell, CellKey, ClickContext, Frame, SoftMask
from ..frames import FrameLoader
from ..session import Session

_AROUND = "frames around a click"
"""Marks what is asked of the loader of frames."""


class ClickContexts(QObject):
    """Makes the contexts of clicks; the frames that they need are decoded by the loader.

    Signals:
        grown(): a frame was decoded, so the context of the same cell tells more now.
    """

    grown = Signal()

    def __init__(self, session: Session, loader: FrameLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._loader = session, loader
        self._wanted: set[int] = set()
        self._frames: dict[int, Frame] = {}
        # Not asked for again: each time would be reported as an error.
        self._unreadable: set[int] = set()
        # With the cells that it was made of: while somebody holds a cell, it is the same object.
        self._last: tuple[ClickContext, tuple[Cell, ...]] | None = None
        loader.done.connect(self._take_frame)
        loader.missed.connect(self._miss_frame)

    @property
    def known_frames(self) -> Collection[int]:
        """The frames around the last cell that are decoded."""
        return self._frames.keys()

    def of(self, key: CellKey) -> ClickContext:
        """What the video tells of a cell, as far as its frames are decoded; the others are asked for.

        Returns the same object while nothing of it changes: what the network makes of it is then remembered.
        """
        self._want(self.around(key))
        found, cells = self._made(key, self._frames)
        if self._last is None or not _same(self._last[0], found):
            self._last = found, cells
        return self._last[0]

    def identity(self, instance: int) -> int | None:
        """What tells an instance from others of the same number; None while it is not on disk yet."""
        shown = self._session.edits.shown
        return None if shown is None else shown.identities([instance]).get(instance)

    def is_there(self, instance: int, identity: int | None) -> bool:
        """Whether an instance is still there, and not another one of its number.

        Args:
            identity: that it had, None where it was not known yet.
        """
        there = instance in self._session.instances
        return there and identity in {None, self.identity(instance)}

    def around(self, key: CellKey) -> set[int]:
        """The frames that the context of a cell needs."""
        found = {neighbour(key.frame, self._loader.length)}
        return {it for it in found | {self._drawn(key)} if it is not None}

    def made(self, key: CellKey, frames: Mapping[int, Frame]) -> ClickContext:
        """What the video tells of a cell, by frames that the caller has decoded; see `around`."""
        return self._made(key, frames)[0]

    def _drawn(self, key: CellKey) -> int | None:
        return self._session.annotation.nearest_drawn(key.instance, key.frame)

    def _made(self, key: CellKey, frames: Mapping[int, Frame]) -> tuple[ClickContext, tuple[Cell, ...]]:
        """A context, and the cells that it is made of."""
        beside, drawn = neighbour(key.frame, self._loader.length), self._drawn(key)
        cells = tuple(self._session.annotation.drawn_beside(*key))
        others = tuple(cell.mask for cell in cells)
        trusted = None
        if drawn is not None and drawn in frames:
            cell = self._session.annotation.get(drawn, key.instance)
            if cell is not None:
                trusted, cells = (frames[drawn], cell.mask), (*cells, cell)
        return ClickContext(others, None if beside is None else frames.get(beside), trusted), cells

    def others(self, key: CellKey) -> tuple[SoftMask, ...]:
        """The masks of other instances that a person has drawn or approved in a cell's frame."""
        return tuple(cell.mask for cell in self._session.annotation.drawn_beside(*key))

    def forget(self) -> None:
        """Another document opens."""
        self._wanted.clear()
        self._frames.clear()
        self._unreadable.clear()
        self._last = None

    def _want(self, frames: set[int]) -> None:
        # Whoever goes through a long video leaves many requests behind: none is decoded or kept for nothing.
        for index in self._wanted - frames:
            self._loader.drop((_AROUND, index))
        self._wanted = frames
        self._frames = {index: frame for index, frame in self._frames.items() if index in frames}
        for index in frames - self._frames.keys() - self._unreadable:
            self._loader.process((_AROUND, index), index, _unchanged)

    def _take_frame(self, key: object, frame: Frame) -> None:
        if isinstance(key, tuple) and key[0] == _AROUND and key[1] in self._wanted:
            self._frames[key[1]] = frame
            self.grown.emit()

    def _miss_frame(self, key: object) -> None:
        if isinstance(key, tuple) and key[0] == _AROUND:
            self._unreadable.add(key[1])


def _unchanged(frame: Frame) -> Frame:
    return frame


def _same(one: ClickContext, other: ClickContext) -> bool:
    """Whether both are made of the same pictures and masks."""
    first, second = (
        (*context.others, context.neighbour, *(context.trusted or (None, None))) for context in (one, other)
    )
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))
