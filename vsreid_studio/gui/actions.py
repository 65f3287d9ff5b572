"""Everything the window can be asked to do, with its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtGui import QAction, QKeySequence, QPalette
from PySide6.QtWidgets import QWidget

from .theme import icon


class Group(StrEnum):
    """Where an action belongs in menus and on the sheet of keys."""

    FILE = "File"
    EDIT = "Edit"
    TOOLS = "Tools"
    ENGINE = "Engine"
    FRAMES = "Frames"
    VIEW = "View"
    HELP = "Help"

    @property
    def menu_title(self) -> str:
        """With the letter that opens its menu with Alt."""
        place = {Group.ENGINE: 1, Group.FRAMES: 1}.get(self, 0)
        return f"{self.value[:place]}&{self.value[place:]}"


class Act(StrEnum):
    """The actions of the window itself; the value names each in the file of keys."""

    OPEN = "open"
    OPEN_FOLDER = "open_folder"
    DEMO = "demo"
    CLIPS = "clips"
    NEXT_CLIP = "next_clip"
    PREVIOUS_CLIP = "previous_clip"
    START_PAGE = "start_page"
    IMPORT = "import_masks"
    IMPORT_FOLDER = "import_folder"
    COMPARE = "compare"
    READING = "video_reading"
    EXPORT = "export"
    QUIT = "quit"
    UNDO = "undo"
    REDO = "redo"
    COPY = "copy"
    PASTE = "paste"
    APPROVE = "approve"
    APPROVE_ALL = "approve_all"
    ABSENT = "absent"
    CLEAR_FRAME = "clear_frame"
    CLEAR_RANGE = "clear_range"
    CLICK = "click"
    BRUSH = "brush"
    ERASER = "eraser"
    LASSO = "lasso"
    POLYGON = "polygon"
    BOX = "box"
    GRAB = "grab"
    SMALLER = "smaller"
    LARGER = "larger"
    PROPAGATE = "propagate"
    PROPAGATE_ONE = "propagate_one"
    FIND_AGAIN = "find_again"
    ADAPT = "adapt"
    FORGET = "forget_adaptation"
    PAUSE = "pause"
    CANCEL = "cancel"
    LEAVE = "leave"
    FOLLOW = "follow"
    CAREFUL = "careful"
    NEXT = "next_frame"
    PREVIOUS = "previous_frame"
    NEXT_TEN = "next_ten"
    PREVIOUS_TEN = "previous_ten"
    FIRST = "first_frame"
    LAST = "last_frame"
    NEXT_CHECKPOINT = "next_checkpoint"
    PREVIOUS_CHECKPOINT = "previous_checkpoint"
    NEXT_DOUBT = "next_doubtful"
    PREVIOUS_DOUBT = "previous_doubtful"
    NEXT_RETRIEVAL = "next_retrieval"
    PREVIOUS_RETRIEVAL = "previous_retrieval"
    NEXT_PLACE = "next_place"
    PREVIOUS_PLACE = "previous_place"
    PLAY = "play"
    PLAY_BACK = "play_back"
    STOP = "stop"
    JUMP = "jump"
    RANGE_START = "range_start"
    RANGE_END = "range_end"
    RANGE_NONE = "range_none"
    FIT = "fit"
    ACTUAL_SIZE = "actual_size"
    ZOOM_IN = "zoom_in"
    ZOOM_OUT = "zoom_out"
    OUTLINE = "outline"
    PROBABILITY = "probability"
    ONION = "onion"
    ROUNDS = "rounds"
    PREFERENCES = "preferences"
    KEYS = "keys"
    ABOUT = "about"


@dataclass(frozen=True, slots=True)
class Spec:
    """How an action looks and which keys it has at first.

    Attributes:
        group: where it belongs.
        text: in the menu; a tail of ' …' says that it asks first.
        keys: as Qt writes them; several are alternatives.
        icon: in `resources/icons`, none if empty.
        tip: what it does, where the text does not say it.
        checkable: whether it is on or off.
        canvas: whether its keys count only while canvas or timeline have the focus, as lists need them, too.
    """

    group: Group
    text: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    tip: str = ""
    checkable: bool = False
    canvas: bool = False


SPECS: dict[Act, Spec] = {
    Act.OPEN: Spec(Group.FILE, "Open …", ("Ctrl+O",), "open", "Open a video or a project"),
    Act.OPEN_FOLDER: Spec(
        Group.FILE,
        "Open folder …",
        ("Ctrl+Shift+O",),
        "film",
        "A folder of pictures or clips, or a data set",
    ),
    Act.DEMO: Spec(Group.FILE, "Try the demo", (), "resume", "Open a copy of the bundled clip"),
    Act.START_PAGE: Spec(Group.FILE, "Start page", ("Ctrl+W",), "home", "Close the document"),
    Act.CLIPS: Spec(Group.FILE, "Clips of the folder", ("Ctrl+Shift+L",), tip="Go to the list of clips"),
    Act.NEXT_CLIP: Spec(Group.FILE, "Next clip", ("Ctrl+PgDown",), tip="Open the next one of the list"),
    Act.PREVIOUS_CLIP: Spec(Group.FILE, "Previous clip", ("Ctrl+PgUp",), tip="Open the one before it"),
    Act.IMPORT: Spec(
        Group.FILE, "Import mask …", ("Ctrl+I",), "import", "Take masks for this frame from a picture"
    ),
    Act.IMPORT_FOLDER: Spec(
        Group.FILE,
        "Import folder of masks …",
        ("Ctrl+Shift+I",),
        "",
        "Pictures named by their frame's number",
    ),
    Act.COMPARE: Spec(
        Group.FILE, "Compare with ground truth …", ("Ctrl+G",), "", "See J and F against exact masks"
    ),
    Act.READING: Spec(
        Group.FILE,
        "How the video is read …",
        (),
        "",
        "Which video track, and which values are black and white",
    ),
    Act.EXPORT: Spec(
        Group.FILE, "Export …", ("Ctrl+E",), "export", "Write the masks as a data set or a video"
    ),
    Act.QUIT: Spec(Group.FILE, "Quit", ("Ctrl+Q",)),
    Act.UNDO: Spec(Group.EDIT, "Undo", ("Ctrl+Z",), "undo"),
    Act.REDO: Spec(Group.EDIT, "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo"),
    Act.COPY: Spec(Group.EDIT, "Copy mask", ("Ctrl+C",), tip="The selected instance's, in this frame"),
    Act.PASTE: Spec(Group.EDIT, "Paste mask", ("Ctrl+V",), tip="Into the selected instance, in this frame"),
    Act.APPROVE: Spec(
        Group.EDIT, "Approve", ("Return", "Enter"), "approve", "Pin the selected mask as it is", canvas=True
    ),
    Act.APPROVE_ALL: Spec(
        Group.EDIT, "Approve all in this frame", ("Shift+Return", "Shift+Enter"), canvas=True
    ),
    Act.ABSENT: Spec(
        Group.EDIT, "Not in this frame", ("X",), "absent", "The selected instance is out of sight here"
    ),
    Act.CLEAR_FRAME: Spec(
        Group.EDIT, "Clear in this frame", ("Del", "Backspace"), tip="Remove the selected mask", canvas=True
    ),
    Act.CLEAR_RANGE: Spec(Group.EDIT, "Clear in the chosen frames", ("Ctrl+Del", "Ctrl+Backspace")),
    Act.LEAVE: Spec(
        Group.EDIT, "Leave", ("Esc",), tip="End the innermost: a question, a gesture, an edit, the run"
    ),
    Act.PREFERENCES: Spec(Group.EDIT, "Preferences …", ("Ctrl+,",), tip="Theme, keys, colours, the engine"),
    Act.CLICK: Spec(
        Group.TOOLS,
        "Click",
        ("S",),
        "click",
        "Click the object; the right button (or Alt) takes away, Enter keeps the mask",
        True,
    ),
    Act.BRUSH: Spec(Group.TOOLS, "Brush", ("B",), "brush", "Paint; the right button erases", True),
    Act.ERASER: Spec(Group.TOOLS, "Eraser", ("E",), "eraser", "", True),
    Act.LASSO: Spec(Group.TOOLS, "Lasso", ("Shift+L",), "lasso", "Fill what you go around", True),
    Act.POLYGON: Spec(Group.TOOLS, "Polygon", ("Y",), "polygon", "Click corners; Enter closes", True),
    Act.BOX: Spec(Group.TOOLS, "Box-select", ("Q",), "box", "Drag a box: the object in it is cut out", True),
    Act.GRAB: Spec(Group.TOOLS, "Grab", ("H",), "grab", "Move the picture", True),
    Act.SMALLER: Spec(Group.TOOLS, "Smaller brush", ("[",)),
    Act.LARGER: Spec(Group.TOOLS, "Larger brush", ("]",)),
    Act.PROPAGATE: Spec(
        Group.ENGINE, "Propagate", ("P",), "propagate", "Carry all masks along and find lost objects again"
    ),
    Act.PROPAGATE_ONE: Spec(
        Group.ENGINE, "Propagate selected", ("Shift+P",), "propagate-one", "Only the selected instance"
    ),
    Act.FIND_AGAIN: Spec(
        Group.ENGINE, "Find again", ("Ctrl+F",), "find", "Look for the selected instance where it is lost"
    ),
    Act.ADAPT: Spec(
        Group.ENGINE, "Adapt to this video", ("Ctrl+T",), "adapt", "Learn from the masks you drew or approved"
    ),
    Act.FORGET: Spec(
        Group.ENGINE, "Forget the adaptation", ("Ctrl+Shift+T",), tip="Go back to the network as it came"
    ),
    Act.PAUSE: Spec(Group.ENGINE, "Play", ("Space",), "resume"),
    Act.CANCEL: Spec(
        Group.ENGINE, "Cancel", ("Ctrl+.",), "cancel", "End the run (or press Esc); what is done stays"
    ),
    Act.FOLLOW: Spec(Group.ENGINE, "Follow the run", ("Shift+F",), "follow", "Show the frame at work", True),
    Act.CAREFUL: Spec(
        Group.ENGINE,
        "Careful with corrected objects",
        ("Ctrl+Shift+P",),
        tip="Carry them with finer flow on larger scales: better outlines, several times slower",
        checkable=True,
    ),
    Act.NEXT: Spec(Group.FRAMES, "Next frame", ("Right",), "next", canvas=True),
    Act.PREVIOUS: Spec(Group.FRAMES, "Previous frame", ("Left",), "previous", canvas=True),
    Act.NEXT_TEN: Spec(Group.FRAMES, "10 frames on", ("Shift+Right",), canvas=True),
    Act.PREVIOUS_TEN: Spec(Group.FRAMES, "10 frames back", ("Shift+Left",), canvas=True),
    Act.FIRST: Spec(Group.FRAMES, "First frame", ("Home",), "first", canvas=True),
    Act.LAST: Spec(Group.FRAMES, "Last frame", ("End",), "last", canvas=True),
    Act.NEXT_CHECKPOINT: Spec(Group.FRAMES, "Next checkpoint", ("Ctrl+Right",)),
    Act.PREVIOUS_CHECKPOINT: Spec(Group.FRAMES, "Previous checkpoint", ("Ctrl+Left",)),
    Act.NEXT_DOUBT: Spec(
        Group.FRAMES, "Next doubtful frame", ("T",), tip="Go where a correction is likely to gain most"
    ),
    Act.PREVIOUS_DOUBT: Spec(Group.FRAMES, "Previous doubtful frame", ("Shift+T",)),
    Act.NEXT_RETRIEVAL: Spec(Group.FRAMES, "Next retrieval", ("N",)),
    Act.PREVIOUS_RETRIEVAL: Spec(Group.FRAMES, "Previous retrieval", ("Shift+N",)),
    Act.NEXT_PLACE: Spec(
        Group.FRAMES,
        "Next place to look at",
        ("F8",),
        tip="In all clips: what waits or is doubtful",
    ),
    Act.PREVIOUS_PLACE: Spec(Group.FRAMES, "Previous place to look at", ("Shift+F8",)),
    Act.PLAY: Spec(Group.FRAMES, "Play forwards", ("L",), tip="Pressed again, twice as fast"),
    Act.PLAY_BACK: Spec(Group.FRAMES, "Play backwards", ("J",), tip="Pressed again, twice as fast"),
    Act.STOP: Spec(Group.FRAMES, "Stop playing", ("K",)),
    Act.JUMP: Spec(Group.FRAMES, "Go to frame …", ("Ctrl+J",)),
    Act.RANGE_START: Spec(Group.FRAMES, "Choose from here", ("I",)),
    Act.RANGE_END: Spec(Group.FRAMES, "Choose up to here", ("O",)),
    Act.RANGE_NONE: Spec(Group.FRAMES, "Choose no frames", ("Ctrl+D",)),
    Act.FIT: Spec(Group.VIEW, "Fit in the window", ("F",), "fit"),
    Act.ACTUAL_SIZE: Spec(Group.VIEW, "100 %", ("0",), tip="A pixel of the frame is one of the screen"),
    Act.ZOOM_IN: Spec(Group.VIEW, "Zoom in", ("+", "=", "Ctrl++")),
    Act.ZOOM_OUT: Spec(Group.VIEW, "Zoom out", ("-", "Ctrl+-")),
    Act.OUTLINE: Spec(Group.VIEW, "Outline only", ("V",), checkable=True),
    Act.PROBABILITY: Spec(Group.VIEW, "Probability map", ("M",), checkable=True),
    Act.ONION: Spec(Group.VIEW, "Onion skin", ("Shift+K",), checkable=True),
    Act.ROUNDS: Spec(
        Group.VIEW,
        "Rounds",
        ("Ctrl+Shift+H",),
        tip="What runs and answers changed: compare them, or go back to one",
    ),
    Act.KEYS: Spec(Group.HELP, "Keys", ("?", "F1"), "help"),
    Act.ABOUT: Spec(Group.HELP, "About"),
}
TOOLS = (Act.CLICK, Act.BRUSH, Act.ERASER, Act.LASSO, Act.POLYGON, Act.BOX, Act.GRAB)
NEED_SELECTION = (
    *(Act.COPY, Act.PASTE, Act.APPROVE, Act.ABSENT, Act.CLEAR_FRAME),
    *(Act.PROPAGATE_ONE, Act.FIND_AGAIN),
)
"""Actions for the selected instance."""
RANGED = (Act.RANGE_START, Act.RANGE_END, Act.RANGE_NONE)

_REPEATED = {
    *(Act.UNDO, Act.REDO, Act.NEXT, Act.PREVIOUS, Act.NEXT_TEN, Act.PREVIOUS_TEN),
    *(Act.NEXT_CHECKPOINT, Act.PREVIOUS_CHECKPOINT, Act.NEXT_RETRIEVAL, Act.PREVIOUS_RETRIEVAL),
    *(Act.NEXT_DOUBT, Act.PREVIOUS_DOUBT, Act.ZOOM_IN, Act.ZOOM_OUT, Act.SMALLER, Act.LARGER),
}
"""Actions that go on while their key is held. Backspace that takes back points must not clear the frame next,
nor Esc end the run after the gesture."""


class Actions:
    """The window's actions. What they do, and when they can be done, others connect."""

    def __init__(self, window: QWidget) -> None:
        self._space = "resume"
        self._made = {act: _made(spec, window) for act, spec in SPECS.items()}
        for act, action in self._made.items():
            action.setAutoRepeat(act in _REPEATED)
        self.set_icons(window.palette())

    def __getitem__(self, act: Act) -> QAction:
        return self._made[act]

    def __iter__(self) -> Iterator[Act]:
        return iter(self._made)

    def connect(self, act: Act, do: Callable[[], object]) -> None:
        """Connect an action to a function without the check state that Qt passes."""
        self._made[act].triggered.connect(lambda _=False: do())

    def of(self, group: Group) -> list[QAction]:
        """A group's, in order."""
        return [self._made[act] for act, spec in SPECS.items() if spec.group is group]

    def spans_window(self, act: Act, group: Group) -> bool:
        """Whether an action is of a group and its keys count wherever the focus is."""
        return SPECS[act].group is group and not SPECS[act].canvas

    def enable(self, on: bool, *acts: Act) -> None:
        """Enable or disable some."""
        for act in acts:
            self._made[act].setEnabled(on)

    def set_icons(self, palette: QPalette) -> None:
        """Take the icons again, in the colours of a palette."""
        for act, spec in SPECS.items():
            name = self._space if act is Act.PAUSE else spec.icon
            if name:
                self._made[act].setIcon(icon(name, palette, checkable=spec.checkable))

    def show_space(self, text: str, icon_name: str, palette: QPalette) -> None:
        """Let the action of Space say what it does next."""
        action = self._made[Act.PAUSE]
        if action.text() == text:
            return
        self._space = icon_name
        action.setText(text)
        action.setProperty("tip", text)
        action.setIcon(icon(icon_name, palette))
        explain(action)


def explain(action: QAction) -> None:
    """Add the key to the tool tip."""
    said = action.property("tip") or action.text().replace(" …", "").replace("&", "")
    key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    action.setToolTip(f"{said} ({key})" if key else said)


def _made(spec: Spec, window: QWidget) -> QAction:
    action = QAction(spec.text, window)
    action.setShortcuts([QKeySequence(key) for key in spec.keys])
    action.setCheckable(spec.checkable)
    name = spec.text.replace(" …", "")
    action.setProperty("tip", f"{name}: {spec.tip[0].lower()}{spec.tip[1:]}" if spec.tip else name)
    explain(action)
    return action
