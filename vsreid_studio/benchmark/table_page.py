"""The page of tables, filled from the runs that are complete."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..evaluation import Report
from ..formats.atomic import writable_folder, write_text
from .figures import extremes, write_figures
from .gaps import Accepted, around_gaps, read_gaps, summary
from .page import Figure, Line, Page, kept_text, read_published, render
from .table_runs import DataSet, Kind, Scored, Variant

_SHOWN = "reid"
"""The row whose pictures are shown, if it is complete: the method with its default settings."""
_PARTS = ("full-image", "box", "flow-stream")
"""Rows that lack a part of the method, and are not compared with published ones."""
_PICTURES = 3
_TITLES: Mapping[Kind, tuple[str, str]] = {
    "frames": ("The best frames", "The worst frames"),
    "hidden": ("The best frames with a hidden object", "The worst frames with a hidden object"),
    "pairs": ("The best frames of crossing pairs", "The worst frames of crossing pairs"),
}

Scores = dict[Kind, dict[str, Scored]]


def write_page(
    path: Path,
    image_set: str,
    found: Sequence[Variant],
    data: Sequence[DataSet],
    published: Path | None,
) -> None:
    """Score all that is complete, and write page and pictures.

    Args:
        found: every row.
        data: the set itself first.

    Raises:
        UserError: something to read is missing or unfit, or something cannot be written.
    """
    writable_folder(path.parent)
    sequences = data[0].sequences
    scores = {variant.row.name: _scores(variant, data) for variant in found}
    lines = [_line(variant, scores[variant.row.name], data) for variant in found]
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    page = Page(
        f"vsreid-studio tables --davis DAVIS --set {image_set}",
        image_set,
        sequences,
        _machine(found),
        lines,
        read_published(published, sequences) if published else (),
        _pictures(path, found, scores, data),
        kept_text(old),
    )
    write_text(path, render(page))


def _scores(variant: Variant, data: Sequence[DataSet]) -> Scores:
    listed = ((one.kind, variant.scored(one)) for one in data)
    return {kind: scored for kind, scored in listed if scored is not None}


def _line(variant: Variant, scores: Scores, data: Sequence[DataSet]) -> Line:
    row = variant.row
    seconds, once = variant.known_pace() or (None, 0.0)
    line = Line(row.title, seconds, once, compared=row.name not in _PARTS)
    if frames := scores.get("frames"):
        line.frames, line.accepted = _report(frames), Accepted.total(one.accepted for one in frames.values())
    if pairs := scores.get("pairs"):
        line.pairs = _report(pairs)
    if hidden := scores.get("hidden"):
        gaps = read_gaps(next(one.davis.root for one in data if one.kind == "hidden"))
        around = [gap for name, one in hidden.items() for gap in around_gaps(name, gaps[name], one.instances)]
        if around:
            line.hidden = summary(around, [one.accepted for one in hidden.values()])
    return line


def _report(scores: Mapping[str, Scored]) -> Report:
    return Report({name: one.instances for name, one in scores.items()})


def _pictures(
    path: Path,
    found: Sequence[Variant],
    scores: Mapping[str, Scores],
    data: Sequence[DataSet],
) -> dict[str, list[Figure]]:
    pictures: dict[str, list[Figure]] = {}
    for one in data:
        ready = [variant for variant in found if one.kind in scores[variant.row.name]]
        variant = next((v for v in ready if v.row.name == _SHOWN), ready[-1] if ready else None)
        if variant is None:
            continue
        listed = {name: it.instances for name, it in scores[variant.row.name][one.kind].items()}
        groups = zip(("best", "worst"), _TITLES[one.kind], extremes(listed, _PICTURES), strict=True)
        for word, title, examples in groups:
            if word == "best" and one.kind != "frames":
                continue
            prefix = f"{path.stem}-{one.kind}-{word}"
            folder = path.parent / "images"
            files = write_figures(folder, prefix, examples, one.davis, variant.results(one))
            pictures[f"{title} ({variant.row.title})"] = [
                Figure(f"images/{file.name}", example) for file, example in zip(files, examples, strict=True)
            ]
    return pictures


def _machine(found: Sequence[Variant]) -> str:
    devices = {variant.engine.device.type for variant in found}
    where = "a GPU" if "cuda" in devices else f"{os.cpu_count()} CPU cores"
    return (
        f"Time: reading, flow, networks and search for one object, on {where}, the mean of the first frames."
    )
