"""What `benchmark` prints."""

import sys

import numpy as np
import pytest

from vsreid_studio.benchmark.speed import Part, Speed, peak_memory, table


@pytest.mark.parametrize(("peak", "told"), [(3 * 2**30, "Peak memory of the process: 3072 MiB."), (None, "")])
def test_the_table_tells_the_peak_of_memory(peak: int | None, told: str) -> None:
    parts = (Part("flow", 0.01), Part("propagation", 0.02))
    printed = table(Speed(parts, 0.03, 0.001, 2, 30, peak))
    assert "| flow | 10.0 | 33% | x 0.50 |" in printed
    assert printed.endswith(f"1.00 ms. {told}".rstrip() + "\n")


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")
def test_the_peak_is_in_bytes() -> None:
    held = np.ones(2**25, np.uint8)
    peak = peak_memory()
    assert peak is not None
    assert held.nbytes < peak < 2**40
