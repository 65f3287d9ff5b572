import sys

import pytest

from vsreid_studio.training import loop


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_it_is_possible_with_glibc() -> None:
    assert loop.keep_freed_memory() in {True, False}


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(loop.ctypes, "CDLL", None)  # type: ignore[attr-defined]
    assert not loop.keep_freed_memory()
