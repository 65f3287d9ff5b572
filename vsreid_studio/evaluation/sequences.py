"""Scoring folders of masks against a ground truth, and the report per instance, sequence and overall."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.types import LabelMap
from ..errors import UserError
from ..formats.davis import mask_files
from ..formats.frame_names import lossy, mask_pictures, span
from ..formats.mask_reading import MaskReader
from .measures import Statistics, boundary_f, jaccard, statistics

log = logging.getLogger(__name__)

_NAMED = 3
"""So many sequences are named in a sentence."""

FIGURES = ("J", "F", "J&F", "J-recall", "J-decay", "F-recall", "F-decay")
"""The names of the figures, in the order of CSV columns."""


@dataclass(frozen=True)
class InstanceScore:
    """Of one instance in one sequence.

    Attributes:
        frames: names of the scored frames, e.g. '00001': all but the first and the last.
        j_series, f_series: J and F of each of them.
    """

    frames: tuple[str, ...]
    j_series: tuple[float, ...]
    f_series: tuple[float, ...]

    @cached_property
    def j(self) -> Statistics:
        """Of J over the frames."""
        return statistics(self.j_series)

    @cached_property
    def f(self) -> Statistics:
        """Of F over the frames."""
        return statistics(self.f_series)

    def figures(self) -> dict[str, float]:
        """The value of each of `FIGURES`."""
        j, f = self.j, self.f
        values = (j.mean, f.mean, (j.mean + f.mean) / 2, j.recall, j.decay, f.recall, f.decay)
        return dict(zip(FIGURES, values, strict=True))


@dataclass(frozen=True)
class Report:
    """Of a set of sequences.

    Attributes:
        sequences: scores by sequence and instance number; none for a sequence whose first frame shows no
            object.
    """

    sequences: Mapping[str, Mapping[int, InstanceScore]]

    def overall(self) -> dict[str, float]:
        """The value of each of `FIGURES`: the mean over all instances, not over sequences."""
        return _mean(score for scores in self.sequences.values() for score in scores.values())

    def sequence(self, name: str) -> dict[str, float]:
        """The mean over the instances of one sequence, for reading; empty when it has none."""
        return _mean(self.sequences[name].values())

    def as_json(self) -> dict[str, Any]:
        """{'global': figures, 'sequences': {name: {instance: figures}}}, instance numbers as text."""
        return {
            "global": self.overall(),
            "sequences": {
                name: {str(number): score.figures() for number, score in scores.items()}
                for name, scores in self.sequences.items()
            },
        }

    def rows(self) -> list[list[str]]:
        """A header, a row for each instance and a last one named 'global', of text with 6 decimals."""
        table = [["sequence", "instance", *FIGURES]]
        for name, scores in self.sequences.items():
            table += [[name, str(number), *_text(score.figures())] for number, score in scores.items()]
        return [*table, ["global", "", *_text(self.overall())]]

    def as_csv(self) -> str:
        """The rows, separated by commas."""
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(self.rows())
        return buffer.getvalue()


def _mean(scores: Iterable[InstanceScore]) -> dict[str, float]:
    figures = [score.figures() for score in scores]
    return {name: float(np.mean([each[name] for each in figures])) for name in FIGURES} if figures else {}


def _text(figures: Mapping[str, float]) -> list[str]:
    return [f"{figures[name]:.6f}" for name in FIGURES]


def evaluate_sequence(
    instances: int, frames: Iterable[tuple[str, LabelMap, LabelMap]]
) -> dict[int, InstanceScore]:
    """Score one sequence, frame by frame.

    Args:
        instances: how many there are: the highest number in the truth's first frame.
        frames: (name, truth, result) of each frame that counts, (H, W) uint8 label maps with the truth's void
            as background. The caller has left out the first and the last frame.

    Returns:
        Scores by instance number, 1 to `instances`. One that the result lacks counts as empty there; one that
        the truth gains after the first frame does not count.

    Raises:
        UserError: there is no frame, or a result has an instance above `instances` or another size.
    """
    numbers = range(1, instances + 1)
    names: list[str] = []
    j: dict[int, list[float]] = {number: [] for number in numbers}
    f: dict[int, list[float]] = {number: [] for number in numbers}
    for name, truth, result in frames:
        if truth.shape != result.shape:
            sizes = [f"{labels.shape[1]} x {labels.shape[0]}" for labels in (result, truth)]
            raise UserError(f"The result {name} is {sizes[0]} pixels, but the truth is {sizes[1]}.")
        if (highest := int(result.max(initial=0))) > instances:
            raise UserError(
                f"The result {name} has an instance {highest}, but the truth's first frame has no more than "
                f"{instances}."
            )
        names.append(name)
        for number in numbers:
            true, found = truth == number, result == number
            j[number].append(jaccard(true, found))
            f[number].append(boundary_f(true, found))
    if not names:
        raise UserError(
            "There is no frame to score: the first and the last frame of a sequence do not count."
        )
    return {n: InstanceScore(tuple(names), tuple(j[n]), tuple(f[n])) for n in numbers}


def evaluate(truth_root: Path, results: Path, sequences: Sequence[str]) -> Report:
    """Score results by the official semi-supervised rules.

    Args:
        truth_root: holds a folder of masks for each sequence, e.g. `DAVIS/Annotations/480p`.
        results: likewise, with masks of the same names; those of the first and last frame may be missing.
        sequences: which to score.

    Raises:
        UserError: a folder or mask is missing or unreadable, a result has another size or an instance that
            the truth has not, a sequence has fewer than 3 frames, or no sequence shows an object.
    """
    _need_folders(truth_root, results)
    return reported(truth_root, {name: score_folder(truth_root / name, results / name) for name in sequences})


def reported(truth_root: Path, scores: Mapping[str, dict[int, InstanceScore]]) -> Report:
    """A report of what `score_folder` found in each sequence.

    Raises:
        UserError: no sequence shows an object.
    """
    if not any(scores.values()):
        raise UserError(f"There is nothing to score: no sequence in {truth_root} shows an object at first.")
    return Report(dict(scores))


def shared_sequences(truth_root: Path, results: Path) -> tuple[str, ...]:
    """The folders of `results` that are in `truth_root`, too, by name.

    Raises:
        UserError: one of the two is missing, or they share none.
    """
    _need_folders(truth_root, results)
    names = sorted(path.name for path in results.iterdir() if path.is_dir())
    shared = tuple(name for name in names if not name.startswith(".") and (truth_root / name).is_dir())
    if not shared:
        raise UserError(
            f"No folder in {results} is named like a sequence in {truth_root}: give two folders that hold a "
            f"folder of masks for each sequence, or two folders of the masks of one{lossy(results)}."
        )
    # Figures of fewer sequences than there are look better or worse than they should.
    for what, missing in (("results", _others(truth_root, shared)), ("truth", _others(results, shared))):
        if missing:
            first = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
            verb = "lack" if what == "results" else "lacks"
            log.warning("Not scored, as the %s %s them: %s", what, verb, first)
    return shared


def _others(folder: Path, shared: Sequence[str]) -> list[str]:
    """The visible folders of one that are not among some."""
    names = (it.name for it in folder.iterdir() if it.is_dir() and not it.name.startswith("."))
    return sorted(set(names) - set(shared))


def are_of_one_sequence(truth: Path, results: Path) -> bool:
    """Whether both folders hold the masks of one sequence, and not a folder for each of many.

    Raises:
        UserError: one of the two is missing, or cannot be read.
    """
    _need_folders(truth, results)
    return bool(mask_pictures(truth) and mask_pictures(results))


def evaluate_folders(truth: Path, results: Path) -> Report:
    """Score the masks of one sequence by the official rules, whatever the two folders are called.

    Raises:
        UserError: as `evaluate`.
    """
    name = (results if results.resolve().name else truth).resolve().name
    report = Report({name: score_folder(truth, results)})
    if not any(report.sequences.values()):
        raise UserError(f"There is nothing to score: {truth} shows no object at first.")
    return report


def _need_folders(*folders: Path) -> None:
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"There is no folder {folder}.")


def score_folder(truth: Path, result: Path) -> dict[int, InstanceScore]:
    """Score the masks of one sequence; see `evaluate`.

    Returns:
        Scores by instance number; none where the truth's first frame shows no object.
    """
    files = mask_files(truth)
    if not result.is_dir():
        raise UserError(f"The results lack the sequence {truth.name}: there is no folder {result}.")
    found = {file.stem: file for file in mask_pictures(result)}
    _refuse_other_names([file.stem for file in files], [*found], result)
    if len(files) < 3:
        raise UserError(
            f"The truth {truth} has {len(files)} masks; 3 are the least, as the first and last do not count."
        )
    reader = MaskReader(files)
    instances = int(reader.labels(files[0]).max(initial=0))
    return evaluate_sequence(instances, _pairs(files[1:-1], reader, result, found))


def _refuse_other_names(truth: Sequence[str], found: Sequence[str], result: Path) -> None:
    """Refuse results that are numbered otherwise than the truth, as they would be scored a frame off.

    Results may lack the first and the last mask, and may have more than a truth of every fifth frame.
    """
    if found and not set(truth) <= set(found) and not set(found) <= set(truth):
        raise UserError(
            f"The masks in {result} are named {span(found)}, those of the truth {span(truth)}: give both the "
            "names of their frames."
        )


def _pairs(
    files: Sequence[Path], truth: MaskReader, result: Path, found: Mapping[str, Path]
) -> Iterator[tuple[str, LabelMap, LabelMap]]:
    """Truth and result of each frame. Only the truth may have void: in a result, 255 is a number too high."""
    results = MaskReader((found[file.stem] for file in files if file.stem in found), like=truth)
    for file in files:
        if file.stem not in found:
            raise UserError(f"The results lack {result / file.name}.")
        name = f"{result.name}/{file.stem}"
        yield name, truth.labels(file), results.labels(found[file.stem], keep_void=True)
