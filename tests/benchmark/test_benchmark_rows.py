import dataclasses
from itertools import pairwise

from vsreid_studio.benchmark.table_runs import bare, row_config, rows
from vsreid_studio.config import Config

LISTED = rows(adaptation=40)
CONFIGS = {row.name: row_config(Config(), LISTED, row) for row in LISTED}


def differences(one: object, other: object) -> set[str]:
    names = [item.name for item in dataclasses.fields(one)]  # type: ignore[arg-type]
    return {name for name in names if getattr(one, name) != getattr(other, name)}


def test_each_row_changes_one_part() -> None:
    changed = [differences(a, b) for a, b in pairwise(CONFIGS.values())]
    assert changed == [{"propagation"}] * 4 + [{"reid"}, {"propagation"}, {"adapt"}]


def test_rows_add_up() -> None:
    first, last = CONFIGS["full-image"], CONFIGS["adaptation"]
    assert first == bare(first)
    assert (first.propagation.crop, first.propagation.flow_stream) == ("frame", False)
    assert differences(first.propagation, CONFIGS["box"].propagation) == {"crop"}
    assert differences(CONFIGS["flow-stream"].propagation, CONFIGS["memory"].propagation) == {"read_memory"}
    assert last.propagation.crop == "box"
    assert last.propagation.flip
    assert last.reid.enabled
    assert last.adapt.steps == 40


def test_default_settings_are_the_row_of_reidentification() -> None:
    assert CONFIGS["reid"] == Config()
