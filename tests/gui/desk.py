"""A screen in memory with the app on it, worked with real mouse and key events.

Needs Xvfb, xdotool, openbox and, for pictures, ffmpeg.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

TOOLS = ("Xvfb", "xdotool", "openbox")
_APP = Path(__file__).with_name("story_app.py")
Place = tuple[int, int]


def missing() -> list[str]:
    """The programs that are needed and not there."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


class Desk:
    """A screen of its own, as a context manager.

    Attributes:
        screen: as X names it.
        home: holds what the app keeps of a person.
    """

    def __init__(
        self,
        home: Path,
        size: tuple[int, int] = (1600, 1000),
        scale: float = 1,
        options: Sequence[str] = (),
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self._size, self._options = home, size, options
        self.screen = ""
        self.app: subprocess.Popen[str] | None = None
        self._scale = scale
        self._helpers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        reader, writer = os.pipe()
        width, high = self._size
        screen = f"{width}x{high}x24"
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", screen, "-nolisten", "tcp"]
        self._help(command, pass_fds=(writer,))
        os.close(writer)
        with os.fdopen(reader) as told:
            self.screen = f":{int(told.readline())}"
        self._help(["openbox"], env=self._environment)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.app is not None:
            self.kill()
        for process in reversed(self._helpers):
            process.terminate()
            process.wait()

    def start(self, *arguments: str) -> None:
        """Start the app and wait for its window."""
        self.app = subprocess.Popen(
            [sys.executable, str(_APP), *self._options, *arguments],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.until("window.isVisible() and window.isActiveWindow()")

    def kill(self) -> None:
        """End the app as a crash would."""
        assert self.app is not None
        self.app.send_signal(signal.SIGKILL)
        self._end(self.app)

    def close(self) -> int:
        """Close the window with its key; the exit code."""
        self.key("ctrl+q")
        assert self.app is not None
        return self._end(self.app)

    def _end(self, app: subprocess.Popen[str]) -> int:
        with app:
            code = app.wait(timeout=30)
        self.app = None
        return code

    def ask(self, expression: str) -> Any:
        """What an expression about `window` is now.

        Raises:
            RuntimeError: it cannot be told.
        """
        assert self.app is not None and self.app.stdin is not None and self.app.stdout is not None
        self.app.stdin.write(expression + "\n")
        self.app.stdin.flush()
        answer = self.app.stdout.readline()
        if not answer:
            raise RuntimeError(f"the app has ended at {expression}")
        value, error = json.loads(answer)
        if error:
            raise RuntimeError(f"{error} at {expression}")
        return value

    def until(self, expression: str, seconds: float = 30) -> None:
        """Wait until an expression is true.

        Raises:
            TimeoutError: it has not come true in time.
        """
        latest = time.monotonic() + seconds
        while not self.ask(expression):
            if time.monotonic() > latest:
                raise TimeoutError(f"not within {seconds} s: {expression}")
            time.sleep(0.02)

    def key(self, *keys: str) -> None:
        """Press keys one after the other, as xdotool names them."""
        for key in keys:
            self._do("key", key)

    def text(self, text: str) -> None:
        """Type a text."""
        self._do("type", "--delay", "5", text)

    def click(self, place: Place | str, button: int = 1) -> None:
        """Click a place, or what an expression says."""
        self.move(place)
        self._do("click", str(button))

    def move(self, place: Place | str) -> None:
        """Move the mouse there."""
        x, y = self.ask(place) if isinstance(place, str) else place
        self._do("mousemove", "--sync", str(x), str(y))

    def drag(self, places: Iterable[Place | str], button: int = 1, key: str = "") -> None:
        """Drag along places, with a key held."""
        first, *rest = places
        self.move(first)
        if key:
            self._do("keydown", key)
        self._do("mousedown", str(button))
        for place in rest:
            self.move(place)
        self._do("mouseup", str(button))
        if key:
            self._do("keyup", key)

    def picture(self, path: Path) -> None:
        """Keep what the screen shows."""
        size = f"{self._size[0]}x{self._size[1]}"
        grab = ["-f", "x11grab", "-video_size", size, "-i", self.screen, "-frames:v", "1"]
        subprocess.run(["ffmpeg", "-loglevel", "error", "-y", *grab, str(path)], check=True)

    @property
    def _environment(self) -> dict[str, str]:
        home = str(self.home)
        return {
            **os.environ,
            "DISPLAY": self.screen,
            "HOME": home,
            "XDG_CONFIG_HOME": f"{home}/config",
            "XDG_DATA_HOME": f"{home}/data",
            "QT_QPA_PLATFORM": "xcb",
            "QT_SCALE_FACTOR": str(self._scale),
        }

    def _help(self, command: list[str], **how: Any) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._helpers.append(subprocess.Popen(command, **quiet, **how))  # type: ignore[call-overload]

    def _do(self, *command: str) -> None:
        subprocess.run(["xdotool", *command], env=self._environment, check=True)
