"""`vsreid-studio make-clips`: make re-identification clips of a DAVIS folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = subparsers.add_parser(
        "make-clips",
        help="make clips in which objects vanish and return, with exact truth",
        description="Make re-identification clips of the sequences of a DAVIS folder.",
    )
    parser.add_argument(
        "kind",
        choices=("hidden", "distractor", "leaving", "lookalike", "varied", "pairs"),
        help=(
            "hidden: a panel covers the object for a while; distractor: the panel shows another object; "
            "leaving: the object leaves at the frame's edge and comes back elsewhere; lookalike: it is "
            "hidden together with a copy that does not come back; varied: a clip of each of these, with "
            "gaps of 5 to 60 frames; pairs: two objects cross and hide each other"
        ),
    )
    parser.add_argument("--davis", type=Path, required=True, metavar="ROOT", help="the DAVIS folder")
    parser.add_argument(
        "--set",
        required=True,
        dest="image_set",
        metavar="NAME|FILE",
        help="a set's name, or a list of sequences",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a folder to be made")
    parser.add_argument("--gap", type=_frames, default=20, metavar="N", help="frames wholly hidden (20)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, other clips (0)")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Make the clips and tell what was skipped and why.

    Raises:
        UserError: nothing was written.
    """
    from ..benchmark.clips import write_benchmark  # noqa: PLC0415  (OpenCV: `--help` need not wait for it)
    from ..formats.targets import Sources  # noqa: PLC0415

    Sources.of_data_set(args.davis).refuse(args.output)
    report = write_benchmark(
        args.davis,
        args.image_set,
        args.output,
        args.kind,
        seed=args.seed,
        gap_length=args.gap,
        progress=_tell,
    )
    for name, reason in report.skipped.items():
        _tell(f"skipped {name}: {reason}")
    _tell(f"{len(report.written)} clips in {args.output}")
    return 0


def _frames(text: str) -> int:
    """A number of frames, at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one frame")
    return number


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
