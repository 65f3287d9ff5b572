"""The timeline: one row an instance, one column a frame; from which checkpoint every mask came."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QImage, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QScrollBar, QWidget

from ...engine.events import Change
from ...engine.store.annotation import Annotation
from ...engine.types import CellKey
from .axis import TimeAxis
from .input import HoverCard, command, describe
from .lanes import LaneSurface
from .names import Names, Switches
from .spans import ranges
from .state import TimelineBox, TimelineRow, TimelineState, TimelineStyle
from .strip import Strip
from .surface import Ruler, Surface


class TimelineView(QWidget):
    """Shows an annotation over time. It never changes it, but emits what the person requests.

    Click or drag scrubs, Shift-drag chooses a range, the wheel zooms, the middle button moves.

    Attributes:
        state: what is shown.
        axis: zoom and scroll position.

    Signals:
        scrubbed(int): the person went to a frame; the playhead is there already.
        instance_clicked(int): a row or its name was clicked.
        retrieval_clicked(CellKey): a box was clicked or reached with a key.
        range_selected(int, int): first and last frame chosen, both included.
        range_cleared(): no range is chosen any more, by the person's wish.
        thumbnail_wanted(CellKey): answer with `set_thumbnail`, now or later.
        menu_requested(QPoint, int, int): a menu is asked for at a place on the screen, for an instance
            (0 for none) and a frame.
    """

    scrubbed = Signal(int)
    instance_clicked = Signal(int)
    retrieval_clicked = Signal(object)
    range_selected = Signal(int, int)
    range_cleared = Signal()
    thumbnail_wanted = Signal(object)
    menu_requested = Signal(QPoint, int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Timeline")
        self.state = TimelineState(TimelineStyle.of(self.palette(), self.font()), Annotation(0))
        self.axis = TimeAxis(self)
        self.ruler = Ruler(self.state, self.axis)
        self.strip = Strip(self.state, self.axis)
        self.lanes = LaneSurface(self.state, self.axis)
        self.names, self.switches = Names(self.state), Switches(self.state)
        self.card = HoverCard(self)
        self._across = QScrollBar(Qt.Orientation.Horizontal)
        self._down = QScrollBar(Qt.Orientation.Vertical)
        self._reached: CellKey | None = None
        self._lay_out()
        self._connect()
        self._restyle()

    # --- what is shown ---

    def set_length(self, length: int, shown: bool = True) -> None:
        """Show another video: nothing of the one before stays.

        Args:
            shown: False where `set_annotation` follows at once, so that all is painted but once.
        """
        state = self.state
        state.load(Annotation(length), ())
        state.length, state.frame, state.selected = length, 0, None
        state.chosen = state.running = self._reached = None
        for kept in (state.boxes, state.hatched, state.similarity):
            kept.clear()
        self.card.forget()
        self.axis.set_length(length)
        if shown:
            self._show_all()

    def set_annotation(self, annotation: Annotation, rows: Sequence[TimelineRow]) -> None:
        """Show another annotation, from top to bottom by `rows`. It is kept, and read when it changes."""
        if annotation.length != self.state.length:
            self.set_length(annotation.length)
        self.state.load(annotation, rows)
        self._show_all()

    def set_rows(self, rows: Sequence[TimelineRow]) -> None:
        """Take new names, colours, flags or another order; the cells stay."""
        self.state.rows = tuple(rows)
        self._show_all(areas=False)

    def cells_changed(self, change: Change) -> None:
        """Follow a change that the annotation has taken in already; its cells alone are read again."""
        touched = self.state.follow(change)
        self.lanes.refresh_rows(touched.keys())
        if self.state.selected in touched:
            self.strip.follow(touched[self.state.selected])

    def set_frame(self, frame: int) -> None:
        """Move the playhead, and scroll as far as needed to see it."""
        frame = max(0, min(self.state.length - 1, frame))
        old, self.state.frame = self.state.frame, frame
        self.axis.reveal(frame)
        if old != frame:
            for surface in self._surfaces:
                surface.move_playhead(old, frame)

    def set_selected(self, instance: int | None) -> None:
        """Plot an instance and mark its row; None for none."""
        if instance == self.state.selected:
            return
        both = {k for k in (instance, self.state.selected) if k is not None}
        self.state.selected = instance
        self.strip.reload()
        self.lanes.refresh_rows(both)
        self.names.update()
        self.switches.restyle()

    def set_retrievals(self, boxes: Iterable[TimelineBox]) -> None:
        """Show these retrieved instances and no others."""
        old = set(self.state.boxes)
        self.state.place(boxes)
        self.lanes.refresh_rows(old | set(self.state.boxes))

    def set_hatched(self, hatched: Mapping[int, Collection[int]]) -> None:
        """Hatch the frames, by instance, that would be overwritten; an empty mapping ends it."""
        old = set(self.state.hatched)
        self.state.hatched = {instance: list(ranges(frames)) for instance, frames in hatched.items()}
        self.lanes.refresh_rows(old | set(self.state.hatched))

    def set_similarity(self, instance: int, values: NDArray[np.floating] | None) -> None:
        """Plot the best similarity of each frame's candidates: (n,), NaN where unknown; None for none.

        Raises:
            ValueError: not one value a frame.
        """
        if values is None:
            self.state.similarity.pop(instance, None)
        elif values.shape == (self.state.length,):
            self.state.similarity[instance] = values
        else:
            raise ValueError(f"{self.state.length} frames do not have similarities of {values.shape}")
        if instance == self.state.selected:
            self.strip.refresh()

    def set_thumbnail(self, key: CellKey, image: QImage) -> None:
        """Give the picture of a retrieved instance."""
        self.card.set_thumbnail(key, image)

    def set_running(self, frames: range | None) -> None:
        """Mark the frames that the engine is at work on, None for none."""
        self.state.running = frames
        self.ruler.refresh()

    # --- what the person asks for ---

    def go_to(self, frame: int) -> None:
        """Go to a frame as if it had been clicked."""
        if self.state.length:
            self.set_frame(frame)
            self.scrubbed.emit(self.state.frame)

    def step(self, frames: int) -> None:
        """Go so many frames on, or back."""
        self.go_to(self.state.frame + frames)

    def next_checkpoint(self) -> bool:
        """Go to the selected instance's next checkpoint, or to the next of any; False where there is none."""
        return self._go_if(self.state.checkpoint(1))

    def previous_checkpoint(self) -> bool:
        """Go to the previous checkpoint; see `next_checkpoint`."""
        return self._go_if(self.state.checkpoint(-1))

    def next_retrieval(self) -> bool:
        """Go to the next retrieved instance that waits; False where there is none."""
        return self._reach(self.state.waiting(1, self._reached))

    def previous_retrieval(self) -> bool:
        """Go to the previous retrieved instance that waits; False where there is none."""
        return self._reach(self.state.waiting(-1, self._reached))

    def select_range(self, first: int, last: int) -> None:
        """Choose frames, both ends included, as if with the mouse."""
        self._choose(first, last)
        self.range_selected.emit(first, last)

    def clear_range(self) -> None:
        """Choose no range any more."""
        if self.state.chosen is not None:
            self.state.chosen = None
            self._repaint()
            self.range_cleared.emit()

    # --- events ---

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Obey the keys of `input.command`; others go on to the window."""
        action = command(self, event)
        if action is None:
            super().keyPressEvent(event)
        else:
            action()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the palette and the font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._restyle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Follow the size."""
        self._follow_size()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for a menu; with the key, for the selected instance at the playhead."""
        place = self.lanes.mapFromGlobal(event.globalPos())
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            self.menu_requested.emit(event.globalPos(), self.state.selected or 0, self.state.frame)
            return
        row = self.lanes.row_at(place.y()) if place.y() >= 0 else None
        frame = self.axis.frame_at(place.x()) if place.x() >= 0 else self.state.frame
        self.menu_requested.emit(event.globalPos(), row.number if row else 0, frame)

    # --- inside ---

    @property
    def _surfaces(self) -> tuple[Surface, ...]:
        return self.ruler, self.strip, self.lanes

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        self._corner = QWidget()
        grid.addWidget(self._corner, 0, 0)
        grid.addWidget(self.ruler, 0, 1)
        grid.addWidget(self.switches, 1, 0)
        grid.addWidget(self.strip, 1, 1)
        grid.addWidget(self.names, 2, 0)
        grid.addWidget(self.lanes, 2, 1)
        grid.addWidget(self._down, 2, 2)
        grid.addWidget(self._across, 3, 1)
        grid.setRowStretch(2, 1)
        grid.setColumnStretch(1, 1)

    def _connect(self) -> None:
        self.axis.changed.connect(self._follow_axis)
        self._across.valueChanged.connect(self._scroll_to)
        self._down.valueChanged.connect(self.lanes.set_offset)
        self._down.valueChanged.connect(self.names.set_offset)
        self.names.clicked.connect(self.instance_clicked)
        self.names.scrolled.connect(self._scroll_rows)
        self.switches.toggled.connect(self.strip.show_curve)
        self.card.thumbnail_wanted.connect(self.thumbnail_wanted)
        for surface in self._surfaces:
            surface.scrubbed.connect(self.go_to)
            surface.range_dragged.connect(self._choose)
            surface.range_dropped.connect(self._drop_range)
            surface.panned.connect(self._pan)
            surface.left.connect(self.card.dismiss)
        self.lanes.pressed.connect(self._press)
        self.lanes.hovered.connect(self._hover)

    def minimumSizeHint(self) -> QSize:
        """Room for the ruler, the plot and two rows."""
        style = self.state.style
        return QSize(style.names * 2, style.ruler + style.strip + 2 * style.row + self._across.height())

    def _press(self, place: QPoint) -> None:
        self.card.dismiss()
        row, box = self.lanes.row_at(place.y()), self.lanes.box_at(place)
        if row is not None:
            self.instance_clicked.emit(row.number)
        if box is not None:
            self._reached = box.key
            self.retrieval_clicked.emit(box.key)

    def _reach(self, key: CellKey | None) -> bool:
        if key is not None:
            self._reached = key
            self.go_to(key.frame)
            self._show_row(key.instance)
            self.retrieval_clicked.emit(key)
        return key is not None

    def _go_if(self, frame: int | None) -> bool:
        if frame is not None:
            self.go_to(frame)
        return frame is not None

    def _hover(self, place: QPoint) -> None:
        row = self.lanes.row_at(place.y())
        if row is None:
            self.card.dismiss()
            return
        box = self.lanes.box_at(place)
        frame = self.lanes.frame_under(place)
        text = describe(row, frame, self.state.annotation.get(frame, row.number), box)
        self.card.offer(self.lanes.mapToGlobal(place), text, box.key if box else None)

    def _choose(self, first: int, last: int) -> None:
        self.state.chosen = first, last
        self._repaint()

    def _drop_range(self, moved: bool) -> None:
        if not moved:
            self.clear_range()
        elif self.state.chosen is not None:
            self.range_selected.emit(*self.state.chosen)

    def _pan(self, step: QPoint) -> None:
        self.axis.scroll(-step.x())
        self._scroll_rows(-step.y())

    def _scroll_rows(self, pixels: int) -> None:
        self._down.setValue(self._down.value() + pixels)

    def _scroll_to(self, value: int) -> None:
        self.axis.scroll(value - self.axis.first * self.axis.scale)

    def _show_row(self, instance: int) -> None:
        row, high = self.state.row(instance), self.state.style.row
        if row is not None:
            top = self.state.rows.index(row) * high
            low = top + high - self.lanes.height()
            self._down.setValue(max(low, min(top, self._down.value())))

    def _follow_axis(self) -> None:
        axis, bar = self.axis, self._across
        # Passed to the bar only: its answer would come back rounded.
        bar.blockSignals(True)
        bar.setRange(0, round((axis.length - axis.visible_frames) * axis.scale))
        bar.setPageStep(max(1, round(axis.visible_frames * axis.scale)))
        bar.setSingleStep(max(1, round(axis.visible_frames * axis.scale / 20)))
        bar.setValue(round(axis.first * axis.scale))
        bar.blockSignals(False)

    def _follow_size(self) -> None:
        layout = self.layout()
        if layout is not None:
            layout.activate()
        hidden = max(0, self.lanes.content_height - self.lanes.height())
        self._down.setVisible(hidden > 0)
        if layout is not None:
            layout.activate()
        self.axis.set_width(self.lanes.width())
        self._down.setRange(0, hidden)
        self._down.setPageStep(max(1, self.lanes.height()))
        self._down.setSingleStep(self.state.style.row)

    def _restyle(self) -> None:
        style = self.state.style = TimelineStyle.of(self.palette(), self.font())
        self.ruler.setFixedHeight(style.ruler)
        self.strip.setFixedHeight(style.strip)
        self.switches.setFixedHeight(style.strip)
        self.names.setFixedWidth(style.names)
        self.switches.setFixedWidth(style.names)
        self.switches.restyle()
        self.lanes.restyle()
        self._follow_size()
        self._repaint(anew=True)

    def _show_all(self, areas: bool = True) -> None:
        if areas:
            self.strip.reload()
        self.switches.restyle()
        self._follow_size()
        self._repaint(anew=True)

    def _repaint(self, anew: bool = False) -> None:
        for surface in self._surfaces:
            (surface.refresh if anew else surface.update)()
        self.names.update()
