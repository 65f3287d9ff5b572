"""Headless commands, one module each: `add_parser` registers it, `run` does it."""
