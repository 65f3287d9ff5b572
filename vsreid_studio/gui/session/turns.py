"""Large changes are told to the parts of the window one at a time, so that it stays free meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer

_APART = 1
"""Milliseconds from one call to the next, in which the window paints and takes what has arrived."""
_INPUT = {
    *(QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride, QEvent.Type.InputMethod, QEvent.Type.ContextMenu),
    *(QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease, QEvent.Type.MouseButtonDblClick),
    *(QEvent.Type.Wheel, QEvent.Type.TabletPress, QEvent.Type.TouchBegin, QEvent.Type.Drop),
}
"""What a person does; it meets a window that shows the document as it is."""


class Turns(QObject):
    """Makes calls in the order in which they were asked for, each in an event of its own.

    A large change of the document, an import or its undo, fills every panel. In one event that would hold
    the window up. So whoever shows the document connects a `follower` to its signals. While a change is
    `staggered`, and until all of it is told, a follower only takes its place in the queue. The document has
    changed before; what is shown follows within some hundredths of a second, and at once where a person does
    something.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._calls: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._staggering = False
        self._timer = QTimer(self, interval=_APART)
        self._timer.timeout.connect(self._next)

    @property
    def waiting(self) -> int:
        """Calls that are still to be made."""
        return len(self._calls)

    def follower(self, call: Callable[..., object], *, bare: bool = False) -> Callable[..., None]:
        """A slot that makes a call: in its turn while a large change is being told, else at once.

        What waits already with the same arguments is not asked for again.

        Args:
            bare: leave out the arguments of the signal.
        """

        def slot(*told: object) -> None:
            arguments = () if bare else told
            if not (self._staggering or self._calls):
                call(*arguments)
            elif (call, arguments) not in self._calls:
                self.add(call, *arguments)

        return slot

    def add(self, call: Callable[..., object], *arguments: object) -> None:
        """Make a call once all that wait now are made."""
        if not self._calls:
            self._watch(True)
        self._calls.append((call, arguments))

    @contextmanager
    def staggered(self) -> Iterator[None]:
        """In the block, let followers wait for their turn."""
        before, self._staggering = self._staggering, True
        try:
            yield
        finally:
            self._staggering = before

    def finish(self) -> None:
        """Make all calls that wait, now."""
        while self._calls:
            self._next()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Show everything before a person's input is taken."""
        if event.type() in _INPUT:
            self.finish()
        return False

    def _next(self) -> None:
        call, arguments = self._calls.popleft()
        if not self._calls:
            self._watch(False)
        call(*arguments)

    def _watch(self, watches: bool) -> None:
        """Begin to make calls and to look out for input, or end it."""
        app = QCoreApplication.instance()
        if app is None:
            # A script, which waits for everything.
            return
        if watches:
            self._timer.start()
            app.installEventFilter(self)
        else:
            self._timer.stop()
            app.removeEventFilter(self)
