"""`score-gaps`: what becomes of an object before, while and after it is hidden."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "score-gaps",
        help="score masks of clips with hidden objects: J before, inside and after the gap",
        description=(
            "Score masks of the clips that make-clips hidden has made. Inside the gap the truth is empty, so "
            "J is the share of frames without a mask."
        ),
    )
    parser.add_argument("--clips", type=Path, required=True, metavar="DIR", help="what make-clips wrote")
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="the masks to score")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Score, print a table, write the file asked for.

    Raises:
        UserError: something to read is missing or unfit, or the file cannot be written.
    """
    # OpenCV: `--help` need not wait for it.
    from ..benchmark.gaps import score_gaps, table  # noqa: PLC0415
    from ..formats.atomic import write_text  # noqa: PLC0415

    scores = score_gaps(args.clips, args.results)
    sys.stdout.write(table(scores))
    if args.json:
        write_text(args.json, json.dumps([asdict(score) for score in scores], indent=2) + "\n")
    return 0
