import dataclasses

import pytest

from vsreid_studio.benchmark.rows import UnknownSettingError, put, row_config, rows
from vsreid_studio.config import Config

LISTED = rows(adaptation=15)


def by_name(name: str) -> Config:
    return row_config(Config(), LISTED, next(row for row in LISTED if row.name == name))


def test_each_row_adds_one_thing() -> None:
    memory, reid, scales = (by_name(name) for name in ("memory", "reid", "multi-scale"))
    assert memory.propagation.template
    assert not memory.reid.enabled
    assert dataclasses.replace(memory, reid=reid.reid) == reid
    assert reid.propagation.scales == (1.0,)
    assert scales.propagation.flip
    assert dataclasses.replace(scales, propagation=reid.propagation) == reid


def test_memory_is_off_before_its_row() -> None:
    assert not by_name("flow-stream").propagation.template


def test_setting_that_is_not_there_matters_only_when_it_is_needed() -> None:
    assert put(Config(), "adapt.seconds", 0.0) == Config()
    with pytest.raises(UnknownSettingError, match=r"^propagation\.nonsense$"):
        put(Config(), "propagation.nonsense", 0.0)
