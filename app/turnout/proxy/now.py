"""The wall clock, in the unit that rows have it in."""

import time


def now_ms() -> int:
    return time.time_ns() // 1_000_000
