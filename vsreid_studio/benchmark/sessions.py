"""A simulated user's sessions on many sequences, kept in a file as they come, and the report of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from ..config import Config, digest
from ..engine.runtime.engine import VideoEngine
from ..engine.runtime.pipeline import Modules
from ..engine.runtime.reid import MemoryStore
from ..engine.store.annotation import Annotation
from ..engine.video import Video, open_video
from ..errors import UserError
from ..formats.atomic import writable_folder, write_text
from ..formats.davis import DavisRoot
from ..formats.mask_reading import MaskReader
from ..reading import expecting, read_json
from .candidates import SharingEngine
from .report import grid, number, paged
from .simulated_user import simulate
from .user_model import ENOUGH, GOALS, MOST_CLICKS, Round, Seconds, UserModel, UserSession, goals_to

SHORT = 60.0
"""Seconds after which the result is reported, too."""


def to_json(session: UserSession) -> dict[str, Any]:
    """A session as JSON values."""
    return asdict(session)


def from_json(value: Mapping[str, Any]) -> UserSession:
    """A session from what `to_json` made.

    Raises:
        TypeError, KeyError: it is something else.
    """
    rounds = tuple(Round(**one) for one in value["rounds"])
    return UserSession(**{**value, "rounds": rounds})


def needed(session: UserSession, goal: float, limit: int) -> int:
    """The number of corrections up to a J&F of `goal`; `limit` where it is not reached."""
    reached = session.reached(goal)
    return limit if reached is None else reached.corrections


def render(
    variants: Mapping[str, Mapping[str, UserSession]],
    image_set: str,
    limit: int,
    goals: Sequence[float] = GOALS,
) -> str:
    """The page.

    Args:
        variants: sessions by sequence, by the variant's name; none of them empty.
        limit: of corrections.
        goals: J&F that the person works for, ascending.
    """
    rates = Seconds()
    parts = [
        "# A person's time",
        f"A simulated person on {image_set}: makes the first mask, answers every proposal rightly (accepts a "
        "recovered mask with an IoU of .5 or more with the truth), then corrects a mask, lets the engine go "
        f"on, and so forth until J&F reaches {number(goals[-1])}, with no more than {limit} corrections. "
        "Painted masks are the truth; clicks go into the middle of the largest error until the IoU is "
        f"{number(ENOUGH)} or {MOST_CLICKS} are made. The oracle knows the frame and instance with the "
        "lowest J&F; suggestions come in the order in which the studio lists doubtful frames, and those that "
        "are right are approved; when nothing is suggested any more, the person searches. Re-propagated are "
        "the masks computed anew after the first correction. Found again: instances with J above .5 after a "
        "gap, before the first correction.",
        f"Seconds: a painted mask {rates.painting:g}, a click {rates.click:g}, a look at a suggested frame "
        f"{rates.look:g}, an answer to a proposal {rates.answer:g}, the search for a frame "
        f"{rates.search:g}; the computer's time is not counted. A goal that is not reached counts as {limit} "
        "corrections, and as the seconds and interactions that were spent in vain.",
        _summary(variants, limit, goals),
        _time(variants, goals),
    ]
    for name, sessions in variants.items():
        parts += [f"## {name[:1].upper()}{name[1:]}", _sequences(sessions, goals)]
    return paged(parts)


def _summary(variants: Mapping[str, Mapping[str, UserSession]], limit: int, goals: Sequence[float]) -> str:
    heads = ["", "J&F at first"]
    for goal in goals:
        heads += [f"corrections to {number(goal)}", "reached", "re-propagated"]
    body = []
    for name, sessions in variants.items():
        listed = list(sessions.values())
        line = [name, number(fmean(one.rounds[0].both for one in listed))]
        for goal in goals:
            reached = sum(one.reached(goal) is not None for one in listed)
            line += [
                f"{fmean(needed(one, goal, limit) for one in listed):.1f}",
                f"{reached} of {len(listed)}",
                f"{fmean((one.reached(goal) or one.rounds[-1]).propagated for one in listed):.0f}",
            ]
        body.append([*line, *_proposals(listed)])
    return grid([*heads, "proposals", "wrong ones", "found again"], body)


def _time(variants: Mapping[str, Mapping[str, UserSession]], goals: Sequence[float]) -> str:
    """Seconds and interactions a sequence."""
    heads = [""]
    for goal in goals:
        heads += [f"seconds to {number(goal)}", "interactions"]
    body = []
    for name, sessions in variants.items():
        listed = list(sessions.values())
        line = [name]
        for goal in goals:
            ends = [one.reached(goal) or one.rounds[-1] for one in listed]
            line += [
                f"{fmean(end.seconds for end in ends):.0f}",
                f"{fmean(e.interactions for e in ends):.1f}",
            ]
        body.append([*line, number(fmean(_after(one, SHORT) for one in listed))])
    return grid([*heads, f"J&F after {SHORT:.0f} s"], body)


def _after(session: UserSession, seconds: float) -> float:
    """J&F that a person has reached by then; 0 before the first run."""
    found = session.within(seconds)
    return 0.0 if found is None else found.both


def _sequences(sessions: Mapping[str, UserSession], goals: Sequence[float]) -> str:
    heads = ["", "J&F at first"]
    for goal in goals:
        heads += [f"to {number(goal)}", "seconds", "re-propagated"]
    body = []
    for name, session in sorted(sessions.items()):
        line = [name, number(session.rounds[0].both)]
        for goal in goals:
            reached = session.reached(goal)
            if reached is None:
                line += ["–"] * 3
            else:
                line += [str(reached.corrections), f"{reached.seconds:.0f}", str(reached.propagated)]
        body.append([*line, number(session.rounds[-1].both), *_proposals([session])])
    return grid([*heads, "J&F at last", "proposals", "wrong ones", "found again"], body)


def _proposals(sessions: Sequence[UserSession]) -> Iterable[str]:
    lost = sum(one.lost for one in sessions)
    found = f"{sum(one.found for one in sessions)} of {lost}" if lost else "–"
    return str(sum(one.proposals for one in sessions)), str(sum(one.wrong for one in sessions)), found


class Sessions:
    """Works through a set, variant by variant."""

    def __init__(
        self,
        davis: DavisRoot,
        image_set: str,
        page: Path,
        candidates: Path,
        limit: int,
        goal: float = GOALS[-1],
    ) -> None:
        """Read what earlier calls have left.

        Args:
            page: gets the tables; the file of the same name with suffix .json, all figures.
            candidates: a folder to keep those of Algorithm 2, which do not depend on the variant.
            limit: of corrections.
            goal: one of `GOALS`, at which the person stops.

        Raises:
            UserError: there is no such set, or the page's folder cannot be written to.
        """
        self._davis = davis
        self._names = davis.sequences(image_set)
        self._title = Path(image_set).stem
        self._page = page
        self._file = page.with_suffix(".json")
        self._limit = limit
        self._goal = goal
        self._variants: dict[str, dict[str, UserSession]] = {}
        self._made_with: dict[str, str] = {}
        self._weights: dict[str, Mapping[str, str]] = {}
        self._candidates = candidates
        writable_folder(page.parent)
        self._read()

    def work(
        self,
        variant: str,
        config: Config,
        weights: Path | None,
        on_round: Callable[[str, Round], None],
        user: UserModel | None = None,
    ) -> None:
        """Simulate a person on each sequence that is not there yet.

        Args:
            variant: names the settings.
            weights: a file for N_mp instead of the shipped one.
            on_round: called with the sequence and each round.
            user: how the person works; None for the usual one.

        Raises:
            UserError: something to read is missing or unfit, or the page cannot be written.
        """
        engine = SharingEngine(config, weights, self._candidates)
        user = user or UserModel()
        own: list[object] = [] if self._goal == GOALS[-1] else [self._goal]
        own += [] if user == UserModel() else [asdict(user), engine.clicks_checksum if user.clicks else ""]
        made_with = digest([engine.identity, self._limit, *own])
        if self._made_with.get(variant) != made_with:
            self._variants[variant] = {}
        self._made_with[variant], self._weights[variant] = made_with, engine.checksums
        self._drop_other_weights(engine.checksums)
        for name in self._names:
            if name not in self._variants[variant]:
                on_this_round = partial(on_round, f"{variant}, {name}")
                self._variants[variant][name] = self._session(name, engine, on_this_round, user)
                self._write()
        self._write()

    def _drop_other_weights(self, weights: Mapping[str, str]) -> None:
        """Forget variants of earlier weights: in one table they would seem comparable."""
        for variant, others in list(self._weights.items()):
            if any(weights.get(name, checksum) != checksum for name, checksum in others.items()):
                del self._variants[variant], self._made_with[variant], self._weights[variant]

    def _session(
        self, name: str, engine: VideoEngine, on_round: Callable[[Round], None], user: UserModel
    ) -> UserSession:
        files = self._davis.annotation_files(name)
        reader = MaskReader(files)
        truth = [reader.labels(file) for file in files]
        with open_video(self._davis.frames_folder(name)) as video:
            if {labels.shape for labels in truth} != {(video.height, video.width)} or (
                len(truth) != video.length
            ):
                raise UserError(f"The masks of {name} do not fit its frames: a person needs one for each.")
            modules, reid = engine.modules(video), engine.reid(video, MemoryStore())
            adapt = partial(_adapted, engine, video) if engine.config.adapt.steps else None
            return simulate(
                truth,
                modules,
                reid,
                limit=self._limit,
                goal=self._goal,
                adapt=adapt,
                on_round=on_round,
                user=user,
                clicker=engine.clicker if user.clicks else None,
                video=video,
            )

    def _read(self) -> None:
        try:
            kept = read_json(self._file)
            with expecting(f"{self._file} is damaged"):
                for variant, one in kept["variants"].items():
                    sessions = {name: from_json(session) for name, session in one["sequences"].items()}
                    self._made_with[variant], self._weights[variant] = one["made_with"], dict(one["weights"])
                    self._variants[variant] = sessions
        except UserError:
            # Not there, or of another version: done again.
            self._variants, self._made_with, self._weights = {}, {}, {}

    def _write(self) -> None:
        kept = {
            variant: {
                "made_with": self._made_with[variant],
                "weights": self._weights[variant],
                "sequences": {name: to_json(session) for name, session in sessions.items()},
            }
            for variant, sessions in self._variants.items()
        }
        write_text(self._file, json.dumps({"variants": kept}, indent=1) + "\n")
        shown = {
            variant: {name: sessions[name] for name in self._names if name in sessions}
            for variant, sessions in self._variants.items()
        }
        listed = {variant: sessions for variant, sessions in shown.items() if sessions}
        write_text(self._page, render(listed, self._title, self._limit, goals_to(self._goal)))


def _adapted(engine: VideoEngine, video: Video, annotation: Annotation) -> Modules:
    """The modules, fine-tuned on what is pinned now."""
    steps = engine.adapt(video, annotation)
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return engine.modules(video, adapted=stop.value)
