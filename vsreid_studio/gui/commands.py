"""What the window's actions do to document, engine and canvas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu

from ..engine.runtime.run import State
from .actions import NEED_SELECTION, RANGED, SPECS, TOOLS, Act, Actions
from .canvas import Tool
from .canvas.editor import HIDDEN
from .check_panel import frames_text
from .conductor import Conductor
from .review.actions import Mode
from .theme import plain, shortened
from .workspace import DrawnAnswers, Workspace

_TOOLS = {
    Act.CLICK: Tool.CLICK,
    Act.BRUSH: Tool.BRUSH,
    Act.ERASER: Tool.ERASER,
    Act.LASSO: Tool.LASSO,
    Act.POLYGON: Tool.POLYGON,
    Act.BOX: Tool.BOX,
    Act.GRAB: Tool.GRAB,
}
_MENU = (
    (Act.APPROVE, Act.ABSENT, Act.CLEAR_FRAME),
    (Act.RANGE_START, Act.RANGE_END, Act.RANGE_NONE, Act.CLEAR_RANGE),
    (Act.PROPAGATE_ONE, Act.FIND_AGAIN),
)
"""Of the timeline's own menu."""
_NO_CHECKPOINT = "There is no further checkpoint in this direction."
_NO_PROPOSAL = "No proposal waits for an answer."
_STRIDE = 10
_ZOOM_STEP = 1.5
_BRUSH_STEP = 1.15
_SPECK = 0.0002
"""Share of the frame below which a stray piece of a mask is a speck."""
_LONGEST_LABEL = 60
"""Letters of a step's label, which may have the name of an instance in it, in the menu."""
_PENDING = "The masks of your clicks are still being computed: start again when they are shown."


class Commands(QObject):
    """Connects the actions that need an open document, and enables them when they make sense.

    Signals:
        nothing_open: Esc was pressed, and there was nothing to end.
    """

    nothing_open = Signal()

    def __init__(self, actions: Actions, workspace: Workspace, conductor: Conductor, parent: QObject) -> None:
        super().__init__(parent)
        self._actions, self._parts, self._conductor = actions, workspace, conductor
        self._session = session = conductor.session
        self._is_first = True
        for act, do in self._everything().items():
            actions.connect(act, do)
        self._connect_tools()
        self._connect_view()
        self._connect_review()
        self._place_keys()
        for signal in (
            *(session.opened, session.closed, session.undo_changed, session.selection_changed),
            *(session.range_changed, session.instances_changed, conductor.state_changed),
        ):
            signal.connect(session.turns.follower(self._refresh, bare=True))
        session.selection_changed.connect(self._offer_mending)
        session.frame_changed.connect(self._offer_mending)
        session.frame_changed.connect(self._name_absent)
        session.changed.connect(self._offer_mending)
        session.opened.connect(self._offer_clicks)
        self._parts.playback.changed.connect(self._show_space)
        self._parts.canvas.space_tapped.connect(self._space)
        self._refresh()

    def _everything(self) -> dict[Act, Callable[[], object]]:
        session, conductor, timeline = self._session, self._conductor, self._parts.timeline
        return {
            Act.UNDO: self._undo,
            Act.REDO: self._redo,
            Act.APPROVE: self._approve,
            Act.APPROVE_ALL: self._approve_all,
            Act.ABSENT: self._mark_absent,
            Act.CLEAR_FRAME: self._clear_frame,
            Act.CLEAR_RANGE: self._clear_range,
            Act.PROPAGATE: self._propagate,
            Act.PROPAGATE_ONE: self._propagate_one,
            Act.FIND_AGAIN: self._find_again,
            Act.ADAPT: conductor.adapt,
            Act.FORGET: conductor.forget_adaptation,
            Act.PAUSE: self._space,
            Act.PLAY: partial(self._parts.playback.play, 1),
            Act.PLAY_BACK: partial(self._parts.playback.play, -1),
            Act.STOP: self._parts.playback.stop,
            Act.CANCEL: conductor.cancel,
            Act.LEAVE: self._leave,
            Act.NEXT: partial(self._step, 1),
            Act.PREVIOUS: partial(self._step, -1),
            Act.NEXT_TEN: partial(self._step, _STRIDE),
            Act.PREVIOUS_TEN: partial(self._step, -_STRIDE),
            Act.FIRST: lambda: timeline.go_to(0),
            Act.LAST: lambda: timeline.go_to(session.video.length - 1),
            Act.NEXT_CHECKPOINT: partial(self._reach, timeline.next_checkpoint, _NO_CHECKPOINT),
            Act.PREVIOUS_CHECKPOINT: partial(self._reach, timeline.previous_checkpoint, _NO_CHECKPOINT),
            Act.NEXT_RETRIEVAL: partial(self._reach, timeline.next_retrieval, _NO_PROPOSAL),
            Act.PREVIOUS_RETRIEVAL: partial(self._reach, timeline.previous_retrieval, _NO_PROPOSAL),
            Act.NEXT_DOUBT: partial(self._next_doubt, 1),
            Act.PREVIOUS_DOUBT: partial(self._next_doubt, -1),
            Act.CAREFUL: self._choose_care,
            Act.ROUNDS: self._show_rounds,
            Act.RANGE_START: partial(self._choose, start=True),
            Act.RANGE_END: partial(self._choose, start=False),
            Act.RANGE_NONE: lambda: session.choose_range(None),
            Act.FIT: self._parts.canvas.fit,
            Act.ACTUAL_SIZE: self._parts.canvas.actual_size,
            Act.ZOOM_IN: lambda: self._parts.canvas.zoom(_ZOOM_STEP),
            Act.ZOOM_OUT: lambda: self._parts.canvas.zoom(1 / _ZOOM_STEP),
            Act.SMALLER: lambda: self._parts.canvas.resize_brush(1 / _BRUSH_STEP),
            Act.LARGER: lambda: self._parts.canvas.resize_brush(_BRUSH_STEP),
        }

    def _connect_tools(self) -> None:
        group = QActionGroup(self)
        for act in TOOLS:
            group.addAction(self._actions[act])
            self._actions.connect(act, partial(self._parts.canvas.set_tool, _TOOLS[act]))
        self._actions[Act.BRUSH].setChecked(True)
        clicks = self._parts.on_canvas.clicks
        clicks.tool_wanted.connect(self._actions[Act.CLICK].trigger)
        for signal in (self._parts.canvas.points_changed, self._parts.canvas.points_taken):
            signal.connect(self._name_steps)
        self._actions[Act.CLICK].triggered.connect(lambda _=False: clicks.prepare())
        canvas, options = self._parts.canvas, self._parts.options
        options.set_brush_size(round(canvas.options.size))
        options.set_opacity(canvas.display.opacity)
        options.brush_size_changed.connect(
            lambda size: canvas.set_options(replace(canvas.options, size=float(size)))
        )
        canvas.brush_resized.connect(lambda size: options.set_brush_size(round(size)))
        options.opacity_changed.connect(lambda share: self._display(opacity=share))
        options.fill_holes_requested.connect(self._fill_holes)
        options.remove_specks_requested.connect(self._remove_specks)

    def _connect_view(self) -> None:
        """Switches are on the panel and in the menu; either moves the other."""
        options, actions = self._parts.options, self._actions
        for act, signal, switch, shown in (
            (Act.OUTLINE, options.outline_changed, options.outline, "outline_only"),
            (Act.PROBABILITY, options.probability_changed, options.probability, "probability"),
            (Act.ONION, options.onion_changed, options.onion, "onion_skin"),
        ):
            signal.connect(actions[act].setChecked)
            actions[act].toggled.connect(switch.setChecked)
            actions[act].toggled.connect(lambda on, name=shown: self._display(**{name: on}))

    def _connect_review(self) -> None:
        self._parts.review.shown.connect(self._parts.on_timeline.show_retrieval)
        self._parts.timeline.menu_requested.connect(self._offer_menu)
        self._drawn = DrawnAnswers(self._actions, self._parts, self._conductor, self)

    def _place_keys(self) -> None:
        """Some keys count on canvas and timeline only: lists and fields need them for themselves."""
        for act, spec in SPECS.items():
            if spec.canvas:
                self._actions[act].setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                self._parts.canvas.addAction(self._actions[act])
                self._parts.timeline.addAction(self._actions[act])

    def _refresh(self) -> None:
        """Enable what can be done now."""
        session, actions, state = self._session, self._actions, self._conductor.state
        there = session.document is not None
        everything = {*self._everything(), *TOOLS}
        actions.enable(
            there, *everything, Act.IMPORT, Act.IMPORT_FOLDER, Act.COMPARE, Act.START_PAGE, Act.JUMP
        )
        choice = there and (len(session.video.tracks) > 1 or session.video.value_range is not None)
        actions.enable(choice, Act.READING)
        self._parts.instances.actions_.add.setEnabled(there)
        actions.enable(there and state is State.IDLE, Act.EXPORT, Act.ADAPT)
        adapted = there and session.adaptation is not None
        actions.enable(adapted and state is State.IDLE, Act.FORGET)
        chosen = there and session.selected is not None
        actions.enable(chosen, *NEED_SELECTION)
        actions.enable(there and session.range is not None, Act.CLEAR_RANGE, RANGED[-1])
        self._show_space()
        actions[Act.CAREFUL].setChecked(self._conductor.careful)
        actions.enable(state is not State.IDLE, Act.CANCEL)
        self._name_steps()
        self._name_absent()
        self._offer_mending()

    def _name_steps(self) -> None:
        # Until an undo is done, what it leaves to redo is not known: both are possible, and take their turn.
        unknown = self._session.exchanging
        for act, word, label in (
            (Act.UNDO, "Undo", self._session.undo_label),
            (Act.REDO, "Redo", self._session.redo_label),
        ):
            action = self._actions[act]
            known = label if label and not unknown else ""
            step = plain(_lower(shortened(known, _LONGEST_LABEL)))
            action.setText(f"{word} {step}" if step else word)
            action.setEnabled(unknown or label is not None)
        if self._points_open():
            self._actions[Act.UNDO].setText("Undo point")
            self._actions[Act.UNDO].setEnabled(True)
        if self._parts.canvas.gesture.undone:
            self._actions[Act.REDO].setText("Redo point")
            self._actions[Act.REDO].setEnabled(True)

    def _offer_mending(self) -> None:
        session = self._session
        one = session.instances.get(session.selected) if session.selected is not None else None
        there = one is not None and not one.locked and not one.hidden
        if there and session.selected is not None:
            there = bool(session.annotation.mask(session.frame, session.selected).box.area)
        self._parts.options.set_editable(there)

    # --- what they do

    def _reach(self, go: Callable[[], bool], none: str) -> None:
        if not go():
            self._conductor.notified.emit(none)

    def _next_doubt(self, by: int) -> None:
        self._parts.check_dock.raise_()
        self._parts.on_check.step(by)

    def _show_rounds(self) -> None:
        self._parts.rounds_dock.show()
        self._parts.rounds_dock.raise_()
        self._parts.rounds.entries.setFocus()

    def _choose_care(self) -> None:
        careful = self._actions[Act.CAREFUL].isChecked()
        self._conductor.set_careful(careful)

    def _points_open(self) -> bool:
        """Whether points wait to be kept; to undo is to undo the last step of them."""
        canvas = self._parts.canvas
        return canvas.tool is Tool.CLICK and canvas.gesture.busy

    def _offer_clicks(self) -> None:
        """Start with clicks, and again in each document without masks: the first thing to do is to click."""
        first, self._is_first = self._is_first, False
        if self._parts.on_canvas.clicks.usable and (first or not len(self._session.annotation)):
            self._actions[Act.CLICK].trigger()

    def _undo(self) -> None:
        if self._points_open():
            self._parts.canvas.undo_step()
        elif not self._parts.on_canvas.undo_stroke():
            self._conductor.undo()

    def _redo(self) -> None:
        if not self._parts.canvas.redo_step():
            self._conductor.redo()

    def _space(self) -> None:
        """Pause a run or go on with it; play and stop while there is none."""
        if self._pausable:
            self._conductor.toggle_pause()
        else:
            self._parts.playback.toggle()

    @property
    def _pausable(self) -> bool:
        return self._conductor.in_run and self._conductor.state in {State.RUNNING, State.PAUSED}

    def _show_space(self) -> None:
        state, canvas = self._conductor.state, self._parts.canvas
        engine = self._pausable
        if engine:
            self._parts.playback.stop()
        # The canvas pans with Space held, but in a run the key is needed at once.
        canvas.keep_space(not engine)
        if engine:
            text, name = ("Go on", "resume") if state is State.PAUSED else ("Pause", "pause")
        else:
            text, name = ("Stop", "pause") if self._parts.playback.playing else ("Play", "resume")
        self._actions.show_space(text, name, canvas.palette())

    def _leave(self) -> None:
        """End the innermost thing that is open, and only that."""
        panel, canvas, session = self._parts.review, self._parts.canvas, self._session
        if self._parts.instances.question.isVisible():
            self._parts.instances.question.dismiss()
        elif canvas.drawing:
            canvas.give_up()
        elif panel.mode is Mode.REDRAWING:
            panel.actions_.redraw.trigger()
        elif panel.mode is Mode.CORRECTING:
            panel.actions_.correct.trigger()
        elif self._parts.playback.playing:
            self._parts.playback.stop()
        elif self._parts.rounds.compare.isChecked():
            self._parts.rounds.compare.setChecked(False)
        elif self._conductor.state is not State.IDLE:
            self._conductor.cancel()
        elif session.range is not None:
            session.choose_range(None)
        else:
            self.nothing_open.emit()
            canvas.setFocus()

    def _step(self, frames: int) -> None:
        self._parts.timeline.step(frames)

    def _approve(self) -> None:
        """Enter on the timeline keeps the points, too, that wait on the canvas."""
        if self._parts.canvas.closable:
            self._parts.canvas.close_gesture()
        elif self._session.selected is not None and self._is_seen():
            self._approve_one(self._session.frame, self._session.selected)

    def _approve_one(self, frame: int, instance: int) -> None:
        """Approve a mask; of an empty one nothing is seen, so tell what that means."""
        absent = not self._session.annotation.mask(frame, instance).area
        if self._session.mask_edits.approve(frame, [instance]) and absent:
            name = self._session.instances[instance].name
            self._conductor.notified.emit(f"{name} is marked as not in frame {frame}. Undo takes it back.")

    def _approve_all(self) -> None:
        """Of what is seen; locked masks stay as they are."""
        shown = [k for k, one in self._session.instances.items() if not (one.hidden or one.locked)]
        self._session.mask_edits.approve(self._session.frame, shown)

    def _is_seen(self) -> bool:
        """Whether the selected instance is shown, which is reported if not."""
        session = self._session
        one = session.instances.get(session.selected) if session.selected is not None else None
        if one is not None and one.hidden:
            self._conductor.notified.emit(HIDDEN)
        return one is not None and not one.hidden

    def _mark_absent(self) -> None:
        session = self._session
        if session.selected is not None and self._is_seen():
            session.mask_edits.mark_absent(session.selected, self._absent_frames())

    def _absent_frames(self) -> range:
        """The chosen frames if the present one is among them, else that one alone."""
        session = self._session
        first, last = session.range or (session.frame, session.frame)
        inside = first <= session.frame <= last
        return range(first, last + 1) if inside else range(session.frame, session.frame + 1)

    def _name_absent(self) -> None:
        frames = self._absent_frames()
        text = frames_text(frames[0], frames[-1]) if len(frames) > 1 else "this frame"
        self._actions[Act.ABSENT].setText(f"Not in {text}")

    def _clear_frame(self) -> None:
        session = self._session
        if self._parts.canvas.closable:
            self._parts.canvas.take_back()
        elif session.selected is not None and self._is_seen():
            session.mask_edits.clear_range([session.selected], session.frame, session.frame)

    def _clear_range(self) -> None:
        session = self._session
        if session.range is not None:
            chosen = [session.selected] if session.selected is not None else list(session.instances)
            session.mask_edits.clear_range(chosen, *session.range)

    def _propagate(self) -> None:
        if self._make_ready():
            self._conductor.propagate()

    def _propagate_one(self) -> None:
        if self._make_ready() and self._session.selected is not None:
            self._conductor.propagate({self._session.selected})

    def _find_again(self) -> None:
        if self._make_ready():
            self._conductor.find_again()

    def _make_ready(self) -> bool:
        """Keep what is drawn, and show the masks that a run makes instead of compared ones.

        Returns:
            False where clicked masks are still to come: a run would begin without them.
        """
        self._parts.canvas.finish()
        self._parts.rounds.compare.setChecked(False)
        on_canvas = self._parts.on_canvas
        if on_canvas.clicks.pending or on_canvas.open_points.pending:
            self._conductor.notified.emit(_PENDING)
            return False
        return True

    def _choose(self, *, start: bool) -> None:
        session, frame = self._session, self._session.frame
        first, last = session.range or (frame, frame)
        session.choose_range(frame, max(frame, last)) if start else session.choose_range(
            min(first, frame), frame
        )

    def _display(self, **changes: float | bool) -> None:
        display = replace(self._parts.canvas.display, **changes)  # type: ignore[arg-type]
        self._parts.on_canvas.set_display(display)

    def _fill_holes(self) -> None:
        if self._session.selected is not None:
            self._parts.canvas.fill_holes(self._session.selected)

    def _remove_specks(self) -> None:
        if self._session.selected is not None:
            video = self._session.video
            least = max(8, round(_SPECK * video.height * video.width))
            self._parts.canvas.remove_specks(self._session.selected, least)

    def _offer_menu(self, place: QPoint, instance: int, frame: int) -> None:
        """What can be done at a place of the timeline, which becomes the present one."""
        if instance:
            self._session.select(instance)
        self._parts.timeline.go_to(frame)
        menu = QMenu(self._parts.timeline)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for acts in _MENU:
            menu.addActions([self._actions[act] for act in acts])
            menu.addSeparator()
        menu.popup(place)


def _lower(label: str) -> str:
    return label[:1].lower() + label[1:]
