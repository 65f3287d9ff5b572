"""The report of accuracy, in Markdown, and the published figures it compares with."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from ..evaluation import Report
from ..evaluation.comparison import Figures
from ..reading import expecting, read_json
from .gaps import Accepted, GapSummary


@dataclass(frozen=True)
class Published:
    """One method's means over a set of sequences.

    Attributes:
        name: of the method.
        j, f: in [0, 1].
    """

    name: str
    j: float
    f: float

    @property
    def both(self) -> float:
        """J&F."""
        return (self.j + self.f) / 2


def read_published(path: Path, sequences: Sequence[str]) -> tuple[Published, ...]:
    """The methods whose figures on every one of the sequences are known.

    Args:
        path: JSON: {"methods": {name: {part: {sequence: {"J": .., "F": ..}}}}}; parts and other entries may
            have any name.

    Raises:
        UserError: it cannot be read, or has another form.
    """
    with expecting(f"{path} is not a list of published figures"):
        methods = read_json(path)["methods"]
        return tuple(
            Published(
                name,
                fmean(known[sequence]["J"] for sequence in sequences),
                fmean(known[sequence]["F"] for sequence in sequences),
            )
            for name, entry in methods.items()
            if set(sequences) <= (known := _by_sequence(entry)).keys()
        )


def _by_sequence(entry: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """J and F of every sequence of a method, whatever parts of the data set they are listed in."""
    parts = [part for part in entry.values() if isinstance(part, dict)]
    return {name: one for part in parts for name, one in part.items() if isinstance(one, dict)}


BEGIN = "<!-- what fails: written by hand, kept when this page is made anew -->"
END = "<!-- end of what fails -->"
_UNWRITTEN = "Nobody has written yet what fails, and why."


@dataclass(frozen=True)
class Figure:
    """A picture of the page.

    Attributes:
        link: its path, seen from the page.
        example: what it shows.
    """

    link: str
    example: Example


@dataclass
class Line:
    """What is known of one row of Table 1.

    Attributes:
        title: of the row.
        seconds: a frame of one object, None where not measured.
        once: seconds that come on top, once a video.
        frames, pairs: scores on the set itself and on crossing pairs; None where not all is computed.
        hidden: around the gaps of the clips with hidden objects.
        accepted: proposals accepted on the set itself.
        compared: whether it is listed beside published methods.
    """

    title: str
    seconds: float | None = None
    once: float = 0.0
    frames: Report | None = None
    pairs: Report | None = None
    hidden: GapSummary | None = None
    accepted: Accepted | None = None
    compared: bool = True


@dataclass
class Page:
    """All that the page tells.

    Attributes:
        command: what makes it.
        image_set: name of the set, with `sequences`, its number of sequences, and `length` of frames.
        machine: on what the time was taken.
        lines: rows of Table 1.
        published: other methods on the same frames.
        pictures: groups of figures by title.
        by_hand: the paragraph on what fails.
    """

    command: str
    image_set: str
    sequences: Sequence[str]
    machine: str
    lines: Sequence[Line]
    published: Sequence[Published] = ()
    pictures: Mapping[str, Sequence[Figure]] = field(default_factory=dict)
    by_hand: str = _UNWRITTEN


def kept_text(old_page: str) -> str:
    """The paragraph on what fails, of an earlier page; a stand-in where there is none."""
    found = re.search(re.escape(BEGIN) + r"\n(.*?)\n?" + re.escape(END), old_page, re.DOTALL)
    return (found.group(1).strip() if found else "") or _UNWRITTEN


def render(page: Page) -> str:
    """The whole page."""
    parts = [
        "# Accuracy",
        f"Made by `{page.command}`; do not edit it but between the marks below 'What fails'. J and F by the "
        "official rules of DAVIS (the first and the last frame of a sequence do not count), means over "
        "instances. Everything is automatic: the first mask is given, nobody looks at what follows.",
        f"## Table 1: what each part brings, on {page.image_set}",
        f"{len(page.sequences)} sequences. {page.machine}",
        _parts_table(page.lines),
        "## Lost and crossing objects",
        "Clips made of the same sequences, truth exact to the pixel. *Hidden*: a panel hides the object for "
        "a while; J before, inside (the share of frames whose map is rightly empty) and after the gap, and "
        "the last as a share of the first. *Found again*: J after the gap is above .5. *Wrong accepted*: of "
        "all accepted proposals, those whose recovered mask has an IoU below .5 with the truth in that frame "
        "(in brackets: how many). *Pairs*: two objects cross and hide each other.",
        _lost_table(page.lines),
        f"## Table 2: beside published methods, on {page.image_set}",
        _published_table(page.lines, page.published),
        "## Sequence by sequence",
        _sequence_table(page.lines, page.sequences),
        "## What fails",
        f"{BEGIN}\n{page.by_hand}\n{END}",
        *_picture_parts(page.pictures),
    ]
    return paged(parts)


def _parts_table(lines: Iterable[Line]) -> str:
    body = [[line.title, *_jf(line.frames), _pace(line), _share(line.accepted)] for line in lines]
    return grid(["", "J", "F", "J&F", "ms a frame", "wrong accepted"], body)


def _pace(line: Line) -> str:
    if line.seconds is None:
        return "–"
    once = f" and {line.once:.0f} s once" if line.once else ""
    return f"{line.seconds * 1e3:.0f}{once}"


def _lost_table(lines: Iterable[Line]) -> str:
    heads = ["", "before", "inside", "after", "after / before", "found again", "wrong accepted", "pairs J&F"]
    body = []
    for line in lines:
        gaps = line.hidden
        told = ["–"] * 6
        if gaps is not None:
            told = [number(v) for v in (gaps.before, gaps.inside, gaps.after, gaps.kept, gaps.found)]
            told.append(_share(gaps.accepted))
        body.append([line.title, *told, _jf(line.pairs)[2]])
    return grid(heads, body)


def _published_table(lines: Iterable[Line], published: Sequence[Published]) -> str:
    entries = [(one.both, [one.name, number(one.j), number(one.f), number(one.both)]) for one in published]
    for line in lines:
        if line.compared and line.frames is not None:
            figures = line.frames.overall()
            own = [f"**vsreid-studio, {line.title.removeprefix('→ ')}**", *_jf(line.frames)]
            entries.append((figures["J&F"], own))
    entries.sort(key=lambda entry: -entry[0])
    return grid(["method", "J", "F", "J&F"], [row for _, row in entries])


def _sequence_table(lines: Iterable[Line], sequences: Sequence[str]) -> str:
    """J&F by sequence and row."""
    known = [(line.title, line.frames) for line in lines if line.frames is not None]
    if not known:
        return "Nothing is computed yet."
    body = [
        [name, *(number(report.sequence(name).get("J&F")) for _, report in known)]
        for name in sorted(sequences)
    ]
    return "J&F.\n\n" + grid(["", *(title for title, _ in known)], body)


def _picture_parts(pictures: Mapping[str, Sequence[Figure]]) -> list[str]:
    if not any(pictures.values()):
        return []
    parts = [
        "## Pictures",
        "One frame a sequence; in colour what was found, the white line is the truth. Frames: DAVIS "
        "(Perazzi et al., CVPR 2016), CC BY-NC 4.0.",
    ]
    for title, figures in pictures.items():
        if figures:
            shown = [f"![{one.example.sequence} {one.example.frame}]({one.link})" for one in figures]
            told = [
                f"{one.example.sequence} {one.example.frame}: J {number(one.example.j)}, "
                f"F {number(one.example.f)}"
                for one in figures
            ]
            parts += [f"### {title}", grid(shown, [told])]
    return parts


def paged(parts: Iterable[str]) -> str:
    """The parts of a page below one another, plain paragraphs in lines of 100 columns."""
    filled = [
        textwrap.fill(part, 100, break_long_words=False, break_on_hyphens=False)
        if part[:1].isalnum() and "\n" not in part
        else part
        for part in parts
        if part
    ]
    return "\n\n".join(filled) + "\n"


def grid(heads: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, its first column to the left."""
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float | None) -> str:
    """A figure in [0, 1] with three decimals, the zero before the point left out; a dash for none."""
    return "–" if value is None else f"{value:.3f}".removeprefix("0")


def mean(values: Iterable[float]) -> float | None:
    """The mean, None of nothing."""
    listed = list(values)
    return fmean(listed) if listed else None


def _jf(report: Report | None) -> list[str]:
    figures = report.overall() if report is not None else {}
    return [number(figures.get(name)) for name in ("J", "F", "J&F")]


def _share(accepted: Accepted | None) -> str:
    if accepted is None or accepted.share is None:
        return "–"
    return f"{number(accepted.share)} ({accepted.wrong} of {accepted.all})"


@dataclass(frozen=True, kw_only=True)
class Example(Figures):
    """One frame of a result; the figures are means over the instances.

    Attributes:
        sequence, frame: where, the frame by its name, e.g. '00012'.
    """

    sequence: str
    frame: str
