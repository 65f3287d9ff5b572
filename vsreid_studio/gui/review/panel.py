"""The review: one proposal with its answers above, all candidates below."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import pairwise
from types import MappingProxyType

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QGridLayout, QSplitter, QVBoxLayout, QWidget

from ...config import ReidConfig
from ...engine.events import Accept, Answer, Proposal, Reassign, Reject, Retrieval, Skip
from ...engine.types import CellKey
from ...project import Instance
from ..theme import plain, quiet_label, shortened, swatch_icon
from ..widgets import Pages
from .actions import NOTHING, KeyButton, Mode, ReviewActions, figure, nothing, unseen
from .card import ProposalCard
from .queue import CandidateList
from .queue_model import Listed

_LINES = 6
"""Of the text without a proposal, where the panel is as narrow as it can be."""
_SHARE = 0.7
"""Share of the height for a proposal, whose pictures matter more than the list, which scrolls."""
_NO_GAINS: Mapping[CellKey, int] = MappingProxyType({})


class ReviewPanel(QWidget):
    """Shows what the engine found and hands on what the person makes of it; never modal.

    A proposal is answered once: after that the panel waits for the next `set_proposal`.

    Attributes:
        actions_: the answers, with keys.
        card: the proposal.
        queue: the candidates.
        nothing: says why there is no proposal.
        mode: what it waits for.

    Signals:
        answered (object): an `Answer` to the proposal. Box and mask that are drawn come from the canvas.
        track_rejected (): no candidate of the track that the proposal belongs to is this instance.
        taken_back (object): the CellKeys whose rejection is to be lifted.
        accept_all_requested (float): accept this proposal and all that are at least as similar.
        redraw_requested (), correct_requested (): the person wants to draw the box, or the mask, on the
            canvas.
        edit_left (): and now does not any more.
        correction_done (): take the mask that was painted.
        shown (object): the CellKey that the person wants to see.
        find_requested (int): search for this instance.
        thumbnail_wanted (object): the CellKey of a candidate in the list whose picture is wanted.
    """

    answered = Signal(object)
    track_rejected = Signal()
    taken_back = Signal(object)
    accept_all_requested = Signal(float)
    redraw_requested = Signal()
    correct_requested = Signal()
    edit_left = Signal()
    correction_done = Signal()
    shown = Signal(object)
    find_requested = Signal(int)
    thumbnail_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mode = Mode.NOTHING
        self._proposal: Proposal | None = None
        self._instances: Mapping[int, Instance] = {}
        self._receivers: Collection[int] = ()
        self._running = self._moved = False
        self.actions_ = ReviewActions(self)
        self.card = ProposalCard()
        self.queue = CandidateList()
        self._lay_out()
        self._connect()
        self._enter(Mode.NOTHING)

    @property
    def proposal(self) -> Proposal | None:
        """The one that is shown."""
        return self._proposal

    def set_proposal(
        self,
        proposal: Proposal | None,
        instance: Instance | None = None,
        thresholds: ReidConfig | None = None,
    ) -> None:
        """Show a proposal and wait for an answer, or show that nothing waits.

        Args:
            proposal: None when nothing waits. While its mask is painted, the same one leaves it at that.
            instance: the one that is proposed; needed with a proposal.
            thresholds: drawn as ticks and named as reasons; None keeps those of before.

        Raises:
            ValueError: there is a proposal, but of another instance.
        """
        if thresholds is not None:
            self.queue.set_thresholds(thresholds)
        old, self._proposal = self._proposal, proposal
        if proposal is None:
            self.card.crops.set_crops(QImage(), QImage())
            self._enter(Mode.NOTHING)
            return
        if instance is None or instance.number != proposal.instance:
            raise ValueError(f"a proposal for instance {proposal.instance} is shown as {instance}")
        if old is None or old.key != proposal.key:
            # Pictures of another object must not be judged as this one.
            self.card.crops.set_crops(QImage(), QImage())
        self.card.set_proposal(proposal, instance, self.queue.model.thresholds)
        self.actions_.accept_all.setText(f"Accept all ≥ {figure(proposal.similarity)}")
        least = figure(proposal.similarity)
        tip = f"Accept this one and, in this run, all with a similarity of at least {least}"
        self.actions_.accept_all.setToolTip(tip)
        painted = self.mode is Mode.CORRECTING and old is not None and old.key == proposal.key
        self._enter(Mode.CORRECTING if painted else Mode.ASKING)

    def set_running(self, running: bool) -> None:
        """Whether the engine is at work, so that there may be a proposal soon."""
        self._running = running
        self._tell_nothing()

    def set_crops(self, template: QImage, candidate: QImage) -> None:
        """Show how the instance is known, and what was found."""
        self.card.crops.set_crops(template, candidate)

    def set_instances(
        self, instances: Mapping[int, Instance], receivers: Collection[int] | None = None
    ) -> None:
        """Names and colours.

        Args:
            receivers: those that a proposal may be given to, which have a checkpoint; None for all.
        """
        self._instances = dict(instances)
        self._receivers = tuple(instances if receivers is None else receivers)
        self.queue.set_instances(instances)
        if self._proposal is not None and self._proposal.instance in instances:
            self.card.name(self._proposal, instances[self._proposal.instance])
        self._enter(self.mode)

    def set_queue(
        self,
        retrievals: Sequence[Retrieval],
        gains: Mapping[CellKey, int] = _NO_GAINS,
        rejected: Collection[CellKey] = (),
    ) -> None:
        """Show these candidates below; see `QueueModel.set_queue`."""
        self.queue.set_queue(retrievals, gains, rejected)
        self._tell_nothing()

    def set_search(self, instance: Instance | None, frames: range | None) -> None:
        """What 'Find again' searches for: None disables it; and where: None for the whole video."""
        self.queue.set_search(instance, frames)

    def set_thumbnail(self, key: CellKey, image: QImage) -> None:
        """The picture of a candidate that was wanted."""
        self.queue.set_thumbnail(key, image)

    def _lay_out(self) -> None:
        actions = self.actions_
        self.buttons = [KeyButton(action, main=action is actions.accept) for action in actions.everything]
        grid = QGridLayout()
        grid.setSpacing(4)
        for place, button in enumerate(self.buttons):
            grid.addWidget(button, place // 2, place % 2)
        self._waiting = QWidget()
        column = QVBoxLayout(self._waiting)
        column.setContentsMargins(0, 0, 0, 6)
        column.addWidget(self.card, 1)
        column.addLayout(grid)
        self.nothing = quiet_label(NOTHING)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.setMargin(16)
        # A splitter does not ask for the height of wrapped text.
        self.nothing.setMinimumHeight(
            _LINES * self.nothing.fontMetrics().height() + 2 * self.nothing.margin()
        )
        self._pages = Pages()
        self._pages.addWidget(self.nothing)
        self._pages.addWidget(self._waiting)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.addWidget(self._pages)
        self._split.addWidget(self.queue)
        self._split.setCollapsible(0, False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._split)
        queue = self.queue
        order = [self.card.go, *self.buttons, queue.choice, queue.view, queue.find_button, queue.take_back]
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _connect(self) -> None:
        actions = self.actions_
        actions.accept.triggered.connect(self._accept)
        actions.reject.triggered.connect(self._reject_track)
        actions.reject_frame.triggered.connect(lambda: self._answer(Reject()))
        actions.skip.triggered.connect(lambda: self._answer(Skip()))
        actions.give.triggered.connect(self._offer_receivers)
        actions.redraw.triggered.connect(partial(self._edit, Mode.REDRAWING))
        actions.correct.triggered.connect(partial(self._edit, Mode.CORRECTING))
        actions.accept_all.triggered.connect(self._accept_all)
        self._split.splitterMoved.connect(self._keep_split)
        self.card.show_clicked.connect(self._show_proposal)
        self.queue.shown.connect(self.shown)
        self.queue.taken_back.connect(self.taken_back)
        self.queue.find_requested.connect(self.find_requested)
        self.queue.thumbnail_wanted.connect(self.thumbnail_wanted)

    def _keep_split(self) -> None:
        """The person chose the heights."""
        self._moved = True

    def _tell_nothing(self) -> None:
        self.nothing.setText(nothing(self.queue.model.count(Listed.WAITING), running=self._running))

    def _enter(self, mode: Mode) -> None:
        before, self.mode = self.mode, mode
        proposal = self._proposal
        self._pages.setCurrentWidget(self.nothing if proposal is None else self._waiting)
        if before is Mode.NOTHING and mode is Mode.ASKING and not self._moved:
            whole = self._split.height()
            self._split.setSizes([round(_SHARE * whole), round((1 - _SHARE) * whole)])
        recovered = proposal is not None and (proposal.recovered.area > 0 or unseen(proposal))
        self.actions_.follow(mode, recovered=recovered, others=bool(self._others()))
        self.card.set_mode(mode)

    def _others(self) -> list[Instance]:
        own = None if self._proposal is None else self._proposal.instance
        return [it for n, it in sorted(self._instances.items()) if n in self._receivers and n != own]

    def _answer(self, answer: Answer) -> None:
        """Hand it on, once."""
        if self.mode is Mode.ASKING:
            self._enter(Mode.NOTHING)
            self.answered.emit(answer)

    def _accept(self) -> None:
        if self.mode is Mode.CORRECTING:
            self._enter(Mode.NOTHING)
            self.correction_done.emit()
        else:
            self._answer(Accept())

    def _reject_track(self) -> None:
        if self.mode is Mode.ASKING:
            self._enter(Mode.NOTHING)
            self.track_rejected.emit()

    def _accept_all(self) -> None:
        if self._proposal is not None and self.mode is Mode.ASKING:
            self._enter(Mode.NOTHING)
            self.accept_all_requested.emit(self._proposal.similarity)

    def _edit(self, mode: Mode) -> None:
        """Begin to draw, or leave it when the same is pressed again."""
        if self.mode is mode:
            self._enter(Mode.ASKING)
            self.edit_left.emit()
        elif self.mode is Mode.ASKING:
            self._enter(mode)
            (self.redraw_requested if mode is Mode.REDRAWING else self.correct_requested).emit()

    def _offer_receivers(self) -> None:
        """Open the menu beneath its button; a digit chooses."""
        menu = self.actions_.give_menu
        menu.clear()
        for instance in self._others():
            key = "&" if instance.number < 10 else ""
            action = menu.addAction(f"{key}{instance.number}  {plain(shortened(instance.name))}")
            action.setIcon(swatch_icon(self, QColor(instance.colour)))
            action.triggered.connect(partial(self._answer, Reassign(instance.number)))
        button = self.buttons[self.actions_.everything.index(self.actions_.give)]
        menu.popup(button.mapToGlobal(QPoint(0, button.height())))

    def _show_proposal(self) -> None:
        if self._proposal is not None:
            self.shown.emit(self._proposal.key)
