"""The walls between the rooms: the engine without Qt, torch in the engine alone, imports one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vsreid_studio

PACKAGE = Path(vsreid_studio.__file__).parent

# A room imports from those of lower ranks, never from its own rank or from above.
RANKS = {
    **dict.fromkeys(("__init__", "errors", "paths"), 0),
    "reading": 1,
    "config": 2,
    "engine": 3,
    "formats": 4,
    **dict.fromkeys(("project", "evaluation"), 5),
    "training": 6,
    "headless": 7,
    **dict.fromkeys(("api", "benchmark"), 8),
    "gui": 9,
    "cli": 10,
    "app": 11,
    "__main__": 12,
}
# The rooms of the engine, each with the rooms that it may import from (docs/architecture.md).
ENGINE = {
    "types": "",
    "parallel": "types",
    "events": "types",
    "video": "types",
    "store": "types events",
    "flow": "types video",
    "nets": "types flow parallel",
    "algorithm": "types events store flow",
    "extensions": "types events video store flow parallel nets algorithm",
    "runtime": "types events video store flow parallel nets algorithm extensions",
}
# The parts of the window that only show and ask: they know neither the document nor one another.
PANELS = ("canvas", "timeline", "instances", "review")
QT = {"PySide6", "shiboken6", "pyqtgraph", "PyQt5", "PyQt6"}
TORCH = {"torch", "torchvision", "safetensors"}

FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The top-level module or subpackage that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Every module name that a file imports, absolute, wherever in it the statement stands."""
    package = ["vsreid_studio", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from . import x` may name a module as well as a value.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def outside(path: Path) -> set[str]:
    """The names of the distributions (top-level packages) that a file imports."""
    return {name.split(".")[0] for name in imported(path)}


def inside(path: Path) -> set[str]:
    """The rooms of this package that a file imports from."""
    parts = [name.split(".") for name in imported(path) if name.split(".")[0] == "vsreid_studio"]
    return {part[1] if len(part) > 1 and part[1] in RANKS else "__init__" for part in parts}


def parts_of(name: str, path: Path) -> set[str]:
    """The parts (modules or subpackages) of one room that a file imports from."""
    parts = [part.split(".") for part in imported(path)]
    return {part[2] for part in parts if part[:2] == ["vsreid_studio", name] and len(part) > 2}


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=PACKAGE.parent
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_module_has_a_rank() -> None:
    assert {room(path) for path in FILES} <= RANKS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    own = room(path)
    above = {other for other in inside(path) - {own} if RANKS[other] >= RANKS[own]} - {"__init__"}
    assert not above, f"{own} imports from {above}"


@pytest.mark.parametrize("name", sorted(ENGINE))
def test_imports_run_one_way_inside_the_engine(name: str) -> None:
    for path in FILES:
        part = path.relative_to(PACKAGE).with_suffix("").parts
        if part[:2] == ("engine", name):
            beyond = parts_of("engine", path) - {name, *ENGINE[name].split()}
            assert not beyond, f"{'/'.join(part)} imports from {beyond}"


def test_every_part_of_the_engine_is_a_room_that_is_listed() -> None:
    parts = {path.relative_to(PACKAGE).with_suffix("").parts for path in FILES}
    assert {part[1] for part in parts if part[0] == "engine" and len(part) > 1} == {*ENGINE, "__init__"}


@pytest.mark.parametrize("name", PANELS)
def test_panels_know_no_document_and_no_other_panel(name: str) -> None:
    rooms = {path.name for path in (PACKAGE / "gui").iterdir() if path.is_dir()}
    for path in (PACKAGE / "gui" / name).rglob("*.py"):
        assert not (parts_of("gui", path) & rooms) - {name}, path


def test_only_engine_and_training_import_torch() -> None:
    assert [
        path for path in FILES if outside(path) & TORCH and room(path) not in {"engine", "training"}
    ] == []


def test_only_the_window_imports_qt() -> None:
    assert [path for path in FILES if outside(path) & QT and room(path) not in {"gui", "app"}] == []


def test_engine_loads_no_qt() -> None:
    code = f"""
import importlib, pkgutil, sys
import vsreid_studio.engine as engine
for module in pkgutil.walk_packages(engine.__path__, "vsreid_studio.engine."):
    importlib.import_module(module.name)
bad = {QT!r} | {{"vsreid_studio.gui"}}
print(sorted(name for name in sys.modules if name in bad or name.split(".")[0] in bad))
"""
    assert run(code) == "[]"


@pytest.mark.skipif(not (PACKAGE / "app.py").is_file(), reason="there is no app yet")
def test_app_starts_without_torch_and_qt() -> None:
    bad = QT | TORCH
    code = f"import sys, vsreid_studio.app; print(sorted({{n.split('.')[0] for n in sys.modules}} & {bad!r}))"
    assert run(code) == "[]"


def test_a_window_starts_the_thread_of_clicks_without_torch() -> None:
    """Its own thread would stand still for a second."""
    code = "import sys, vsreid_studio.gui.main_window; print('torch' in sys.modules)"
    assert run(code) == "False"


def test_a_run_without_detection_loads_no_torchvision() -> None:
    code = "import sys, vsreid_studio.training.adaptation; print('torchvision' in sys.modules)"
    assert run(code) == "False"


def test_scan_sees_all_forms_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "engine" / "nets" / "x.py"
    source.parent.mkdir(parents=True)
    source.write_text(
        "from .. import walk\nfrom ...gui.canvas import Canvas\nfrom ... import __version__, cli\n"
        "def f():\n    import torch.nn as nn\n    from vsreid_studio import app\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    assert inside(source) == {"engine", "gui", "cli", "app", "__init__"}
    assert outside(source) == {"vsreid_studio", "torch"}


def test_no_module_imports_itself_in_a_circle() -> None:
    """Wherever in a module the import stands: one within a function, or for types only, hides a circle."""
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in FILES}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    needs = {
        name: {it if it in names else it.rpartition(".")[0] for it in imported(path)} & names.keys() - {name}
        for name, path in names.items()
    }
    # What imports nothing that is left is in no circle; what remains in the end is in one, or leads to one.
    while free := {name for name, others in needs.items() if not others & needs.keys()}:
        for name in free:
            del needs[name]
    assert not needs


def test_no_class_has_the_name_of_another() -> None:
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
