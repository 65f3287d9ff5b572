"""What waits for the person, in the review dock."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QImage

from ...config import ReidConfig
from ...engine.events import (
    Accept,
    Answer,
    Change,
    Proposal,
    Reason,
    Reassign,
    Reject,
    Retrieval,
    Skip,
    Verdict,
)
from ...engine.store.annotation import overwritten
from ...engine.types import CellKey, Frame
from ..conductor import Conductor
from ..frames import FrameLoader, to_image
from ..review.panel import ReviewPanel

_GAINS = 60
"""Waiting candidates whose consequence is shown; the list is sorted by similarity."""
_MARGIN = 0.15


class ReviewBinder(QObject):
    """Shows proposals and candidates, and hands the answers on.

    Attributes:
        panel: the widget.
    """

    def __init__(
        self,
        panel: ReviewPanel,
        conductor: Conductor,
        loader: FrameLoader,
        thresholds: ReidConfig,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.panel = panel
        self._conductor, self._session, self._loader = conductor, conductor.session, loader
        self.set_thresholds(thresholds)
        self._crops: dict[str, QImage] = {}
        session, follower = self._session, self._session.turns.follower
        session.proposal_changed.connect(self._propose)
        session.retrievals_changed.connect(follower(self._list))
        session.instances_changed.connect(follower(self._name))
        for signal in (session.instances_changed, session.selection_changed, session.range_changed):
            signal.connect(follower(self._search, bare=True))
        session.opened.connect(self._open)
        session.closed.connect(self._open)
        conductor.searched.connect(panel.queue.show_only)
        conductor.state_changed.connect(lambda: panel.set_running(conductor.in_run))
        panel.answered.connect(self._answer)
        panel.track_rejected.connect(self._reject_track)
        panel.taken_back.connect(conductor.review.take_back)
        session.changed.connect(follower(self._follow))
        panel.accept_all_requested.connect(lambda _: conductor.review.accept_all())
        panel.find_requested.connect(lambda _: conductor.find_again())
        panel.thumbnail_wanted.connect(self._want)
        loader.done.connect(self._deliver)
        self._open()

    def set_thresholds(self, thresholds: ReidConfig) -> None:
        """Show these from the next proposal on."""
        self._thresholds = thresholds
        self.panel.queue.set_thresholds(thresholds)

    def _open(self) -> None:
        self._name()
        self._list()
        self._search()

    def _propose(self, proposal: Proposal | None) -> None:
        session = self._session
        if proposal is None or proposal.instance not in session.instances:
            self.panel.set_proposal(None)
            return
        self._name()
        self.panel.set_proposal(proposal, session.instances[proposal.instance], self._thresholds)
        self._crops = {}
        self._loader.crop(
            ("candidate", proposal.key, proposal.box), proposal.frame, proposal.box.enlarge(_MARGIN)
        )
        known = session.annotation.checkpoints(proposal.instance)
        if known:
            box = session.annotation.mask(known[0], proposal.instance).hard_box
            if box is not None:
                self._loader.crop(("template", proposal.key, proposal.box), known[0], box.enlarge(_MARGIN))

    def _list(self) -> None:
        session = self._session
        if session.document is None:
            self.panel.set_queue(())
            return
        listed = {one.key: one for one in session.retrievals}
        rejected = []
        for key, it in session.annotation.decisions.items():
            if it.verdict is Verdict.REJECTED and key.instance in session.instances:
                rejected.append(key)
                # Those of earlier runs are in no list of candidates any more.
                listed.setdefault(key, Retrieval(*key, it.box, it.similarity, 0.0, Reason.SETTLED))
        waiting = [one for one in listed.values() if not one.reason and one.key not in rejected][:_GAINS]
        gains = {one.key: len(overwritten(session.annotation, one.instance, one.frame)) for one in waiting}
        self.panel.set_queue(list(listed.values()), gains, rejected)

    def _follow(self, change: Change) -> None:
        if change.decisions_after:
            self._list()

    def _reject_track(self) -> None:
        if not self._conductor.review.reject_track():
            # It still waits: ask again.
            self._propose(self._session.proposal)

    def _name(self) -> None:
        session = self._session
        receivers = [k for k in session.instances if session.annotation.checkpoints(k)]
        self.panel.set_instances(session.instances, receivers)

    def _search(self) -> None:
        session = self._session
        one = session.instances.get(session.selected) if session.selected is not None else None
        chosen = session.range
        self.panel.set_search(one, range(chosen[0], chosen[1] + 1) if chosen is not None else None)

    def _answer(self, answer: Answer) -> None:
        conductor = self._conductor
        match answer:
            case Accept():
                done = conductor.review.accept()
            case Reject():
                done = conductor.review.reject()
            case Skip():
                done = conductor.review.skip()
            case Reassign(instance=instance):
                done = conductor.review.give_to(instance)
            case _:
                done = False
        if not done:
            # It still waits: ask again.
            self._propose(self._session.proposal)

    def _want(self, key: CellKey) -> None:
        found = next((one for one in self._session.retrievals if one.key == key), None)
        if found is not None:
            self._loader.crop(("queue", key), key.frame, found.box)

    def _deliver(self, name: tuple[object, ...], crop: Frame) -> None:
        """Show a picture, if it is one that was asked for here."""
        kind = name[0]
        if kind == "queue" and isinstance(name[1], CellKey):
            self.panel.set_thumbnail(name[1], to_image(crop))
        elif kind in {"template", "candidate"} and self._is_shown(name):
            self._crops[str(kind)] = to_image(crop)
            self.panel.set_crops(
                self._crops.get("template", QImage()), self._crops.get("candidate", QImage())
            )

    def _is_shown(self, name: tuple[object, ...]) -> bool:
        proposal = self._session.proposal
        return proposal is not None and name[1:] == (proposal.key, proposal.box)
