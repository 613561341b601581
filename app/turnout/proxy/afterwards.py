"""Grades that come after the call, for asks that no rule needed one of: the audit asks of every call whether it needed its model.

A client that names its model is routed without a grade, and is just the one to be audited. A few asks every fifth of a second (each
0.3 ms of a thread, 10 with `plus`), and a twentieth of a core at most; of a flood the newest are graded. Nothing waits for it, and no
language model is asked.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from turnout.routing.facts import Grading

log = logging.getLogger("turnout.afterwards")
KEPT, LETTERS_KEPT = 500, 2_000_000
"""Asks that wait, and characters of them all: their whole texts, for how long an ask is says something of it."""
APART_S = 0.2
AT_ONCE = 8
SHARE = 0.05
"""Of a core."""


class Afterwards:
    def __init__(self, grade: Callable[[str], Grading], write: Callable[[str, Grading], None]) -> None:
        """`write` takes a call's id and its grade."""
        self._grade, self._write = grade, write
        self._waiting: deque[tuple[str, str]] = deque()
        self._letters = 0
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def note(self, call: str, ask: str) -> None:
        self._waiting.append((call, ask))
        self._letters += len(ask)
        while len(self._waiting) > KEPT or self._letters > LETTERS_KEPT:
            self._letters -= len(self._waiting.popleft()[1])
        self._some.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        rest_s = APART_S
        while True:
            await self._some.wait()
            await asyncio.sleep(rest_s)
            begun = time.monotonic()
            newest = [self._waiting.pop() for _ in range(min(len(self._waiting), AT_ONCE))]
            self._letters -= sum(len(ask) for _, ask in newest)
            if not self._waiting:
                self._some.clear()
            for call, graded in await asyncio.to_thread(self._graded, newest):
                self._write(call, graded)
            rest_s = max(APART_S, (time.monotonic() - begun) / SHARE)

    def _graded(self, asks: list[tuple[str, str]]) -> list[tuple[str, Grading]]:
        found = []
        for call, ask in asks:
            try:
                found.append((call, self._grade(ask)))
            except Exception:  # the boundary to the grader: the call is over, it only stays without a grade
                log.exception("call %s could not be graded", call)
        return found
