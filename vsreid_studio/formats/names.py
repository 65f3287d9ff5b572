"""Names of instances as the categories of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def name_of(names: Mapping[int, str], number: int) -> str:
    """The name of an instance in one line; 'instance N' when it has none."""
    return " ".join(names.get(number, "").split()) or f"instance {number}"


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
