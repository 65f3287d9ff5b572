"""Gives the tests of this folder the fixtures of `window_fixtures`, which they import types from, too."""

from clicking import network  # noqa: F401
from window_fixtures import *  # noqa: F403
