"""The rows of the first table, of which each adds one thing, and the runs behind all tables."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..config import MULTI_SCALE, Config, digest
from ..engine.runtime.reid import MemoryStore
from ..engine.types import SoftMask
from ..engine.video import Video
from ..errors import UserError
from ..evaluation import InstanceScore, evaluate
from ..formats.atomic import writable_folder, write_text
from ..formats.davis import DavisRoot
from ..headless.run import Emit, finished, run_task
from ..headless.task import Task, davis_tasks, inputs
from ..reading import expecting, read_json
from .candidates import SharingEngine
from .clips import write_benchmark
from .gaps import Accepted, judge_accepted
from .speed import begun, pace

Addition: TypeAlias = Callable[[Config], Config]

Kind: TypeAlias = Literal["frames", "hidden", "pairs"]
Bar: TypeAlias = Callable[[str], AbstractContextManager[Emit]]
"""Shows how far a run has come."""
_TIMED = 13
"""Frames over which time is taken."""


@dataclass(frozen=True)
class TableRow:
    """One variant of the method.

    Attributes:
        name: of its folder, and on the command line.
        title: in the table.
        add: what it has beyond the row before.
    """

    name: str
    title: str
    add: Addition


def rows(adaptation: int) -> tuple[TableRow, ...]:
    """All rows, in order.

    Args:
        adaptation: of the last one, in steps for each instance.
    """
    return (
        TableRow("full-image", "full image", lambda config: config),
        TableRow("box", "→ box", _box),
        TableRow("flow-stream", "+ flow stream", _flow_stream),
        TableRow("memory", "+ memory", _memory),
        TableRow("smoothing", "+ smoothing", _smoothing),
        TableRow("reid", "+ re-identification", _reid),
        TableRow("multi-scale", "+ multi-scale and flip", _multi_scale),
        TableRow(
            "adaptation",
            f"+ adaptation ({adaptation} steps)",
            lambda config: replace(config, adapt=replace(config.adapt, steps=adaptation)),
        ),
    )


def row_config(base: Config, listed: Sequence[TableRow], row: TableRow) -> Config:
    """The settings of a row.

    Args:
        base: gives all that no row touches.
        listed: all rows in order, `row` among them.
    """
    config = bare(base)
    for one in listed[: listed.index(row) + 1]:
        config = one.add(config)
    return config


def bare(config: Config) -> Config:
    """The RGB stream alone on the whole frame, and nothing around it."""
    propagation = replace(
        config.propagation,
        crop="frame",
        flow_stream=False,
        read_memory=False,
        temporal_smoothing=False,
        scales=(1.0,),
        flip=False,
    )
    return replace(
        config,
        propagation=propagation,
        reid=replace(config.reid, enabled=False),
        adapt=replace(config.adapt, steps=0),
    )


def _box(config: Config) -> Config:
    return replace(config, propagation=replace(config.propagation, crop="box"))


def _flow_stream(config: Config) -> Config:
    return replace(config, propagation=replace(config.propagation, flow_stream=True))


def _memory(config: Config) -> Config:
    return replace(config, propagation=replace(config.propagation, read_memory=True))


def _smoothing(config: Config) -> Config:
    return replace(config, propagation=replace(config.propagation, temporal_smoothing=True))


def _reid(config: Config) -> Config:
    return replace(config, reid=replace(config.reid, enabled=True))


def _multi_scale(config: Config) -> Config:
    return replace(config, propagation=replace(config.propagation, scales=MULTI_SCALE, flip=True))


@dataclass(frozen=True)
class Scored:
    """One sequence's scores.

    Attributes:
        instances: by number.
        accepted: its accepted proposals, None where no record tells.
    """

    instances: Mapping[int, InstanceScore]
    accepted: Accepted | None


def score(truth_root: Path, results: Path, name: str) -> Scored:
    """Score a sequence, or read what was found before from NAME.scores.json beside its folder.

    Kept scores count for the very same record of the run (which names its input, settings and weights).

    Args:
        truth_root: holds the sequence's folder of exact masks.
        results: holds its folder of masks, with a provenance.json.

    Raises:
        UserError: something is missing or unfit, or the scores cannot be kept.
    """
    file = results / f"{name}.scores.json"
    made_from = _digest(results / name / "provenance.json")
    try:
        kept = read_json(file)
        with expecting(f"{file} is damaged"):
            if kept["made_from"] == made_from:
                return _read(kept)
    except UserError:
        pass  # not there, or of another version: scored again
    scores = evaluate(truth_root, results, [name]).sequences[name]
    found = Scored(scores, judge_accepted(truth_root / name, results / name))
    write_text(file, json.dumps(_plain(found, made_from)) + "\n")
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _plain(scored: Scored, made_from: str) -> dict[str, Any]:
    accepted = scored.accepted
    return {
        "made_from": made_from,
        "accepted": None if accepted is None else [accepted.all, accepted.wrong],
        "instances": {
            str(number): {"frames": one.frames, "J": one.j_series, "F": one.f_series}
            for number, one in scored.instances.items()
        },
    }


def _read(kept: Mapping[str, Any]) -> Scored:
    instances = {
        int(number): InstanceScore(tuple(one["frames"]), tuple(one["J"]), tuple(one["F"]))
        for number, one in kept["instances"].items()
    }
    return Scored(instances, None if kept["accepted"] is None else Accepted(*kept["accepted"]))


@dataclass(frozen=True)
class DataSet:
    """Sequences that a row is run on.

    Attributes:
        kind: the set itself, or clips made of it.
        davis: where they are.
        image_set: their names, as a set of it or a file.
    """

    kind: Kind
    davis: DavisRoot
    image_set: str

    @property
    def sequences(self) -> tuple[str, ...]:
        """Their names."""
        return self.davis.sequences(self.image_set)

    @property
    def truth(self) -> Path:
        """A folder of masks for each."""
        return self.davis.annotations_folder("")


@dataclass(frozen=True)
class Variant:
    """A row of the table, ready to be run.

    Attributes:
        row: of the table.
        engine: with its settings.
        work: the folder that keeps masks, scores and times of all rows.
    """

    row: TableRow
    engine: SharingEngine
    work: Path

    def results(self, data: DataSet) -> Path:
        """Where its masks of a data set are."""
        return self.work / data.kind / self.row.name

    def tasks(self, data: DataSet) -> list[Task]:
        """One for each sequence."""
        davis = DavisRoot(data.davis.root.absolute(), data.davis.resolution)
        return davis_tasks(davis, data.image_set, self.results(data).absolute())

    def compute(self, data: DataSet, bar: Bar) -> None:
        """Make what masks are missing; those of other settings or weights are made again.

        Args:
            bar: shows the progress of a run, by its title.
        """
        for task in self.tasks(data):
            with bar(f"{self.row.name}, {task.name}") as emit:
                run_task(task, self.engine, overwrite=True, emit=emit)

    def scored(self, data: DataSet) -> dict[str, Scored] | None:
        """The scores of every sequence; None unless all masks are there, made with this very variant."""
        tasks = self.tasks(data)
        if not all(self._complete(task) for task in tasks):
            return None
        return {task.name: score(data.truth, task.output, task.name) for task in tasks}

    def _complete(self, task: Task) -> bool:
        if not task.folder.is_dir():
            return False
        with inputs(task, self.engine) as given:
            return finished(task.folder, given.made_from, given.video.names)

    def known_pace(self) -> tuple[float, float] | None:
        """Seconds a frame, and those of adaptation, as measured before with these settings and weights."""
        kept = _paces(self.work).get(self.row.name, {})
        same = kept.get("made_with") == digest(self.engine.identity)
        return (kept["seconds"], kept["once"]) if same else None

    def measure_pace(self, data: DataSet) -> None:
        """Take the time on the set's first sequence and keep it."""
        self.engine.load()
        with inputs(self.tasks(data)[0], self.engine) as given:
            video, first = given.video, next(iter(given.masks.values()))
            once = self._seconds_to_adapt(video, first)
            seconds = pace(
                # Not shared ones: to find candidates takes its time, too.
                lambda: (self.engine.modules(video), self.engine.reid_alone(video, MemoryStore())),
                first,
                min(_TIMED, video.length),
            )
        kept = _paces(self.work)
        made_with = digest(self.engine.identity)
        kept[self.row.name] = {"made_with": made_with, "seconds": seconds, "once": once}
        write_text(_pace_file(writable_folder(self.work)), json.dumps(kept, indent=1) + "\n")

    def _seconds_to_adapt(self, video: Video, first: Mapping[int, SoftMask]) -> float:
        if not self.engine.config.adapt.steps:
            return 0.0
        started = time.perf_counter()
        for _ in self.engine.adapt(video, begun(first, video.length)):
            pass
        return time.perf_counter() - started


def variants(base: Config, weights: Path | None, work: Path, listed: Sequence[TableRow]) -> list[Variant]:
    """A variant for each row.

    Raises:
        UserError: the device or the weights are not there.
    """
    # Absolute, as other processes may have another working folder.
    candidates, weights = work.absolute() / "candidates", weights and weights.absolute()
    return [
        Variant(row, SharingEngine(row_config(base, listed, row), weights, candidates), work)
        for row in listed
    ]


def clips_of(
    source: DataSet, kind: Literal["hidden", "pairs"], given: Path | None, work: Path, *, make: bool
) -> DataSet | None:
    """Clips of a set: those given, or those in the work folder.

    Args:
        make: make those in the work folder unless they are there.

    Returns:
        None where there are none.

    Raises:
        UserError: none can be made.
    """
    names = "\n".join(source.sequences)
    folder = given or work / "clips" / f"{kind}-{digest(names)[:8]}"
    if given is None and make and not folder.exists():
        write_benchmark(source.davis.root, source.image_set, folder, kind)
    return DataSet(kind, DavisRoot(folder), kind) if given or folder.exists() else None


def _pace_file(work: Path) -> Path:
    return work / "pace.json"


def _paces(work: Path) -> dict[str, dict[str, Any]]:
    try:
        kept = read_json(_pace_file(work))
    except UserError:
        return {}
    return kept if isinstance(kept, dict) else {}
