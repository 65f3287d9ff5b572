import subprocess
import sys

import cv2
import pytest

from vsreid_studio.config import Config
from vsreid_studio.engine.parallel import is_parallel_task, return_freed_memory, side_by_side
from vsreid_studio.engine.runtime.engine import VideoEngine


def test_results_are_in_order_and_tasks_within_tasks_end() -> None:
    """More outer tasks than threads: inner ones that waited for a thread would wait for ever."""

    def outer(number: int) -> list[tuple[int, bool]]:
        return side_by_side(lambda inner: (10 * number + inner, is_parallel_task()), range(3))

    found = side_by_side(outer, range(50))
    assert found == [[(10 * number + inner, True) for inner in range(3)] for number in range(50)]


def test_a_single_task_is_not_beside_others() -> None:
    assert side_by_side(lambda _: is_parallel_task(), [0]) == [False]


def test_the_first_failure_is_told() -> None:
    def fails(number: int) -> None:
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        side_by_side(fails, range(3))


def test_torch_is_loaded_and_works_as_after_a_plain_import() -> None:
    code = "from vsreid_studio.engine.parallel import load_torch; load_torch(); load_torch(); "
    code += (
        "import sys; found = 'torch' in sys.modules; import torch; print(found, float(torch.ones(3).sum()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "3.0"]


def test_opencv_has_one_thread_whatever_the_machine_has() -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        VideoEngine(Config())
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


def test_freed_memory_can_be_returned_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    return_freed_memory()
    monkeypatch.setattr(sys, "platform", "win32")
    return_freed_memory()
