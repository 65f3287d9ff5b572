"""The states of the window, one after the other, as a person would reach them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from ... import paths
from ...engine.runtime.run import State
from ...errors import UserError
from ..actions import Act
from ..application import application
from ..export_dialog import ExportDialog
from ..main_window import MainWindow
from ..opening import fresh_demo
from ..theme import Theme
from .replay import LOST_FROM, Replay

SIZE = (1440, 900)
PATIENCE = 60
"""Seconds until a state is given up."""


class Scenes:
    """Takes the pictures.

    Attributes:
        window: the window.
    """

    def __init__(self, folder: Path, scratch: Path, name: str, theme: Theme) -> None:
        self._folder, self._scratch, self._name = folder, scratch, name
        self.window = MainWindow(theme, engine=Replay, config=scratch / "config", data=scratch / "data")
        self.window.resize(*SIZE)
        self.window.show()

    def take(self, state: str, widget: QWidget | None = None) -> None:
        """Write a picture of the window, or of another widget."""
        self.rest(0.15)
        path = self._folder / f"{state}-{self._name}.png"
        if not (widget or self.window).grab().save(str(path)):
            raise UserError(f"The picture {path} cannot be written.")

    def rest(self, seconds: float) -> None:
        """Let the window do what it has to."""
        loop = QEventLoop()
        QTimer.singleShot(round(seconds * 1000), loop.quit)
        loop.exec()

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait for a state.

        Raises:
            UserError: it does not come.
        """
        for _ in range(PATIENCE * 50):
            if reached():
                return
            self.rest(0.02)
        raise UserError("The window does not reach the state that a picture is wanted of.")

    def run(self) -> None:
        """Take all of them."""
        window, session, conductor = self.window, self.window.session, self.window.conductor
        self.take("start-empty")
        clip, mask = fresh_demo(self._scratch / "clips")
        window.files.open(clip)
        self.until(lambda: window.parts.canvas.index == 0)
        self.take("opened")
        session.import_masks(mask)
        session.flush()
        session.rename(1, "astronaut")
        session.rename(2, "coffee")
        session.select(1)
        self.take("drawn")
        self._run_half()
        self.take("running")
        conductor.resume()
        self.until(lambda: session.proposal is not None)
        proposal = session.proposal
        assert proposal is not None
        self.until(lambda: window.parts.canvas.index == proposal.frame)
        # The crops of the list come one by one.
        self.rest(1)
        self.take("proposal")
        window.parts.review.actions_.correct.trigger()
        self._stroke((0.55, 0.5), (0.6, 0.6))
        self.take("correcting")
        window.parts.review.actions_.correct.trigger()
        window.parts.review.actions_.accept.trigger()
        self.until(lambda: conductor.state is State.IDLE or session.proposal is not None)
        conductor.cancel()
        self.until(lambda: conductor.state is State.IDLE)
        session.select(2)
        session.go(30)
        self.take("accepted")
        self._view()
        self._compare()
        self._dialogs()
        session.close()
        self.take("start")
        window.close()

    def _run_half(self) -> None:
        """Propagate, and pause at the frame where the astronaut goes out of sight."""
        conductor = self.window.conductor

        def stop(progress: object, *_: object) -> None:
            if (getattr(progress, "frame", None) or 0) >= LOST_FROM - 6:
                conductor.pause()

        conductor.progress.connect(stop)
        self.window.actions_[Act.FOLLOW].setChecked(True)
        conductor.propagate()
        self.until(lambda: conductor.state is not State.RUNNING)
        conductor.progress.disconnect(stop)
        self.window.actions_[Act.FOLLOW].setChecked(False)

    def _stroke(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Paint between two places, in shares of the canvas."""
        canvas = self.window.parts.canvas
        first, last = (QPoint(round(x * canvas.width()), round(y * canvas.height())) for x, y in (start, end))
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=first)
        QTest.mouseMove(canvas, last)
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=last)

    def _view(self) -> None:
        """What lies over the picture."""
        actions = self.window.actions_
        for act, state in ((Act.OUTLINE, "outline"), (Act.PROBABILITY, "probability"), (Act.ONION, "onion")):
            actions[act].setChecked(True)
            self.take(state)
            actions[act].setChecked(False)

    def _compare(self) -> None:
        """With the demo's exact masks."""
        comparison = self.window.comparison
        comparison.compare(paths.resources() / "demo" / "truth")
        self.until(lambda: comparison.complete)
        self.rest(0.3)
        self.take("comparison")
        comparison.end()

    def _dialogs(self) -> None:
        window = self.window
        window.session.choose_range(10, 24)
        window.bar.fail(
            "The disk is full: the project demo.vsreid could not be saved and stays as it was.",
            "Traceback (most recent call last):\n  ...\nsqlite3.OperationalError: database or disk is full",
        )
        window.bar.unfold.setChecked(True)
        self.take("failure")
        window.bar.hide()
        sheet = window.show_keys()
        self.take("keys", sheet)
        sheet.close()
        dialog = ExportDialog(window, folder=Path("davis"), sequence="demo")
        dialog.show()
        self.take("export", dialog)
        dialog.close()


def take_all(folder: Path, scratch: Path, *, dark: bool, scale: int) -> None:
    """Take every picture in one look.

    Args:
        folder: gets `<state>-<light or dark>-<scale>x.png`.
        scratch: for settings and the clip's copy; empty.
        scale: tells the pictures apart; Qt has been told already.
    """
    theme = Theme(application())
    theme.set_dark(dark)
    Scenes(folder, scratch, f"{'dark' if dark else 'light'}-{scale}x", theme).run()
