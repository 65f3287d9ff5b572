"""Gives the tests of this folder the fixtures of `sequence_fixtures`, which they import types from, too."""

from sequence_fixtures import *  # noqa: F403
