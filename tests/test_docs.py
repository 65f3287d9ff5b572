"""What the documents point to must be there."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from pathlib import Path

import pytest

from vsreid_studio import app
from vsreid_studio.cli.train import RECIPES

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# Made from the code when the site is built.
GENERATED = {ROOT / "docs" / "reference" / name for name in ("commands.md", "settings.md")}


def anchors(text: str) -> set[str]:
    """The names by which a page's headings can be reached."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        page = document.parent / path if path else document
        assert page.exists() or page in GENERATED, target
        if anchor:
            assert anchor in anchors(page.read_text(encoding="utf-8")), target


def test_pictures_of_the_guide_are_small():
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


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_commands_in_the_documents_are_understood(arguments: list[str]):
    args = app.parse(arguments)
    if arguments[0] == "train":
        recipe = import_module(f"vsreid_studio.training.{RECIPES[args.network][0]}")
        parser = argparse.ArgumentParser()
        recipe.add_arguments(parser)
        parser.parse_args(args.options)
