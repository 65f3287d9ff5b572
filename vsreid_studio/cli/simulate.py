"""`vsreid-studio simulate`: how many corrections a person needs, sequence by sequence."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Config
from ..errors import UserError, stopped
from ..formats.owned import refuse_report
from ..formats.targets import Sources
from .options import add_davis_options, add_page_options, base_config, refuse_page

if TYPE_CHECKING:
    from ..benchmark.session import Round

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = subparsers.add_parser(
        "simulate",
        help="count the corrections that a simulated person needs for a good result",
        description=(
            "A simulated person paints or clicks the first mask, answers each proposal by the truth, then "
            "corrects the worst or the suggested frame again and again, until J&F is --goal. Write "
            "the corrections, seconds and re-propagated frames needed for J&F .85, .90 and .95, as Markdown "
            "and, beside it, as JSON. Sequences that are in the JSON file, made with the same settings and "
            "weights, are not worked on again."
        ),
    )
    add_davis_options(parser, "a DAVIS folder, or clips")
    parser.add_argument("--no-memory", action="store_true", help="the network reads no memory of checkpoints")
    parser.add_argument("--no-reid", action="store_true", help="nothing is found again")
    parser.add_argument(
        "--adapt",
        type=int,
        default=0,
        metavar="N",
        help="steps of adaptation for each object, after each correction anew (0)",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="also without memory, and without re-identification",
    )
    parser.add_argument(
        "--first",
        choices=("painted", "clicked"),
        default="painted",
        help="how the first mask is made (painted)",
    )
    parser.add_argument(
        "--corrections",
        choices=("painted", "clicked"),
        default="painted",
        help="how masks are corrected (painted)",
    )
    parser.add_argument(
        "--frames",
        choices=("oracle", "suggested"),
        default="oracle",
        help="who finds frames to correct: one who knows the worst, or the list of doubtful frames (oracle)",
    )
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="most corrections (20)")
    parser.add_argument(
        "--goal",
        type=float,
        choices=(0.85, 0.9, 0.95),
        default=0.95,
        help="J&F at which the person stops (.95)",
    )
    add_page_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Simulate, and write the page after each sequence.

    Returns:
        0, or 130 after Ctrl-C, when the sequences done are kept.

    Raises:
        UserError: something to read is missing or unfit, or the page cannot be written.
    """
    if min(args.limit, args.adapt) < 0:
        raise UserError("--limit and --adapt are numbers of corrections and of steps.")
    if args.output.suffix == ".json":
        raise UserError("--output is the page in Markdown; its figures go to a .json beside it.")
    listing = Path(args.image_set) if Path(args.image_set).is_file() else None
    sources = Sources.of_data_set(args.davis) + Sources.of(list=listing)
    refuse_page(args, sources, "# A person's time")
    refuse_report(args.output.with_suffix(".json"), sources, '{"variants":')
    from ..benchmark.manner import Manner  # noqa: PLC0415
    from ..benchmark.sessions import Sessions  # noqa: PLC0415
    from ..formats.davis import DavisRoot  # noqa: PLC0415  (OpenCV, torch)

    manner = Manner(args.first, args.corrections, args.frames)
    told = "" if manner == Manner() else f": {manner.name}"
    configs = _configs(args, base_config(args))
    candidates = args.work / "candidates"
    sessions = Sessions(DavisRoot(args.davis), args.image_set, args.output, candidates, args.limit, args.goal)
    try:
        for name, config in configs.items():
            sessions.work(f"{name}{told}", config, args.weights, _tell, manner)
    except KeyboardInterrupt as error:
        sys.stderr.write("Stopped: the same command goes on from there.\n")
        return stopped(error)
    sys.stdout.write(f"{args.output}\n")
    return 0


def _configs(args: argparse.Namespace, base: Config) -> dict[str, Config]:
    """The settings of each variant, by its name."""
    listed = {_name(args.no_memory, args.no_reid, args.adapt): _config(args, base)}
    if args.compare:
        for switch in ("no_memory", "no_reid"):
            other = argparse.Namespace(**{**vars(args), switch: True})
            listed.setdefault(_name(other.no_memory, other.no_reid, other.adapt), _config(other, base))
    return listed


def _config(args: argparse.Namespace, base: Config) -> Config:
    propagation, reid = base.propagation, base.reid
    if args.no_memory:
        propagation = replace(propagation, read_memory=False)
    if args.no_reid:
        reid = replace(reid, enabled=False)
    adapt = replace(base.adapt, steps=args.adapt)
    return replace(base, propagation=propagation, reid=reid, adapt=adapt)


def _name(no_memory: bool, no_reid: bool, adapt: int) -> str:
    parts = ["without memory"] * no_memory + ["without re-identification"] * no_reid
    if adapt:
        parts.append(f"with adaptation ({adapt} steps)")
    return ", ".join(parts) or "all parts"


def _tell(name: str, done: Round) -> None:
    sys.stderr.write(f"{name}: {done.corrections} corrections, {done.seconds:.0f} s, J&F {done.both:.4f}\n")
