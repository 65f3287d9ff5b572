"""`reliability`: does the confidence of the masks keep its word?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..evaluation.reliability import Reliability


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "reliability",
        help="compare the confidence of masks with how right they are",
        description=(
            "The confidence of a mask is its predicted IoU with the truth. Compare it, for every mask that a "
            "run has propagated or recovered, with the J that the mask really has, in steps of a tenth."
        ),
    )
    parser.add_argument("--truth", type=Path, required=True, metavar="DIR", help="a folder for each sequence")
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="what a run wrote")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="also draw it")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Print the table, draw the plot asked for.

    Raises:
        UserError: something to read is missing or unfit, or the plot cannot be written.
    """
    # OpenCV: `--help` need not wait for it.
    import cv2  # noqa: PLC0415

    from ..evaluation import shared_sequences  # noqa: PLC0415
    from ..evaluation.reliability import measure_reliability, plot  # noqa: PLC0415
    from ..formats.atomic import write_bytes  # noqa: PLC0415

    found = measure_reliability(args.truth, args.results, shared_sequences(args.truth, args.results))
    sys.stdout.write(table(found))
    if args.plot:
        picture = cv2.cvtColor(plot(found), cv2.COLOR_RGB2BGR)
        write_bytes(args.plot, cv2.imencode(".png", picture)[1].tobytes())
    return 0


def table(reliability: Reliability) -> str:
    """The bins in Markdown."""
    lines = ["| predicted IoU | J | masks |", "|---|---|---|"]
    lines += [f"| {one.confidence:.2f} | {one.jaccard:.2f} | {one.count} |" for one in reliability.bins]
    lines += [
        "",
        f"{len(reliability.confidence)} masks; off by {reliability.error:.3f} on the average (expected "
        f"calibration error); correlation {reliability.correlation:.2f}.",
    ]
    return "\n".join(lines) + "\n"
