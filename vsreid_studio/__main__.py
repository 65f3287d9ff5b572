"""The command `vsreid-studio`, and `python -m vsreid_studio`."""

import sys


def main() -> int:
    """See `app.main`. Ctrl-C while that is loaded ends the program without a traceback, too."""
    try:
        from .app import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return 130
    return run()


if __name__ == "__main__":
    raise SystemExit(main())
