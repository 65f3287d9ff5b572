"""Ways to damage an input. All are drawn from one generator, so that a number names an input for good."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

from numpy.random import Generator

Mutator: TypeAlias = Callable[[Generator, bytes, Sequence[bytes]], bytes]
"""Of the generator, an input, and all seeds of its kind."""

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = (
    *("null", "true", "NaN", "Infinity", "-1", "0", "1e999", "9" * 30, "9" * 5000, '""', "[]", "{}"),
    *(
        '"\\ud800"',
        '"\\u0000"',
        '"../../x"',
        "[" * 2000,
        "{" * 50,
        '{"a":' * 2000,
        "\x00",
        "\ufeff",
        "\u202e",
    ),
    *(
        "é",
        "inf",
        "nan",
        "1_0",
        "0x10",
        "1979-05-27",
        "'",
        '"',
        "\\",
        "<!DOCTYPE a>",
        "&lt;",
        "<a>" * 100,
        "]]>",
    ),
)
_TOKEN = re.compile(rb'"[^"]*"|-?[0-9][0-9.eE+-]*|[A-Za-z_]+|[\[\]{},:<>=/]')
_PNG = b"\x89PNG\r\n\x1a\n"


def flip(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Flip up to eight bits."""
    changed = bytearray(data)
    for place in random.integers(0, max(1, 8 * len(data)), int(random.integers(1, 9))).tolist():
        if changed:
            changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def cut(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Leave out the end, or a part."""
    start, stop = sorted(random.integers(0, len(data) + 1, 2).tolist())
    return data[:start] if random.random() < 0.5 else data[:start] + data[stop:]


def repeat(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Say a part several times."""
    start, stop = sorted(random.integers(0, len(data) + 1, 2).tolist())
    return data[:stop] + data[start:stop] * int(random.integers(1, 20)) + data[stop:]


def splice(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Go on with the end of another seed."""
    other = seeds[int(random.integers(len(seeds)))]
    return data[: int(random.integers(len(data) + 1))] + other[int(random.integers(len(other) + 1)) :]


def number(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Write a number that sizes stumble over, of 1, 2, 4 or 8 bytes."""
    size = int(random.choice([1, 2, 4, 8]))
    value = int(random.choice(NUMBERS)) & (256**size - 1)
    order = "big" if random.random() < 0.5 else "little"
    place = int(random.integers(0, max(1, min(len(data), 200 if random.random() < 0.5 else len(data)))))
    return data[:place] + value.to_bytes(size, order) + data[place + size :]


def noise(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Bytes at random, behind the first few."""
    kept = int(random.integers(0, min(16, len(data)) + 1))
    return data[:kept] + random.bytes(int(random.integers(0, 400)))


def word(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Put other words in the place of some of a text."""
    for _ in range(int(random.integers(1, 4))):
        tokens = list(_TOKEN.finditer(data))
        if not tokens:
            return data
        token = tokens[int(random.integers(len(tokens)))]
        new = WORDS[int(random.integers(len(WORDS)))].encode("utf-8", "surrogatepass")
        data = data[: token.start()] + new + data[token.end() :]
    return data


def exchange(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Exchange two words of a text."""
    tokens = list(_TOKEN.finditer(data))
    if len(tokens) < 2:
        return data
    one, other = sorted(random.integers(0, len(tokens), 2).tolist())
    first, second = tokens[one], tokens[other]
    middle = data[first.end() : second.start()]
    return data[: first.start()] + second[0] + middle + first[0] + data[second.end() :]


def chunk(random: Generator, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Damage the body of a PNG's chunk, and give it a right sum: only the content is wrong then."""
    places, place = [], len(_PNG)
    while data.startswith(_PNG) and place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        places.append((place, length))
        place += 12 + length
    if not places:
        return data
    start, length = places[int(random.integers(len(places)))]
    name, body = data[start + 4 : start + 8], data[start + 8 : start + 8 + length]
    body = (flip, cut, number, noise)[int(random.integers(4))](random, body, seeds)
    total = zlib.crc32(name + body).to_bytes(4, "big")
    return data[:start] + len(body).to_bytes(4, "big") + name + body + total + data[start + 12 + length :]


BINARY: tuple[Mutator, ...] = (flip, cut, repeat, splice, number, noise)
PICTURE: tuple[Mutator, ...] = (*BINARY, chunk, chunk, chunk)
TEXT: tuple[Mutator, ...] = (flip, cut, repeat, splice, word, word, word, exchange)
