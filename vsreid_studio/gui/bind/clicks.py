"""Points on the canvas, and the masks that the click network makes of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from ...engine.types import Box, CellKey, Click, Frame, Prediction, SoftMask
from ...formats.points import Prompt
from ..canvas import CanvasView
from ..canvas.types import Tool
from ..frames import FrameLoader

if TYPE_CHECKING:
    from ...engine.runtime.click_thread import ClickThread
    from ...engine.runtime.clicker import Clicker

REST_MS = 120
"""The mouse rests from here on, and what a click would make is shown."""
PREPARING = "preparing the click network"
MISSING = "no click network"
NO_NETWORK = "There is no click network here: draw with the brush, or install its weights."


@dataclass(frozen=True, eq=False)
class _Question:
    """What is asked of the click network.

    Attributes:
        frame, instance: the cell that is drawn.
        points, box: see `Clicker.segment`.
        picture: (H, W, 3) uint8 RGB.
        present: the instance's map before the first point.
        hovers: whether it only shows what a click would make.
    """

    frame: int
    instance: int
    points: tuple[Click, ...]
    box: Box | None
    picture: Frame
    present: SoftMask
    hovers: bool = False

    def same_cell(self, other: _Question) -> bool:
        """Whether both are about the same instance in the same frame."""
        return (self.frame, self.instance) == (other.frame, other.instance)


class ClickBinder(QObject):
    """Asks what points make, shows it, and hands it on when it is kept.

    The network has a thread of its own, so it answers while a run goes on, too. The thread starts when the
    click tool or a box is first used.

    Signals:
        notified(sentence): why nothing came of a click.
        kept(SoftMask, Prompt, bool): the person keeps a mask, with the cell and the points that it was made
            of, and whether there was a mask before them.
        instance_wanted(): a point is to be made, and no instance is selected.
        tool_wanted(): a box was drawn, which points shall refine.
        state_changed(sentence): the network is being prepared, or there is none; empty when it answers.
    """

    notified = Signal(str)
    kept = Signal(object, object, bool)
    instance_wanted = Signal()
    tool_wanted = Signal()
    state_changed = Signal(str)
    _answered = Signal(object, object)
    _prepared = Signal()

    def __init__(
        self,
        canvas: CanvasView,
        loader: FrameLoader,
        make: Callable[[], Clicker] | None,
        parent: QObject | None = None,
    ) -> None:
        """Start nothing yet; `make` is called on the network's thread, None where there is no network."""
        super().__init__(parent)
        self._canvas, self._make = canvas, make
        self._thread: ClickThread | None = None
        self._shown: tuple[int, Frame] | None = None
        self._open: _Question | None = None
        self._answer: SoftMask | None = None
        self._taken: _Question | None = None
        self._next: _Question | None = None
        self._mouse: tuple[int, int] | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._hover)
        self._answered.connect(self._take_answer)
        self._prepared.connect(self._tell_state)
        loader.loaded.connect(self._show)
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
    def weights(self) -> str:
        """The sha256 of the network's weights; empty while it is not known."""
        ready = None if self._thread is None else self._thread.ready
        return ready.result() if ready is not None and ready.done() and ready.exception() is None else ""

    def prepare(self) -> None:
        """Load the network now, and encode the frame shown: the first click is then fast."""
        thread = self._started()
        if thread is not None and self._shown is not None:
            thread.prepare(self._shown[1])

    def begin(self, box: Box) -> None:
        """Ask for what is in a box, which points then refine; without a network, say so."""
        if not self.usable:
            self.notified.emit(NO_NETWORK)
            return
        self.tool_wanted.emit()
        self._canvas.begin_points(box)

    def stop(self) -> None:
        """End the thread. It is waited for: the process must not end while a network is being compiled."""
        self._rest.stop()
        if self._thread is not None:
            self._thread.close()

    def _started(self) -> ClickThread | None:
        if self._thread is None and self._make is not None:
            from ...engine.runtime.click_thread import ClickThread  # noqa: PLC0415  (torch)

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
            return
        picture = self._picture()
        if picture is None:
            return
        same = self._open is not None and self._open.instance == instance
        present = self._open.present if self._open and same else self._canvas.editor.mask(instance)
        question = _Question(self._canvas.index, instance, points, box, picture, present)
        self._open, self._answer = question, None
        # The thread drops what waits, and what the person has kept must not be dropped.
        if self._taken is not None:
            self._next = question
        else:
            self._ask(question)

    def _take(self, instance: int) -> None:
        """Keep what the points make, as soon as it is known."""
        question, answer = self._open, self._answer
        self._open = self._answer = None
        if question is None:
            self._canvas.set_draft(instance, None)
        elif answer is not None:
            self._keep(question, answer)
        else:
            self._taken = question

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
        idle = self._open is None and self._taken is None
        if not idle or instance is None or picture is None or self._mouse is None or not self.usable:
            return
        if self._canvas.tool is Tool.CLICK and not self._canvas.editor.mask(instance).area:
            point = Click(float(self._mouse[0]), float(self._mouse[1]), adds=True)
            nothing = SoftMask.empty()
            self._ask(_Question(self._canvas.index, instance, (point,), None, picture, nothing, hovers=True))

    def _ask(self, question: _Question) -> None:
        thread = self._started()
        if thread is None:
            self._fail(question, NO_NETWORK)
            return
        present = question.present if question.present.area else None
        future = thread.ask(question.picture, question.points, question.box, present)
        future.add_done_callback(partial(self._hand_over, question))

    def _hand_over(self, question: _Question, future: Future[Prediction | None]) -> None:
        """Bring an answer from the network's thread to the window's."""
        if not future.cancelled():
            self._answered.emit(question, future.exception() or future.result())

    def _take_answer(self, question: _Question, answer: Prediction | Exception) -> None:
        if isinstance(answer, Exception):
            self._fail(question, str(answer) or type(answer).__name__)
        elif question.hovers:
            if self._open is None and question.frame == self._canvas.index:
                self._canvas.set_preview(answer.mask)
        elif question is self._taken:
            self._taken = None
            self._keep(question, answer.mask)
            if self._next is not None and question.same_cell(self._next):
                # It was asked over what is kept only now.
                self._next = self._open = replace(self._next, present=answer.mask)
        elif question is self._open:
            self._answer = answer.mask
            self._canvas.set_draft(question.instance, answer.mask)
        if self._taken is None and self._next is not None:
            waiting, self._next = self._next, None
            if waiting is self._open:
                self._ask(waiting)

    def _keep(self, question: _Question, mask: SoftMask) -> None:
        self._canvas.set_draft(question.instance, None)
        prompt = Prompt(CellKey(question.frame, question.instance), question.points, question.box)
        self.kept.emit(mask, prompt, bool(question.present.area))

    def _fail(self, question: _Question, sentence: str) -> None:
        if question is self._taken:
            self._taken = None
        if not question.hovers:
            self._canvas.set_draft(question.instance, None)
            self.notified.emit(sentence)

    def _picture(self) -> Frame | None:
        """The frame on the canvas."""
        if self._shown is None or self._shown[0] != self._canvas.index:
            return None
        return self._shown[1]
