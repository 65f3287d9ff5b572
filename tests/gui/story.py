"""The whole story of the studio, told with real mouse and key events on a screen in memory.

`python tests/gui/story.py CLIP --box 258 95 600 450 --stroke 282,130 284,170 284,260 --output DIR` opens a
folder of pictures, boxes one object and paints another in its first frame, and goes on to the export in
DIR/export, with a picture of every state. The boxed object has to be lost on the way: the numbers are those
of camel-hidden, which `make-clips hidden` makes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from desk import Desk

_CELLS = "sorted([*k, c.origin, c.pinned] for k, c in window.session.annotation.cells())"
_STATE = "window.conductor.state.name"
_IDLE = f"{_STATE} == 'IDLE'"
_ASKING = "window.session.proposal is not None"
_STILL = f"{_IDLE} or {_ASKING}"
_HELD = {"r": "shift+r", "s": "shift+s"}
"""Answers to one frame of what was tracked: it is rejected here only, or skipped."""


@dataclass(frozen=True)
class Scene:
    """What is drawn.

    Attributes:
        clip: a folder of pictures.
        first: around the first object in frame 0, two corners of a box; more places are a stroke along it,
            for an app without the click network.
        stroke: along the second one.
        absent: frame in which the first one is told to be out of sight, if any.
    """

    clip: Path
    first: Sequence[tuple[int, int]]
    stroke: Sequence[tuple[int, int]]
    absent: int | None = None


@dataclass
class Story:
    """Tells a scene chapter by chapter; each checks what came of it.

    Attributes:
        desk: the screen.
        answers: keys of the answers to give, 'd' by the box's handle.
        answered: those that there was a proposal for.
    """

    desk: Desk
    scene: Scene
    output: Path
    answers: Sequence[str] = tuple("argdcs")
    pictures: bool = True
    answered: list[str] = field(default_factory=list)
    _shots: int = 0

    def tell(self) -> None:
        """All of it."""
        self.open()
        self.draw()
        self.propagate()
        self.answer()
        self.correct()
        self.export()
        self.reopen()
        self.crash()

    def open(self) -> None:
        self.desk.start(str(self.scene.clip))
        self.desk.until("window.parts.canvas.index == 0")

    def draw(self) -> None:
        """One object with box-select, one with the brush."""
        first = self.scene.first
        if len(first) == 2:
            (x0, y0), (x1, y1) = first
            self.desk.key("q")
            self._drag((x0, y0), ((x0 + x1) // 2, (y0 + y1) // 2), (x1, y1))
            self.desk.until("1 in window.parts.canvas.picture.masks", 90)
            self.desk.key("Return")
        else:
            self.desk.key("b")
            self._drag(*first)
        self.desk.until(f"{_IDLE} and window.session.annotation.get(0, 1) is not None", 90)
        self.desk.click("button('Add')")
        self.desk.key("b")
        self._drag(*self.scene.stroke)
        self.desk.until("window.session.annotation.get(0, 2) is not None")
        if self.scene.absent is not None:
            self.desk.click(f"cell({self.scene.absent}, 1)")
            self.desk.key("x")
        self._shoot("drawn")

    def propagate(self) -> None:
        """Watch the masks run, up to the first object that is found again."""
        desk = self.desk
        desk.key("p")
        desk.until("len([*window.session.annotation.cells()]) > 6", 60)
        self._shoot("running")
        desk.until(_STILL, 150)
        assert desk.ask(_ASKING), desk.ask("window.bar.sentence.text()")
        canvas = "window.parts.canvas"
        desk.until(f"{canvas}.index == window.session.proposal.frame")
        assert desk.ask(f"{canvas}.candidate is not None and bool(window.parts.timeline.state.hatched)")
        self._shoot("found")

    def answer(self) -> None:
        """Give each kind of answer in turn, then let the run end."""
        desk = self.desk
        for key in self.answers:
            if not desk.ask(_ASKING):
                break
            before = desk.ask("[*window.session.proposal.key]")
            # Kept, or the next one may lie at the same address.
            desk.ask("setattr(window, 'answered', window.session.proposal)")
            desk.until(f"window.parts.canvas.index == {before[0]}")
            self._give(key)
            self.answered.append(key)
            desk.until("window.session.proposal is not window.answered")
            desk.until(_STILL, 90)
            self._shoot(f"after-{key}")
            if key in "ac":
                assert desk.ask(f"window.session.annotation.get(*{before}).origin") == before[0]
            elif key == "r":
                decided = "[[*key] for key in window.session.annotation.decisions]"
                assert before in desk.ask(decided)
        desk.key("Escape")
        desk.until(_IDLE)

    def _give(self, key: str) -> None:
        desk = self.desk
        box = "window.session.proposal.box"
        x0, y0, x1, y1 = desk.ask(f"[{box}.x0, {box}.y0, {box}.x1, {box}.y1]")
        if key == "d":
            # By its handle, without a key.
            self._drag((x1, y1), (x1 - 1, y1 - 1), (x1 - 2, y1 - 2))
            return
        desk.key(_HELD.get(key, key))
        if key == "g":
            desk.until("window.parts.review.actions_.give_menu.isVisible()")
            self._shoot("give-to")
            desk.key("Down", "Return")
        elif key == "c":
            desk.until("window.parts.on_canvas.correction is not None")
            self._drag((x0 + 1, y0 + 1), ((x0 + x1) // 2, (y0 + y1) // 2))
            self._shoot("corrected")
            desk.key("a")

    def correct(self) -> None:
        """Paint a bad frame right and carry that to what is nearer; undo and redo it."""
        desk = self.desk
        last = desk.ask("window.session.video.length - 1")
        bad = round(last * 0.8)
        desk.drag([f"cell({frame}, 2)" for frame in (0, bad // 2, bad)])
        desk.until(f"window.session.frame == {bad} and window.parts.canvas.index == {bad}")
        assert desk.ask("window.session.selected") == 2
        before = {(i, k): c for i, k, c, _ in desk.ask(_CELLS)}
        x, y = self.scene.stroke[0]
        self._drag((x, y), (x + 6, y + 4))
        desk.until(f"window.session.annotation.get({bad}, 2).pinned")
        self._shoot("painted")
        desk.key("shift+p")
        self._finish()
        for i, k, origin, _ in desk.ask(_CELLS):
            if k == 1:
                assert origin == before[i, k], (i, k)
        assert desk.ask(f"window.session.annotation.origin({last}, 2)") == bad
        painted = desk.ask(_CELLS)
        desk.key("ctrl+z")
        desk.until(f"{_CELLS} != {painted}")
        desk.key("ctrl+shift+z")
        desk.until(f"{_CELLS} == {painted}")
        self._shoot("again")

    def _finish(self) -> None:
        """Let a run end, without an answer to what it finds."""
        self.desk.until(f"{_STATE} != 'IDLE'")
        self.desk.until(_STILL, 150)
        if self.desk.ask(_ASKING):
            self.desk.key("Escape")
        self.desk.until(_IDLE)

    def export(self) -> None:
        """By the menu's key and the dialog."""
        desk, folder = self.desk, self.output / "export"
        desk.key("ctrl+e")
        time.sleep(0.5)
        desk.key("Tab")
        desk.text(str(folder))
        self._shoot("export")
        desk.key("Return")
        desk.until("'is in' in window.bar.sentence.text()", 90)
        self._shoot("exported")

    def reopen(self) -> None:
        """Close, and find everything again, undo too."""
        desk = self.desk
        cells, label = desk.ask(_CELLS), desk.ask("window.session.undo_label")
        assert desk.close() == 0
        self.open_again()
        assert desk.ask(_CELLS) == cells
        assert desk.ask("window.session.undo_label") == label
        self._shoot("reopened")

    def crash(self) -> None:
        """Kill the app in the middle of a run; what was done before is there."""
        desk = self.desk
        cells = desk.ask(_CELLS)
        desk.key("p")
        desk.until(f"{_STATE} != 'IDLE'")
        time.sleep(0.5)
        desk.kill()
        self.open_again()
        pinned = [cell for cell in cells if cell[-1]]
        assert [cell for cell in desk.ask(_CELLS) if cell[-1]] == pinned
        label = desk.ask("window.session.undo_label")
        desk.key("ctrl+z")
        desk.until(f"window.session.redo_label == {label!r}")
        desk.key("ctrl+shift+z")
        desk.until(f"window.session.undo_label == {label!r}")
        assert desk.close() == 0

    def open_again(self) -> None:
        self.desk.start(str(self.scene.clip))
        self.desk.until("window.session.document is not None and window.parts.canvas.index >= 0")

    def _drag(self, *places: tuple[int, int]) -> None:
        self.desk.drag([f"canvas({x}, {y})" for x, y in places])

    def _shoot(self, name: str) -> None:
        if self.pictures:
            self._shots += 1
            time.sleep(0.3)
            self.desk.picture(self.output / f"{self._shots:02d}-{name}.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--box", type=int, nargs=4, required=True, metavar=("X0", "Y0", "X1", "Y1"))
    parser.add_argument("--stroke", nargs="+", required=True, metavar="X,Y")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(1600, 1000), metavar=("W", "H"))
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--dark", action="store_true")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    stroke = [(int(x), int(y)) for x, y in (place.split(",") for place in args.stroke)]
    size = round(args.size[0] * args.scale), round(args.size[1] * args.scale)
    options = ("--dark",) if args.dark else ()
    with Desk(args.output / "home", size, args.scale, options) as desk:
        x0, y0, x1, y1 = args.box
        story = Story(desk, Scene(args.clip, ((x0, y0), (x1, y1)), stroke), args.output)
        story.tell()
    sys.stdout.write(f"answered with {' '.join(story.answered)}; see {args.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
