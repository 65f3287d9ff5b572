import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vsreid_studio.benchmark.gaps import Accepted, GapScore, judge_accepted, score_gaps, summary, table
from vsreid_studio.errors import UserError
from vsreid_studio.formats.masks import write_label_map

LENGTH, FIRST, LAST = 12, 4, 6


def _write(folder: Path, shown: Sequence[bool], x: int = 10) -> None:
    folder.mkdir(parents=True)
    for number, there in enumerate(shown):
        labels = np.zeros((40, 60), np.uint8)
        if there:
            labels[10:30, x : x + 30] = 1
        write_label_map(folder / f"{number:05d}.png", labels)


def _clips(root: Path) -> Path:
    _write(root / "Annotations" / "480p" / "one", [not FIRST <= n <= LAST for n in range(LENGTH)])
    (root / "gaps.json").write_text(json.dumps({"one": [{"instance": 1, "first": FIRST, "last": LAST}]}))
    return root


def _record(
    folder: Path, *accepted: int, box: Sequence[int] = (10, 10, 40, 30), maker: str = "recovery"
) -> None:
    """A provenance of accepted proposals in these frames, and of a rejected one in the last frame."""
    decisions = [
        {"frame": n, "instance": 1, "verdict": verdict, "box": list(box)}
        for n, verdict in [*((n, "accepted") for n in accepted), (LENGTH - 1, "rejected")]
    ]
    cells = [{"frame": n, "made_by": maker} for n in accepted]
    record = {"instances": [{"instance": 1, "frames": cells}], "decisions": decisions}
    (folder / "provenance.json").write_text(json.dumps(record))


def test_parts_are_scored_apart(tmp_path: Path) -> None:
    clips = _clips(tmp_path / "clips")
    # Found before the gap, still drawn in two of its three frames, lost after it but for the last frame.
    _write(tmp_path / "results" / "one", [n <= 5 or n == LENGTH - 2 for n in range(LENGTH)])
    (score,), accepted = score_gaps(clips, tmp_path / "results")
    assert score.before == 1
    assert score.inside == pytest.approx(1 / 3)
    # The last frame of a sequence does not count: frames 7 to 10 do.
    assert score.after == pytest.approx(1 / 4)
    assert not score.found
    assert accepted == {"one": None}


def test_frames_of_another_gap_count_for_neither_side(tmp_path: Path) -> None:
    root = tmp_path / "clips"
    _write(root / "Annotations" / "480p" / "one", [n not in {3, 6} for n in range(LENGTH)])
    gaps = [{"instance": 1, "first": n, "last": n} for n in (3, 6)]
    (root / "gaps.json").write_text(json.dumps({"one": gaps}))
    _write(tmp_path / "results" / "one", [n != 6 for n in range(LENGTH)])
    scores, _ = score_gaps(root, tmp_path / "results")
    assert [(s.before, s.inside, s.after) for s in scores] == [(1, 0, 1), (1, 1, 1)]


def test_found_again_means_more_than_half_after_the_gap() -> None:
    assert not GapScore("a", 1, 1, 0.5).found
    assert GapScore("a", 1, 1, 0.51).found
    whole = summary([GapScore("a", 0.8, 1, 0.6), GapScore("b", 0.8, 0, 0.2)], [Accepted(3, 1), None])
    assert (whole.found, whole.accepted) == (0.5, Accepted(3, 1))
    assert whole.kept == pytest.approx(0.5)


def test_accepted_proposals_are_wrong_without_truth_or_elsewhere(tmp_path: Path) -> None:
    clips = _clips(tmp_path / "clips")
    truth, result = clips / "Annotations" / "480p" / "one", tmp_path / "results" / "one"
    _write(result, [True] * LENGTH)
    assert judge_accepted(truth, result) is None
    _record(result, 5, 7, 8)
    assert judge_accepted(truth, result) == Accepted(3, 1)
    # Half of the width off: IoU is a third.
    _write(tmp_path / "off" / "one", [True] * LENGTH, x=25)
    _record(tmp_path / "off" / "one", 7, 8)
    assert judge_accepted(truth, tmp_path / "off" / "one") == Accepted(2, 2)


def test_corrected_proposals_are_judged_by_their_box(tmp_path: Path) -> None:
    clips = _clips(tmp_path / "clips")
    truth, result = clips / "Annotations" / "480p" / "one", tmp_path / "results" / "one"
    _write(result, [True] * LENGTH)
    _record(result, 7, box=(0, 0, 8, 8), maker="person")
    assert judge_accepted(truth, result) == Accepted(1, 1)
    _record(result, 7, maker="person")
    assert judge_accepted(truth, result) == Accepted(1, 0)


def test_table_tells_what_was_found_and_wrong(tmp_path: Path) -> None:
    clips = _clips(tmp_path / "clips")
    _write(tmp_path / "results" / "one", [True] * LENGTH)
    _record(tmp_path / "results" / "one", 5, 8)
    printed = table(*score_gaps(clips, tmp_path / "results"))
    assert "found again: 1 of 1 (1.000)" in printed
    assert "accepted: 1 of 2 (0.500)" in printed


def test_damaged_record_is_refused(tmp_path: Path) -> None:
    clips = _clips(tmp_path / "clips")
    _write(tmp_path / "results" / "one", [True] * LENGTH)
    (tmp_path / "results" / "one" / "provenance.json").write_text("{}")
    with pytest.raises(UserError, match=r"provenance\.json cannot be read"):
        score_gaps(clips, tmp_path / "results")


def test_clips_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make-clips"):
        score_gaps(tmp_path, tmp_path)


def test_kinds_are_told_apart_and_one_that_stays_away_is_not_found(tmp_path: Path) -> None:
    root = tmp_path / "clips"
    _write(root / "Annotations" / "480p" / "one", [not FIRST <= n <= LAST for n in range(LENGTH)])
    _write(root / "Annotations" / "480p" / "two", [n < FIRST for n in range(LENGTH)])
    gaps = {
        "one": [{"instance": 1, "first": FIRST, "last": LAST}],
        "two": [{"instance": 1, "first": FIRST, "last": LENGTH - 1}],
    }
    (root / "gaps.json").write_text(json.dumps(gaps))
    (root / "kinds.json").write_text(json.dumps({"one": "leaving", "two": "lookalike"}))
    for name in gaps:
        _write(tmp_path / "results" / name, [True] * LENGTH)
    scores, accepted = score_gaps(root, tmp_path / "results")
    assert [(s.kind, s.inside, s.after, s.found) for s in scores] == [
        ("leaving", 0, 1, True),
        ("lookalike", 0, None, None),
    ]
    printed = table(scores, accepted)
    assert "found again: 1 of 1" in printed
    assert [line.split()[0] for line in printed.splitlines()[4:7]] == ["leaving", "lookalike", "mean"]
