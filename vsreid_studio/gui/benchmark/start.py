"""From the start of the process to the first picture of the window."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from .window import WindowFigure

BUDGET = 2000.0
_STARTS = 5

# What `vsreid-studio` does, until the first picture is painted. The time is taken from outside, before the
# process is there: the start of the interpreter is part of what a person waits for.
_SCRIPT = """
import json, os, sys, tempfile, time
from pathlib import Path
from vsreid_studio.app import main
from vsreid_studio.gui.main_window import MainWindow
from PySide6.QtCore import QTimer

show, paint = MainWindow.show, MainWindow.paintEvent

def painted():
    used = os.times()
    told = {"time": time.time(), "cpu": used.user + used.system, "torch": "torch" in sys.modules}
    sys.stdout.write(json.dumps(told))
    sys.stdout.flush()
    os._exit(0)

def shown(window):
    show(window)
    # Runs after the paint events that showing has brought about.
    QTimer.singleShot(0, painted)

MainWindow.show = shown
main([])
"""


def first_window(scratch: Path) -> WindowFigure:
    """Start the app's window in processes of their own.

    Args:
        scratch: takes what the app keeps of a person.

    Raises:
        RuntimeError: torch was imported on the way, or the app did not start.
    """
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(scratch / "config"),
        "XDG_DATA_HOME": str(scratch / "data"),
    }
    wall, cpu = [], []
    for _ in range(_STARTS):
        begin = time.time()
        command = [sys.executable, "-c", _SCRIPT]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode or not done.stdout:
            raise RuntimeError(f"the app did not start:\n{done.stderr}")
        told = json.loads(done.stdout)
        if told["torch"]:
            raise RuntimeError("torch was imported before the first window")
        wall.append((told["time"] - begin) * 1000)
        cpu.append(told["cpu"] * 1000)
    return WindowFigure("first window, from the start of the process", BUDGET, wall, cpu)
