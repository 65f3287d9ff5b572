"""The rows of the first table: each adds one thing to the row before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ..config import MULTI_SCALE, Config

Addition: TypeAlias = Callable[[Config], Config]


@dataclass(frozen=True)
class TableRow:
    """One variant of the method.

    Attributes:
        name: of its folder, and on the command line.
        title: in the table.
        add: what it has beyond the row before.
    """

    name: str
    title: str
    add: Addition


def rows(adaptation: int) -> tuple[TableRow, ...]:
    """All rows, in order.

    Args:
        adaptation: of the last one, in steps for each instance.
    """
    return (
        TableRow("full-image", "full image", lambda config: config),
        TableRow("box", "→ box", _box),
        TableRow("flow-stream", "+ flow stream", _flow_stream),
        TableRow("memory", "+ memory", _memory),
        TableRow("smoothing", "+ smoothing", _smoothing),
        TableRow("reid", "+ re-identification", _reid),
        TableRow("multi-scale", "+ multi-scale and flip", _multi_scale),
        TableRow(
            "adaptation",
            f"+ adaptation ({adaptation} steps)",
            lambda config: replace(config, adapt=replace(config.adapt, steps=adaptation)),
        ),
    )


def row_config(base: Config, listed: Sequence[TableRow], row: TableRow) -> Config:
    """The settings of a row.

    Args:
        base: gives all that no row touches.
        listed: all rows in order, `row` among them.
    """
    config = bare(base)
    for one in listed[: listed.index(row) + 1]:
        config = one.add(config)
    return config


def bare(config: Config) -> Config:
    """The RGB stream alone on the whole frame, and nothing around it."""
    propagation = replace(
        config.propagation,
        crop="frame",
        flow_stream=False,
        read_memory=False,
        temporal_smoothing=False,
        scales=(1.0,),
        flip=False,
    )
    return replace(
        config,
        propagation=propagation,
        reid=replace(config.reid, enabled=False),
        adapt=replace(config.adapt, steps=0),
    )


def _box(config: Config) -> Config:
    return replace(config, propagation=replace(config.propagation, crop="box"))


def _flow_stream(config: Config) -> Config:
    return replace(config, propagation=replace(config.propagation, flow_stream=True))


def _memory(config: Config) -> Config:
    return replace(config, propagation=replace(config.propagation, read_memory=True))


def _smoothing(config: Config) -> Config:
    return replace(config, propagation=replace(config.propagation, temporal_smoothing=True))


def _reid(config: Config) -> Config:
    return replace(config, reid=replace(config.reid, enabled=True))


def _multi_scale(config: Config) -> Config:
    return replace(config, propagation=replace(config.propagation, scales=MULTI_SCALE, flip=True))
