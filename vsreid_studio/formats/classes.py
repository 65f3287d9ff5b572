"""Names and classes of instances, and lists of classes in plain text and COCO JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from ..reading import expecting, quoted, read_json, read_text
from .atomic import write_text

MOST = 10_000
"""Classes that a list may have; LVIS has 1,203."""
_HIGHEST = 2**31 - 1
_JOINERS = "\u200c\u200d"


def name_of(names: Mapping[int, str], number: int) -> str:
    """The plain name of an instance; 'instance N' when it has none."""
    return plain(names.get(number, "")) or f"instance {number}"


def plain(text: str) -> str:
    """A text in one line.

    Control characters, marks of direction and halves of letters go; the joiners of scripts and emoji stay.
    """
    words = ("".join(c for c in word if c.isprintable() or c in _JOINERS) for word in text.split())
    return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a project and of its instances.

    Attributes:
        listed: name of each class by its number, 0 or more, as COCO's category ids.
        of: number of the class by instance number; instances without a class are left out.
    """

    listed: Mapping[int, str] = field(default_factory=dict)
    of: Mapping[int, int] = field(default_factory=dict)

    def has(self, number: int) -> bool:
        """Whether an instance has a class."""
        return self.of.get(number, -1) in self.listed

    def kind(self, names: Mapping[int, str], number: int) -> str:
        """What an instance is called in a list of categories: its class, else its name.

        Args:
            names: of instances, by number.
        """
        listed = self.listed.get(self.of.get(number, -1))
        return name_of(names, number) if listed is None else plain(listed)

    def categories(self, names: Mapping[int, str], numbers: Iterable[int]) -> dict[str, int]:
        """Category number by name: the whole list, then a category for each name that has no class.

        Args:
            names: of instances, by number.
            numbers: of those that need a category, whether they have a name or not.
        """
        found = {plain(name): number for number, name in sorted(self.listed.items())}
        for number in sorted({*names, *numbers}):
            found.setdefault(self.kind(names, number), max(found.values(), default=0) + 1)
        return found

    def numbered_as(self, given: Mapping[int, str]) -> Classes:
        """The same classes with the numbers of another list, which gets those it lacks."""
        listed = joined(given, self.listed)
        numbers = {name: number for number, name in listed.items()}
        return Classes(listed, {k: numbers[self.listed[n]] for k, n in self.of.items() if n in self.listed})


NO_CLASSES = Classes()


def read_classes(path: Path) -> dict[int, str]:
    """The classes of a file: COCO JSON with a list `categories`, else text with a name in each line.

    Returns:
        Names by number: COCO's ids; of a text 1 on, in the order of the lines. Each name once.

    Raises:
        UserError: the file cannot be read, or holds no list of classes.
    """
    found = _of_json(path) if path.suffix.lower() == ".json" else _of_text(path)
    if not found:
        raise UserError(f"{path} names no class.")
    if len(found) > MOST:
        raise UserError(f"{path} names {len(found)} classes; a list holds {MOST} at most.")
    first: dict[str, int] = {}
    for number, name in found.items():
        first.setdefault(name, number)
    return {number: name for name, number in first.items()}


def write_classes(path: Path, listed: Mapping[int, str]) -> None:
    """Write a list that `read_classes` reads: COCO JSON for a name that ends in `.json`, else plain text.

    Raises:
        UserError: it cannot be written.
    """
    ordered = sorted(listed.items())
    if path.suffix.lower() == ".json":
        text = json.dumps({"categories": categories_json({name: n for n, name in ordered})}, indent=1) + "\n"
    else:
        text = "".join(f"{name}\n" for _, name in ordered)
    write_text(path, text)


def joined(known: Mapping[int, str], given: Mapping[int, str]) -> dict[int, str]:
    """A list with the classes of another one added.

    Returns:
        Names that were known keep their number; new ones have the one they were given with where it is free,
        else the next free one.
    """
    whole = dict(known)
    names = set(whole.values())
    for number, name in given.items():
        if name not in names:
            whole[number if number not in whole else max(whole) + 1] = name
            names.add(name)
    return dict(sorted(whole.items()))


def number_of(listed: Mapping[int, str], name: str) -> int | None:
    """The number of the class of a name, None where there is none."""
    return next((number for number, one in listed.items() if one == name), None)


def categories_json(kinds: Mapping[str, int]) -> list[dict[str, object]]:
    """COCO's list of categories, of numbers by name."""
    return [{"id": number, "name": name, "supercategory": "object"} for name, number in kinds.items()]


def _of_text(path: Path) -> dict[int, str]:
    lines = (plain(line) for line in read_text(path).splitlines())
    return dict(enumerate((line for line in lines if line), 1))


def _of_json(path: Path) -> dict[int, str]:
    document = read_json(path)
    listed = document.get("categories") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise UserError(f"{path} has no list 'categories' as COCO's files have.")
    found: dict[int, str] = {}
    with expecting(f"{path} has categories without a number 'id' and a 'name'"):
        for one in listed:
            number, name = one["id"], plain(str(one["name"]))
            if type(number) is not int or not 0 <= number <= _HIGHEST or number in found or not name:
                raise UserError(f"{path} has a category that is of no use: {quoted(one)}.")
            found[number] = name
    return found
