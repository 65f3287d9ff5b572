"""The rows of the first table: each adds one thing to the row before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

from ..config import Config

Settings: TypeAlias = Mapping[str, Any]
"""Values by 'table.setting', as a settings file would have them."""

MULTI_SCALE = (0.75, 1.0, 1.25)
ADAPTATION = "adapt.seconds"


@dataclass(frozen=True)
class Row:
    """One variant of the method.

    Attributes:
        name: of its folder, and on the command line.
        title: in the table.
        adds: the settings in which it differs from the row before.
    """

    name: str
    title: str
    adds: Settings


class UnknownSettingError(Exception):
    """This version has no such setting; the message is its name."""


BARE: Settings = {
    "propagation.template": False,
    "propagation.scales": (1.0,),
    "propagation.flip": False,
    "reid.enabled": False,
    ADAPTATION: 0.0,
}
"""What the first row leaves out."""

_WITHOUT_SETTING: Settings = {
    "propagation.crop": "box",
    "propagation.flow_stream": True,
    ADAPTATION: 0.0,
}
"""How a version that lacks one of these settings behaves."""


def rows(adaptation: float) -> tuple[Row, ...]:
    """All rows, in order.

    Args:
        adaptation: of the last one, in seconds.
    """
    return (
        Row("full-image", "full image", {"propagation.crop": "frame", "propagation.flow_stream": False}),
        Row("box", "→ box", {"propagation.crop": "box"}),
        Row("flow-stream", "+ flow stream", {"propagation.flow_stream": True}),
        Row("memory", "+ memory", {"propagation.template": True}),
        Row("reid", "+ re-identification", {"reid.enabled": True}),
        Row(
            "multi-scale",
            "+ multi-scale and flip",
            {"propagation.scales": MULTI_SCALE, "propagation.flip": True},
        ),
        Row("adaptation", f"+ adaptation ({adaptation:g} s)", {ADAPTATION: adaptation}),
    )


def row_config(base: Config, listed: Sequence[Row], row: Row) -> Config:
    """The settings of a row.

    Args:
        base: gives all that no row touches.
        listed: all rows in order, `row` among them.

    Raises:
        UnknownSettingError: a setting that the row needs is not in this version.
    """
    wanted = dict(BARE)
    for one in listed[: listed.index(row) + 1]:
        wanted.update(one.adds)
    config = base
    for path, value in wanted.items():
        config = put(config, path, value)
    return config


def put(config: Config, path: str, value: Any) -> Config:
    """The configuration with one more setting, named as 'table.setting'.

    Raises:
        UnknownSettingError: this version lacks it and does not behave that way by itself.
    """
    table, name = path.split(".")
    part = getattr(config, table, None)
    if part is None or name not in {item.name for item in fields(part)}:
        if path in _WITHOUT_SETTING and _WITHOUT_SETTING[path] == value:
            return config
        raise UnknownSettingError(path)
    changed: dict[str, Any] = {table: replace(part, **{name: value})}
    return replace(config, **changed)
