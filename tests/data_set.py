"""Where the DAVIS clips are that some tests need: in VSREID_DATA, else in shared/data beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

DATA = Path(os.environ.get("VSREID_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
DAVIS = DATA / "davis2016"
