"""Keys: which action has which, a person's own from a TOML file, and the sheet that lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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
    """

    table: str
    name: str
    group: str
    text: str
    action: QAction

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


def load_keys(path: Path, listed: Iterable[Keyed]) -> None:
    """Give actions the keys that a file names; without a file all keep theirs.

    The file has a table for the window, one for the review and one for the instances; a value is a key, a
    list of keys, or '' for none.

    Raises:
        UserError: it cannot be read, names something unknown, or a key twice. Then nothing is changed.
    """
    listed = list(listed)
    if not path.exists():
        return
    tables = read_toml(path)
    wanted = {(one.table, one.name): one.action.shortcuts() for one in listed}
    for table, values in tables.items():
        if not isinstance(values, Mapping):
            raise UserError(f"{path}: '{table}' should stand in a table such as [window].")
        for name, value in values.items():
            if (table, name) not in wanted:
                raise UserError(f"{path} names an unknown action '{name}' in [{table}].")
            wanted[table, name] = _sequences(value, f"{path}: '{name}'")
    _refuse_doubles(listed, wanted, path)
    for one in listed:
        one.action.setShortcuts(wanted[one.table, one.name])
        explain(one.action)


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


def _refuse_doubles(
    listed: Iterable[Keyed], wanted: Mapping[tuple[str, str], list[QKeySequence]], path: Path
) -> None:
    owners: dict[tuple[str, str], str] = {}
    for one in listed:
        # The list of instances has the focus for its own keys, so that they may occur elsewhere.
        own = one.action.shortcutContext() is Qt.ShortcutContext.WidgetWithChildrenShortcut
        place = one.table if own else ""
        for key in wanted[one.table, one.name]:
            other = owners.setdefault((place, key.toString()), one.name)
            if other != one.name:
                raise UserError(f"{path} gives {key.toString()} to both '{other}' and '{one.name}'.")
