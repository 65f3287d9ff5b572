from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vsreid_studio.errors import UserError
from vsreid_studio.reading import (
    MAX_DEPTH,
    expecting,
    parse_json,
    quoted,
    read_json,
    read_text,
    read_toml,
    read_xml,
)


def nested(opening: str, closing: str, depth: int) -> str:
    return opening * depth + closing * depth


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ("[NaN]", "NaN is not a number"),
        ("[1e999]", "too large"),
        ("9" * 5000, "too large"),
        ('["\\ud83d"]', "lone surrogate"),
        (nested("[", "]", MAX_DEPTH + 1), "nested deeper"),
        (nested("[", "]", 100_000), "nested deeper"),
        (nested('{"a":', "", MAX_DEPTH) + "1" + "}" * MAX_DEPTH, ""),
    ],
)
def test_json(text: str, sentence: str) -> None:
    if not sentence:
        assert parse_json(text, "it")
        return
    with pytest.raises(UserError, match=sentence) as found:
        parse_json(text, "it")
    assert str(found.value).startswith("it is ") or "it holds" in str(found.value)
    assert str(found.value).endswith(".")


def test_json_of_all_kinds(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": [1, -2.5, null, true, "\\ud83d\\ude00"]}')
    assert read_json(tmp_path / "a.json") == {"a": [1, -2.5, None, True, "😀"]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a =", "is not TOML"),
        ("a = 1\na = 2", "is not TOML"),
        ("i = " + "9" * 5000, "is not TOML"),
        ("d = 2020-99-99", "is not TOML"),
        ("a = " + nested("[", "]", 5000), "nested deeper"),
        ("a" + ".a" * MAX_DEPTH + " = 1", "nested deeper"),
    ],
)
def test_toml(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_toml(tmp_path / "a.toml")


BOMB = '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>'
OTHER_FILE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<a><b></a>", "is not XML"),
        ("", "is not XML"),
        (BOMB, "has a DTD"),
        (OTHER_FILE, "has a DTD"),
        ("<!DOCTYPE a><a/>", "has a DTD"),
        (nested("<a>", "</a>", MAX_DEPTH + 1), "nested deeper"),
    ],
)
def test_xml(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_xml(tmp_path / "a.xml")


def test_xml_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<?xml version="1.0" encoding="utf-8"?><a><b c="é"/></a>', "utf-8")
    assert [child.get("c") for child in read_xml(tmp_path / "a.xml")] == ["é"]


def test_text_is_bounded_and_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"12345")
    assert read_text(path, 5) == "12345"
    with pytest.raises(UserError, match="is larger than"):
        read_text(path, 4)
    path.write_bytes(b"ab\xffcd")
    with pytest.raises(UserError, match=r"not text in UTF-8 \(byte 2\)"):
        read_text(path)
    with pytest.raises(UserError, match="no such file"):
        read_text(tmp_path / "none")
    with pytest.raises(UserError, match="is a directory"):
        read_text(tmp_path)


def test_other_shapes_become_a_sentence() -> None:
    wrongs: tuple[Any, ...] = ({}, [], None, 3, "x")
    for wrong in wrongs:
        with pytest.raises(UserError, match="It is no list of names"), expecting("It is no list of names"):
            int(wrong["a"]["b"])
    assert quoted("x" * 1000) == "'" + "x" * 55 + " ..."
