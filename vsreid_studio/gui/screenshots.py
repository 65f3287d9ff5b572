"""Pictures of the window for the guide, light and dark, at both scales.

`python -m vsreid_studio.gui.screenshots DIR` writes them. An engine that replays the demo clip's exact masks
stands in for the networks, so that the pictures do not depend on the weights of the day.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from .. import paths
from ..engine.runtime.run import State
from ..engine.types import Box
from ..errors import UserError
from .actions import Act
from .application import application
from .export_dialog import ExportDialog
from .main_window import MainWindow
from .opening import fresh_demo
from .preferences import PreferenceFile, Preferences
from .replay import BACK, LOST_FROM, Replay
from .theme import ColourScheme, Theme

SIZE = (1440, 900)
CLIPS = ("bear", "camel", "goat")
"""Clips beside the demo in the list of clips, in which nothing is drawn."""
PATIENCE = 60
"""Seconds until a state is given up."""


class Scenes:
    """Takes the pictures.

    Attributes:
        window: the window.
    """

    def __init__(
        self, folder: Path, scratch: Path, name: str, theme: Theme, size: tuple[int, int] = SIZE
    ) -> None:
        self._folder, self._scratch, self._name = folder, scratch, name
        scheme = ColourScheme.DARK if theme.dark else ColourScheme.LIGHT
        PreferenceFile(scratch / "config").write(Preferences(scheme=scheme))
        self.window = MainWindow(theme, engine=Replay, config=scratch / "config", data=scratch / "data")
        self.window.resize(*size)
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
        session.mask_edits.import_masks(mask)
        session.flush()
        session.instance_edits.rename(1, "astronaut")
        session.instance_edits.rename(2, "coffee")
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
        session.select(1)
        session.go(BACK - 8)
        self.until(lambda: window.parts.canvas.index == BACK - 8)
        self.take("accepted")
        self._check()
        self._rounds()
        self._view()
        self._compare()
        self._dialogs()
        session.close()
        self.take("start")
        self._clips()
        window.close()

    def _check(self) -> None:
        """The doubtful frames and the gaps."""
        window, parts = self.window, self.window.parts
        self.until(lambda: bool(parts.checker.doubts or parts.checker.gaps))
        self.rest(0.5)
        window.actions_[Act.NEXT_DOUBT].trigger()
        self.until(lambda: parts.canvas.index == window.session.frame)
        self.take("doubtful")
        window.session.mask_edits.clear_range([2], 40, 48)
        self.until(lambda: any(gap.instance == 2 for gap in parts.checker.gaps))
        parts.check.tabs.setCurrentIndex(1)
        parts.check.gaps.setCurrentRow(0)
        self.take("gaps")
        window.conductor.undo()
        window.session.flush()

    def _rounds(self) -> None:
        """The rounds, and the last answer compared with what was there before."""
        window, parts = self.window, self.window.parts
        window.actions_[Act.ROUNDS].trigger()
        window.session.go(BACK)
        self.until(lambda: parts.canvas.index == BACK and parts.rounds.entries.count() > 1)
        self.take("rounds")
        parts.rounds.entries.setCurrentRow(0)
        parts.rounds.compare.click()
        self.until(lambda: window.rounds.states is not None)
        # Through the middle of the one who was found again.
        box = window.rounds.states[1].mask(BACK, 1).box if window.rounds.states else Box(0, 0, 0, 0)
        parts.rounds.wipe.setValue(round(50 * (box.x0 + box.x1) / window.session.video.width))
        self.take("wipe")
        parts.rounds.compare.click()
        parts.review_dock.raise_()

    def _clips(self) -> None:
        """Several clips of a folder, of which one is open."""
        window, root = self.window, self._scratch / "data set"
        root.mkdir()
        for made in (self._scratch / "clips").glob("demo.*"):
            shutil.copyfile(made, root / made.name)
        for name in CLIPS:
            shutil.copyfile(root / "demo.mp4", root / f"{name}.mp4")
        window.files.open(root)
        self.until(lambda: len(window.parts.clips.clips.clips) > len(CLIPS))
        self.rest(1)
        window.actions_[Act.NEXT_CLIP].trigger()
        self.until(lambda: window.session.document is not None)
        self.rest(1)
        window.parts.show_clips()
        self.take("clips")

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
        preferences = window.show_preferences()
        for page in range(preferences.tabs.count()):
            preferences.tabs.setCurrentIndex(page)
            self.take(f"preferences-{preferences.tabs.tabText(page).lower()}", preferences)
        preferences.close()
        window.session.instance_edits.add_classes({1: "person", 2: "cup"})
        window.session.instance_edits.set_class(1, "person")
        window.session.instance_edits.set_class(2, "cup")
        classes = window.parts.on_instances.show_classes()
        self.take("classes", classes)
        classes.close()
        self.take("labelled")
        dialog = ExportDialog(window, folder=Path("davis"), sequence="demo")
        dialog.show()
        self.take("export", dialog)
        dialog.close()


def take_all(folder: Path, scratch: Path, *, dark: bool, scale: int, size: tuple[int, int] = SIZE) -> None:
    """Take every picture in one colour scheme.

    Args:
        folder: gets `<state>-<light or dark>-<scale>x.png`.
        scratch: for settings and the clip's copy; empty.
        scale: distinguishes the pictures; Qt is set up already.
        size: of the window, before it is scaled.
    """
    theme = Theme(application())
    theme.set_dark(dark)
    Scenes(folder, scratch, f"{'dark' if dark else 'light'}-{scale}x", theme, size).run()


_SCALES = (1, 2)


def main() -> int:
    """Take the pictures; each scale needs a process of its own, as Qt reads it at its start."""
    parser = argparse.ArgumentParser(prog="python -m vsreid_studio.gui.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the pictures go")
    parser.add_argument("--scale", type=int, choices=_SCALES, help="only this one")
    parser.add_argument("--theme", choices=("light", "dark"), help="only this one")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("W", "H"), help="of the window")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        with tempfile.TemporaryDirectory() as scratch:
            for theme in (args.theme,) if args.theme else ("light", "dark"):
                there, dark, size = Path(scratch) / theme, theme == "dark", (args.size[0], args.size[1])
                take_all(args.folder, there, dark=dark, scale=args.scale, size=size)
        return 0
    args.folder.mkdir(parents=True, exist_ok=True)
    for scale in (args.scale,) if args.scale else _SCALES:
        environment = {**os.environ, "QT_SCALE_FACTOR": str(scale)}
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        command = [sys.executable, "-m", "vsreid_studio.gui.screenshots", str(args.folder), "--inside"]
        command += ["--size", *map(str, args.size)]
        command += ["--scale", str(scale), *(["--theme", args.theme] if args.theme else [])]
        done = subprocess.run(command, env=environment, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
