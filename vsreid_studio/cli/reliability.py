"""`reliability`: does the confidence of the masks keep its word?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..evaluation.reliability import Reliability

_SIGNED = "Software\0vsreid-studio reliability"
"""How a plot of an earlier call is known."""


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
    from PIL import Image  # noqa: PLC0415
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    from ..evaluation import shared_sequences  # noqa: PLC0415
    from ..evaluation.reliability import measure_reliability, plot  # noqa: PLC0415
    from ..formats.atomic import write_bytes  # noqa: PLC0415
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
    sys.stdout.write(table(found))
    if args.plot:
        signature = PngInfo()
        signature.add_text("Software", "vsreid-studio reliability")
        write_bytes(args.plot, encoded(Image.fromarray(plot(found)), "PNG", pnginfo=signature))
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
