"""Gives the tests of this folder the fixtures of `window_fixtures`, which they import types from, too."""

from window_fixtures import *  # noqa: F403
