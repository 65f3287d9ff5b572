"""Points whose masks are not computed yet: kept in the project, and asked of the network again."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from ...engine.types import Frame, SoftMask
from ...formats.points import Prompt
from ...project import Project
from ...project.open_points import OpenPoints, note_open_points, open_points_of
from ..frames import FrameLoader
from ..session import Session
from .clicks import ClickBinder

_AFTER_MS = 100
"""Points that are made within this time are written once."""
_AGAIN = "frames of open points"
"""Marks what is asked of the loader of frames."""


class OpenPointsKeeper(QObject):
    """Writes open points into the project, and asks for the masks of those that an earlier session left.

    They are written on the document's thread. Those of an earlier session are asked for one after the other,
    each with the frames that it needs, as if the person had kept them just now. Those of locked instances
    wait until these are unlocked, and all of them while rounds are compared.

    Signals:
        notified(sentence): what becomes of points whose masks are not computed.
    """

    notified = Signal(str)

    def __init__(
        self, session: Session, loader: FrameLoader, clicks: ClickBinder, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._loader, self._clicks = session, loader, clicks
        self._found = False
        self._waiting: deque[OpenPoints] = deque()
        self._asked: OpenPoints | None = None
        self._left: list[OpenPoints] = []
        self._told: set[int] = set()
        self._frames: dict[int, Frame] = {}
        self._wanted: set[int] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER_MS)
        self._timer.timeout.connect(self._write)
        clicks.unfinished_changed.connect(self._follow)
        loader.done.connect(self._take_frame)
        loader.missed.connect(self._miss_frame)

    @property
    def pending(self) -> bool:
        """Whether masks of an earlier session are still to come from the network."""
        return self._asked is not None or (
            self._clicks.usable and any(self._may_ask(*owner) for owner in self._owners())
        )

    def open(self) -> None:
        """A document is open: look for the points that an earlier session left."""
        project = self._session.project
        self._session.work_out(partial(_look, project), partial(self._take_found, project))

    def save(self) -> None:
        """Write what is not written yet, before the document closes."""
        if not self._found:
            # Written now, what an earlier session left would be lost: it is looked for first.
            self._session.catch_up()
        if self._timer.isActive():
            self._timer.stop()
            self._write()

    def forget(self) -> None:
        """The document closes; what is written stays in it."""
        own = [one for one in self._own() if self._is_there(*_owner(one))]
        left = len(own) + len(self._new())
        if left:
            self.notified.emit(
                f"{_masks(left, 'is', 'are')} not computed yet: the points are kept in the project, and the "
                "network answers them when it is opened again."
            )
        self._timer.stop()
        self._found = False
        self._waiting.clear()
        self._left.clear()
        self._told.clear()
        self._asked = None
        self._forget_frames()

    def wait(self, prompt: Prompt, before: SoftMask) -> None:
        """Ask for this mask again, which came but cannot be kept now; see `go_on`."""
        identity = self._clicks.contexts.identity(prompt.key.instance)
        one = OpenPoints.over(prompt, before, identity)
        if self._asked is not None and self._asked.prompt == prompt:
            self._waiting.appendleft(one)
        else:
            self._waiting.append(one)
        if self._session.edits.comparing:
            self.notified.emit("A clicked mask waits until the comparison ends (Esc).")
        else:
            self._tell_locked()

    def follow_kept(self, prompt: Prompt, made: str) -> None:
        """What was clicked later in a cell, over the same mask, is over the one that is kept now.

        Args:
            made: its checksum.
        """
        asked = self._asked
        if asked is not None and asked.prompt == prompt:
            place = prompt.key, asked.before
            self._waiting = deque(
                replace(one, before=made) if (one.prompt.key, one.before) == place else one
                for one in self._waiting
            )

    def _take_found(self, project: Project, found: tuple[list[OpenPoints], int]) -> None:
        if self._session.document is None or self._session.project is not project:
            return
        points, outdated = found
        self._found = True
        self._waiting.extend(points)
        if outdated:
            self.notified.emit(
                f"{_masks(outdated, 'is', 'are')} not computed: what the points correct was changed since."
            )
        if points and self._clicks.usable:
            self.notified.emit(
                f"{_masks(len(points), 'was', 'were')} not computed when the project was closed: this is "
                "done now."
            )
        elif points:
            self.notified.emit(
                f"{_masks(len(points), 'was', 'were')} not computed when the project was closed: that needs "
                "the click network, which is not installed. The points are kept."
            )
        self._timer.start()
        self.go_on()

    def _follow(self) -> None:
        """What is open has changed."""
        if not self._found:
            return
        if self._asked is not None and not self._wanted and self._asked.prompt not in self._prompts():
            if not self._clicks.usable:
                # The network could not be had: the points wait for the next time.
                self._left.append(self._asked)
            elif not self._is_there(*_owner(self._asked)):
                self._waiting.appendleft(self._asked)
            self._asked = None
            self.go_on()
        if not self._timer.isActive():
            self._timer.start()

    def _prompts(self) -> list[Prompt]:
        return [prompt for prompt, *_ in self._clicks.unfinished]

    def _own(self) -> list[OpenPoints]:
        """Those of an earlier session."""
        return [*self._left, *([self._asked] if self._asked is not None else []), *self._waiting]

    def _new(self) -> list[tuple[Prompt, SoftMask, int | None]]:
        """Those of this session, see `ClickBinder.unfinished`."""
        asked = None if self._asked is None else self._asked.prompt
        return [one for one in self._clicks.unfinished if one[0] != asked]

    def _write(self) -> None:
        work = partial(_note, self._session.project, self._own(), self._new())
        self._session.writer.post(work, self._session.edits.report)

    def go_on(self) -> None:
        """Ask for the next points of an earlier session, once what is asked now is answered.

        To be called also where an instance was unlocked, or came back, and when rounds are compared no more.
        """
        if self._asked is not None or self._session.edits.comparing or not self._clicks.usable:
            return
        asked = {owner for owner in self._owners() if self._may_ask(*owner)}
        one = next((one for one in self._waiting if _owner(one) in asked), None)
        if one is None:
            self._tell_locked()
            return
        self._waiting.remove(one)
        self._asked = one
        self._wanted = {one.prompt.key.frame, *self._clicks.contexts.around(one.prompt.key)}
        for frame in sorted(self._wanted):
            self._loader.process((_AGAIN, frame), frame, _unchanged)

    def _tell_locked(self) -> None:
        there = {owner[0] for owner in self._owners() if self._is_there(*owner)}
        for number in sorted(there - self._told):
            self._told.add(number)
            self.notified.emit(
                f"{self._session.instances[number].name} is locked: the masks of its points wait."
            )

    def _owners(self) -> set[tuple[int, int | None]]:
        """Of the points that are still to be asked: there may be many, but of few instances."""
        return {_owner(one) for one in self._waiting}

    def _may_ask(self, instance: int, identity: int | None) -> bool:
        return self._is_there(instance, identity) and not self._session.instances[instance].locked

    def _is_there(self, instance: int, identity: int | None) -> bool:
        """Whether the instance is still there, and not another one of its number."""
        return self._clicks.contexts.is_there(instance, identity or None)

    def _take_frame(self, key: object, frame: Frame) -> None:
        if isinstance(key, tuple) and key[0] == _AGAIN and key[1] in self._wanted:
            self._frames[key[1]] = frame
            self._wanted.discard(key[1])
            self._ask()

    def _miss_frame(self, key: object) -> None:
        if not (isinstance(key, tuple) and key[0] == _AGAIN and key[1] in self._wanted):
            return
        self._wanted.discard(key[1])
        if self._asked is not None and key[1] == self._asked.prompt.key.frame:
            # The loader has told why.
            self._left.append(self._asked)
            self._asked = None
            self._forget_frames()
            self.go_on()
        else:
            self._ask()

    def _ask(self) -> None:
        """Ask the network, once all frames are there."""
        if self._asked is None or self._wanted:
            return
        if not self._is_there(*_owner(self._asked)):
            self._waiting.appendleft(self._asked)
            self._asked = None
            self._forget_frames()
            self.go_on()
            return
        prompt, frames = self._asked.prompt, self._frames
        context = self._clicks.contexts.made(prompt.key, frames)
        self._frames = {}
        present = self._session.annotation.mask(*prompt.key)
        self._clicks.ask_again(prompt, frames[prompt.key.frame], present, context)

    def _forget_frames(self) -> None:
        for frame in self._wanted:
            self._loader.drop((_AGAIN, frame))
        self._wanted, self._frames = set(), {}


def _owner(one: OpenPoints) -> tuple[int, int | None]:
    """The instance and its identity."""
    return one.prompt.key.instance, one.identity


def _look(project: Project) -> tuple[list[OpenPoints], int]:
    """On the document's thread: the points that are still to be answered, and how many cannot be."""
    found = open_points_of(project)
    # What was clicked later in a cell is over the mask that the first points there are still to make.
    first = {one.prompt.key: one for one in reversed(found)}
    outdated = {key for key, one in first.items() if one.outdated(project.annotation)}
    left = [one for one in found if one.prompt.key not in outdated]
    return left, len(found) - len(left)


def _note(
    project: Project, own: Sequence[OpenPoints], new: Sequence[tuple[Prompt, SoftMask, int | None]]
) -> None:
    """On the document's thread, as masks may have to be read for their checksums."""
    note_open_points(project, [*own, *(OpenPoints.over(*one) for one in new)])


def _masks(count: int, one: str, several: str) -> str:
    return f"A clicked mask {one}" if count == 1 else f"{count} clicked masks {several}"


def _unchanged(frame: Frame) -> Frame:
    return frame
