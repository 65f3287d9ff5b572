"""`vsreid-studio doctor`: what is installed and whether it works; to be attached to bug reports."""

from __future__ import annotations

import argparse
import sys


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="check the installation: versions, device, weights, window, a short self-test",
        description=(
            "Print the versions of the program and its dependencies, the processor and the device, the "
            "checksums of the shipped weights, the codecs and the Qt platform, and run the method on a few "
            "frames. Attach the output to bug reports."
        ),
    )
    parser.set_defaults(handler=run)


def run(_: argparse.Namespace) -> int:
    """Print a line for each check.

    Returns:
        0, or 1 where something does not work.
    """
    from ..headless.diagnosis import diagnose  # noqa: PLC0415  (torch)

    ok = True
    for check in diagnose():
        sys.stdout.write(f"{'ok  ' if check.ok else 'FAIL'} {check.name:<10} {check.found}\n")
        sys.stdout.flush()
        ok = ok and check.ok
    return 0 if ok else 1
