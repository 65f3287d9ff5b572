"""The trust figure: a logistic regression on clips in which objects vanish and return.

Each clip is propagated from its first masks without re-identification. Each map then gives one sample: its
cues (`engine.extensions.trust_model`) and whether its J is at least .5. The sequences are divided into
halves; each half is judged by what was fitted to the other. The shipped coefficients are fitted to all.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..engine.algorithm.merge import split
from ..engine.extensions.gallery import Gallery
from ..engine.extensions.trust import Trust
from ..engine.extensions.trust_model import TrustModel
from ..engine.runtime.engine import VideoEngine
from ..engine.runtime.reid import MemoryStore
from ..engine.runtime.run import answer_all
from ..engine.store.annotation import Annotation
from ..engine.types import Cell, CellKey, Maker
from ..engine.video import open_video
from ..errors import UserError
from ..evaluation import jaccard
from ..evaluation.reliability import WRONG, Reliability, auroc
from ..formats.atomic import write_text
from ..formats.davis import DavisRoot
from ..formats.masks import read_label_map

RIDGE = 0.001
"""Of the weights on standardised cues, for each sample: more than a few bits are never certain."""
_ROUNDS = 60


@dataclass(frozen=True, eq=False)
class Samples:
    """The maps of clips that belong together.

    Attributes:
        cues: (n, 4), see `Cues.columns`.
        quality: (n,), predicted IoU.
        jaccard: (n,), J of each map.
    """

    cues: NDArray[np.float64]
    quality: NDArray[np.float64]
    jaccard: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence[Samples]) -> Samples:
        """Concatenate samples; at least one part."""
        return cls(
            np.concatenate([part.cues for part in parts]),
            np.concatenate([part.quality for part in parts]),
            np.concatenate([part.jaccard for part in parts]),
        )


@dataclass(frozen=True)
class TrustFigures:
    """How well a model does on samples that it was not fitted to.

    Attributes:
        samples: how many there are.
        wrong: the share with J < .5.
        separation: AUROC of J < .5; None where all are alike.
        error: expected calibration error of the probability of J >= .5.
        error_of_expected: the same of the J that is expected.
        separation_of_quality, error_of_quality: of the predicted IoU alone, against J.
    """

    samples: int
    wrong: float
    separation: float | None
    error: float
    error_of_expected: float
    separation_of_quality: float | None
    error_of_quality: float


def samples_of(engine: VideoEngine, frames: Path, masks: Sequence[Path]) -> list[Samples]:
    """Propagate a clip from its first masks and judge nothing: the cues of each chain and J.

    Args:
        engine: with re-identification, so that N_reid is there.
        frames: the clip.
        masks: the true label map of each frame.

    Raises:
        UserError: something cannot be read, or does not fit.
    """
    truth = [read_label_map(path) for path in masks]
    with open_video(frames) as video:
        if len(truth) != video.length or truth[0].shape != (video.height, video.width):
            raise UserError(f"The masks of {frames} do not fit its frames.")
        reid = engine.reid(video, MemoryStore())
        assert reid is not None, "the settings leave re-identification on"
        annotation = Annotation(video.length)
        first = {
            CellKey(0, number): Cell(mask, 0, True, Maker.PERSON) for number, mask in split(truth[0]).items()
        }
        annotation.apply(annotation.set_cells("first masks", first))
        answer_all(engine.modules(video).run(annotation))
        trust = Trust(reid, Gallery(reid))
        found = []
        for _, instance in first:
            for chain, cues in trust.cues(annotation, instance):
                maps = [annotation.mask(frame, instance).hard(video.height, video.width) for frame in chain]
                true = [truth[frame] == instance for frame in chain]
                scores = [jaccard(one, other) for one, other in zip(true, maps, strict=True)]
                found.append(Samples(cues.columns, cues.quality, np.array(scores)))
        return found


def fitted(samples: Samples) -> TrustModel:
    """Fit a model: logistic regression with a ridge penalty, and J by least squares."""
    right = samples.jaccard >= WRONG
    weights, bias = logistic(samples.cues, right.astype(np.float64))
    good = np.polyfit(samples.quality[right], samples.jaccard[right], 1) if right.sum() > 1 else (1.0, 0.0)
    bad = float(samples.jaccard[~right].mean()) if (~right).any() else 0.0
    first, second, third, fourth = (float(weight) for weight in weights)
    return TrustModel((first, second, third, fourth), bias, (float(good[1]), float(good[0])), bad)


def logistic(columns: NDArray[np.float64], wanted: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Weights and bias of a logistic regression, by Newton's method.

    Args:
        columns: (n, c) float64.
        wanted: (n,) float64, 0 or 1.

    Returns:
        weights, (c,) float64, and bias.
    """
    middle, spread = columns.mean(0), columns.std(0) + 1e-6
    x = np.c_[(columns - middle) / spread, np.ones(len(columns))]
    ridge = np.diag([RIDGE * len(columns)] * columns.shape[1] + [1e-6])
    beta = np.zeros(x.shape[1])
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-x @ beta))
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + ridge, x.T @ (wanted - p) - ridge @ beta)
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    weights: NDArray[np.float64] = beta[:-1] / spread
    return weights, float(beta[-1] - (weights * middle).sum())


def measured(model: TrustModel, samples: Samples) -> TrustFigures:
    """Evaluate a model on samples that it was not fitted to."""
    wrong = samples.jaccard < WRONG
    probability = model.probability_of(samples.cues)
    expected = model.expected(probability, samples.quality)
    alone = Reliability(samples.quality, samples.jaccard)
    return TrustFigures(
        len(wrong),
        float(wrong.mean()),
        auroc(-probability, wrong),
        Reliability(probability, (~wrong).astype(np.float64)).error,
        Reliability(expected, samples.jaccard).error,
        alone.separation,
        alone.error,
    )


def add_arguments(parser: ArgumentParser) -> None:
    """Options of `train trust`."""
    parser.add_argument(
        "--clips", nargs="+", type=Path, required=True, metavar="DIR", help="folders that make-clips wrote"
    )
    parser.add_argument(
        "--check", nargs="*", type=Path, default=[], metavar="DIR", help="others, only to measure on"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json", help="gets all figures")


def run(args: Namespace) -> int:
    """Collect samples, fit, and write coefficients and figures.

    Raises:
        UserError: clips cannot be read, or the file cannot be written.
    """
    engine = VideoEngine(Config())
    clips = dict(_collected(engine, args.clips))
    sequences = sorted({name.rpartition("-")[0] for name in clips})
    halves: list[list[Samples]] = [[], []]
    for name, parts in clips.items():
        halves[sequences.index(name.rpartition("-")[0]) % 2] += parts
    if not all(halves):
        raise UserError("Clips of two sequences are needed, in which something is propagated.")
    one, other = (Samples.joined(half) for half in halves)
    model = fitted(Samples.joined([one, other]))
    report: dict[str, Any] = {
        "model": asdict(model),
        "held out": [asdict(measured(fitted(one), other)), asdict(measured(fitted(other), one))],
        "check": {
            str(folder): asdict(measured(model, Samples.joined([p for _, found in checked for p in found])))
            for folder in args.check
            if (checked := list(_collected(engine, [folder])))
        },
        "clips": sorted(clips),
    }
    write_text(args.output, json.dumps(report, indent=1) + "\n")
    sys.stderr.write(json.dumps(report, indent=1) + "\n")
    return 0


def _collected(engine: VideoEngine, folders: Sequence[Path]) -> Iterator[tuple[str, list[Samples]]]:
    for folder in folders:
        root = DavisRoot(folder)
        names = sorted(path.name for path in root.frames_folder("x").parent.iterdir() if path.is_dir())
        for number, name in enumerate(names, 1):
            sys.stderr.write(f"{folder.name}: {number} of {len(names)}, {name}\n")
            yield name, samples_of(engine, root.frames_folder(name), root.annotation_files(name))
