"""`vsreid-studio`: arguments, logging, and the way to the window or to a headless command.

Nothing here or in `cli` imports torch, OpenCV or Qt before it is known what is to be done, so that `--help`
and the window come at once.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import metadata
from pathlib import Path

from . import __version__
from .cli import (
    benchmark,
    evaluate,
    export,
    installation,
    run,
    simulate,
    tables,
    train,
)
from .errors import Terminated, UserError, sentence, stopped

log = logging.getLogger(__name__)

COMMANDS = (
    run,
    export,
    evaluate,
    benchmark,
    tables,
    simulate,
    train,
    installation,
)
BAD_INPUT = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks.

    Args:
        argv: arguments without the program's name, None for the process's own.

    Returns:
        the exit code: 0, 2 after one sentence about bad input on stderr, 130 after Ctrl-C, 143 after SIGTERM.
    """
    # Closed ones (`>&-`) are None.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    arguments = sys.argv[1:] if argv is None else list(argv)
    args = parse(arguments)
    if args.handler is not train.run:
        # torch does little beside what runs compiled, and its threads must not spin meanwhile.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # The root logger stays quiet: libraries are verbose.
    logging.basicConfig(format="%(message)s")
    logging.getLogger("vsreid_studio").setLevel(logging.DEBUG if args.verbose else logging.INFO)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name need not be UTF-8; it is printed as it is.
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        # The window has its own way to end, and the processes of a training have theirs.
        with nullcontext() if args.handler in (open_window, train.run) else _stoppable():
            code: int = args.handler(args)
        sys.stdout.flush()
        return code
    except UserError as error:
        log.debug("Where it arose:", exc_info=True)
        return _say(str(error), BAD_INPUT)
    except KeyboardInterrupt as error:
        return _say("Stopped.", stopped(error))
    except BrokenPipeError:
        # The reader of our output has left, as `head` does; no message would be read.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, MemoryError) as error:
        log.debug("Where it arose:", exc_info=True)
        return _say(sentence(error), BAD_INPUT)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The parsed command line; its `handler` does what is asked.

    Raises:
        SystemExit: after --help or --version, or with code 2 after telling what is wrong.
    """
    parser, names = whole_parser()
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    if any(argument == "" or re.fullmatch("--[a-z-]+=", argument) for argument in arguments):
        # As of a variable that is not set; a path would be the folder that one is in.
        parser.error("one of the arguments is empty")
    if first is not None and first not in names:
        # argparse would take the path of a video for a misspelt command.
        parser = _parser()
        parser.add_argument("path", type=Path, metavar="PATH")
        if not Path(first).exists():
            # What follows a misspelt command is not what is wrong.
            return parser.parse_known_args(arguments)[0]
    return parser.parse_args(arguments)


def whole_parser() -> tuple[argparse.ArgumentParser, frozenset[str]]:
    """The parser with all commands, and the names of the commands."""
    parser = _parser()
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", prog="vsreid-studio")
    for command in COMMANDS:
        command.add_parser(subparsers)
    for each in subparsers.choices.values():
        # Here as well, as that is where one looks for it; absent, it must not undo the one before.
        each.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    subparsers.choices["completion"].set_defaults(whole=parser)
    return parser, frozenset(subparsers.choices)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM, by which a system or a cluster ends a program, do what Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Version(argparse.Action):
    """Print the version, and what else a bug report needs first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Print and end the program."""
        from .headless import diagnosis  # noqa: PLC0415  (torch)

        sys.stdout.write(f"vsreid-studio {__version__}\n")
        sys.stdout.write(f"torch {metadata.version('torch')}, device: {diagnosis.device()}\n")
        try:
            sys.stdout.write(f"weights: {diagnosis.weights()}\n")
        except UserError as error:
            sys.stdout.write(f"weights: {error}\n")
        parser.exit()


def open_window(args: argparse.Namespace) -> int:
    """Open the window, on a video, a folder, a project or the start page.

    Returns:
        the exit code.

    Raises:
        UserError: there is nothing at the path, or no screen to show a window on.
    """
    if args.path is not None and not args.path.exists():
        raise UserError(f"'{args.path}' is neither a command nor a file: see vsreid-studio --help.")
    # Qt only where there is a window.
    from .gui.application import run as run_window  # noqa: PLC0415

    return run_window(args.path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vsreid-studio",
        usage="vsreid-studio [PATH]\n       vsreid-studio COMMAND ...",
        description=(
            "Cut objects out of video: mask propagation with re-identification. Without a command it opens "
            "the window on PATH: a video, a folder of pictures or a .vsreid project."
        ),
        epilog="Each command has a --help of its own.",
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show the version, torch, the device and the weights"
    )
    parser.add_argument("--verbose", action="store_true", help="tell more, and where errors arose")
    parser.set_defaults(handler=open_window, path=None)
    return parser


def _say(text: str, code: int) -> int:
    # A name of a file may hold what a terminal obeys.
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    sys.stderr.write(f"{shown}\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
