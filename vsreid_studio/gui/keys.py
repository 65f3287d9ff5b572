"""Keys: which action has which, and a person's own from a TOML file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence

from ..errors import UserError
from ..reading import quoted, read_toml
from .actions import SPECS, Actions, explain
from .instances.actions import InstanceActions
from .review.actions import ReviewActions

FILE = "keys.toml"


@dataclass(frozen=True, slots=True)
class Keyed:
    """An action whose keys can be changed.

    Attributes:
        table, name: where it stands in the file.
        group: its heading on the sheet.
        text: what it does.
        action: the action.
        usual: its keys in this program, or in the person's file, as Qt writes them.
    """

    table: str
    name: str
    group: str
    text: str
    action: QAction
    usual: tuple[str, ...] = ()

    @property
    def keys(self) -> list[str]:
        """Its keys, for people."""
        form = QKeySequence.SequenceFormat.NativeText
        return [key.toString(form) for key in self.action.shortcuts() if not key.isEmpty()]


def keyed(actions: Actions, instances: InstanceActions, review: ReviewActions) -> list[Keyed]:
    """Every action of the window that can have keys, as the sheet lists them."""
    listed = [
        Keyed("window", act.value, spec.group.value, spec.text, actions[act]) for act, spec in SPECS.items()
    ]
    for table, group, owner in (("review", "Review", review), ("instances", "Instances", instances)):
        listed += [Keyed(table, name, group, action.text(), action) for name, action in _members(owner)]
    listed += [
        Keyed("instances", f"select_{number}", "Instances", action.text(), action)
        for number, action in instances.select.items()
    ]
    return listed


def _members(owner: InstanceActions | ReviewActions) -> Iterator[tuple[str, QAction]]:
    return ((name, value) for name, value in vars(owner).items() if isinstance(value, QAction))


def load_keys(path: Path, listed: Iterable[Keyed]) -> list[str]:
    """Give actions the keys that a file names; without a file all keep theirs.

    The file has a table for the window, one for the review and one for the instances; a value is a key, a
    list of keys, or '' for none.

    Returns:
        a sentence for each entry that cannot be followed: its action keeps its keys, and all others hold.
    """
    listed = list(listed)
    if not path.exists():
        return []
    try:
        tables = read_toml(path)
    except UserError as error:
        return [str(error)]
    known = {(one.table, one.name): one.action.shortcuts() for one in listed}
    own: dict[tuple[str, str], list[QKeySequence]] = {}
    faults = []
    for table, values in tables.items():
        if not isinstance(values, Mapping):
            faults.append(f"{path}: '{table}' should stand in a table such as [window].")
            continue
        for name, value in values.items():
            if (table, name) not in known:
                faults.append(f"{path} names an unknown action '{name}' in [{table}].")
                continue
            try:
                own[table, name] = _sequences(value, f"{path}: '{name}'")
            except UserError as error:
                faults.append(str(error))
    while (double := _double(listed, known | own, own)) is not None:
        one, other, key = double
        faults.append(f"{path} gives {key} to both '{other.name}' and '{one.name}'.")
        del own[one.table, one.name]
    for one in listed:
        one.action.setShortcuts(own.get((one.table, one.name), known[one.table, one.name]))
        explain(one.action)
    return faults


def _sequences(value: object, where: str) -> list[QKeySequence]:
    listed = value if isinstance(value, list) else [value]
    keys = [key for key in listed if isinstance(key, str)]
    if len(keys) < len(listed):
        raise UserError(f"{where} should be a key such as 'Ctrl+P', or a list of them, not {quoted(value)}.")
    made = [QKeySequence(key) for key in keys if key]
    # Qt reads what it does not know as nothing.
    if any(not key.toString() for key in made):
        raise UserError(f"{where} has a key that is not known: {quoted(value)}.")
    return made


def _double(
    listed: Iterable[Keyed],
    wanted: Mapping[tuple[str, str], list[QKeySequence]],
    own: Collection[tuple[str, str]],
) -> tuple[Keyed, Keyed, str] | None:
    """Two actions with one key, the first from the file; None where each key has one action."""
    owners: dict[str, list[Keyed]] = {}
    # Those of the file come last, so that they meet the keys that the program gives.
    for one in sorted(listed, key=lambda it: (it.table, it.name) in own):
        for key in wanted[one.table, one.name]:
            others = owners.setdefault(key.toString(), [])
            for other in others:
                # Canvas and list have the focus for their own keys, which may occur in each.
                if other is not one and not (_local(one) and _local(other) and one.table != other.table):
                    return one, other, key.toString()
            others.append(one)
    return None


def with_usual(listed: Iterable[Keyed]) -> list[Keyed]:
    """The same actions, with the keys that they have now as the usual ones."""
    return [replace(one, usual=tuple(key.toString() for key in one.action.shortcuts())) for one in listed]


def clash(one: Keyed, key: str, listed: Iterable[Keyed], keys: Mapping[str, Sequence[str]]) -> Keyed | None:
    """The action that has a key already which another one is to get.

    Args:
        keys: of each action by 'table/name'.
    """
    for other in listed:
        apart = _local(one) and _local(other) and one.table != other.table
        same = (one.table, one.name) == (other.table, other.name)
        if not (same or apart) and key in keys[f"{other.table}/{other.name}"]:
            return other
    return None


def _local(one: Keyed) -> bool:
    return one.action.shortcutContext() is Qt.ShortcutContext.WidgetWithChildrenShortcut
