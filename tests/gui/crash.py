"""Kills an editing and propagating session at random moments: `python tests/gui/crash.py --kills 50`.

After each kill the project has to open, to hold every change that was reported as done, and the change under
way as a whole or not at all.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crash_session import BEGIN, DONE, OPENING, READY, REDO, UNDO, digest
from PIL import Image
from small_clip import LENGTH, picture

import vsreid_studio
from vsreid_studio.gui.opening import open_document
from vsreid_studio.project import Project

SECONDS = 1.5
"""The latest moment of a kill, counted from the moment in which the project is about to be opened."""
_FRESH = 10
"""Kills after which a project is begun anew, so that its creation is hit too."""
_STEPS = 3
_AIMED = 0.0015
"""Seconds in which a change is committed: every other kill is aimed at them, as random ones mostly miss."""


@dataclass(frozen=True)
class Kill:
    """What was found after one kill.

    Attributes:
        after: seconds.
        changes: how many were done in this session.
        under_way: whether one was begun and not reported as done.
        kept: whether the file holds that one.
        cells: in the project afterwards.
    """

    after: float
    changes: int
    under_way: bool
    kept: bool
    cells: int


def kills(number: int, folder: Path, seed: int = 0, seconds: float = SECONDS) -> list[Kill]:
    """Kill sessions that go on from what the one before left.

    Raises:
        AssertionError: something was lost, or the project does not open.
    """
    dice = random.Random(seed)
    story, last = [], ""
    clip = folder
    for count in range(number):
        if count % _FRESH == 0:
            clip, last = _clip(folder / f"{count}"), ""
        after = dice.uniform(0, seconds)
        aim = dice.uniform(0, _AIMED) if count % 2 else None
        lines = _run_and_kill(clip, dice.randrange(1 << 30), after, aim)
        kill, last = _check(clip, lines, last, after)
        story.append(kill)
    return story


def _clip(folder: Path) -> Path:
    clip = folder / "clip"
    clip.mkdir(parents=True)
    for index in range(LENGTH):
        Image.fromarray(picture(index)).save(clip / f"{index:05d}.png")
    return clip


def _run_and_kill(clip: Path, seed: int, after: float, aim: float | None) -> list[list[str]]:
    """The words that a session told, a line each, until it was killed.

    Args:
        after: seconds.
        aim: wait for the next change to begin, and kill so many seconds into it.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(vsreid_studio.__file__).parents[1]),
        "QT_QPA_PLATFORM": "offscreen",
    }
    script = Path(__file__).with_name("crash_session.py")
    command = [sys.executable, str(script), str(clip), str(clip.parent / "data"), str(seed)]
    out = clip.parent / "told"
    # A file takes any number of lines without anyone reading them.
    with out.open("wb") as sink, subprocess.Popen(command, stdout=sink, env=environment) as session:
        while not out.read_bytes():
            assert session.poll() is None, "it ended before it was killed"
            time.sleep(0.01)
        time.sleep(after)
        if aim is not None:
            _wait_for_change(out)
            time.sleep(aim)
        session.kill()
        assert session.wait() < 0, "it ended before it was killed"
    # A line cut off has told nothing.
    return [line.split() for line in out.read_text().split("\n")[:-1]]


def _wait_for_change(out: Path) -> None:
    """Until another change is under way; not for long, as a proposal may wait for its answer."""
    start, end = out.stat().st_size, time.monotonic() + 1
    with out.open("rb") as told:
        told.seek(start)
        while time.monotonic() < end and BEGIN.encode() not in told.readline():
            pass


def _check(clip: Path, lines: Sequence[Sequence[str]], last: str, after: float) -> tuple[Kill, str]:
    assert lines[0] == [OPENING]
    done = [line[1] for line in lines if line[0] in (READY, DONE)]
    if done and last:
        assert done[0] == last, "another session saw another project than was checked"
    last = done[-1] if done else last
    begun = lines[-1][1] if lines[-1][0] == BEGIN else ""
    document = open_document(clip, clip.parent / "data")
    try:
        project = document.project
        found = state = _state(project)
        if begun in (UNDO, REDO) and found != last:
            (Project.redo if begun == UNDO else Project.undo)(project)
            state = _state(project)
            (Project.undo if begun == UNDO else Project.redo)(project)
            assert _state(project) == found, "a step is not its own inverse"
        # Nothing was told where the kill met the very start.
        assert not last or last == state or found == begun, (
            "a finished change is lost, or half of one is there"
        )
        _check_history(project)
        kept = bool(begun) and found != last
        changes = max(0, len(done) - 1)
        # Without an instance it is not quite begun: the next session adds the first one.
        last = _state(project) if project.instances else ""
        return Kill(after, changes, bool(begun), kept, len(project.annotation)), last
    finally:
        document.close()


def _check_history(project: Project) -> None:
    """Undo reaches behind the kill and comes back."""
    before = _state(project)
    taken = sum(project.undo() is not None for _ in range(_STEPS))
    for _ in range(taken):
        project.redo()
    assert _state(project) == before, "undo and redo do not lead back"


def _state(project: Project) -> str:
    return digest(project.annotation, project.instances)


def main() -> int:
    """Kill so many times and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        story = kills(args.kills, Path(folder), args.seed)
    under = Counter((one.under_way, one.kept) for one in story)
    sys.stdout.write(
        f"{len(story)} kills after 0 to {SECONDS} s; every project opened, none lost a finished change.\n"
        f"{sum(one.changes for one in story)} changes were done, {max(one.changes for one in story)} in the "
        f"longest session; {max(one.cells for one in story)} cells at most.\n"
        f"In mid-change: {under[True, False] + under[True, True]}, of which {under[True, True]} were "
        f"in the file as a whole and {under[True, False]} not at all.\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
