"""Writes the reference of commands and settings, when the site is built, out of the code."""

from __future__ import annotations

import argparse
import dataclasses
import re
from importlib import import_module

import mkdocs_gen_files

from vsreid_studio import app, config
from vsreid_studio.cli.train import RECIPES

WIDTH = 100


def helped(parser: argparse.ArgumentParser) -> str:
    """What --help prints, in lines of at most `WIDTH` columns."""
    wide = parser.formatter_class
    parser.formatter_class = lambda prog: wide(prog, width=WIDTH)
    return parser.format_help().rstrip()


def commands() -> str:
    """A section for each command, those of `train` included."""
    parser, _ = app.whole_parser()
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    sections = ["# Commands", "", "Made from the program's own `--help`.", ""]
    for name, command in actions[0].choices.items():
        sections += [f"## {name}", "", "```text", helped(command), "```", ""]
    for name, (module, what) in RECIPES.items():
        recipe = import_module(f"vsreid_studio.training.{module}")
        of_recipe = argparse.ArgumentParser(prog=f"vsreid-studio train {name}", description=what)
        recipe.add_arguments(of_recipe)
        sections += [f"## train {name}", "", "```text", helped(of_recipe), "```", ""]
    return "\n".join(sections)


def attributes(settings: type) -> dict[str, str]:
    """The texts of a docstring's attributes by name."""
    _, _, listed = (settings.__doc__ or "").partition("Attributes:")
    items = re.findall(r"^ {8}(\w[\w, ]*): ((?:.|\n(?! {8}\w))+)", listed, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in items}


def settings() -> str:
    """A table for each group of settings."""
    lines = [
        "# Settings",
        "",
        "A TOML file given by `--config`; options on the command line win. Tables are named like the groups.",
        "",
    ]
    for name, default in [("", config.Config())] + [
        (field.name, getattr(config.Config(), field.name))
        for field in dataclasses.fields(config.Config)
        if dataclasses.is_dataclass(getattr(config.Config(), field.name))
    ]:
        texts = attributes(type(default))
        lines += [
            f"## [{name}]" if name else "## Top level",
            "",
            "| setting | default | meaning |",
            "|---|---|---|",
        ]
        for field in dataclasses.fields(default):
            value = getattr(default, field.name)
            if not dataclasses.is_dataclass(value):
                text = texts.get(field.name, "").replace("|", "\\|")
                lines.append(f"| `{field.name}` | `{value!r}` | {text} |")
        lines.append("")
    return "\n".join(lines)


for page, text in (("commands", commands()), ("settings", settings())):
    with mkdocs_gen_files.open(f"reference/{page}.md", "w") as file:
        file.write(text)
