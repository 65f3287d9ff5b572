"""The document on the timeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from PySide6.QtCore import QObject
from PySide6.QtGui import QColor

from ...engine.events import Change, Progress, Proposal, Verdict
from ...engine.store.annotation import Annotation
from ...engine.types import Box, CellKey, Frame
from ..conductor import Conductor
from ..frames import FrameLoader, to_image
from ..timeline import BoxState, TimelineBox, TimelineRow, TimelineView

_VERDICTS = {
    Verdict.ACCEPTED: BoxState.ACCEPTED,
    Verdict.REJECTED: BoxState.REJECTED,
    Verdict.REASSIGNED: BoxState.REJECTED,
    Verdict.SKIPPED: BoxState.WAITING,
}


class TimelineBinder(QObject):
    """Keeps the timeline true, and goes where it is clicked.

    Attributes:
        view: the widget.
    """

    def __init__(
        self, view: TimelineView, conductor: Conductor, loader: FrameLoader, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.view = view
        self._conductor, self._session, self._loader = conductor, conductor.session, loader
        session, follower = self._session, self._session.turns.follower
        session.opened.connect(self._open)
        session.closed.connect(lambda: view.set_length(0))
        session.changed.connect(follower(self._follow))
        session.instances_changed.connect(follower(lambda: view.set_rows(self._rows())))
        session.frame_changed.connect(view.set_frame)
        session.selection_changed.connect(follower(self._select))
        session.range_changed.connect(self._show_range)
        session.proposal_changed.connect(self._propose)
        session.retrievals_changed.connect(follower(self._show_retrievals))
        conductor.progress.connect(self._show_running)
        conductor.finished.connect(lambda _: view.set_running(None))
        view.scrubbed.connect(self._scrub)
        view.instance_clicked.connect(session.select)
        view.retrieval_clicked.connect(self.show_retrieval)
        view.range_selected.connect(session.choose_range)
        view.range_cleared.connect(lambda: session.choose_range(None))
        view.thumbnail_wanted.connect(self._want)
        loader.done.connect(self._deliver)
        if session.document is not None:
            self._open()

    def show_retrieval(self, key: CellKey) -> None:
        """Go to a retrieved instance."""
        self._conductor.review.following = False
        self._session.select(key.instance)
        self._session.go(key.frame)
        self._conductor.review.show_proposal(key)

    def compare(self, annotation: Annotation | None) -> None:
        """Show another state of the cells instead of the document's, or with None that one again."""
        if self._session.document is None:
            return
        self.view.set_annotation(annotation or self._session.annotation, self._rows())
        if annotation is None:
            self._propose(self._session.proposal)

    def hatch(self, frames: Mapping[int, Collection[int]]) -> None:
        """Hatch the frames in which two states that are compared differ, by instance."""
        self.view.set_hatched(frames)

    def _open(self) -> None:
        session = self._session
        self.view.set_length(session.annotation.length, shown=False)
        self.view.set_annotation(session.annotation, self._rows())
        self.view.set_frame(session.frame)
        self._select(session.selected)
        self._show_retrievals()

    def _rows(self) -> list[TimelineRow]:
        return [
            TimelineRow(one.number, one.name, QColor(one.colour), one.hidden, one.locked)
            for one in self._session.instances.values()
        ]

    def _follow(self, change: Change) -> None:
        self.view.cells_changed(change)
        if change.decisions_after:
            self._show_retrievals()

    def _select(self, instance: int | None) -> None:
        self.view.set_selected(instance)
        self._plot()

    def _scrub(self, frame: int) -> None:
        self._conductor.review.following = False
        self._session.go(frame)

    def _show_range(self, chosen: tuple[int, int] | None) -> None:
        if chosen == self.view.state.chosen:
            return
        # The view emits it, too, and the session has it already.
        if chosen is None:
            self.view.clear_range()
        else:
            self.view.select_range(*chosen)

    def _propose(self, proposal: Proposal | None) -> None:
        self.view.set_hatched({proposal.instance: proposal.overwrites} if proposal is not None else {})
        self._show_retrievals()

    def _show_retrievals(self) -> None:
        session = self._session
        if session.document is None:
            return
        boxes = {
            one.key: TimelineBox(one.key, one.similarity) for one in session.retrievals if not one.reason
        }
        if (proposal := session.proposal) is not None:
            boxes[proposal.key] = TimelineBox(proposal.key, proposal.similarity)
        for key, decision in session.annotation.decisions.items():
            if key.instance in session.instances:
                boxes[key] = TimelineBox(key, decision.similarity, _VERDICTS[decision.verdict])
        self.view.set_retrievals(boxes.values())
        self._plot()

    def _plot(self) -> None:
        session = self._session
        if session.document is None or session.selected is None:
            return
        seen = [one for one in session.retrievals if one.instance == session.selected]
        if not seen:
            self.view.set_similarity(session.selected, None)
            return
        values = np.full(session.annotation.length, np.nan)
        for one in seen:
            values[one.frame] = one.similarity
        self.view.set_similarity(session.selected, values)

    def _show_running(self, progress: Progress) -> None:
        frame = progress.frame
        self.view.set_running(None if frame is None else range(frame, frame + 1))

    def _want(self, key: CellKey) -> None:
        if (box := self._box(key)) is not None:
            self._loader.crop(("timeline", key), key.frame, box)

    def _box(self, key: CellKey) -> Box | None:
        """Where a retrieved instance is."""
        session = self._session
        if session.proposal is not None and session.proposal.key == key:
            return session.proposal.box
        if (decision := session.annotation.decisions.get(key)) is not None:
            return decision.box
        return next((one.box for one in session.retrievals if one.key == key), None)

    def _deliver(self, name: tuple[object, ...], crop: Frame) -> None:
        if name[0] == "timeline" and isinstance(name[1], CellKey):
            self.view.set_thumbnail(name[1], to_image(crop))
