"""What the review says where there is no proposal."""

from __future__ import annotations

import pytest

from vsreid_studio.gui.review.actions import empty, nothing


@pytest.mark.parametrize(
    ("waiting", "running", "text"),
    [
        (0, False, "Nothing waits."),
        (0, True, "The engine is at work."),
        (3, True, "3 proposals wait for your answer"),
        (1, False, "One proposal waits for your answer"),
        (21, False, "21 proposals wait for your answer"),
    ],
)
def test_says_why_nothing_is_asked(waiting: int, running: bool, text: str) -> None:
    assert nothing(waiting, running=running).startswith(text)


@pytest.mark.parametrize(
    ("candidates", "waiting", "rejections", "text"),
    [
        (3, 1, True, "Nothing was rejected"),
        (3, 1, False, "No candidate of this object"),
        (3, 0, False, "No proposal waits"),
        (0, 0, False, "No candidates yet"),
    ],
)
def test_says_why_the_list_is_empty(candidates: int, waiting: int, rejections: bool, text: str) -> None:
    assert empty(candidates=candidates, waiting=waiting, rejections=rejections).startswith(text)
