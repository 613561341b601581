"""A wall clock that a test moves, for a program whose PYTHONPATH begins with this folder: `time.time` and `time.time_ns` are off
by the seconds that stand in the file $SHIFTED_BY. What measures durations (`time.monotonic`) stays as it is, as on a real machine.
"""

import os
import time
from pathlib import Path

_now, _now_ns = time.time, time.time_ns
_file = Path(os.environ["SHIFTED_BY"])


def _by() -> int:
    return int(_file.read_text() or 0)


def _shifted() -> float:
    return _now() + _by()


def _shifted_ns() -> int:
    return _now_ns() + _by() * 1_000_000_000


time.time, time.time_ns = _shifted, _shifted_ns
