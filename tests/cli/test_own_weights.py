"""Weights of a person's own are looked into before many runs are begun with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsreid_studio import paths
from vsreid_studio.app import main
from vsreid_studio.headless import cluster

_OF_RUN = {
    "one after another": [],
    "workers": ["--workers", "2"],
    "scheduler": ["--scheduler", "tcp://127.0.0.1:1"],
}


@pytest.fixture(params=["no weights", "cut", "another network's"])
def wrong(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "my.safetensors"
    name = "propagation-lite" if request.param == "cut" else "embedding-lite"
    data = (paths.models() / f"{name}.safetensors").read_bytes()
    file.write_bytes({"no weights": b"text", "cut": data[: len(data) // 2]}.get(request.param, data))
    return file


@pytest.mark.parametrize(
    "command",
    [
        *(["run", "--clips", "DAVIS/JPEGImages/480p", *options] for options in _OF_RUN.values()),
        *(["run", "--davis", "DAVIS", "--set", "both", *options] for options in _OF_RUN.values()),
        ["tables", "--davis", "DAVIS", "--set", "both"],
        ["simulate", "--davis", "DAVIS", "--set", "both"],
        ["thresholds", "--clips", "DAVIS"],
    ],
    ids=lambda command: " ".join(command[:2] + command[3:]),
)
def test_wrong_weights_are_refused_once_and_before_anything_begins(
    command: list[str],
    wrong: Path,
    tiny_davis: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connected(*_: object) -> None:
        raise AssertionError("workers were started")

    monkeypatch.setattr(cluster, "connected", connected)
    before = sorted(tmp_path.rglob("*"))
    given = [part.replace("DAVIS", str(tiny_davis)) for part in command]
    output = "out" if command[0] == "run" else "page.md"
    more = [] if command[0] == "run" else ["--work", str(tmp_path / "work")]
    assert main([*given, "--output", str(tmp_path / output), *more, "--weights", str(wrong)]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert str(wrong) in told.err
    assert "does not hold the weights" in told.err or "do not fit the network" in told.err
    assert sorted(tmp_path.rglob("*")) == before
