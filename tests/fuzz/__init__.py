"""Inputs damaged and made up at random: each reader returns a value or raises a UserError, and soon."""

import sys
from pathlib import Path

# Where pytest finds the helpers of all tests; `python -m tests.fuzz` does not look there.
sys.path.append(str(Path(__file__).parents[1]))
