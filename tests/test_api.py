from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
from stand_ins import Calls, Clip, truth

from vsreid_studio import api


def test_examples_of_the_documentation(calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With stand-ins for the networks, as what is shown does not depend on weights."""
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(api, extraglobs={"Path": Path})
    assert found.attempted > 10
    assert found.failed == 0
    assert calls.propagated


def test_all_names_are_there_and_documented() -> None:
    assert sorted(api.__all__) == list(api.__all__)
    for name in api.__all__:
        assert getattr(api, name).__doc__


def test_track_tells_of_events_and_can_be_ended(clip: Clip, calls: Calls) -> None:
    class EnoughError(Exception):
        pass

    def first_change(event: api.Event) -> None:
        if isinstance(event, api.Change):
            raise EnoughError

    with api.open_video(clip.source) as video, pytest.raises(EnoughError):
        api.Engine().track(video, {0: truth(0)}, on_event=first_change)


def test_masks_that_do_not_fit(clip: Clip, calls: Calls) -> None:
    engine = api.Engine()
    with api.open_video(clip.source) as video:
        for masks, sentence in (
            ({10: truth(0)}, "There is no frame 10"),
            ({0: truth(0)[:-1]}, r"The mask of frame 0 is \(47, 80\)"),
            ({0: np.zeros((48, 80), np.uint8)}, "show no object"),
        ):
            with pytest.raises(api.UserError, match=sentence):
                engine.track(video, masks)


def test_masks_go_to_files_and_back(clip: Clip, tmp_path: Path) -> None:
    masks = [truth(index) for index in range(10)]
    api.write_masks(tmp_path / "masks", masks)
    with api.open_video(clip.source) as video:
        read = api.read_masks(tmp_path / "masks", video)
    assert list(read) == list(range(10))
    assert all(np.array_equal(read[index], masks[index]) for index in range(10))
    with pytest.raises(ValueError, match="zip"):
        api.write_masks(tmp_path / "masks", masks, ["one"])
