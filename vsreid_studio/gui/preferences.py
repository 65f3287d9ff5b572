"""What a person prefers: colours, keys, new instances, the engine. Kept in a file of settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from PySide6.QtCore import QSettings
from PySide6.QtGui import QColor, QKeySequence

from ..config import Config
from ..errors import UserError
from .actions import explain
from .keys import Keyed, clash
from .theme import DEFAULT_COLOURS, ColourScheme

FILE = "preferences.ini"
_ENGINE = Config()
Device: TypeAlias = Literal["auto", "cpu", "cuda"]
DEVICES: dict[Device, str] = {"auto": "GPU if there is one", "cpu": "CPU", "cuda": "GPU"}
MOST_THREADS = 256
_SEPARATOR = " "
"""Between the keys of an action; no key has a space in it, as the space bar is called Space."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """All of them, with what holds where a person has chosen nothing.

    Attributes:
        scheme: light, dark, or as the system has it.
        opacity: of the masks over the frame, in [0, 1].
        colours: '#rrggbb' of new instances, in turn.
        device: see `Config`.
        threads: that compute; 0 for as many as suit the machine.
        rho_reid, least_confidence: see `ReidConfig`.
        keys: those that were recorded, by table and name of the action, as Qt writes them.
    """

    scheme: ColourScheme = ColourScheme.SYSTEM
    opacity: float = 0.5
    colours: tuple[str, ...] = DEFAULT_COLOURS
    device: Device = _ENGINE.device
    threads: int = 0
    rho_reid: float = _ENGINE.reid.rho_reid
    least_confidence: float = _ENGINE.reid.least_confidence
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        """The settings of the engine."""
        reid = replace(_ENGINE.reid, rho_reid=self.rho_reid, least_confidence=self.least_confidence)
        return replace(_ENGINE, device=self.device, reid=reid)


class PreferenceFile:
    """Keeps preferences; Qt writes the file under another name and renames it.

    Attributes:
        path: of the file.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def _open(self) -> QSettings:
        """Opened each time, as one that has failed once tells of it for ever."""
        settings = QSettings(str(self.path), QSettings.Format.IniFormat)
        settings.setAtomicSyncRequired(True)
        return settings

    def read(self) -> Preferences:
        """What was kept; of what makes no sense, the default."""
        usual, settings = Preferences(), self._open()
        kept = {name: settings.value(name) for name in settings.childKeys()}
        settings.beginGroup("keys")
        keys = {name: str(settings.value(name) or "") for name in settings.allKeys()}
        settings.endGroup()
        colours = tuple(str(kept.get("colours") or "").split())
        return Preferences(
            scheme=ColourScheme(kept["scheme"]) if kept.get("scheme") in set(ColourScheme) else usual.scheme,
            opacity=_number(kept.get("opacity"), usual.opacity, 1),
            colours=colours if colours and all(map(_is_colour, colours)) else usual.colours,
            device=next((it for it in DEVICES if it == kept.get("device")), usual.device),
            threads=round(_number(kept.get("threads"), 0, MOST_THREADS)),
            rho_reid=_number(kept.get("rho_reid"), usual.rho_reid, 1),
            least_confidence=_number(kept.get("least_confidence"), usual.least_confidence, 1),
            keys={name: tuple(text.split(_SEPARATOR)) if text else () for name, text in keys.items()},
        )

    def write(self, preferences: Preferences) -> None:
        """Keep these; what is as usual is left out, so that it follows later versions.

        Raises:
            UserError: the file cannot be written; the preferences count until the program ends.
        """
        usual, settings = Preferences(), self._open()
        settings.clear()
        for name in ("scheme", "opacity", "device", "threads", "rho_reid", "least_confidence"):
            value = getattr(preferences, name)
            if value != getattr(usual, name):
                settings.setValue(name, str(value))
        if preferences.colours != usual.colours:
            settings.setValue("colours", " ".join(preferences.colours))
        for name, keys in preferences.keys.items():
            settings.setValue(f"keys/{name}", _SEPARATOR.join(keys))
        settings.sync()
        if settings.status() is not QSettings.Status.NoError:
            raise UserError(f"The preferences are not kept: {self.path} cannot be written.")


def name_of(one: Keyed) -> str:
    """What the keys of an action are kept under."""
    return f"{one.table}/{one.name}"


def apply_keys(listed: Sequence[Keyed], keys: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Give actions their recorded keys, and all others those of the program and of the key file.

    Returns:
        a sentence for each recorded key that another action has by now: its action goes without it.
    """
    wanted = {name_of(one): keys.get(name_of(one), one.usual) for one in listed}
    faults = []
    for one in listed:
        for key in keys.get(name_of(one), ()):
            other = clash(one, key, listed, wanted)
            if other is None:
                continue
            faults.append(
                f"The key {key} was recorded for '{one.text}', but '{other.text}' has it:"
                " record another one in the preferences."
            )
            wanted[name_of(one)] = tuple(own for own in wanted[name_of(one)] if own != key)
    for one in listed:
        one.action.setShortcuts([QKeySequence(key) for key in wanted[name_of(one)]])
        explain(one.action)
    return faults


def _number(value: object, usual: float, most: float) -> float:
    try:
        number = float(str(value))
    except ValueError:
        return usual
    return number if 0 <= number <= most else usual


def _is_colour(text: str) -> bool:
    return len(text) == len("#rrggbb") and QColor.isValidColorName(text)
