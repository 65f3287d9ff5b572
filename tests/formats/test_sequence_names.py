"""Names that every file system takes."""

from __future__ import annotations

import os

import pytest

from vsreid_studio.errors import UserError
from vsreid_studio.formats.classes import name_of
from vsreid_studio.formats.frame_names import (
    check_name,
    fit_name,
    folder_of,
    safe_file_name,
    shortened,
)

BAD = ["", ".", "..", ".x", "a b", "a/b", "a:b", "a\\b", "a\nb", "a\u202eb", "a\udcff"]


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_names_that_cannot_be_a_sequences(name: str) -> None:
    with pytest.raises(UserError, match="cannot name a sequence"):
        check_name(name)
    assert check_name(fit_name(name))


def test_long_names() -> None:
    long = "ü" * 200
    with pytest.raises(UserError, match="too long"):
        check_name(long)
    fit = fit_name(long)
    assert len(os.fsencode(fit)) <= 241 and fit != fit_name(long + "x")
    assert shortened("short", 240) == "short"
    assert len(os.fsencode(shortened("x" * 255, 240))) == 240


@pytest.mark.parametrize(
    ("stem", "folder"),
    [(".", "video"), ("..", "video"), (".hidden", "hidden"), ("a b", "a b"), ("1:2", "1:2")],
)
def test_the_folder_of_a_run_is_one_below_the_output(stem: str, folder: str) -> None:
    assert folder_of(stem) == folder


FILES = {
    "../up": "up",
    "con": "_con",
    "LPT1": "_LPT1",
    "a\u202eb\x07": "a_b",
    "a\udcffb": "ab",
    "名前": "名前",
    "...": "",
}


@pytest.mark.parametrize("name", FILES, ids=ascii)
def test_file_names_of_any_text(name: str) -> None:
    assert safe_file_name(name, 48) == FILES[name]


def test_names_of_instances_are_plain_text_in_one_line() -> None:
    names = {1: " a\n\tb\x07\u202e ", 2: "\ud800", 3: "نمی\u200cخواهم"}
    assert [name_of(names, number) for number in (1, 2, 3, 4)] == [
        "a b",
        "instance 2",
        "نمی\u200cخواهم",
        "instance 4",
    ]
