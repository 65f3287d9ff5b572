"""Options that several commands share: of those that run the engine, and of those that write a page."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..config import MULTI_SCALE, Config, load, preset
from ..errors import UserError
from ..formats.targets import Sources

if TYPE_CHECKING:
    from ..engine.video import ReadOptions
    from ..formats.mask_coding import Reading
    from ..headless.cluster import Workers


Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(
    subparsers: Subparsers,
    name: str,
    handler: Callable[[argparse.Namespace], int],
    *,
    help: str,  # noqa: A002  (argparse's name)
    description: str,
) -> argparse.ArgumentParser:
    """Add a command to those of `vsreid-studio`.

    Args:
        handler: carries it out, and returns the exit code.
        help, description: see argparse.
    """
    parser = subparsers.add_parser(name, help=help, description=description)
    parser.set_defaults(handler=handler)
    return parser


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add them to a command."""
    method = parser.add_argument_group("method")
    method.add_argument("--no-reid", action="store_true", help="propagate only, find nothing again")
    method.add_argument("--adapt", type=_count, metavar="N", help="steps of adaptation for each object (0)")
    method.add_argument("--rho-reid", type=_cosine, metavar="X", help="accept above this similarity")
    method.add_argument("--rho-occ", type=share, metavar="X", help="and below this overlap with the mask")
    method.add_argument("--size", choices=("lite", "paper"), help="which networks (lite)")
    method.add_argument("--weights", type=Path, metavar="FILE", help="propagation weights of your own")
    method.add_argument("--multi-scale", action="store_true", help="average over three patch sizes")
    method.add_argument("--flip", action="store_true", help="average over mirrored patches")
    method.add_argument(
        "--corrected",
        choices=("careful", "fast"),
        help="how objects with several given masks are carried: better, or some six times faster (careful)",
    )
    method.add_argument("--flow", choices=("auto", "dis", "raft"), help="what computes flow (auto)")
    method.add_argument("--flo", type=Path, metavar="FOLDER", help="ready flow: NNNNN.flo, NNNNN.rflo")
    method.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where networks run (auto)")
    _add_settings_options(method, "settings; options above win")


def add_worker_options(parser: argparse.ArgumentParser, what: str, *, threads: bool = True) -> None:
    """Add the options for several processes.

    Args:
        what: what each of them does at a time, such as 'a clip'.
        threads: whether the number of threads of each can be chosen.
    """
    many = parser.add_argument_group("several processes (needs the extra 'cluster')")
    where = many.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help=f"processes on this machine, {what} each, with an equal share of the cores"
        + (", and a GPU of its own if there are enough" if threads else ""),
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="a Dask scheduler such as tcp://host:8786 instead"
    )
    if not threads:
        parser.set_defaults(threads=None)
        return
    many.add_argument(
        "--threads", type=_positive, metavar="N", help="of each process (its share of the cores)"
    )


def workers_of(args: argparse.Namespace) -> Workers | None:
    """What the options of `add_worker_options` say; None for this process alone.

    Raises:
        UserError: Dask is needed and not installed.
    """
    if args.workers is None and args.scheduler is None:
        return None
    try:
        from ..headless.cluster import Workers  # noqa: PLC0415  (Dask)
    except ModuleNotFoundError as error:
        if error.name not in {"dask", "distributed"}:
            raise
        raise UserError(
            "--workers and --scheduler need Dask: pip install 'vsreid-studio[cluster]'."
        ) from error
    return Workers(args.workers, args.scheduler, args.threads)


def add_reading_option(parser: argparse.ArgumentParser) -> None:
    """Add --masks-as, which sets how pictures of masks are read."""
    parser.add_argument(
        "--masks-as",
        choices=("auto", "palette", "colours", "binary", "soft", "alpha", "objects"),
        help="how pictures are taken: palette indices or grey levels as numbers, each colour as an object, "
        "one object, one soft-edged object, alpha as one object, a file for each object (auto)",
    )


def reading_of(args: argparse.Namespace) -> Reading | None:
    """The choice of --masks-as; None to guess."""
    from ..formats.mask_coding import Reading  # noqa: PLC0415  (OpenCV)

    return None if args.masks_as in {None, "auto"} else Reading(args.masks_as)


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for reading a video."""
    parser.add_argument(
        "--track", type=_positive, metavar="N", help="which video track of several, from 1 on"
    )
    parser.add_argument(
        "--range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="values shown as black and white, of pictures with more than 8 bits (as fits the clip)",
    )


def video_options_of(args: argparse.Namespace) -> ReadOptions:
    """What the options of `add_video_options` say.

    Raises:
        UserError: the range is none.
    """
    from ..engine.video import ReadOptions, ValueRange  # noqa: PLC0415  (OpenCV)

    try:
        return ReadOptions(args.track, None if args.range is None else ValueRange(*args.range))
    except ValueError as error:
        raise UserError(f"--range {args.range[0]:g} {args.range[1]:g} is no range: {error}.") from error


def add_changed_option(parser: argparse.ArgumentParser) -> None:
    """Add the option for masks of a project whose video has changed."""
    parser.add_argument(
        "--changed",
        choices=("keep", "clear"),
        help="if the project's video has changed: keep all masks, or clear those of frames that differ",
    )


def add_davis_options(parser: argparse.ArgumentParser, where: str = "a DAVIS folder") -> None:
    """Add those of a command that measures on a set of sequences.

    Args:
        where: what the folder may be.
    """
    parser.add_argument("--davis", type=Path, required=True, metavar="ROOT", help=where)
    parser.add_argument(
        "--set", dest="image_set", required=True, metavar="NAME|FILE", help="a set of it, or a list"
    )


def add_page_options(parser: argparse.ArgumentParser, *, config: str = "other settings") -> None:
    """Add those of a command that measures and writes a page.

    Args:
        config: what the settings of --config are for.
    """
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.md", help="the page")
    parser.add_argument(
        "--work", type=Path, required=True, metavar="DIR", help="keeps what later calls need not compute"
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="propagation weights of your own")
    _add_settings_options(parser, config)


def _add_settings_options(parser: argparse._ActionsContainer, what: str) -> None:
    parser.add_argument(
        "--preset",
        choices=("paper", "studio"),
        help="the paper's three algorithms alone, or all that is added to them (studio)",
    )
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help=what)


def base_config(args: argparse.Namespace) -> Config:
    """The settings of the file over those of the preset.

    Raises:
        UserError: the file cannot be read or is wrong.
    """
    base = preset(args.preset) if args.preset else None
    return load(args.config, base) if args.config else base or Config()


def refuse_page(args: argparse.Namespace, sources: Sources, like: str) -> None:
    """Check the page and the work folder of `add_page_options` before anything is computed.

    Args:
        sources: what the command reads beside the weights and the settings.
        like: how its pages begin.

    Raises:
        UserError: one of them would be written over a source, or the page over another file.
    """
    from ..formats.owned import refuse_report  # noqa: PLC0415

    every = sources + Sources.of(weights=args.weights, settings=args.config)
    refuse_report(args.output, every, like)
    every.refuse(args.work, added_to=True)


def check_weights(weights: Path | None, config: Config) -> None:
    """Make sure that a person's own weights serve, before anything is started with them.

    Args:
        weights: a file for N_mp, None for the shipped one, which is not checked here.

    Raises:
        UserError: the file is missing, damaged, or of another network than the settings ask for.
    """
    if weights is None:
        return
    if not weights.is_file():
        raise UserError(f"The weights {weights} are missing or cannot be read.")
    from ..engine.runtime.models import check_propagation  # noqa: PLC0415  (torch)

    check_propagation(config.propagation.size, weights)


def config_of(args: argparse.Namespace) -> Config:
    """The settings that the options ask for, over those of the file.

    Raises:
        UserError: the file cannot be read or is wrong.
    """
    config = base_config(args)
    propagation, reid = config.propagation, config.reid
    if args.size:
        propagation = replace(propagation, size=args.size)
    if args.multi_scale:
        propagation = replace(propagation, scales=MULTI_SCALE)
    if args.corrected:
        propagation = replace(propagation, augment_corrected=args.corrected == "careful")
    if args.flip:
        propagation = replace(propagation, flip=True)
    if args.no_reid:
        reid = replace(reid, enabled=False)
    if args.rho_reid is not None:
        reid = replace(reid, rho_reid=args.rho_reid)
    if args.rho_occ is not None:
        reid = replace(reid, rho_occ=args.rho_occ)
    adapt = config.adapt if args.adapt is None else replace(config.adapt, steps=args.adapt)
    device, flow = args.device or config.device, args.flow or config.flow
    return replace(config, propagation=propagation, reid=reid, adapt=adapt, device=device, flow=flow)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("not a number of steps")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("should be 1 or more")
    return number


def _cosine(text: str) -> float:
    return _within(text, -1, 1)


def share(text: str) -> float:
    """A number from 0 to 1, of an option."""
    return _within(text, 0, 1)


def _within(text: str, low: float, high: float) -> float:
    value = float(text)
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"should lie between {low} and {high}")
    return value
