"""`evaluate`: score folders of masks against a ground truth."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    from ..evaluation import Report


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "evaluate",
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
    parser.set_defaults(handler=run)


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
    from ..formats.atomic import write_text  # noqa: PLC0415
    from ..formats.davis import read_sequence_list  # noqa: PLC0415
    from ..formats.owned import refuse_report  # noqa: PLC0415
    from ..formats.targets import Sources  # noqa: PLC0415

    one = not args.set and are_of_one_sequence(args.truth, args.results)
    sequences: tuple[str, ...] = ("",)
    if not one:
        sequences = read_sequence_list(args.set) if args.set else shared_sequences(args.truth, args.results)
    sources = Sources.of(
        ground_truth=[args.truth / name for name in sequences],
        results=[args.results / name for name in sequences],
        list=args.set,
    )
    if args.json and args.csv and args.json.absolute() == args.csv.absolute():
        raise UserError("--json and --csv name the same file.")
    for path, like in ((args.json, '{"global":'), (args.csv, "sequence,instance,J,F")):
        if path:
            refuse_report(path, sources, like)
    report = (
        evaluate_folders(args.truth, args.results) if one else evaluate(args.truth, args.results, sequences)
    )
    sys.stdout.write(table(report))
    if args.json:
        write_text(args.json, json.dumps(report.as_json(), indent=2) + "\n")
    if args.csv:
        write_text(args.csv, report.as_csv())
    return 0


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
