"""What the documents point to must be there."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from vsreid_studio import app
from vsreid_studio.cli.train import RECIPES

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    ROOT / "resources/demo/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
COLUMNS = 100

# Made from the code when the site is built.
GENERATED = {ROOT / "docs" / "reference" / name for name in ("commands.md", "settings.md")}


def anchors(text: str) -> set[str]:
    """The names by which a page's headings can be reached."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        page = document.parent / path if path else document
        assert page.exists() or page in GENERATED, target
        if anchor:
            assert anchor in anchors(page.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_lines_are_short(document: Path) -> None:
    """Tables cannot be wrapped, and addresses should not be."""
    lines = document.read_text(encoding="utf-8").splitlines()
    free = [line for line in lines if not line.lstrip().startswith("|") and "://" not in line]
    assert [line for line in free if len(line) > COLUMNS] == []


def test_pictures_of_the_guide_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert max(picture.stat().st_size for picture in pictures) < 250_000


def commands() -> list[list[str]]:
    """Every command line in the documents, options with a placeholder value included."""
    found = []
    for document in DOCUMENTS:
        for block in re.findall(r"```\w*\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                _, command, arguments = line.partition("vsreid-studio ")
                if command and "..." not in line and "{" not in line and "SOURCE" not in line:
                    found.append(arguments.partition("#")[0].partition("&&")[0].split())
    return found


def shell_blocks(document: Path) -> list[str]:
    """The blocks of a page that name no language: what is typed into a shell."""
    blocks: list[str] = []
    language: str | None = None
    for line in document.read_text(encoding="utf-8").splitlines():
        fence = re.match(r" *```(\w*)", line)
        if fence is None:
            if language == "":
                blocks[-1] += line + "\n"
        elif language is None:
            language = fence[1]
            blocks += [""] if not language else []
        else:
            language = None
    return blocks


def other_programs() -> set[str]:
    """What the documents run: the first word of each command."""
    found = set()
    for block in (block for document in DOCUMENTS for block in shell_blocks(document)):
        for line in re.sub(r"\\\n|\"[^\"]*\"", " ", block).splitlines():
            for part in line.partition("#")[0].split("&&"):
                words = [word for word in part.split() if not re.fullmatch(r"[A-Z_]+=.*", word)]
                found.update(words[:1])
    return {Path(word).name for word in found if not word.startswith("$")}


def test_documents_run_known_programs_only() -> None:
    """Whatever else a page tells to run is a name that a typo would not have."""
    known = {"cd", "export", "mkdocs", "pip", "python", "python3", "torchrun", "vsreid-studio", "wheel"}
    assert other_programs() <= known


def test_modules_that_documents_run_are_there() -> None:
    text = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    modules = set(re.findall(r"python -m (vsreid_studio[\w.]*)", text))
    assert modules
    for module in modules:
        assert find_spec(module), module


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_commands_in_the_documents_are_understood(arguments: list[str]) -> None:
    args = app.parse(arguments)
    if arguments[0] == "train":
        recipe = import_module(f"vsreid_studio.training.{RECIPES[args.network][0]}")
        parser = argparse.ArgumentParser()
        recipe.add_arguments(parser)
        parser.parse_args(args.options)
