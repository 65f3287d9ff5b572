"""Files that others made, opened and read without trust; of text: JSON, TOML and XML.

Every reader of the package goes through here, so that a damaged or hostile file is one sentence and neither a
traceback, an endless wait nor a full memory.
"""

from __future__ import annotations

import json
import math
import re
import stat
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from .errors import UserError

MEGABYTE = 1 << 20
SETTINGS_SIZE = 4 * MEGABYTE
"""Most bytes of a file of settings."""
DOCUMENT_SIZE = 256 * MEGABYTE
"""Most bytes of a record or of annotations."""
MAX_DEPTH = 64
"""Most levels of lists, tables or elements inside each other."""

_INT_DIGITS = 19
"""Digits of the largest number that 64 bits hold; Python alone would read any length."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""Begins the escape of half a letter, which JSON allows and UTF-8 does not."""
_SHOWN = 60
"""Most letters of a value that a sentence quotes."""


def open_file(path: Path) -> BinaryIO:
    """Open a file to read its bytes.

    Raises:
        UserError: it is a pipe, a socket or a device, whose content may never come or never end.
        OSError: it cannot be opened.
    """
    mode = path.stat().st_mode
    # A folder is refused by the system, which says so.
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError(f"{path} is no file, but a pipe, a socket or a device: give a file.")
    return path.open("rb")


def read_text(path: Path, most: int = DOCUMENT_SIZE) -> str:
    """Read a file of UTF-8 text, with or without a byte order mark.

    Args:
        most: bytes; no more are ever read.

    Raises:
        UserError: it cannot be read, is larger, or is not UTF-8.
    """
    try:
        with open_file(path) as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path} cannot be read: {what[:1].lower()}{what[1:]}.") from error
    if len(data) > most:
        raise UserError(f"{path} is larger than {most // MEGABYTE} MB, which is more than such a file holds.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8 (byte {error.start}).") from error


def read_json(path: Path, most: int = DOCUMENT_SIZE) -> Any:
    """Read a file of JSON, see `parse_json`.

    Raises:
        UserError: as `read_text` and `parse_json`.
    """
    return parse_json(read_text(path, most), str(path))


def parse_json(text: str, where: str) -> Any:
    """Values of JSON: stricter than Python's reader, which takes what other programs refuse.

    Args:
        where: names the text in a sentence.

    Raises:
        UserError: it is not JSON, is nested too deeply, names a key twice, or holds a number that is not
            finite or needs more than 64 bits.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_table,
            parse_constant=_not_finite,
            parse_float=_float,
            parse_int=_int,
        )
    except RecursionError as error:
        raise _too_deep(where) from error
    except json.JSONDecodeError as error:
        raise UserError(f"{where} is not JSON: {_clause(error.msg)} in line {error.lineno}.") from error
    except ValueError as error:
        raise UserError(f"{where} is not JSON that can be read: {error}.") from error
    _check_depth(value, where)
    if _SURROGATE.search(text):
        _check_text(value, where)
    return value


def read_toml(path: Path, most: int = SETTINGS_SIZE) -> dict[str, Any]:
    """Read a file of TOML.

    Raises:
        UserError: as `read_text`, or it is not TOML or is nested too deeply.
    """
    text = read_text(path, most)
    try:
        tables = tomllib.loads(text)
    except RecursionError as error:
        raise _too_deep(str(path)) from error
    # Numbers and dates out of range are plain ValueErrors.
    except ValueError as error:
        raise UserError(f"{path} is not TOML: {_clause(str(error))}.") from error
    _check_depth(tables, str(path))
    return tables


def read_xml(path: Path, most: int = DOCUMENT_SIZE) -> Element:
    """Read a file of XML without a DTD, so that it can define no entities and name no other file.

    Returns:
        The root element.

    Raises:
        UserError: as `read_text`, or it is not XML, has a DTD, or is nested too deeply.
    """
    text = read_text(path, most)
    parser = XMLParser(target=_Builder(str(path)))
    try:
        parser.feed(text)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise UserError(f"{path} is not XML: {_clause(str(error))}.") from error
    return root


@contextmanager
def expecting(sentence: str) -> Iterator[None]:
    """Turn what goes wrong when values are of another shape into a UserError.

    Args:
        sentence: without its full stop.

    Raises:
        UserError: a key is missing, or something is of another type or out of range.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UserError(f"{sentence}.") from error


def quoted(value: object) -> str:
    """A value as a sentence shows it: its `repr`, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 4]} ..."


class _Builder(TreeBuilder):
    """Builds the tree of a document that has no DTD and is not nested deeply."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where
        self._depth = 0

    def doctype(self, *_: object) -> NoReturn:
        raise UserError(f"{self._where} has a DTD, which is not read: remove its <!DOCTYPE> line.")

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep(self._where)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {quoted(key)} stands twice")
    return table


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{quoted(text)} is too large a number")
    return value


def _int(text: str) -> int:
    if len(text.lstrip("-")) > _INT_DIGITS:
        raise ValueError(f"{quoted(text)} is too large a number")
    return int(text)


def _check_depth(value: object, where: str) -> None:
    """Refuse what later recursion could not follow; readers differ in what they allow."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for each in level:
            members = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
            inner += [member for member in members if type(member) in (dict, list)]
        if not inner:
            return
        level = inner
    raise _too_deep(where)


def _check_text(value: object, where: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"{where} holds half of a letter of two parts (a lone surrogate).") from error


def _too_deep(where: str) -> UserError:
    return UserError(f"{where} is nested deeper than {MAX_DEPTH} levels.")


def _clause(text: str) -> str:
    """A library's message as a part of a sentence."""
    first = text.splitlines()[0] if text else "it is damaged"
    return f"{first[:1].lower()}{first[1:]}".rstrip(".")
