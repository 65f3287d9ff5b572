"""`evaluate`, `reliability` and `score-gaps`: masks, and their confidence, against a ground truth."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import TaskFailure, UserError
from .options import Subparsers, add_command, add_worker_options, workers_of

if TYPE_CHECKING:
    from ..evaluation import InstanceScore, Report
    from ..evaluation.reliability import Reliability
    from ..headless.cluster import Workers


def add_parser(subparsers: Subparsers) -> None:
    """Register the commands."""
    _add_evaluate(subparsers)
    _add_reliability(subparsers)
    _add_gaps(subparsers)


def _add_evaluate(subparsers: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        subparsers,
        "evaluate",
        run,
        help="score masks against a ground truth (J and F of DAVIS)",
        description=(
            "Score folders of masks by the official semi-supervised DAVIS 2017 rules: region similarity J "
            "and boundary accuracy F. The first and the last frame of a sequence do not count, void pixels "
            "are background, and the global figures are means over instances."
        ),
    )
    parser.add_argument(
        "--truth",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder of masks for each sequence, such as DAVIS/Annotations/480p, or the masks of one",
    )
    parser.add_argument(
        "--results",
        type=Path,
        required=True,
        metavar="DIR",
        help="the masks to score, SEQUENCE/00000.png and so on, or the masks of one sequence",
    )
    parser.add_argument(
        "--set",
        type=Path,
        metavar="FILE",
        help="text file with one sequence a line, all of which must be in the results "
        "(default: every folder of the results that the truth has)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the figures as CSV")
    add_worker_options(parser, "a sequence", threads=False)


def run(args: argparse.Namespace) -> int:
    """Score, print a table, write the files asked for.

    Returns:
        0.

    Raises:
        UserError: something to read is missing or unfit, or something cannot be written.
    """
    # OpenCV: `--help` need not wait for it.
    from ..evaluation import (  # noqa: PLC0415
        are_of_one_sequence,
        evaluate,
        evaluate_folders,
        shared_sequences,
    )
    from ..formats.atomic import in_folder, write_text  # noqa: PLC0415
    from ..formats.davis import read_sequence_list  # noqa: PLC0415
    from ..formats.owned import refuse_report  # noqa: PLC0415
    from ..formats.targets import Sources, is_same_place  # noqa: PLC0415

    one = not args.set and are_of_one_sequence(args.truth, args.results)
    sequences: tuple[str, ...] = ("",)
    if not one:
        sequences = read_sequence_list(args.set) if args.set else shared_sequences(args.truth, args.results)
    sources = Sources.of(
        ground_truth=[args.truth / name for name in sequences],
        results=[args.results / name for name in sequences],
        list=args.set,
    )
    if args.json and args.csv and is_same_place(args.json, args.csv):
        raise UserError("--json and --csv name the same file.")
    for path, like in ((args.json, '{"global":'), (args.csv, "sequence,instance,J,F")):
        if path:
            refuse_report(path, sources, like)
    workers = workers_of(args)
    if one:
        report = evaluate_folders(args.truth, args.results)
    elif workers is None:
        report = evaluate(args.truth, args.results, sequences)
    else:
        report = _evaluate_on(workers, args.truth.absolute(), args.results.absolute(), sequences)
    sys.stdout.write(table(report))
    if args.json:
        write_text(in_folder(args.json), json.dumps(report.as_json(), indent=2) + "\n")
    if args.csv:
        write_text(in_folder(args.csv), report.as_csv())
    return 0


def _evaluate_on(workers: Workers, truth: Path, results: Path, sequences: Sequence[str]) -> Report:
    """As `evaluate`, a sequence a task.

    Raises:
        UserError: as `evaluate`, of the first sequence that cannot be scored.
    """
    from ..evaluation import reported  # noqa: PLC0415  (OpenCV)
    from ..headless.cluster import connected  # noqa: PLC0415  (Dask)
    from .progress import SetBar  # noqa: PLC0415

    scores: dict[str, dict[int, InstanceScore]] = {}
    items = {name: (truth / name, results / name) for name in sequences}
    with (
        connected(workers) as cluster,
        SetBar(len(items)) as bar,
        closing(cluster.each(_score, items)) as found,
    ):
        for name, result in found:
            if isinstance(result, TaskFailure):
                raise UserError(result.sentence)
            scores[name] = result
            bar.done(name)
    return reported(truth, {name: scores[name] for name in sequences})


def _score(folders: tuple[Path, Path]) -> dict[int, InstanceScore]:
    from ..evaluation import score_folder  # noqa: PLC0415  (OpenCV)

    return score_folder(*folders)


def table(report: Report) -> str:
    """A row for each sequence (the mean over its instances) and the global figures, in columns."""
    figures = ("J", "F", "J&F")
    width = max(len("sequence"), *(len(name) for name in report.sequences))
    lines = [f"{'sequence':<{width}}  instances" + "".join(f"{name:>8}" for name in figures)]
    for name, scores in report.sequences.items():
        values = report.sequence(name)
        cells = "".join(f"{values[figure]:8.4f}" if values else f"{'-':>8}" for figure in figures)
        lines.append(f"{name:<{width}}  {len(scores):9d}{cells}")
    overall = report.overall()
    total = sum(len(scores) for scores in report.sequences.values())
    lines += [
        "-" * len(lines[0]),
        f"{'global':<{width}}  {total:9d}" + "".join(f"{overall[figure]:8.4f}" for figure in figures),
        "  ".join(f"{name} {overall[name]:.4f}" for name in ("J-recall", "J-decay", "F-recall", "F-decay")),
    ]
    return "\n".join(lines) + "\n"


_SIGNED = "Software\0vsreid-studio reliability"
"""How a plot of an earlier call is known."""


def _add_reliability(subparsers: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        subparsers,
        "reliability",
        run_reliability,
        help="compare the confidence of masks with how right they are",
        description=(
            "The confidence of a mask is its expected IoU with the truth. Compare it, for every mask that a "
            "run has propagated or recovered, with the J that the mask really has, in steps of a tenth."
        ),
    )
    parser.add_argument("--truth", type=Path, required=True, metavar="DIR", help="a folder for each sequence")
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="what a run wrote")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="also draw it")


def run_reliability(args: argparse.Namespace) -> int:
    """Print the table, draw the plot asked for.

    Raises:
        UserError: something to read is missing or unfit, or the plot cannot be written.
    """
    # OpenCV: `--help` need not wait for it.
    from PIL import Image  # noqa: PLC0415
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    from ..evaluation import shared_sequences  # noqa: PLC0415
    from ..evaluation.reliability import measure_reliability, plot  # noqa: PLC0415
    from ..formats.atomic import in_folder, write_bytes  # noqa: PLC0415
    from ..formats.masks import encoded  # noqa: PLC0415
    from ..formats.owned import refuse_report  # noqa: PLC0415
    from ..formats.targets import Sources  # noqa: PLC0415

    sequences = shared_sequences(args.truth, args.results)
    if args.plot:
        sources = Sources.of(
            ground_truth=[args.truth / name for name in sequences],
            results=[args.results / name for name in sequences],
        )
        refuse_report(args.plot, sources, _SIGNED)
    found = measure_reliability(args.truth, args.results, sequences)
    sys.stdout.write(_reliability_table(found))
    if args.plot:
        signature = PngInfo()
        signature.add_text("Software", "vsreid-studio reliability")
        write_bytes(in_folder(args.plot), encoded(Image.fromarray(plot(found)), "PNG", pnginfo=signature))
    return 0


def _reliability_table(reliability: Reliability) -> str:
    """The bins in Markdown."""
    lines = ["| confidence | J | masks |", "|---|---|---|"]
    lines += [f"| {one.confidence:.2f} | {one.jaccard:.2f} | {one.count} |" for one in reliability.bins]
    separation = reliability.separation
    lines += [
        "",
        f"{len(reliability.confidence)} masks; off by {reliability.error:.3f} on the average (expected "
        f"calibration error); correlation {reliability.correlation:.2f}; AUROC of J < .5: "
        + ("no wrong masks, or no right ones." if separation is None else f"{separation:.3f}."),
    ]
    return "\n".join(lines) + "\n"


def _add_gaps(subparsers: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        subparsers,
        "score-gaps",
        run_gaps,
        help="score masks of clips with hidden objects: J before, inside and after the gap",
        description=(
            "Score masks of the clips that make-clips hidden has made. Inside the gap the truth is empty, so "
            "J is the share of frames without a mask. An instance counts as found again when its mean J "
            "after the gap exceeds 0.5. Where the results have a provenance.json, accepted proposals are "
            "judged: one is wrong when the recovered mask has an IoU below 0.5 with the truth in its frame."
        ),
    )
    parser.add_argument("--clips", type=Path, required=True, metavar="DIR", help="what make-clips wrote")
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="the masks to score")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")


def run_gaps(args: argparse.Namespace) -> int:
    """Score, print a table, write the file asked for.

    Raises:
        UserError: something to read is missing or unfit, or the file cannot be written.
    """
    # OpenCV: `--help` need not wait for it.
    from ..benchmark.gaps import by_kind, score_gaps, summary, table  # noqa: PLC0415
    from ..formats.atomic import in_folder, write_text  # noqa: PLC0415
    from ..formats.owned import refuse_report  # noqa: PLC0415
    from ..formats.targets import Sources  # noqa: PLC0415

    if args.json:
        results = [it for it in args.results.glob("*") if it.is_dir()]
        listing = args.clips / "gaps.json"
        sources = Sources.of_data_set(args.clips) + Sources.of(list_of_gaps=listing, results=results)
        refuse_report(args.json, sources, '{"mean":')
    scores, accepted = score_gaps(args.clips, args.results)
    sys.stdout.write(table(scores, accepted))
    if args.json:
        whole = summary(scores, accepted.values())
        figures = {
            "mean": {**asdict(whole), "kept": whole.kept},
            "kinds": {
                kind: {**asdict(means), "kept": means.kept}
                for kind, means in by_kind(scores, accepted).items()
            },
            "gaps": [{**asdict(score), "found": score.found} for score in scores],
            "accepted": {name: told and asdict(told) for name, told in accepted.items()},
        }
        write_text(in_folder(args.json), json.dumps(figures, indent=2) + "\n")
    return 0
