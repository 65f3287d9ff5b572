"""Gives the tests of this folder the fixtures of `project_fixtures`, which they import types from, too."""

from project_fixtures import *  # noqa: F403
