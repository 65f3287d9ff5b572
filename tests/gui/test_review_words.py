"""What the review says where there is no proposal."""

from __future__ import annotations

import pytest

from vsreid_studio.gui.review.words import nothing


@pytest.mark.parametrize(
    ("waiting", "running", "text"),
    [
        (0, False, "Nothing waits."),
        (3, True, "The engine is at work."),
        (1, False, "One find is left from the last run"),
        (21, False, "21 finds are left from the last run"),
    ],
)
def test_says_why_nothing_is_asked(waiting: int, running: bool, text: str) -> None:
    assert nothing(waiting, running=running).startswith(text)
