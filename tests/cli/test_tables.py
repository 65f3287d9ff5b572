from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsreid_studio import app
from vsreid_studio.headless import run as run_module

Tables = Callable[..., int]
ROWS = ("memory", "reid")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "docs" / "accuracy.md"


@pytest.fixture
def tables(tiny_davis: Path, tmp_path: Path, page: Path, calls: Any) -> Tables:
    """Runs the command with two rows."""
    published = tmp_path / "published.json"
    figures = {"gone": {"J": 0.5, "F": 0.7}, "there": {"J": 0.7, "F": 0.9}}
    methods = {"Known": {"mean": {"J": 0}, "visible": figures}, "Partly": {"visible": {"gone": {"J": 1}}}}
    published.write_text(json.dumps({"source": "x", "methods": methods}))

    def run(*options: str) -> int:
        own = ["--davis", str(tiny_davis), "--set", "both", "--output", str(page)]
        clips = ["--hidden", str(tiny_davis), "--pairs", str(tiny_davis)]
        more = ["--work", str(tmp_path / "work"), "--published", str(published), "--rows", *ROWS]
        return app.main(["tables", *own, *clips, *more, *options])

    return run


def row(text: str, title: str) -> list[list[str]]:
    """The cells of every line of a table that begins with the title."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith(f"| {title} |")]
    return [[cell.strip() for cell in line[1:]] for line in lines]


def test_page_tells_rows_gaps_and_published(tables: Tables, page: Path) -> None:
    assert tables("--timing", "skip") == 0
    text = page.read_text()
    bare, lost = row(text, "+ memory")
    assert 0.7 < float(bare[0]) < 0.8
    assert bare[3:] == ["–", "–"]
    assert lost[2:6] == [".000", ".000", ".000", "–"]
    whole, found = row(text, "+ re-identification")
    assert float(whole[0]) > float(bare[0])
    assert found[3:6] == ["1.000", "1.000", ".000 (0 of 1)"]
    assert row(text, "Known") == [[".600", ".800", ".700"]]
    assert "Partly" not in text
    assert [name for name in ("gone", "there") if row(text, name)] == ["gone", "there"]


def test_pictures_lie_beside_the_page(tables: Tables, page: Path) -> None:
    tables("--timing", "skip")
    for line in page.read_text().splitlines():
        for part in line.split("](")[1:]:
            assert (page.parent / part.partition(")")[0]).is_file()
    assert "CC BY-NC 4.0" in page.read_text()


def test_what_is_there_is_not_made_again(tables: Tables, page: Path, calls: Any) -> None:
    tables("--timing", "skip")
    text = page.read_text()
    calls.propagated.clear()
    assert tables("--timing", "skip") == 0
    assert not calls.propagated
    assert page.read_text() == text


def test_candidates_are_looked_for_once(tables: Tables, calls: Any, page: Path) -> None:
    tables("--timing", "skip")
    before, text = calls.detected, page.read_text()
    for folder in (page.parents[1] / "work").glob("*/reid/*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    tables("--timing", "skip")
    assert calls.detected == before
    assert page.read_text() == text


def test_what_a_person_wrote_is_kept(tables: Tables, page: Path) -> None:
    tables("--timing", "skip")
    page.write_text(
        page.read_text().replace("Nobody has written yet what fails, and why.", "Thin\n\nthings.")
    )
    tables("--as-is", "--timing", "skip")
    assert "Thin\n\nthings." in page.read_text()


def test_time_is_taken_once(tables: Tables, page: Path, calls: Any) -> None:
    tables("--as-is")
    assert row(page.read_text(), "+ memory")[0][3].isdigit()
    calls.propagated.clear()
    tables("--as-is")
    assert not calls.propagated


def test_stopped_and_taken_up(
    tables: Tables, page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run_module.answer_all  # type: ignore[attr-defined]
    left = iter((True, True))

    def stop_at_third(*given: Any) -> None:
        if not next(left, False):
            raise KeyboardInterrupt
        whole(*given)

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "answer_all", stop_at_third)
        assert tables("--timing", "skip") == 130
    assert "goes on from there" in capsys.readouterr().err
    assert row(page.read_text(), "+ memory")[0][0] != "–"
    assert row(page.read_text(), "+ re-identification")[0][0] == "–"
    assert tables("--timing", "skip") == 0
    assert row(page.read_text(), "+ re-identification")[0][0] != "–"
