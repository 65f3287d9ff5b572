"""The document on the canvas, and what is drawn there into the document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor

from ...engine.events import Change, Proposal
from ...engine.store.annotation import Annotation
from ...engine.types import Box, CellKey, Frame, SoftMask
from ...formats.points import Clicked, Prompt, checksum
from ...project.sources import noted, setting_of
from ..canvas import CanvasView
from ..canvas.composition import Composed
from ..canvas.types import Display
from ..conductor import Conductor
from ..edits import COMPARED
from ..frames import FrameLoader
from .click_contexts import ClickContexts
from .clicks import ClickBinder
from .open_points import OpenPointsKeeper

if TYPE_CHECKING:
    from ...engine.runtime.clicker import Clicker


_AT_ONCE = 4
"""Masks that change at once and are composed on the window's thread; more would hold it up."""
_PIXELS = 1_500_000
"""Pixels of such masks, by their boxes: some 30 ms. One mask that fills a frame of 4K takes 160 ms."""


def _is_much(masks: Iterable[SoftMask]) -> bool:
    """Whether composing these masks at once would hold up the window."""
    areas = [mask.box.area for mask in masks]
    return len(areas) > _AT_ONCE or sum(areas) > _PIXELS


@dataclass(frozen=True, slots=True, eq=False)
class Wipe:
    """Two states in one picture.

    Attributes:
        before, after: never changed.
        share: of the width that shows `before`, from the left.
    """

    before: Annotation
    after: Annotation
    share: float

    def masks(self, frame: int, width: int) -> dict[int, SoftMask]:
        """The maps of a frame, by instance: of one state left of the wipe, of the other right of it."""
        column = round(self.share * width)
        left, right = self.before.frame_masks(frame), self.after.frame_masks(frame)
        if column in (0, width):
            return right if column == 0 else left
        return {k: _joined(left.get(k), right.get(k), column) for k in sorted({*left, *right})}


def _joined(left: SoftMask | None, right: SoftMask | None, column: int) -> SoftMask:
    none = SoftMask.empty()
    left, right = left or none, right or none
    parts = [
        (left, left.box.intersect(Box(0, left.box.y0, column, left.box.y1))),
        (right, right.box.intersect(Box(column, right.box.y0, right.box.x1, right.box.y1))),
    ]
    parts = [(mask, box) for mask, box in parts if box.area]
    if not parts:
        return none
    whole = parts[0][1]
    for _, box in parts[1:]:
        whole = whole.union(box)
    values = np.zeros((whole.height, whole.width), np.uint8)
    for mask, box in parts:
        place = box.shifted(-whole.x0, -whole.y0)
        values[place.slices] = mask.values[box.shifted(-mask.box.x0, -mask.box.y0).slices]
    return SoftMask(whole, values)


class Correction:
    """Strokes on a proposal; they are in no document until it is accepted, another is
    chosen, or the document closes.

    Attributes:
        frame, instance: the cell that is proposed.
    """

    def __init__(self, proposal: Proposal) -> None:
        self.frame, self.instance = proposal.frame, proposal.instance
        self._masks = [proposal.recovered]

    @property
    def mask(self) -> SoftMask:
        """As painted so far."""
        return self._masks[-1]

    @property
    def painted(self) -> bool:
        """Whether there is any stroke."""
        return len(self._masks) > 1

    def paint(self, mask: SoftMask) -> None:
        """Take a stroke."""
        self._masks.append(mask)

    def undo(self) -> bool:
        """Take the last stroke back; False where there is none."""
        if not self.painted:
            return False
        self._masks.pop()
        return True


class CanvasBinder(QObject):
    """Keeps the canvas at the present frame.

    Attributes:
        canvas: the widget.
        correction: of the proposal that waits, while the person paints it right.
        redrawing: whether the next box is the proposal's.
        clicks: asks what points make.
        open_points: keeps points whose masks are not computed yet.

    Signals:
        notified(sentence): why nothing was drawn.
        redrawn: the person has drawn the proposal's box.
    """

    notified = Signal(str)
    redrawn = Signal()

    def __init__(
        self,
        canvas: CanvasView,
        conductor: Conductor,
        loader: FrameLoader,
        clicker: Callable[[], Clicker] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.clicks = ClickBinder(
            canvas, loader, clicker, ClickContexts(conductor.session, loader, self), self
        )
        self.canvas = canvas
        self.correction: Correction | None = None
        self.redrawing = False
        self._wipe: Wipe | None = None
        self._frame: Frame | None = None
        self._shown_colours: dict[int, QColor] = {}
        self._wiped: tuple[int, dict[int, SoftMask]] | None = None
        self._conductor, self._session, self._loader = conductor, conductor.session, loader
        self.open_points = OpenPointsKeeper(conductor.session, loader, self.clicks, self)
        self.open_points.notified.connect(self.notified)
        session, follower = self._session, self._session.turns.follower
        conductor.review.drawing = lambda: canvas.drawing
        conductor.review.painted = self._painted
        session.frame_changed.connect(self._request)
        loader.loaded.connect(self._show_frame)
        session.changed.connect(follower(self._follow))
        session.instances_changed.connect(follower(self._refresh))
        session.instances_changed.connect(self.clicks.drop_gone)
        session.instances_changed.connect(self.open_points.go_on)
        session.undo_changed.connect(self.clicks.note_saved)
        session.selection_changed.connect(follower(self._select))
        session.proposal_changed.connect(self._propose)
        session.opened.connect(self._open)
        session.leaving.connect(self._save)
        session.closing.connect(self._forget)
        canvas.edited.connect(self._take_stroke)
        canvas.box_drawn.connect(self._take_box)
        canvas.candidate_moved.connect(self._redraw)
        canvas.refused.connect(self.notified)
        self.clicks.notified.connect(self.notified)
        self.clicks.kept.connect(self._keep_clicked)
        self.clicks.instance_wanted.connect(self._add_instance)
        if session.document is not None:
            self._open()

    def begin_correction(self) -> None:
        """Let the person paint what was recovered."""
        proposal = self._session.proposal
        if proposal is not None:
            self.correction = Correction(proposal)
            self._conductor.review.correcting = True
            self._session.go(proposal.frame)
            self._session.select(proposal.instance)
            self._show_masks()
            self._show_candidate()

    def end_correction(self) -> None:
        """Show the proposal again."""
        if self.correction is not None:
            self.correction = None
            self._conductor.review.end_correction()
        self._show_masks()
        self._show_candidate()

    def compare(self, wipe: Wipe | None) -> None:
        """Show two states of the masks side by side instead of the document's, or with None these again."""
        self._wipe, self._wiped = wipe, None
        # What is shown is in no document: a stroke on it would be of nothing.
        self._session.edits.comparing = wipe is not None
        self.canvas.editor.set_closed("" if wipe is None else COMPARED)
        self.canvas.set_wipe(None if wipe is None else wipe.share)
        self.open_points.go_on()
        self._show_masks()

    def set_display(self, display: Display) -> None:
        """Choose what lies over the picture; many masks change when they are composed elsewhere."""
        opened = self._session.document is not None
        later = opened and self._shows_many
        self.canvas.set_display(display, composed_later=later)
        if later:
            self._request(self._session.frame)
        elif opened and display.onion_skin:
            self._show_neighbour()

    def undo_stroke(self) -> bool:
        """Take back a stroke of the correction; False where there is none to take back."""
        if self.correction is None or not self.correction.undo():
            return False
        self._show_masks()
        return True

    def _open(self) -> None:
        self._loader.open(self._session.video)
        self._request(self._session.frame)
        self.open_points.open()

    def _painted(self) -> SoftMask | None:
        correction = self.correction
        return correction.mask if correction is not None and correction.painted else None

    def _save(self) -> None:
        """What is drawn belongs to the document that is to close, not to the next one."""
        self.canvas.finish()
        self.open_points.save()
        if self._conductor.review.keep_painted():
            self._session.set_proposal(None)

    def _forget(self) -> None:
        """Show no frame: drawn on before the next document's is there, it would change that document."""
        self.open_points.forget()
        self.clicks.forget()
        self.canvas.forget()
        self._frame = None

    def _request(self, index: int) -> None:
        """Ask for a frame with what is to be shown over it, composed on the thread that decodes."""
        session = self._session
        masks = self._visible(index)
        near = session.annotation.frame_masks(self._near(index)) if self.canvas.display.onion_skin else {}
        height = session.video.height
        prepare = self.canvas.composition(masks, self._colours, near, session.selected, height)
        self._loader.request(index, prepare)

    def _masks(self, index: int) -> dict[int, SoftMask]:
        """What is shown over a frame: the document's masks, or what stands in for them."""
        if self._wipe is not None:
            if self._wiped is None or self._wiped[0] != index:
                # Kept, as those that the line cuts would be others each time.
                self._wiped = index, self._wipe.masks(index, self._session.video.width)
            return self._wiped[1]
        masks = self._session.annotation.frame_masks(index)
        if self.correction is not None and self.correction.frame == index:
            masks[self.correction.instance] = self.correction.mask
        return masks

    def _visible(self, index: int) -> dict[int, SoftMask]:
        hidden = self._hidden
        return {k: mask for k, mask in self._masks(index).items() if k not in hidden}

    @property
    def _colours(self) -> dict[int, QColor]:
        return {k: QColor(one.colour) for k, one in self._session.instances.items()}

    @property
    def _hidden(self) -> set[int]:
        return {k for k, one in self._session.instances.items() if one.hidden}

    @property
    def _shows_many(self) -> bool:
        """Whether a change of all masks would hold up the window."""
        return _is_much(self.canvas.picture.masks.values())

    @staticmethod
    def _near(index: int) -> int:
        return index - 1 if index > 0 else index + 1

    def _show_frame(self, index: int, frame: Frame, composed: Composed | None) -> None:
        if composed is not None and index == self.canvas.index and frame is self._frame:
            self.canvas.take(composed)
        else:
            self.canvas.set_frame(index, frame, composed)
        self._frame = frame
        self._show_masks()
        self._show_candidate()

    def _show_masks(self) -> None:
        session, index = self._session, self.canvas.index
        if session.document is None or not 0 <= index < session.annotation.length:
            return
        self.canvas.set_locked([k for k, one in session.instances.items() if one.locked])
        self.canvas.set_selected(session.selected)
        self._shown_colours = self._colours
        self.canvas.set_masks(self._masks(index), self._shown_colours, self._hidden)
        if self.canvas.display.onion_skin:
            self._show_neighbour()

    def _show_neighbour(self) -> None:
        """Give the onion skin the frame before, or for the first one the frame after."""
        near = self._near(self.canvas.index)
        self.canvas.set_neighbour(self._session.annotation.frame_masks(near))

    def _follow(self, change: Change) -> None:
        index = self.canvas.index
        near = (index, index - 1, index + 1)
        if any(CellKey(frame, k) in change.after for k in change.touched for frame in near):
            self._refresh()

    def _refresh(self) -> None:
        """Show the masks as they are now: a few at once, many as soon as they are composed elsewhere."""
        if self._session.document is None:
            return
        shown = self.canvas.picture.masks
        visible = self._visible(self.canvas.index)
        pairs = [(shown.get(k), visible.get(k)) for k in visible.keys() | shown.keys()]
        changed = [pair for pair in pairs if pair[0] is not pair[1]]
        largest = (max((m for m in pair if m), key=lambda mask: mask.box.area) for pair in changed)
        if _is_much(largest) or (self._shows_many and self._colours != self._shown_colours):
            self._request(self._session.frame)
        else:
            self._show_masks()

    def _select(self, instance: int | None) -> None:
        self.canvas.set_selected(instance, composed_later=self._shows_many)
        if self._shows_many:
            self._request(self._session.frame)

    def _propose(self, proposal: Proposal | None) -> None:
        self.redrawing = False
        painted = self.correction
        if painted is not None and (proposal is None or proposal.key != (painted.frame, painted.instance)):
            self.correction, self._conductor.review.correcting = None, False
        self._show_masks()
        self._show_candidate()

    def _show_candidate(self) -> None:
        proposal = self._session.proposal
        if proposal is None or proposal.frame != self.canvas.index or self.correction is not None:
            self.canvas.set_candidate(None, None)
            return
        one = self._session.instances.get(proposal.instance)
        colour = QColor(one.colour) if one is not None else None
        self.canvas.set_candidate(proposal.box, proposal.recovered, colour)

    def _add_instance(self) -> None:
        """A click begins the first instance; among several it must be chosen."""
        if not self._session.instances:
            self._session.instance_edits.add_instance()

    def _keep_clicked(self, mask: SoftMask, prompt: Prompt, before: SoftMask) -> None:
        """Take a mask that points have made, and note them in the project.

        The network may have taken a while: what the person has drawn there since then stays. Where nothing
        may be drawn now, it is asked for again when it may.
        """
        cell = self._session.annotation.get(*prompt.key)
        one = self._session.instances.get(prompt.key.instance)
        closed = self._session.edits.comparing or (one is not None and one.locked)
        if closed and not self._is_corrected(*prompt.key):
            self.open_points.wait(prompt, before)
            self._show_masks()
        elif cell is not None and cell.pinned and not cell.mask.same(before):
            self.notified.emit("The clicked mask is not kept: the mask was changed meanwhile.")
            self._show_masks()
        elif self._keep(*prompt.key, mask, "Click"):
            name = setting_of(prompt.key)
            clicked = Clicked(prompt, before.area > 0, self.clicks.weights, checksum(mask))
            self.open_points.follow_kept(prompt, clicked.mask)
            self._session.keep_setting(name, noted(self._session.setting(name), clicked))

    def _take_stroke(self, instance: int, mask: SoftMask, label: str) -> None:
        self._keep(self.canvas.index, instance, mask, label)

    def _keep(self, frame: int, instance: int, mask: SoftMask, label: str) -> bool:
        """Take a mask that the person has drawn; whether the document has it."""
        if self.correction is not None and self._is_corrected(frame, instance):
            self.correction.paint(mask)
        elif self._session.mask_edits.edit_mask(frame, instance, mask, label):
            return True
        # Else the stroke is on the canvas, but not in the document.
        self._show_masks()
        return False

    def _is_corrected(self, frame: int, instance: int) -> bool:
        """Whether what is drawn in a cell is of the proposal, not of the document."""
        one = self.correction
        return one is not None and (one.frame, one.instance) == (frame, instance)

    def _take_box(self, instance: int, box: Box) -> None:
        if self.redrawing:
            self._redraw(box)
        else:
            self.clicks.begin(box)

    def _redraw(self, box: Box) -> None:
        self.redrawing = False
        if self._conductor.review.redraw(box):
            self.redrawn.emit()
        else:
            self._show_candidate()
