"""Some kills; `python -m tests.fuzz --kills 100 --export-kills 50` does more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .killable import KILLED, Call
from .kills import Kills, killing


@pytest.fixture(scope="module")
def kills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kills]:
    with killing(tmp_path_factory.mktemp("kills"), 3) as made:
        yield made


def test_killed_runs_end_as_if_left_alone(kills: Kills) -> None:
    story = kills.runs(5)
    assert (story.kills, story.faults) == (5, [])
    assert story.ends


def test_killed_exports_end_as_if_left_alone(kills: Kills) -> None:
    story = kills.exports(5)
    assert (story.kills, story.faults) == (5, [])
    assert story.ends


def test_what_is_left_behind_is_a_fault(kills: Kills, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = kills.until_done

    def littering(arguments: list[str], *others: object) -> None:
        plain(arguments, *others)  # type: ignore[arg-type]
        (Path(arguments[arguments.index("--output") + 1]).parent / ".left").touch()

    monkeypatch.setattr(kills, "until_done", littering)
    told: list[str] = []
    story = kills.runs(1, told.append)
    assert story.faults == told
    assert all(".left" in fault for fault in told) and told


def test_a_call_is_killed_at_an_event(kills: Kills, tmp_path: Path) -> None:
    options = kills.run_options(tmp_path / "out" / "masks")
    ending = kills.calls(Call(options, 0, 0.0))
    assert ending.code == KILLED
    assert not (tmp_path / "out" / "masks").exists()
