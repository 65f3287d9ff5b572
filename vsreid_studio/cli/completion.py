"""`vsreid-studio completion`: a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse
import sys

SHELLS = ("bash", "zsh", "tcsh")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "completion",
        help="print a script that completes commands and options in a shell",
        description=(
            "Print a completion script. For bash: vsreid-studio completion bash > "
            "~/.local/share/bash-completion/completions/vsreid-studio"
        ),
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Print the script.

    Args:
        args: `shell`, and as `whole` the parser with all commands.
    """
    import shtab  # noqa: PLC0415  (only this command needs it)

    sys.stdout.write(shtab.complete(args.whole, args.shell))
    return 0
