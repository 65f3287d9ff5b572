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
            "J is the share of frames without a mask. An instance counts as found again when its mean J "
            "after the gap exceeds 0.5. Where the results have a provenance.json, accepted proposals are "
            "judged: one is wrong when the recovered mask has an IoU below 0.5 with the truth in its frame."
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
    from ..benchmark.gaps import by_kind, score_gaps, summary, table  # noqa: PLC0415
    from ..formats.atomic import write_text  # noqa: PLC0415
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
        write_text(args.json, json.dumps(figures, indent=2) + "\n")
    return 0
