"""`vsreid-studio demo`: the method on the bundled clip."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .. import paths
from ..formats.targets import Sources
from .options import Subparsers, add_command, add_engine_options
from .run import run_tasks

if TYPE_CHECKING:
    from ..evaluation import Report

NAME = "demo"


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = add_command(
        subparsers,
        "demo",
        run,
        help="run the method on a bundled clip",
        description=(
            "Cut an astronaut, who is out of sight for a while, and her coffee out of the bundled clip, "
            "and score the masks against the exact truth."
        ),
    )
    parser.add_argument("--headless", action="store_true", help="without a window: write masks")
    parser.add_argument(
        "--output", type=Path, default=Path("vsreid-demo"), metavar="DIR", help="(./vsreid-demo)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace masks of other settings")
    add_engine_options(parser)


def run(args: argparse.Namespace) -> int:
    """Open the window on the demo, or write its masks and print their folder and scores.

    Raises:
        UserError: there is no screen, the clip or the weights are missing, or something cannot be written.
    """
    if not args.headless:
        from ..gui.application import run as run_window  # noqa: PLC0415  (Qt)

        return run_window(None, demo=True)
    from ..headless.task import Task  # noqa: PLC0415  (torch)
    from .evaluate import table  # noqa: PLC0415

    clip = paths.resources() / "demo"
    others = Sources.of(weights=args.weights, settings=args.config, ground_truth=clip / "truth")
    task = Task(NAME, clip / "demo.mp4", clip / "first.png", args.output, flo_folder=args.flo, others=others)
    if code := run_tasks(args, [task]):
        return code
    sys.stdout.write(f"\n{table(_score(clip / 'truth', task.folder))}\n")
    sys.stdout.write(f"The masks are in {task.folder.resolve()}\n")
    return 0


def _score(truth: Path, result: Path) -> Report:
    from ..evaluation import Report, evaluate_sequence  # noqa: PLC0415  (OpenCV)
    from ..formats.davis import mask_files  # noqa: PLC0415
    from ..formats.masks import read_label_map  # noqa: PLC0415

    files = mask_files(truth)
    instances = int(read_label_map(files[0]).max())
    pairs = (
        (file.stem, read_label_map(file), read_label_map(result / file.name, keep_void=True))
        for file in files[1:-1]
    )
    return Report({NAME: evaluate_sequence(instances, pairs)})
