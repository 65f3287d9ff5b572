"""`vsreid-studio segment`: masks from points."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .options import add_video_options, video_options_of

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

POINTS_HELP = "points per frame and instance"


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = subparsers.add_parser(
        "segment",
        help="make masks of points that were clicked on frames",
        description=(
            "Write the mask of each frame that has points: DIR/FRAME.png, a palette PNG. The file of points "
            'is a JSON list: [{"frame": 0, "instance": 1, "points": [[x, y, 1], [x, y, 0]], "box": [x0, y0, '
            'x1, y1]}], in pixels of the frame, where 1 adds, 0 takes away, and "box" may be left out.'
        ),
    )
    parser.add_argument("source", type=Path, metavar="CLIP", help="a video or picture folder")
    parser.add_argument("--points", type=Path, required=True, metavar="FILE.json", help=POINTS_HELP)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="gets the masks")
    parser.add_argument("--overwrite", action="store_true", help="replace masks that are there")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where (auto)")
    add_video_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Segment, and name the files written.

    Raises:
        UserError: something is wrong with the input or the output; nothing is written then.
    """
    # torch and OpenCV: `--help` need not wait for them.
    from ..engine.runtime.clicker import Clicker  # noqa: PLC0415
    from ..headless.points import segment  # noqa: PLC0415

    for file in segment(
        args.source,
        args.points,
        args.output,
        lambda: Clicker(device=args.device),
        overwrite=args.overwrite,
        video_options=video_options_of(args),
    ):
        sys.stdout.write(f"{file}\n")
    return 0
