"""A session that is edited, propagated and undone at random until it is killed; see `crash.py`.

Each line on the standard output is a word and what goes with it: `begin` and the state as the change under
way will leave it ('undo' or 'redo' where only the file knows), `done` and the state after its commit.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from fake_engine import FakeEngine, Script
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from small_clip import HEIGHT, LENGTH, WIDTH, true_mask

from vsreid_studio.engine.events import Change
from vsreid_studio.engine.runtime.run import State
from vsreid_studio.engine.store.annotation import Annotation
from vsreid_studio.engine.types import Box, SoftMask
from vsreid_studio.gui.conductor import Conductor
from vsreid_studio.gui.session import Session, opener
from vsreid_studio.gui.session.writer import open_settings
from vsreid_studio.gui.worker import Runner
from vsreid_studio.project import Instance, Project

OPENING, READY, BEGIN, DONE = "opening", "ready", "begin", "done"
UNDO, REDO = "undo", "redo"
Way = Callable[[Project], Change | None]


def digest(annotation: Annotation, instances: Mapping[int, Instance]) -> str:
    """All that a person would miss, as one short word."""
    state = hashlib.sha256()
    for key, cell in annotation.cells():
        state.update(repr((key, cell.origin, cell.pinned, cell.made_by, cell.confidence)).encode())
        state.update(repr(cell.mask.box).encode() + cell.mask.values.tobytes())
    for item in (*sorted(annotation.decisions.items()), *sorted(instances.items())):
        state.update(repr(item).encode())
    return state.hexdigest()[:16]


def tell(word: str, state: str = "") -> None:
    sys.stdout.write(f"{word} {state}\n")
    sys.stdout.flush()


def watch() -> None:
    """Have each change to a project told before and after, on the thread that makes it."""
    apply, undo, redo = Project.apply, Project.undo, Project.redo

    def watched_apply(project: Project, change: Change, **how: Any) -> None:
        coming = project.annotation.copy()
        coming.apply(change)
        known = {**project.instances, **(how.get("instances") or {})}
        tell(BEGIN, digest(coming, {n: one for n, one in known.items() if one is not None}))
        apply(project, change, **how)
        tell(DONE, digest(project.annotation, project.instances))

    def watched_exchange(
        project: Project, way: Callable[[Project], Change | None], word: str
    ) -> Change | None:
        tell(BEGIN, word)
        change = way(project)
        tell(DONE, digest(project.annotation, project.instances))
        return change

    def ready(project: Project) -> dict[str, Any]:
        tell(READY, digest(project.annotation, project.instances))
        return open_settings(project)

    Project.apply = watched_apply  # type: ignore[assignment]
    Project.undo = lambda project: watched_exchange(project, undo, UNDO)  # type: ignore[assignment]
    Project.redo = lambda project: watched_exchange(project, redo, REDO)  # type: ignore[assignment]
    opener.open_settings = ready  # type: ignore[attr-defined]


class Person:
    """Does one thing after the other, without looking."""

    def __init__(self, session: Session, conductor: Conductor, dice: random.Random) -> None:
        self.session, self.conductor, self.dice = session, conductor, dice
        self._whims: dict[Callable[[], object], int] = {
            self.paint: 30,
            lambda: conductor.propagate({1, 2}): 20,
            self.answer: 20,
            conductor.cancel: 2,
            conductor.toggle_pause: 4,
            conductor.undo: 8,
            conductor.redo: 5,
            lambda: session.mask_edits.approve(self.frame(), [*session.instances]): 4,
            lambda: session.mask_edits.mark_absent(self.instance(), {self.frame(), self.frame()}): 4,
            lambda: session.mask_edits.clear_range(
                [self.instance()], *sorted((self.frame(), self.frame()))
            ): 3,
            self.add: 3,
            lambda: session.instance_edits.rename(self.instance(), f"name {dice.random()}"): 3,
            lambda: session.instance_edits.hide(self.instance(), dice.random() < 0.5): 2,
            lambda: session.instance_edits.reorder(
                dice.sample([*session.instances], len(session.instances))
            ): 2,
            self.merge: 1,
            self.delete: 1,
        }

    def act(self) -> None:
        """Do something, and go on after a moment."""
        if not self.session.instances:
            self.add()
        for whim in self.dice.choices([*self._whims], [*self._whims.values()]):
            whim()
        QTimer.singleShot(self.dice.randrange(12), self.act)

    def frame(self) -> int:
        return self.dice.randrange(LENGTH)

    def instance(self) -> int:
        return self.dice.choice([*self.session.instances])

    def paint(self) -> None:
        """Draw a disk as it is, or anything."""
        frame, number = self.frame(), self.instance()
        mask = true_mask(frame, number) if number <= 2 else SoftMask.empty()
        if self.dice.random() < 0.3 or not mask.area:
            left, top = self.dice.randrange(WIDTH - 20), self.dice.randrange(HEIGHT - 20)
            noise = np.random.default_rng(self.dice.randrange(1 << 30)).integers(1, 256, (20, 20), np.uint8)
            mask = SoftMask(Box(left, top, left + 20, top + 20), noise)
        self.session.mask_edits.edit_mask(frame, number, mask, "paint")

    def answer(self) -> None:
        """Judge what waits."""
        if self.conductor.state is State.ASKING and self.session.proposal is not None:
            proposal = self.session.proposal
            answers: list[Callable[[], object]] = [
                self.conductor.review.accept,
                self.conductor.review.accept_all,
                self.conductor.review.reject,
                self.conductor.review.skip,
                lambda: self.conductor.review.correct(true_mask(proposal.frame, 2)),
            ]
            self.dice.choice(answers)()

    def add(self) -> None:
        if len(self.session.instances) < 5:
            self.session.instance_edits.add_instance()

    def merge(self) -> None:
        if len(self.session.instances) > 3:
            self.session.instance_edits.merge(*self.dice.sample([*self.session.instances], 2))

    def delete(self) -> None:
        if len(self.session.instances) > 2:
            self.session.instance_edits.delete(self.instance())


def main(clip: Path, data: Path, seed: int) -> int:
    """Go on until killed."""
    app = QGuiApplication(["crash"])
    # What a slot raises would else be a line on the terminal and nothing more.
    sys.excepthook = lambda *error: (traceback.print_exception(*error), os._exit(3))
    watch()
    document = Session(config=data, data=data, waits=False)
    conductor = Conductor(document, Runner(lambda: FakeEngine(Script(delay=0.004))))
    tell(OPENING)
    person = Person(document, conductor, random.Random(seed))
    document.open(clip, then=lambda: QTimer.singleShot(0, person.act))
    return app.exec()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
