"""Names of instances as the categories of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_JOINERS = "\u200c\u200d"


def name_of(names: Mapping[int, str], number: int) -> str:
    """The name of an instance in one line of plain text; 'instance N' when it has none.

    Control characters, marks of direction and halves of letters go; the joiners of scripts and emoji stay.
    """
    words = names.get(number, "").split()
    plain = ("".join(c for c in word if c.isprintable() or c in _JOINERS) for word in words)
    return " ".join(word for word in plain if word) or f"instance {number}"


def categories(names: Mapping[int, str], numbers: Iterable[int]) -> dict[str, int]:
    """A category for each different name, numbered from 1 in the order of the instances.

    Args:
        names: of instances, by number.
        numbers: of those that need a category, whether they have a name or not.

    Returns:
        Category number by name.
    """
    different = dict.fromkeys(name_of(names, number) for number in sorted({*names, *numbers}))
    return {name: place for place, name in enumerate(different, 1)}
