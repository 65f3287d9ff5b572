"""Start vsreid-studio from a checkout."""

from vsreid_studio.app import main

if __name__ == "__main__":
    raise SystemExit(main())
