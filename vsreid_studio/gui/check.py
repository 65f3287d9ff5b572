"""Doubtful frames and gaps: found on a thread of their own, and listed in a panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ..engine.extensions.doubtful import Doubt, DoubtfulFrames, MissingRange, gaps
from ..engine.runtime.run import State
from ..engine.store.annotation import Annotation
from ..engine.types import CellKey
from ..project import Instance
from .conductor import Conductor
from .server import NewestServer
from .theme import quiet_label, swatch_icon

_SOON = 400
"""Milliseconds: edits come faster than they need to be followed."""
_MOST = 50


_NO_DOUBTS = "No mask is doubtful. The list is updated whenever masks have changed and the engine is idle."
_NO_GAPS = "No gaps: every object has a mask in each frame, or was marked as not in the frame."
_NO_DOUBT = "No frame is doubtful."
_LATER = "Doubtful frames are listed when the run has ended."
_ROLE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True, eq=False)
class _CheckTask:
    """The input of a check: a copy of the annotation that is never changed.

    Attributes:
        finder: knows what was measured before on this document.
        reviewed: what a person has looked at.
    """

    finder: DoubtfulFrames
    annotation: Annotation
    instances: tuple[int, ...]
    reviewed: frozenset[CellKey]


class CheckerThread(NewestServer[_CheckTask]):
    """Lists what is to be looked at.

    Signals:
        found(finder, doubts, gaps): lists of `Doubt` and `MissingRange`.
        failed(finder, sentence): a map cannot be read.
    """

    found = Signal(object, object, object)
    failed = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("checker", parent)

    def _serve(self, task: _CheckTask) -> None:
        doubts = task.finder.find(task.annotation, task.instances, _MOST, task.reviewed)
        missing = [gap for k in task.instances for gap in gaps(task.annotation, k)]
        self.found.emit(task.finder, doubts, missing)

    def _fail(self, task: _CheckTask, error: Exception, details: str) -> None:
        self.failed.emit(task.finder, f"Doubtful frames cannot be listed: {error}")


class Checker(QObject):
    """Keeps the lists of doubtful frames and of gaps true to the document, whenever no run changes it.

    Attributes:
        doubts: the most rewarding first.
        gaps: by instance, then frame.

    Signals:
        changed: the lists are others.
        failed(sentence): they cannot be had.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, conductor: Conductor, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._conductor, self._session = conductor, conductor.session
        self.doubts: list[Doubt] = []
        self.gaps: list[MissingRange] = []
        self._finder = DoubtfulFrames()
        self._thread = CheckerThread(self)
        self._thread.found.connect(self._take)
        self._thread.failed.connect(self._report)
        self._soon = QTimer(self, interval=_SOON, singleShot=True)
        self._soon.timeout.connect(self.refresh)
        session = self._session
        for signal in (session.changed, session.instances_changed, session.saved, conductor.finished):
            signal.connect(self._look_soon)
        session.opened.connect(self._begin)
        session.closing.connect(self._forget)

    def refresh(self) -> None:
        """Update from the document as it is now."""
        session = self._session
        if session.document is None or self._conductor.state in {State.RUNNING, State.PAUSED}:
            return
        instances = tuple(k for k, one in session.instances.items() if not one.locked)
        look = _CheckTask(self._finder, session.annotation.copy(), instances, session.reviewed)
        self._thread.ask(look)

    def stop(self) -> None:
        """End the thread."""
        self._soon.stop()
        self._thread.stop()

    def _look_soon(self, *_: object) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _begin(self) -> None:
        self._forget()
        self._soon.start()

    def _forget(self) -> None:
        self._soon.stop()
        self._finder = DoubtfulFrames()
        self._put([], [])

    def _take(self, finder: DoubtfulFrames, doubts: list[Doubt], missing: list[MissingRange]) -> None:
        if finder is self._finder and self._session.document is not None:
            self._put(doubts, missing)

    def _report(self, finder: DoubtfulFrames, sentence: str) -> None:
        # Of a project that was closed meanwhile no map can be read any more.
        if finder is self._finder and self._session.document is not None:
            self.failed.emit(sentence)

    def _put(self, doubts: list[Doubt], missing: list[MissingRange]) -> None:
        self.doubts, self.gaps = doubts, missing
        self._session.edits.doubts = tuple(doubts)
        self.changed.emit()


class ReasonedList(QListWidget):
    """One line an entry, with the reason below it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setWordWrap(True)
        self.setSpacing(2)
        side = self.fontMetrics().ascent()
        self.setIconSize(QSize(side, side))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def put(self, entries: Sequence[tuple[Doubt | MissingRange, str, QColor]]) -> None:
        """Show these; what was chosen stays chosen."""
        before = self.chosen()
        self.clear()
        for entry, text, colour in entries:
            item = QListWidgetItem(swatch_icon(self, colour), text)
            item.setData(_ROLE, entry)
            self.addItem(item)
            if before is not None and (entry.instance, entry.first) == (before.instance, before.first):
                self.setCurrentItem(item)

    def chosen(self) -> Doubt | MissingRange | None:
        """The entry that is chosen."""
        item = self.currentItem()
        return None if item is None else item.data(_ROLE)


class CheckPanel(QWidget):
    """Two lists with what can be done about an entry.

    Attributes:
        doubts, gaps: the lists.
        right: the chosen stretch is as it should be.
        absent, fill, search: for the chosen gap.

    Signals:
        shown(entry): the person wants to see a `Doubt` or a `MissingRange`.
        right_requested, absent_requested, fill_requested, search_requested (entry): see the buttons.
    """

    shown = Signal(object)
    right_requested = Signal(object)
    absent_requested = Signal(object)
    fill_requested = Signal(object)
    search_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.doubts, self.gaps = ReasonedList("Doubtful frames"), ReasonedList("Gaps")
        self.right = self._button(
            "Looks right",
            "The masks are right: remove this entry from the list",
            self.doubts,
            self.right_requested,
        )
        self.absent = self._button(
            "Not in these frames",
            "Mark the object as absent in these frames",
            self.gaps,
            self.absent_requested,
        )
        self.fill = self._button("Fill", "Propagate masks into the gap", self.gaps, self.fill_requested)
        self.search = self._button(
            "Find again", "Search for the object in these frames", self.gaps, self.search_requested
        )
        self._none = quiet_label(_NO_DOUBTS), quiet_label(_NO_GAPS)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Doubtful frames and gaps")
        self.tabs.addTab(self._page(self.doubts, self._none[0], [self.right]), "")
        self.tabs.addTab(self._page(self.gaps, self._none[1], [self.absent, self.fill, self.search]), "")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.tabs)
        for one in (self.doubts, self.gaps):
            one.itemClicked.connect(lambda item: self.shown.emit(item.data(_ROLE)))
            one.itemActivated.connect(lambda item: self.shown.emit(item.data(_ROLE)))
            one.currentRowChanged.connect(lambda _: self._enable())
        self.put([], [], {})

    def put(
        self, doubts: Sequence[Doubt], gaps: Sequence[MissingRange], instances: Mapping[int, Instance]
    ) -> None:
        """Show these lists, with names and colours."""
        named = [one for one in doubts if one.instance in instances]
        missing = [one for one in gaps if one.instance in instances]
        self.doubts.put([(one, self._doubt(one, instances), _colour(one, instances)) for one in named])
        self.gaps.put([(one, self._gap(one, instances), _colour(one, instances)) for one in missing])
        self.tabs.setTabText(0, f"Doubtful ({len(named)})")
        self.tabs.setTabText(1, f"Gaps ({len(missing)})")
        for label, entries in zip(self._none, (named, missing), strict=True):
            label.setVisible(not entries)
        self._enable()

    def step(self, by: int) -> Doubt | None:
        """Choose the next doubtful stretch, or with -1 the one before; None where there is none."""
        self.tabs.setCurrentIndex(0)
        count, row = self.doubts.count(), self.doubts.currentRow()
        if not count:
            return None
        self.doubts.setCurrentRow((row + by) % count if row >= 0 else (0 if by > 0 else count - 1))
        chosen = self.doubts.chosen()
        return chosen if isinstance(chosen, Doubt) else None

    def _enable(self) -> None:
        self.right.setEnabled(self.doubts.chosen() is not None)
        for button in (self.absent, self.fill, self.search):
            button.setEnabled(self.gaps.chosen() is not None)

    def _button(self, text: str, tip: str, of: ReasonedList, signal: object) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda _=False: signal.emit(of.chosen()))  # type: ignore[attr-defined]
        return button

    @staticmethod
    def _page(entries: ReasonedList, none: QLabel, buttons: Sequence[QPushButton]) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(none)
        column.addWidget(entries, 1)
        row = QHBoxLayout()
        for button in buttons:
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        return page

    @staticmethod
    def _doubt(one: Doubt, instances: Mapping[int, Instance]) -> str:
        return f"{instances[one.instance].name}, {_frames(one.first, one.last)}\n{one.reason}"

    @staticmethod
    def _gap(one: MissingRange, instances: Mapping[int, Instance]) -> str:
        why = "A run found nothing here." if one.computed else "Not computed yet."
        return f"{instances[one.instance].name}, {_frames(one.first, one.last)}\n{why}"


class CheckBinder(QObject):
    """Shows the lists, goes where they point, and does what is asked."""

    def __init__(
        self, panel: CheckPanel, checker: Checker, conductor: Conductor, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.panel, self._checker = panel, checker
        self._conductor, self._session = conductor, conductor.session
        checker.changed.connect(self._list)
        checker.failed.connect(conductor.notified)
        self._session.instances_changed.connect(self._list)
        panel.shown.connect(self._show)
        panel.right_requested.connect(
            lambda it: self._session.mask_edits.mark_right(it.instance, it.first, it.last)
        )
        panel.absent_requested.connect(
            lambda it: self._session.mask_edits.mark_absent(it.instance, range(it.first, it.last + 1))
        )
        panel.fill_requested.connect(self._fill)
        panel.search_requested.connect(self._search)

    def step(self, by: int) -> None:
        """Go to the next doubtful frame, or to the one before, and say why it is one."""
        doubt = self.panel.step(by)
        if doubt is None:
            idle = self._conductor.state is State.IDLE
            self._conductor.notified.emit(_NO_DOUBT if idle else _LATER)
            return
        self._show(doubt)
        name = self._session.instances[doubt.instance].name
        self._conductor.notified.emit(f"{name}, {_frames(doubt.first, doubt.last)}: {doubt.reason}")

    def _list(self) -> None:
        self.panel.put(self._checker.doubts, self._checker.gaps, self._session.instances)

    def _show(self, entry: Doubt | MissingRange) -> None:
        self._conductor.review.following = False
        self._session.select(entry.instance)
        self._session.go(entry.frame if isinstance(entry, Doubt) else entry.first)

    def _fill(self, gap: MissingRange) -> None:
        """A run came here and lost it: then only a mask that is drawn helps."""
        self._show(gap)
        if gap.computed:
            self._conductor.notified.emit(
                "A run lost the object here. Draw or click it in one of these frames, then press P."
            )
            return
        self._within(gap, find=False)

    def _search(self, gap: MissingRange) -> None:
        self._show(gap)
        self._within(gap, find=True)

    def _within(self, gap: MissingRange, *, find: bool) -> None:
        chosen = self._session.range
        self._session.choose_range(gap.first, gap.last)
        self._conductor.propagate({gap.instance}, find=find)
        self._session.choose_range(*(chosen or (None,)))


def _frames(first: int, last: int) -> str:
    return f"frame {first}" if first == last else f"frames {first}–{last}"


def _colour(one: Doubt | MissingRange, instances: Mapping[int, Instance]) -> QColor:
    return QColor(instances[one.instance].colour)
