from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vsreid_studio import app
from vsreid_studio.benchmark import sessions
from vsreid_studio.engine.events import Progress
from vsreid_studio.engine.store.annotation import Annotation


def simulate(davis: Path, output: Path, *options: str) -> int:
    given = ["--davis", str(davis), "--set", "both", "--output", str(output), "--work", str(davis)]
    return app.main(["simulate", *given, *options])


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "out" / "person.md"


def test_page_and_figures(tiny_davis: Path, page: Path, calls: Any) -> None:
    assert simulate(tiny_davis, page, "--limit", "2", "--compare") == 0
    text = page.read_text()
    for name in ("All parts", "Without memory", "Without re-identification"):
        assert f"## {name}\n" in text
    kept = json.loads(page.with_suffix(".json").read_text())["variants"]
    gone = {name: one["sequences"]["gone"] for name, one in kept.items()}
    assert (gone["all parts"]["lost"], gone["all parts"]["found"]) == (1, 1)
    assert gone["without re-identification"]["found"] == 0
    assert len(gone["all parts"]["rounds"]) == 3
    # Candidates are looked for once, whatever the number of variants and calls.
    assert calls.detected <= 20
    page.with_suffix(".json").unlink()
    before = calls.detected
    simulate(tiny_davis, page, "--limit", "2", "--no-memory")
    assert calls.detected == before


def test_goes_on_where_it_was_stopped(
    tiny_davis: Path, page: Path, calls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    real = sessions.simulate  # type: ignore[attr-defined]

    def stop_at_second(*given: Any, **options: Any) -> Any:
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return real(*given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "simulate", stop_at_second)
        assert simulate(tiny_davis, page, "--limit", "1") == 130
    assert "| gone |" in page.read_text()
    calls.propagated.clear()
    reader = sessions.MaskReader  # type: ignore[attr-defined]

    def only_there(files: Any) -> Any:
        assert {file.parent.name for file in files} == {"there"}, "worked on again"
        return reader(files)

    monkeypatch.setattr(sessions, "MaskReader", only_there)
    assert simulate(tiny_davis, page, "--limit", "1") == 0
    assert "| there |" in page.read_text()


def test_adaptation_precedes_each_run(
    tiny_davis: Path, page: Path, calls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = []

    def adapt(_: object, __: object, annotation: Annotation) -> Iterator[Progress]:
        pinned.append(sum(cell.pinned for _, cell in annotation.cells()))
        yield Progress("adapting", 0, 1)
        return b"adapted"  # type: ignore[return-value]

    monkeypatch.setattr(sessions.VideoEngine, "adapt", adapt, raising=False)  # type: ignore[attr-defined]
    assert simulate(tiny_davis, page, "--adapt", "5", "--limit", "1") == 0
    assert pinned == [1, 2, 1, 2]
    assert "## With adaptation (5 steps)" in page.read_text()
