"""Points on the canvas, and the masks that the click network makes of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from ...engine.extensions.clicked_masks import beside_others
from ...engine.runtime.click_thread import ClickThread
from ...engine.types import NO_CONTEXT, Box, CellKey, Click, ClickContext, Frame, Prediction, SoftMask
from ...errors import UserError
from ...formats.points import Prompt
from ..canvas import CanvasView
from ..canvas.types import Tool
from ..frames import FrameLoader
from .click_contexts import ClickContexts

if TYPE_CHECKING:
    from ...engine.runtime.clicker import Clicker

REST_MS = 120
"""The mouse rests from here on, and what a click would make is shown."""
PREPARING = "preparing the click network"
MISSING = "no click network"
NO_NETWORK = "There is no click network here: draw with the brush, or install its weights."
NO_MASK = "The points have made no mask: nothing is kept. Click on the object."


@dataclass(frozen=True, eq=False)
class _Question:
    """What is asked of the click network.

    Attributes:
        frame, instance: the cell that is drawn.
        points, box: see `Clicker.segment`.
        picture: (H, W, 3) uint8 RGB.
        present: the instance's map before the first point.
        context: what the video tells besides; its others are maps that a person has drawn in the frame.
        identity: of the instance, see `ClickContexts.identity`.
        hovers: whether it only shows what a click would make.
    """

    frame: int
    instance: int
    points: tuple[Click, ...]
    box: Box | None
    picture: Frame
    present: SoftMask
    context: ClickContext = NO_CONTEXT
    identity: int | None = None
    hovers: bool = False

    @property
    def key(self) -> CellKey:
        """Of the cell."""
        return CellKey(self.frame, self.instance)

    @property
    def prompt(self) -> Prompt:
        """What was clicked."""
        return Prompt(self.key, self.points, self.box)

    def same_cell(self, other: _Question) -> bool:
        """Whether both are about the same instance in the same frame."""
        return self.key == other.key

    def over(self, mask: SoftMask) -> _Question:
        """The same points, over another mask."""
        return replace(self, present=mask)


class ClickBinder(QObject):
    """Asks what points make, shows it, and hands it on when it is kept.

    The network has a thread of its own, so it answers while a run goes on, too. The thread starts when the
    click tool or a box is first used.

    Attributes:
        contexts: what the network is told besides.

    Signals:
        notified(sentence): why nothing came of a click.
        kept(mask, prompt, before): the person keeps a `SoftMask`, with the cell and the points that it was
            made of, and the `SoftMask` that was there before them.
        instance_wanted(): a point is to be made, and no instance is selected.
        tool_wanted(): a box was drawn, which points shall refine.
        state_changed(sentence): the network is being prepared, or there is none; empty when it answers.
        unfinished_changed(): see `unfinished`.
    """

    notified = Signal(str)
    kept = Signal(object, object, object)
    instance_wanted = Signal()
    tool_wanted = Signal()
    state_changed = Signal(str)
    unfinished_changed = Signal()
    _answered = Signal(object, object)
    _prepared = Signal()

    def __init__(
        self,
        canvas: CanvasView,
        loader: FrameLoader,
        make: Callable[[], Clicker] | None,
        contexts: ClickContexts,
        parent: QObject | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            make: called on the network's thread; None where there is no network.
            contexts: what the network is told besides. What is clicked leaves the pixels of other instances
                that a person has drawn, see `beside_others`.
        """
        super().__init__(parent)
        self._canvas, self._make, self.contexts = canvas, make, contexts
        self._thread: ClickThread | None = None
        self._shown: tuple[int, Frame] | None = None
        self._open: _Question | None = None
        self._answer: SoftMask | None = None
        self._taken: deque[_Question] = deque()
        self._asked: _Question | None = None
        self._saved: dict[int, int] = {}
        self._mouse: tuple[int, int] | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._hover)
        self._answered.connect(self._take_answer)
        self._prepared.connect(self._tell_state)
        loader.loaded.connect(self._show)
        contexts.grown.connect(self._prepare_again)
        canvas.points_changed.connect(self._change)
        canvas.points_taken.connect(self._take)
        canvas.instance_wanted.connect(self.instance_wanted)
        canvas.cursor_moved.connect(self._follow)

    @property
    def usable(self) -> bool:
        """Whether there is a network, as far as is known yet."""
        if self._thread is not None and self._thread.ready.done():
            return self._thread.ready.exception() is None
        return self._make is not None

    @property
    def pending(self) -> bool:
        """Whether masks that the person keeps are still to come from the network."""
        return bool(self._taken)

    @property
    def unfinished(self) -> list[tuple[Prompt, SoftMask, int | None]]:
        """The points that are open or whose masks are still to come, with the masks before them.

        The last is the identity of their instance, None where it is not known.
        """
        return [(one.prompt, one.present, self._identity(one)) for one in self._unfinished]

    def drop_gone(self) -> None:
        """Drop the points of instances that are not there any more: others may get their numbers."""
        there = [one for one in self._taken if self._is_there(one)]
        opened = self._open
        if opened is not None and not self._is_there(opened):
            self._open = self._answer = None
            self._canvas.set_draft(opened.instance, None)
        left = {one.instance for one in (*there, self._open) if one is not None}
        self._saved = {n: identity for n, identity in self._saved.items() if n in left}
        if len(there) < len(self._taken) or opened is not self._open:
            self._taken = deque(there)
            self.unfinished_changed.emit()
            self._go_on()

    def note_saved(self) -> None:
        """Learn the identities of instances that were not on disk yet when they were clicked."""
        unknown = {one.instance for one in self._unfinished if one.identity is None}
        found = {n: self._saved.get(n) or self.contexts.identity(n) for n in unknown}
        self._saved = {n: identity for n, identity in found.items() if identity is not None}

    @property
    def _unfinished(self) -> list[_Question]:
        return [*self._taken, *([self._open] if self._open is not None else [])]

    def _identity(self, one: _Question) -> int | None:
        return self._saved.get(one.instance) if one.identity is None else one.identity

    def _is_there(self, one: _Question) -> bool:
        return self.contexts.is_there(one.instance, self._identity(one))

    def ask_again(self, prompt: Prompt, picture: Frame, present: SoftMask, context: ClickContext) -> None:
        """Ask for a mask that is kept when it comes; of a frame that need not be shown.

        Args:
            picture: the frame.
            present: the instance's map there.
        """
        identity = self.contexts.identity(prompt.key.instance)
        self._taken.append(
            _Question(*prompt.key, prompt.clicks, prompt.box, picture, present, context, identity)
        )
        self.unfinished_changed.emit()
        self._go_on()

    @property
    def weights(self) -> str:
        """The sha256 of the network's weights; empty while it is not known."""
        ready = None if self._thread is None else self._thread.ready
        return ready.result() if ready is not None and ready.done() and ready.exception() is None else ""

    def prepare(self) -> None:
        """Load the network now, and encode the frame shown: the first click is then fast."""
        thread = self._started()
        if thread is not None and self._shown is not None:
            index, frame = self._shown
            instance = self._canvas.editor.selected
            thread.prepare(
                frame, NO_CONTEXT if instance is None else self.contexts.of(CellKey(index, instance))
            )

    def begin(self, box: Box) -> None:
        """Ask for what is in a box, which points then refine; without a network, say so."""
        if not self.usable:
            self.notified.emit(NO_NETWORK)
            return
        self.tool_wanted.emit()
        self._canvas.begin_points(box)

    def forget(self) -> None:
        """Another document opens: answers that are still to come are for the one before."""
        self._taken.clear()
        self._open = self._answer = self._asked = self._shown = None
        self._saved = {}
        self.contexts.forget()
        self._rest.stop()

    def stop(self) -> None:
        """End the thread. It is waited for: the process must not end while a network is being compiled."""
        self._rest.stop()
        if self._thread is not None:
            self._thread.close()

    def _started(self) -> ClickThread | None:
        if self._thread is None and self._make is not None:
            self._thread = ClickThread(self._make)
            self._tell_state()
            self._thread.ready.add_done_callback(lambda _: self._prepared.emit())
        return self._thread

    def _tell_state(self) -> None:
        ready = None if self._thread is None else self._thread.ready
        if ready is None or not ready.done():
            self.state_changed.emit(PREPARING)
        else:
            self.state_changed.emit("" if ready.exception() is None else MISSING)

    def _show(self, index: int, frame: Frame) -> None:
        self._shown = index, frame
        if self._canvas.tool is Tool.CLICK:
            self.prepare()

    def _change(self, instance: int, points: tuple[Click, ...], box: Box | None) -> None:
        """The points have changed."""
        self._canvas.set_preview(None)
        if not points and box is None:
            self._open = self._answer = None
            self._canvas.set_draft(instance, None)
            self.unfinished_changed.emit()
            return
        picture = self._picture()
        if picture is None:
            return
        same = self._open is not None and self._open.instance == instance
        present = self._open.present if self._open and same else self._canvas.editor.mask(instance)
        index = self._canvas.index
        context = self.contexts.of(CellKey(index, instance))
        identity = self.contexts.identity(instance)
        question = _Question(index, instance, points, box, picture, present, context, identity)
        self._open, self._answer = question, None
        self.unfinished_changed.emit()
        self._go_on()

    def _take(self, instance: int) -> None:
        """Keep what the points make, as soon as it is known."""
        question, answer = self._open, self._answer
        self._open = self._answer = None
        if question is None:
            self._canvas.set_draft(instance, None)
        elif answer is not None:
            self._keep(question, answer)
        else:
            self._taken.append(question)
            self._go_on()
        self.unfinished_changed.emit()

    def _go_on(self) -> None:
        """Ask what comes next: what the person keeps, in order, then what is open.

        The network's thread drops a question that waits there for a newer one: never what is kept.
        """
        wanted = self._taken[0] if self._taken else self._open
        if wanted is not None and wanted is not self._asked and self._answer is None:
            self._ask(wanted)

    def _follow(self, x: int, y: int) -> None:
        """The mouse is over another pixel."""
        self._mouse = (x, y) if x >= 0 else None
        if self._canvas.tool is Tool.CLICK and self._open is None:
            self._canvas.set_preview(None)
            self._rest.start()

    def _hover(self) -> None:
        """The mouse rests: show what a click would make where nothing is drawn yet."""
        instance = self._canvas.editor.selected
        picture = self._picture()
        idle = self._open is None and not self._taken
        if not idle or instance is None or picture is None or self._mouse is None or not self.usable:
            return
        if self._canvas.editor.objection(instance):
            return  # A click would be refused.
        if self._canvas.tool is Tool.CLICK and not self._canvas.editor.mask(instance).area:
            point = Click(float(self._mouse[0]), float(self._mouse[1]), adds=True)
            index, nothing = self._canvas.index, SoftMask.empty()
            context = self.contexts.of(CellKey(index, instance))
            self._ask(_Question(index, instance, (point,), None, picture, nothing, context, hovers=True))

    def _ask(self, question: _Question) -> None:
        thread = self._started()
        if thread is None:
            self._taken.clear()
            self._fail(question, NO_NETWORK)
            self.unfinished_changed.emit()
            return
        self._asked = question
        present = question.present if question.present.area else None
        future = thread.ask(question.picture, question.points, question.box, present, question.context)
        future.add_done_callback(partial(self._hand_over, question))

    def _hand_over(self, question: _Question, future: Future[Prediction | None]) -> None:
        """Bring an answer from the network's thread to the window's."""
        if future.cancelled():
            return
        answer: object = future.exception() or future.result()
        others = question.context.others
        if isinstance(answer, Prediction) and others:
            try:
                mask = beside_others(answer.mask, question.present, others, question.points)
                answer = Prediction(mask, answer.confidence)
            except UserError as error:  # a map that cannot be read from disk
                answer = error
        self._answered.emit(question, answer)

    def _take_answer(self, question: _Question, answer: Prediction | Exception) -> None:
        if question is self._asked:
            self._asked = None
        taken = question in self._taken
        if taken:
            self._taken.remove(question)
        if isinstance(answer, Exception):
            self._fail(question, str(answer) or type(answer).__name__)
        elif question.hovers:
            if self._open is None and question.picture is self._picture():
                self._canvas.set_preview(answer.mask)
        elif taken:
            self._keep(question, answer.mask)
        elif question is self._open:
            self._answer = answer.mask
            self._canvas.set_draft(question.instance, answer.mask)
        if taken:
            self.unfinished_changed.emit()
        self._go_on()

    def _keep(self, question: _Question, mask: SoftMask) -> None:
        self._canvas.set_draft(question.instance, None)
        if not (mask.area or question.present.area):
            # An empty mask would be kept as 'not in this frame'.
            self.notified.emit(NO_MASK)
            return
        # What was clicked since then in this cell is made over what is kept only now.
        self._taken = deque(one.over(mask) if one.same_cell(question) else one for one in self._taken)
        if self._open is not None and self._open.same_cell(question):
            self._open = self._open.over(mask)
        self.kept.emit(mask if mask.area else SoftMask.empty(), question.prompt, question.present)
        # To what is asked from now on this mask is another instance's.
        # Its other frames stay: those around the frame that is shown now are decoded, not those around its.
        self._taken = deque(self._beside_drawn(one) for one in self._taken)
        if self._open is not None:
            self._open = self._beside_drawn(self._open)

    def _beside_drawn(self, question: _Question) -> _Question:
        """A question that is not asked yet, with the other instances' masks as they are now."""
        if question is self._asked:
            return question
        if question is self._open:
            return replace(question, context=self.contexts.of(question.key))
        others = self.contexts.others(question.key)
        return replace(question, context=replace(question.context, others=others))

    def _prepare_again(self) -> None:
        if self._open is None and self._canvas.tool is Tool.CLICK:
            self.prepare()

    def _fail(self, question: _Question, sentence: str) -> None:
        if not question.hovers:
            self._canvas.set_draft(question.instance, None)
            self.notified.emit(sentence)

    def _picture(self) -> Frame | None:
        """The frame on the canvas."""
        if self._shown is None or self._shown[0] != self._canvas.index:
            return None
        return self._shown[1]
