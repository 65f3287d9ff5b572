"""`vsreid-studio thresholds`: choose the thresholds of re-identification on clips with hidden objects."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, astuple, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Config
from ..errors import UserError, stopped
from ..formats.targets import Sources
from .options import add_page_options, base_config, refuse_page, share

if TYPE_CHECKING:
    from ..benchmark.gaps import GapSummary
    from ..benchmark.threshold_table import Thresholds

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = subparsers.add_parser(
        "thresholds",
        help="choose the thresholds of re-identification on clips with hidden objects",
        description=(
            "Run the method on clips that make-clips hidden has made, first for every ρ_reid, then, with the "
            "best of them, for every ρ_occ, then for every least confidence of a recovered mask; write what "
            "came of each, and the best, as Markdown. The masks stay in the work folder: after Ctrl-C the "
            "same command goes on from there."
        ),
    )
    parser.add_argument(
        "--clips", type=Path, required=True, nargs="+", metavar="DIR", help="folders of make-clips hidden"
    )
    for name, what, values in (
        ("rho-reid", "least similarity", (0.55, 0.6, 0.65, 0.7, 0.75)),
        ("rho-occ", "greatest overlap with the present mask", (0.1, 0.3, 0.5)),
        ("least-confidence", "least confidence of a recovered mask", (0.65, 0.7, 0.75, 0.8)),
    ):
        shown = " ".join(f"{value:g}" for value in values)
        parser.add_argument(
            f"--{name}", type=share, nargs="+", default=values, metavar="R", help=f"{what} ({shown})"
        )
    add_page_options(parser, config="all other settings")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Try what is missing; the page is written after each trial.

    Returns:
        0, or 130 after Ctrl-C, when what was tried is kept.

    Raises:
        UserError: something to read is missing or unfit, or something cannot be written.
    """
    from ..benchmark.threshold_table import Thresholds, best  # noqa: PLC0415  (OpenCV, torch)

    sources = Sources()
    for root in args.clips:
        sources += Sources.of_data_set(root)
    refuse_page(args, sources, "# Thresholds of re-identification")
    base = base_config(args)
    tried: dict[Thresholds, GapSummary] = {}
    try:
        one = Thresholds(base.reid.rho_reid, base.reid.rho_occ, base.reid.least_confidence)
        for threshold in fields(Thresholds):
            for value in getattr(args, threshold.name):
                _try(args, base, replace(one, **{threshold.name: value}), tried)
            one = best(tried)
    except KeyboardInterrupt as error:
        sys.stderr.write("Stopped: the same command goes on from there.\n")
        return stopped(error)
    _write(args, tried, chosen=True)
    sys.stdout.write(f"{args.output}\n")
    return 0


def _try(
    args: argparse.Namespace, base: Config, one: Thresholds, tried: dict[Thresholds, GapSummary]
) -> None:
    """Run one of the settings on all clips, unless it has been."""
    from ..benchmark.candidate_files import SharingEngine  # noqa: PLC0415
    from ..benchmark.gaps import (  # noqa: PLC0415
        Accepted,
        GapScore,
        around_gaps,
        read_gaps,
        summary,
    )
    from ..benchmark.rows import TableRow  # noqa: PLC0415
    from ..benchmark.table_runs import DataSet, Variant  # noqa: PLC0415
    from ..formats.davis import DavisRoot  # noqa: PLC0415
    from .progress import Bar  # noqa: PLC0415

    if one in tried:
        return
    reid = replace(base.reid, enabled=True, **asdict(one))
    folder_name = "-".join(f"{value:g}" for value in astuple(one))
    row = TableRow(folder_name, str(one), lambda config: config)
    engine = SharingEngine(replace(base, reid=reid), args.weights, args.work / "candidates")
    scores: list[GapScore] = []
    accepted: list[Accepted | None] = []
    for number, folder in enumerate(args.clips):
        gaps = read_gaps(folder)
        data = DataSet("hidden", DavisRoot(folder), "hidden")
        variant = Variant(row, engine, args.work / str(number))
        variant.compute(data, Bar)
        for name, scored in (variant.scored(data) or {}).items():
            scores += around_gaps(name, gaps[name], scored.instances)
            accepted.append(scored.accepted)
    if not scores:
        raise UserError("No clip has a gap with frames before and after it.")
    tried[one] = summary(scores, accepted)
    _write(args, tried, chosen=False)


def _write(args: argparse.Namespace, tried: dict[Thresholds, GapSummary], *, chosen: bool) -> None:
    from ..benchmark.gaps import read_gaps  # noqa: PLC0415
    from ..benchmark.threshold_table import render  # noqa: PLC0415
    from ..formats.atomic import writable_folder, write_text  # noqa: PLC0415

    names = [name for folder in args.clips for name in read_gaps(folder)]
    command = "vsreid-studio thresholds --clips " + " ".join(folder.name for folder in args.clips)
    writable_folder(args.output.parent)
    write_text(args.output, render(tried, command, names, chosen))
