"""`vsreid-studio train`: one recipe for each network."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from ..errors import UserError
from ..formats.targets import Sources
from .options import Subparsers

RECIPES = {
    "propagation": ("propagation", "N_mp: stills, video, flow stream, both jointly"),
    "clicks": ("clicks", "the click network: a mask from clicks"),
    "detector": ("detection", "N_det: boxes of objects of any class"),
    "embedding": ("embedding", "N_reid: which boxes show the same object"),
    "trust": ("trust", "the trust figure: how likely a propagated map is right"),
    "pack": ("pack", "training data in parts of a limited size, for another machine"),
    "unpack": ("unpack", "the parts of 'train pack' as data to train with"),
}
"""The module in `training` for each network, and what it trains; the last two move data."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to those of `vsreid-studio`."""
    parser = subparsers.add_parser(
        "train",
        help="train a network on your own data, or repeat how the shipped weights were made",
        usage="vsreid-studio train {" + ",".join(RECIPES) + "} ...",
        description="\n".join(f"{name:<12} {what}" for name, (_, what) in RECIPES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Each has a --help of its own, such as: vsreid-studio train detector --help",
    )
    parser.add_argument("network", choices=tuple(RECIPES), help="which network, or pack and unpack")
    # A recipe's options are known only once its module is imported, and torch with it.
    parser.add_argument("options", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Follow a recipe; its messages go to stderr.

    Raises:
        UserError: data or the extra 'train' are missing, or something cannot be written.
    """
    module, what = RECIPES[args.network]
    recipe = import_module(f"..training.{module}", __package__)
    parser = argparse.ArgumentParser(prog=f"vsreid-studio train {args.network}", description=what)
    recipe.add_arguments(parser)
    options = parser.parse_args(args.options)
    if getattr(options, "seed", 0) < 0:
        raise UserError("--seed is a number from 0 on.")
    _refuse_output(options)
    code: int = recipe.run(options)
    return code


def _refuse_output(options: argparse.Namespace) -> None:
    """Make sure that a training writes neither over its data nor over weights that no training put there.

    Raises:
        UserError: it would.
    """
    given = {
        name: [Path(one) for one in (value if isinstance(value, list) else [value]) if one]
        for name in ("data", "init", "coco", "voc")
        if (value := getattr(options, name, None))
    }
    if not getattr(options, "output", None):
        return
    output = Path(options.output)
    Sources.of(**given).refuse(output, added_to=True)
    there = [file.name for file in output.glob("*.safetensors")] if output.is_dir() else []
    if there and not any((output / name).is_file() for name in ("last.pt", "log.jsonl")):
        raise UserError(f"{output} has weights, {there[0]}, of no training in that folder: choose another.")
