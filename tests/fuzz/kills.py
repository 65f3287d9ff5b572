"""Runs and exports that are killed at any moment and called again: they must come out as if left alone."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count as counting
from itertools import cycle, product
from pathlib import Path

import numpy as np
from stand_ins import make_clip

from .killable import KILLED, Call, Ending, Killable

TRIES = 8
"""Kills in a row, before a call is left alone."""
_AFTER = 0.004
"""Seconds within which a call is killed that has reached an event: as long as a commit takes."""
FORMATS = ("davis", "coco", "youtube-vos", "mots", "overlay")


def _ignore(_: str) -> None:
    """Faults are in the story, too."""


@dataclass
class Story:
    """What was done.

    Attributes:
        kills: how many calls were killed.
        ends: how many came to their end after that.
        faults: a sentence each.
        moments: how often each kind of moment hit.
    """

    kills: int = 0
    ends: int = 0
    faults: list[str] = field(default_factory=list)
    moments: Counter[str] = field(default_factory=Counter)


class Kills:
    """Kills runs and exports of a tiny clip."""

    def __init__(self, folder: Path, seed: int, calls: Killable) -> None:
        """Make the clip, a project and the exports, undisturbed.

        Args:
            folder: an empty one.
            calls: makes the calls.

        Raises:
            RuntimeError: even an undisturbed call fails.
        """
        self._folder = folder
        self._random = np.random.default_rng(seed)
        self.calls = calls
        self._numbers = counting()
        self._clip = make_clip(folder / "clip", folder / "first.png")
        self._project = folder / "whole.vsreid"
        self._sound(self.run_options(folder / "whole-project", "--project", self._project))

    def runs(self, count: int, tell: Callable[[str], object] = _ignore) -> Story:
        """Kill this many runs; each is called again until it ends, and compared with one left alone."""
        story = Story()
        plain, expected = self._whole_run
        while story.kills < count:
            output = self._folder / f"run-{next(self._numbers)}" / "masks"
            self.until_done(self.run_options(output), plain, story, count, tell)
            self._compare(output.parent, expected, story, tell)
        return story

    def exports(self, count: int, tell: Callable[[str], object] = _ignore) -> Story:
        """Kill this many exports: new ones, and ones over an older export."""
        story = Story()
        turns = cycle(product((False, True), FORMATS))
        while story.kills < count:
            older, form = next(turns)
            plain, expected = self._whole_exports[form]
            output = self._folder / f"export-{next(self._numbers)}"
            if older:
                shutil.copytree(self._whole(form), output)
            self.until_done(self._export(form, output), plain, story, count, tell)
            self._compare(output, expected, story, tell)
        return story

    @cached_property
    def _whole_run(self) -> tuple[Ending, dict[str, str]]:
        """How an undisturbed run ends, and what it leaves."""
        output = self._folder / "whole-run" / "masks"
        return self._sound(self.run_options(output)), content(output.parent)

    @cached_property
    def _whole_exports(self) -> dict[str, tuple[Ending, dict[str, str]]]:
        """How undisturbed exports end, and what they leave, by format."""
        endings = {form: self._sound(self._export(form, self._whole(form))) for form in FORMATS}
        return {form: (ending, content(self._whole(form))) for form, ending in endings.items()}

    def _whole(self, form: str) -> Path:
        return self._folder / f"whole-{form}"

    def run_options(self, output: Path, *more: object) -> list[str]:
        options = ["run", self._clip.source, "--masks", self._clip.masks, "--output", output, *more]
        return [*map(str, options)]

    def _export(self, form: str, output: Path) -> list[str]:
        target = output / "clip.mp4" if form == "overlay" else output
        options = ["export", self._project, "--format", form, "--output", target, "--overwrite"]
        return [*map(str, options)]

    def _sound(self, arguments: list[str]) -> Ending:
        ending = self.calls(Call(arguments))
        if ending.code != 0:
            raise RuntimeError(f"an undisturbed call ended with {ending.code}: {ending.said}")
        return ending

    def until_done(
        self, arguments: list[str], plain: Ending, story: Story, count: int, tell: Callable[[str], object]
    ) -> None:
        """Kill a call again and again, then let it end."""
        for _ in range(TRIES):
            if story.kills >= count:
                break
            call, moment = self._drawn(arguments, plain)
            ending = self.calls(call)
            if ending.code == 0:
                break
            if ending.code == KILLED:
                story.kills += 1
                story.moments[moment] += 1
            else:
                self._fault(story, tell, f"a call after {moment} ended with {ending.code}", arguments, ending)
                break
        ending = self.calls(Call(arguments))
        story.ends += 1
        if ending.code != 0:
            self._fault(story, tell, f"the last call ended with {ending.code}", arguments, ending)

    def _drawn(self, arguments: list[str], plain: Ending) -> tuple[Call, str]:
        if self._random.random() < 0.25:
            return Call(arguments, None, float(self._random.uniform(0, plain.seconds))), "any time"
        event = int(self._random.integers(plain.events))
        return Call(arguments, event, float(self._random.uniform(0, _AFTER))), "a write"

    def _compare(
        self, output: Path, expected: dict[str, str], story: Story, tell: Callable[[str], object]
    ) -> None:
        found = content(output)
        if found != expected:
            names = sorted(
                name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
            )
            fault = f"{output} differs from what an undisturbed call writes: {', '.join(names[:8])}"
            story.faults.append(fault)
            tell(fault)
        else:
            shutil.rmtree(output)

    def _fault(
        self,
        story: Story,
        tell: Callable[[str], object],
        what: str,
        arguments: list[str],
        ending: Ending,
    ) -> None:
        said = ending.said.strip().splitlines()
        fault = f"{what}: {' '.join(arguments)}: {said[-1] if said else 'nothing said'}"
        story.faults.append(fault)
        tell(fault)


@contextmanager
def killing(folder: Path, seed: int) -> Iterator[Kills]:
    """Kills in an empty folder, with the process that makes the calls."""
    calls = Killable()
    try:
        yield Kills(folder, seed, calls)
    finally:
        calls.close()


def content(folder: Path) -> dict[str, str]:
    """A checksum of every file, hidden ones, too, and the folders: a killed call leaves nothing behind."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }
